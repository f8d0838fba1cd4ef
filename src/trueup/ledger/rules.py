"""What records mean for stock. Pure: the same records, the same positions, in whatever order.

The rules say where an order's units are in total, not what one event changes. What an event posts
is the difference to what was posted before, so facts that come late, twice or in another order
end in the same books.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.order import Order, OrderLine
from trueup.canon.record import Record
from trueup.canon.refund import Refund, Restock
from trueup.canon.returns import Return
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.ledger.model import Place, Position, Positions

SiteOf = Callable[[str | None], str]
"""The site of a vendor's location; None asks for the default site."""


def positions_of_order(records: Iterable[Record], site_of: SiteOf) -> Positions:
    """Return where the units of one order are.

    Args:
        records: the current records of the order's entity, in any order; without the order
            itself there is nothing to place yet.
        site_of: maps a vendor's location to a site.
    """
    known = list(records)
    order = next((record for record in known if isinstance(record, Order)), None)
    if order is None or order.test or order.deleted:
        return {}
    facts = _Facts(known, site_of)
    positions: Counter[Position] = Counter()
    for line in order.lines:
        if is_stocked(line):
            _place_line(positions, order, line, facts)
    return {position: units for position, units in positions.items() if units}


def is_stocked(line: OrderLine) -> bool:
    """Whether a line's units are counted at all."""
    return bool(line.sku) and line.stocked and not line.gift_card and not line.tip


class _Facts:
    """Units per line, gathered once from the shipments, refunds and returns of an order."""

    def __init__(self, records: Iterable[Record], site_of: SiteOf) -> None:
        self.default_site = site_of(None)
        self.shipped: Counter[tuple[str, str]] = Counter()
        self.cancelled: Counter[str] = Counter()
        self.kept_back: Counter[str] = Counter()
        refunded: Counter[tuple[str, str]] = Counter()
        returned: Counter[tuple[str, str]] = Counter()
        self.quarantined: Counter[tuple[str, str]] = Counter()
        for record in records:
            if record.deleted:
                continue
            if isinstance(record, Shipment) and record.state is ShipmentState.SHIPPED:
                for line in record.lines:
                    self.shipped[line.line_ref, site_of(record.location_ref)] += line.quantity
            elif isinstance(record, Refund):
                self._add_refund(record, refunded, site_of)
            elif isinstance(record, Return):
                for part in record.lines:
                    if part.line_ref is not None:
                        site = site_of(part.location_ref)
                        returned[part.line_ref, site] += part.restocked
                        self.quarantined[part.line_ref, site] += part.quarantined
        self.put_back = _one_telling(refunded, returned)

    def _add_refund(
        self, refund: Refund, refunded: Counter[tuple[str, str]], site_of: SiteOf
    ) -> None:
        for line in refund.lines:
            if line.restock is Restock.CANCEL:
                self.cancelled[line.line_ref] += line.quantity
            elif line.restock is Restock.RETURN:
                refunded[line.line_ref, site_of(line.location_ref)] += line.quantity
            else:
                self.kept_back[line.line_ref] += line.quantity


def _one_telling(
    refunded: Counter[tuple[str, str]], returned: Counter[tuple[str, str]]
) -> Counter[tuple[str, str]]:
    """Take each line's units put back from the one source that knows of more of them.

    A refund and a return may both tell of the same units, even of different sites.
    """
    told: Counter[tuple[str, str]] = Counter()
    for line_ref in {ref for ref, _ in (*refunded, *returned)}:
        by_refund, by_return = _per_site(refunded, line_ref), _per_site(returned, line_ref)
        best = by_return if sum(by_return.values()) >= sum(by_refund.values()) else by_refund
        told.update({(line_ref, site): units for site, units in best.items()})
    return told


def _place_line(positions: Counter[Position], order: Order, line: OrderLine, facts: _Facts) -> None:
    sku = line.sku or ""
    shipped = _per_site(facts.shipped, line.ref)
    put_back = _per_site(facts.put_back, line.ref)
    cancelled, kept_back = facts.cancelled[line.ref], facts.kept_back[line.ref]
    removed = 0
    if line.quantity_current is not None:
        refunded = cancelled + kept_back + sum(put_back.values())
        removed = max(0, line.quantity - line.quantity_current - refunded)
    still_open = max(0, line.quantity - sum(shipped.values()) - cancelled - removed)
    # Refunded, not put back and not shipped: off the shelf until a person looks at them.
    set_aside = min(kept_back, still_open)
    reserved = 0 if order.cancelled_at else still_open - set_aside
    _move(positions, sku, (Place.DEMAND, ""), (Place.RESERVED, ""), reserved)
    site = facts.default_site
    _move(positions, sku, (Place.ON_HAND, site), (Place.QUARANTINE, site), set_aside)
    for site, units in shipped.items():
        _move(positions, sku, (Place.ON_HAND, site), (Place.CUSTOMER, ""), units)
    for site, units in put_back.items():
        _move(positions, sku, (Place.CUSTOMER, ""), (Place.ON_HAND, site), units)
    for site, units in _per_site(facts.quarantined, line.ref).items():
        _move(positions, sku, (Place.CUSTOMER, ""), (Place.QUARANTINE, site), units)


def _per_site(counter: Mapping[tuple[str, str], int], line_ref: str) -> dict[str, int]:
    return {site: units for (ref, site), units in counter.items() if ref == line_ref and units}


def positions_of_movement(movement: StockMovement, on_hand: int) -> Positions:
    """Return what a reported movement puts where.

    Args:
        movement: as reported.
        on_hand: what the books say is at its site now, without this movement; a count is the
            difference to it.
    """
    positions: Counter[Position] = Counter()
    site, units = movement.site, movement.quantity
    here = (Place.ON_HAND, site)
    match movement.movement:
        case MovementKind.OPENING | MovementKind.RECEIPT:
            _move(positions, movement.sku, (Place.SUPPLIER, ""), here, units)
        case MovementKind.ADJUSTMENT:
            _move(positions, movement.sku, (Place.LOSS, ""), here, units)
        case MovementKind.COUNT:
            _move(positions, movement.sku, (Place.LOSS, ""), here, units - on_hand)
        case MovementKind.QUARANTINE:
            _move(positions, movement.sku, here, (Place.QUARANTINE, site), units)
        case MovementKind.TRANSFER:
            there = (Place.ON_HAND, movement.to_site or site)
            _move(positions, movement.sku, here, there, units)
    return {position: moved for position, moved in positions.items() if moved}


def _move(
    positions: Counter[Position],
    sku: str,
    source: tuple[Place, str],
    target: tuple[Place, str],
    units: int,
) -> None:
    if units:
        positions[Position(sku, *source)] -= units
        positions[Position(sku, *target)] += units


def difference(wanted: Positions, posted: Positions) -> Positions:
    """Return what must be posted so that the books of one record say `wanted`."""
    moves = Counter(wanted)
    moves.subtract(posted)
    return {position: units for position, units in moves.items() if units}


def own_available(moves: Positions) -> dict[str, int]:
    """Return by how much moves change what is available, per SKU."""
    change: Counter[str] = Counter()
    for position, units in moves.items():
        if position.place is Place.ON_HAND:
            change[position.sku] += units
        elif position.place is Place.RESERVED:
            change[position.sku] -= units
    return {sku: units for sku, units in change.items() if units}
