"""What an event about a graded return means: each tells the whole inspection. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.canon.serial import trimmed
from trueup.connectors.manual.shape import Faults, read_shape, serial_fault
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX

TOPIC = "stock/inspection"
LINES_MAX = 1000
NOTE_CHARS_MAX = 500


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sku: str
    quantity: int
    grade: str
    note: str | None = None
    serials: tuple[str, ...] = ()


class InspectionShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/inspection`; the README says what each field holds."""

    ref: str
    told_at: datetime
    site: str
    lines: tuple[_Line, ...]
    occurred_at: datetime
    order_ref: str | None = None
    by: str | None = None
    reason: str | None = None
    deleted: bool = False


_DECODER = msgspec.json.Decoder(InspectionShape)


def map_inspection(body: bytes) -> Mapped:
    """Return the inspection, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _inspection_of),
        code="manual.inspection_invalid",
        how_to_fix="Correct what came back and tell it again under the same ref.",
    )


def _inspection_of(shape: InspectionShape) -> Inspection:
    return Inspection(
        ref=shape.ref,
        updated_at=shape.told_at.astimezone(UTC),
        order_ref=shape.order_ref,
        deleted=shape.deleted,
        site=shape.site,
        lines=tuple(
            InspectionLine(
                sku=each.sku,
                quantity=each.quantity,
                grade=Grade(each.grade),
                note=each.note,
                serials=trimmed(each.serials),
            )
            for each in shape.lines
        ),
        occurred_at=shape.occurred_at.astimezone(UTC),
        by=shape.by,
        reason=shape.reason,
    )


def _text(text: str, longest: int) -> bool:
    """Whether a text is not what it may be."""
    return not 0 < len(text) <= longest or "\x00" in text


def _faults_of(shape: InspectionShape) -> Faults:
    units = [line.quantity for line in shape.lines]
    notes = [line.note for line in shape.lines if line.note is not None]
    naive = any(each.tzinfo is None for each in (shape.told_at, shape.occurred_at))
    return (
        (_text(shape.ref, 120), "/ref", "1 to 120 characters, none of them U+0000"),
        (_text(shape.site, 120), "/site", "the name of a site"),
        (
            shape.order_ref is not None and _text(shape.order_ref, 255),
            *("/order_ref", "the ref of an order, of 1 to 255 characters, or nothing"),
        ),
        (shape.by is not None and _text(shape.by, 120), "/by", "1 to 120 characters"),
        (
            shape.reason is not None and _text(shape.reason, NOTE_CHARS_MAX),
            *("/reason", f"1 to {NOTE_CHARS_MAX} characters"),
        ),
        (not 0 < len(units) <= LINES_MAX, "/lines", f"1 to {LINES_MAX} lines"),
        (
            any(_text(each.sku, 255) for each in shape.lines),
            "/lines",
            "SKUs of 1 to 255 characters",
        ),
        (
            any(each.grade not in list(Grade) for each in shape.lines),
            *("/lines", f"a grade of {', '.join(Grade)} in each line"),
        ),
        (any(each < 1 for each in units), "/lines", "1 or more units in each line"),
        (sum(units) > UNITS_MAX, "/lines", f"at most {UNITS_MAX} units"),
        (
            any(_text(note, NOTE_CHARS_MAX) for note in notes),
            *("/lines", f"notes of 1 to {NOTE_CHARS_MAX} characters"),
        ),
        serial_fault([(line.sku, line.serials, line.quantity) for line in shape.lines], "/lines"),
        (naive, "/told_at", "instants with a zone"),
    )
