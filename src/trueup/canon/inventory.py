"""Where stock lies, what a system says of it, and movements that people report."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from trueup.canon.customer import Address
from trueup.canon.record import Record, register
from trueup.kernel.money import Money


@register
class Location(Record, frozen=True, kw_only=True):
    """One place of one system at which stock lies."""

    kind: ClassVar[str] = "location"

    name: str
    active: bool = True
    address: Address | None = None
    fulfils_online: bool | None = None


@register
class InventoryLevel(Record, frozen=True, kw_only=True):
    """What a system says is there of one item at one location; a statement, not a movement.

    `ref` is "<item_ref>@<location_ref>". Quantities are whole units, None if not told.
    """

    kind: ClassVar[str] = "inventory_level"

    item_ref: str
    location_ref: str
    available: int | None = None
    on_hand: int | None = None
    committed: int | None = None
    incoming: int | None = None
    sku: str | None = None


class MovementKind(StrEnum):
    """Why units move outside of an order."""

    OPENING = "opening"  # the count with which the books begin
    RECEIPT = "receipt"  # from a supplier to a site
    ADJUSTMENT = "adjustment"  # found (+) or lost (-) at a site
    TRANSFER = "transfer"  # from a site to another
    QUARANTINE = "quarantine"  # set aside (+) or released (-) at a site
    COUNT = "count"  # a physical count: the site holds exactly this many


@register
class StockMovement(Record, frozen=True, kw_only=True):
    """Units of one SKU that moved, as a person or a warehouse reports it.

    Attributes:
        quantity: whole units; signed for adjustment and quarantine; absolute for a count.
        site: where; for a transfer the place they leave.
        to_site: for a transfer the place they reach.
        occurred_at: when they moved, or were counted; None: at `updated_at`.
        lot: of which lot they are, where they were set aside, found or lost.
        serials: which they are; of a count which lie there, whatever was told of them before.
    """

    kind: ClassVar[str] = "stock_movement"

    movement: MovementKind
    sku: str
    quantity: int
    site: str
    to_site: str | None = None
    reason: str | None = None
    cost: Money | None = None
    occurred_at: datetime | None = None
    lot: str | None = None
    serials: tuple[str, ...] = ()

    @property
    def moved_at(self) -> datetime:
        """Give the instant at which its units moved, or were counted."""
        return self.occurred_at or self.updated_at
