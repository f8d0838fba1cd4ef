"""Returns: what a customer wants to send or has sent back."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register


class ReturnState(StrEnum):
    """How far a return is."""

    REQUESTED = "requested"
    OPEN = "open"
    CLOSED = "closed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one order line in a return; restocked and quarantined once they arrived.

    Attributes:
        absent: do not come, as the channel says: the customer keeps them, or they were lost.
    """

    line_ref: str | None
    quantity: int
    reason: str | None = None
    restocked: int = 0
    quarantined: int = 0
    absent: int = 0
    location_ref: str | None = None


class ReturnPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a return: the customer's own words, by line."""

    notes: tuple[tuple[str, str], ...] = ()


@register
class Return(Record, frozen=True, kw_only=True):
    """One return of one order."""

    kind: ClassVar[str] = "return"

    state: ReturnState
    name: str | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None
    lines: tuple[ReturnLine, ...] = ()
    person: ReturnPerson | None = None
