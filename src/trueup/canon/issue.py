"""An issue: bad or surprising content, as a value that is stored and shown, never raised."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How much an issue holds up."""

    NOTE = "note"  # worth knowing; nothing is held up
    WARNING = "warning"  # the record is kept; a person should look
    ERROR = "error"  # the body could not become a record; the event is parked


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, where, and what to do.

    Attributes:
        code: stable, dotted: "order.total_mismatch"; each has a page under docs/issues.
        pointer: JSON pointer or line and column into the source.
        expected: what should have stood there.
        found: the kind of what stands there, or the value where it can not be personal.
        how_to_fix: one sentence for the person who sees it.
        ref: the record it concerns, "order/1001", where known.
    """

    code: str
    severity: Severity = Severity.WARNING
    pointer: str = ""
    expected: str = ""
    found: str = ""
    how_to_fix: str = ""
    ref: str | None = None
