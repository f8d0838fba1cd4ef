"""What comes in at the dock and what goes between sites, as people at the dock report it."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register


class ArrivalSource(StrEnum):
    """What an arrival belongs to."""

    PURCHASE = "purchase"
    TRANSFER = "transfer"


class ArrivalLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one SKU that came in.

    Attributes:
        quantity: whole units that can be sold.
        damaged: whole units that came too, and are set aside.
        line_ref: which line of its purchase order they are, where somebody said so.
        lot: the lot of those that can be sold; `expires_on` is its last good day.
        serials: of those that can be sold, as far as they were read; `damaged_serials` of the rest.
    """

    sku: str
    quantity: int
    damaged: int = 0
    line_ref: str | None = None
    lot: str | None = None
    expires_on: date | None = None
    serials: tuple[str, ...] = ()
    damaged_serials: tuple[str, ...] = ()


@register
class Arrival(Record, frozen=True, kw_only=True):
    """Units that came in at a site, as they were counted there; its newest version restates it.

    Attributes:
        occurred_at: when they came; `updated_at` is when it was told.
        source: what they belong to; None: nobody ordered them.
        source_ref: the number or ref of the purchase order, or the ref of the transfer.
        source_connection: whose purchase order, by name, where that was known.
        deleted: it was entered by mistake.
    """

    kind: ClassVar[str] = "arrival"

    site: str
    lines: tuple[ArrivalLine, ...]
    occurred_at: datetime
    source: ArrivalSource | None = None
    source_ref: str | None = None
    source_connection: str | None = None
    by: str | None = None
    reason: str | None = None

    def entity(self) -> str:
        """Return the transfer's entity for what came of one: both are handled in one order."""
        if self.source is ArrivalSource.TRANSFER:
            return f"{Transfer.kind}/{self.source_ref}"
        return f"{self.kind}/{self.ref}"


class TransferLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whole units of one SKU on their way; `lot` and `serials` where somebody said which."""

    sku: str
    quantity: int
    lot: str | None = None
    serials: tuple[str, ...] = ()


@register
class Transfer(Record, frozen=True, kw_only=True):
    """Units that left a site for another one; what came there is told by arrivals.

    Attributes:
        occurred_at: when they left.
        expected_on: the day by which they should be there.
        closed: nobody waits for the rest: what never came is lost, what came too much is found.
        deleted: it was entered by mistake.
    """

    kind: ClassVar[str] = "transfer"

    from_site: str
    to_site: str
    lines: tuple[TransferLine, ...]
    occurred_at: datetime
    expected_on: date | None = None
    closed: bool = False
    by: str | None = None
    reason: str | None = None
