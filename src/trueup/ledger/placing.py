"""What any record places: the one list of the kinds of records that move units. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from trueup.canon.dock import Arrival, Transfer
from trueup.canon.inspection import Inspection
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.kit import Kit
from trueup.canon.order import Order
from trueup.canon.product import Product
from trueup.canon.record import Record
from trueup.canon.release import Release
from trueup.canon.reservation import Reservation
from trueup.canon.serial import Pack, SerialRule
from trueup.intake.duties import HUB
from trueup.ledger.dock import DOCK_KINDS, placed_by
from trueup.ledger.inspection import positions_of_inspection
from trueup.ledger.kits import Kits
from trueup.ledger.model import Positions
from trueup.ledger.release import positions_of_release
from trueup.ledger.reservation import positions_of_reservation
from trueup.ledger.rules import (
    SiteOf,
    positions_of_movement,
    positions_of_order,
    put_back_of_order,
    variants_of_order,
)

MOVING_KINDS = frozenset(
    (
        *(Order.kind, StockMovement.kind, Reservation.kind, Release.kind),
        *(Inspection.kind, *DOCK_KINDS),
    )
)
"""Kinds of records that move units."""

# With these the books of a SKU begin, also where not a unit moves.
_OPENING = (MovementKind.OPENING, MovementKind.RECEIPT, MovementKind.COUNT)


class Placing(NamedTuple):
    """Where the units of a record are, in total.

    Attributes:
        reason: what the books call it.
        occurred_at: when it happened, where that is not when it was told.
        opens: the SKUs whose books begin with it.
        own_at: when its connection's own number first changed by it, whatever was changed since.
        own_back: units that its connection's own number lost and got back before it was told.
        variants: as which of its connection's variants its units were sold, per code.
        ours: the hub itself says so, also where it speaks of a channel's order.
    """

    positions: Positions
    reason: str
    occurred_at: datetime | None = None
    opens: frozenset[str] = frozenset()
    own_at: datetime | None = None
    own_back: Mapping[str, int] = {}
    variants: Mapping[str, Mapping[str, int]] = {}
    ours: bool = False

    def told_by(self, connection_id: int) -> int:
        """Return whose fact it is: what the hub itself says changed no channel's number."""
        return HUB if self.ours else connection_id


def place(
    body: Record,
    beside: Callable[[], Iterable[Record]],
    site_of: SiteOf,
    kits: Kits,
    *,
    first: bool = False,
) -> Placing | None:
    """Return what a record places; None where its kind moves nothing.

    Args:
        body: the record.
        beside: gives all current records of its entity, itself among them.
        site_of: maps a vendor's location to a site.
        kits: what codes that are sold stand for.
        first: it is told for the first time; then it is noted what was put back by then.
    """
    if isinstance(body, Order):
        positions = positions_of_order(beside(), site_of, kits)
        return Placing(
            positions,
            "order",
            own_at=min(body.placed_at, body.updated_at),
            own_back=put_back_of_order(body, positions) if first else {},
            variants=variants_of_order(body),
        )
    if isinstance(body, StockMovement):
        opens = body.movement in _OPENING and not body.deleted
        return Placing(
            positions_of_movement(body),
            body.movement.value,
            opens=frozenset((body.sku,)) if opens else frozenset(),
        )
    if isinstance(body, Reservation):
        return Placing(positions_of_reservation(body, site_of, kits), body.kind)
    if isinstance(body, Release | Inspection):
        return _said_by_us(body, beside(), site_of, kits)
    placed = placed_by(body, beside())
    if placed is None:
        return None
    happened_at = getattr(body, "occurred_at", None)
    return Placing(placed.positions, body.kind, happened_at, placed.opens)


def _said_by_us(
    body: Release | Inspection, known: Iterable[Record], site_of: SiteOf, kits: Kits
) -> Placing:
    """Return what we say ourselves of a channel's order: it changed no channel's number."""
    if isinstance(body, Release):
        return Placing(positions_of_release(known, site_of, kits), body.kind, ours=True)
    positions = positions_of_inspection(body, known, site_of, kits)
    return Placing(positions, body.kind, body.occurred_at, ours=True)


def skus_of(record: Record) -> Iterable[str]:
    """Return the SKUs that a record names, as far as it moves, lists or defines them."""
    if isinstance(record, Order):
        return (line.sku for line in record.lines if line.sku)
    if isinstance(record, Reservation):
        # One that was refused moves nothing: what it names need not be a SKU of ours.
        return (line.sku for line in record.lines if not record.shortages)
    if isinstance(record, Product):
        return (variant.sku for variant in record.variants if variant.sku)
    if isinstance(record, Arrival | Transfer | Inspection | Pack):
        return (line.sku for line in record.lines)
    if isinstance(record, Kit | SerialRule):
        parts = record.parts if isinstance(record, Kit) else ()
        return (record.ref, *(part.sku for part in parts))
    return (record.sku,) if isinstance(record, StockMovement) else ()
