"""What records mean for stock. Pure: the same records, the same positions, in whatever order.

The rules say where an order's units are in total, not what one event changes. What an event posts
is the difference to what was posted before, so facts that come late, twice or in another order
end in the same books.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.order import Order, OrderLine
from trueup.canon.record import Record
from trueup.canon.refund import Refund, Restock
from trueup.canon.returns import Return
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.ledger.kits import NO_KITS, Kits, Parts
from trueup.ledger.model import Place, Position, Positions

SiteOf = Callable[[str | None], str]
"""The site of a vendor's location; None asks for the default site."""

Spot = tuple[str, datetime]
"""Where and when units came to a shelf or left it."""

SpotT = TypeVar("SpotT", str, Spot)


def positions_of_order(
    records: Iterable[Record], site_of: SiteOf, kits: Kits = NO_KITS
) -> Positions:
    """Return where the units of one order are.

    Args:
        records: the current records of the order's entity, in any order; without the order
            itself there is nothing to place yet.
        site_of: maps a vendor's location to a site.
        kits: what the codes on its lines stand for.
    """
    known = list(records)
    order = next((record for record in known if isinstance(record, Order)), None)
    if order is None or order.test or order.deleted:
        return {}
    facts = _Facts(known, site_of)
    positions: dict[Position, int] = defaultdict(int)
    for line in order.lines:
        if is_stocked(line):
            placed = _place_line(order, line, facts)
            add_sold(positions, placed, kits.parts_of(line.sku or "", order.placed_at))
    return {position: units for position, units in positions.items() if units}


def add_sold(positions: dict[Position, int], placed: Positions, parts: Parts | None) -> None:
    """Add where units that were sold under one code are: themselves, or the parts of a kit.

    Of a kit it is counted besides how many were sold, and of its parts what was sold so: that is
    what a channel's own number of the kit has lost, and that of the part has not.
    """
    if parts is None:
        for position, units in placed.items():
            positions[position] += units
        return
    sold = -sum(own_available(placed).values())
    for position, units in placed.items():
        for part, each in parts.items():
            positions[position._replace(sku=part)] += units * each
    for kit in {position.sku for position in placed}:
        _move(positions, kit, (Place.DEMAND, ""), (Place.KIT, ""), sold)
    for part, each in parts.items():
        _move(positions, part, (Place.KIT, ""), (Place.DEMAND, ""), sold * each)


def is_stocked(line: OrderLine) -> bool:
    """Whether a line's units are counted at all."""
    return bool(line.sku) and line.stocked and not line.gift_card and not line.tip


class _Facts:
    """Units per line, gathered once from the shipments, refunds and returns of an order."""

    def __init__(self, records: Iterable[Record], site_of: SiteOf) -> None:
        self.site_of = site_of
        self.default_site = site_of(None)
        self.shipped: dict[tuple[str, Spot], int] = defaultdict(int)
        self.cancelled: dict[str, int] = defaultdict(int)
        self.kept_back: dict[str, int] = defaultdict(int)
        self.kept_back_at: dict[str, datetime] = {}
        refunded: dict[tuple[str, Spot], int] = defaultdict(int)
        returned: dict[tuple[str, Spot], int] = defaultdict(int)
        self.quarantined: dict[tuple[str, str], int] = defaultdict(int)
        for record in records:
            if record.deleted:
                continue
            if isinstance(record, Shipment) and record.state is ShipmentState.SHIPPED:
                spot = (site_of(record.location_ref), left_at(record))
                for line in record.lines:
                    self.shipped[line.line_ref, spot] += line.quantity
            elif isinstance(record, Refund):
                self._add_refund(record, refunded, site_of)
            elif isinstance(record, Return):
                for part in record.lines:
                    if part.line_ref is not None:
                        site = site_of(part.location_ref)
                        returned[part.line_ref, (site, _came_back_at(record))] += part.restocked
                        self.quarantined[part.line_ref, site] += part.quarantined
        self.put_back = _one_telling(refunded, returned)

    def _add_refund(
        self, refund: Refund, refunded: dict[tuple[str, Spot], int], site_of: SiteOf
    ) -> None:
        at = refund.created_at or refund.updated_at
        for line in refund.lines:
            if line.restock is Restock.CANCEL:
                self.cancelled[line.line_ref] += line.quantity
            elif line.restock is Restock.RETURN:
                refunded[line.line_ref, (site_of(line.location_ref), at)] += line.quantity
            else:
                self.kept_back[line.line_ref] += line.quantity
                known = self.kept_back_at.setdefault(line.line_ref, at)
                self.kept_back_at[line.line_ref] = max(known, at)


def left_at(shipment: Shipment) -> datetime:
    """Return when a shipment's units left the shelf, as well as its source tells."""
    return shipment.shipped_at or shipment.created_at or shipment.updated_at


def _came_back_at(returned: Return) -> datetime:
    """Return when returned units are taken to be back: when it was closed, else when it began.

    A later change of an open return must not move units past a count that has seen them.
    """
    return returned.closed_at or returned.created_at or returned.updated_at


def _one_telling(
    refunded: Mapping[tuple[str, Spot], int], returned: Mapping[tuple[str, Spot], int]
) -> Mapping[tuple[str, Spot], int]:
    """Take each line's units put back from the one source that knows of more of them.

    A refund and a return may both tell of the same units, even of different sites.
    """
    told: dict[tuple[str, Spot], int] = {}
    for line_ref in {ref for ref, _ in (*refunded, *returned)}:
        by_refund, by_return = _per_site(refunded, line_ref), _per_site(returned, line_ref)
        best = by_return if sum(by_return.values()) >= sum(by_refund.values()) else by_refund
        told.update({(line_ref, spot): units for spot, units in best.items()})
    return told


def _place_line(order: Order, line: OrderLine, facts: _Facts) -> Positions:
    positions: dict[Position, int] = defaultdict(int)
    sku = line.sku or ""
    shipped = _per_site(facts.shipped, line.ref)
    put_back = _per_site(facts.put_back, line.ref)
    still_open, set_aside = _not_shipped(line, facts)
    reserved = 0 if order.cancelled_at else still_open - set_aside
    shelf = facts.site_of(order.location_ref)
    _move(positions, sku, (Place.DEMAND, ""), (Place.RESERVED, shelf), reserved)
    if set_aside:
        site, at = facts.default_site, facts.kept_back_at[line.ref]
        _move(positions, sku, (Place.ON_HAND, site, at), (Place.QUARANTINE, site), set_aside)
    for spot, units in shipped.items():
        _move(positions, sku, (Place.ON_HAND, *spot), (Place.CUSTOMER, ""), units)
    for spot, units in put_back.items():
        _move(positions, sku, (Place.CUSTOMER, ""), (Place.ON_HAND, *spot), units)
    for site, units in _per_site(facts.quarantined, line.ref).items():
        _move(positions, sku, (Place.CUSTOMER, ""), (Place.QUARANTINE, site), units)
    return positions


def _not_shipped(line: OrderLine, facts: _Facts) -> tuple[int, int]:
    """Return how many units of a line have not left, and how many of these are set aside."""
    put_back = sum(_per_site(facts.put_back, line.ref).values())
    cancelled, kept_back = facts.cancelled.get(line.ref, 0), facts.kept_back.get(line.ref, 0)
    removed = 0
    if line.quantity_current is not None:
        refunded = cancelled + kept_back + put_back
        removed = max(0, line.quantity - line.quantity_current - refunded)
    shipped = sum(_per_site(facts.shipped, line.ref).values())
    still_open = max(0, line.quantity - shipped - cancelled - removed)
    # Refunded, not put back and not shipped: off the shelf until a person looks at them.
    return still_open, min(kept_back, still_open)


class Gone(NamedTuple):
    """What of an order's units has left the shelf, and where its source says they came back to.

    Attributes:
        units: that left, per SKU that is stocked.
        told_back: on which shelf or in which quarantine they are again, as the source tells.
    """

    units: Mapping[str, int]
    told_back: Positions


def gone_of_order(records: Iterable[Record], site_of: SiteOf, kits: Kits = NO_KITS) -> Gone:
    """Return which units of an order left, and which of them its source says to be back.

    What was refunded, not put back and not shipped is told to be in quarantine: it has left the
    shelf, wherever it is.

    Args:
        records: as for `positions_of_order`.
        site_of: maps a vendor's location to a site.
        kits: what the codes on its lines stand for.
    """
    known = list(records)
    order = next((record for record in known if isinstance(record, Order)), None)
    units: Counter[str] = Counter()
    told_back: Counter[Position] = Counter()
    if order is None or order.test or order.deleted:
        return Gone(units, told_back)
    facts = _Facts(known, site_of)
    for line in order.lines:
        if not is_stocked(line):
            continue
        back: Counter[tuple[Place, str, datetime | None]] = Counter()
        for (site, at), count in _per_site(facts.put_back, line.ref).items():
            back[Place.ON_HAND, site, at] += count
        for site, count in _per_site(facts.quarantined, line.ref).items():
            back[Place.QUARANTINE, site, None] += count
        _, set_aside = _not_shipped(line, facts)
        back[Place.QUARANTINE, facts.default_site, None] += set_aside
        left = sum(_per_site(facts.shipped, line.ref).values()) + set_aside
        sku = line.sku or ""
        for part, each in (kits.parts_of(sku, order.placed_at) or {sku: 1}).items():
            units[part] += left * each
            for spot, count in back.items():
                told_back[Position(part, *spot)] += count * each
    return Gone(units, {position: count for position, count in told_back.items() if count > 0})


def _per_site(counter: Mapping[tuple[str, SpotT], int], line_ref: str) -> dict[SpotT, int]:
    return {spot: units for (ref, spot), units in counter.items() if ref == line_ref and units}


def positions_of_movement(movement: StockMovement) -> Positions:
    """Return what a reported movement puts where.

    A count says what lies there, not what moved: what it puts where is found in the books, under
    their locks (`trueup.ledger.counts`).
    """
    positions: dict[Position, int] = defaultdict(int)
    if movement.deleted:
        return {}
    site, units, at = movement.site, movement.quantity, movement.moved_at
    here = (Place.ON_HAND, site, at)
    match movement.movement:
        case MovementKind.OPENING | MovementKind.RECEIPT:
            _move(positions, movement.sku, (Place.SUPPLIER, ""), here, units)
        case MovementKind.ADJUSTMENT:
            _move(positions, movement.sku, (Place.LOSS, ""), here, units)
        case MovementKind.QUARANTINE:
            _move(positions, movement.sku, here, (Place.QUARANTINE, site), units)
        case MovementKind.TRANSFER:
            there = (Place.ON_HAND, movement.to_site or site, at)
            _move(positions, movement.sku, here, there, units)
    return {position: moved for position, moved in positions.items() if moved}


Spotted = tuple[Place, str] | tuple[Place, str, datetime]


def _move(
    positions: dict[Position, int], sku: str, source: Spotted, target: Spotted, units: int
) -> None:
    if units:
        positions[Position(sku, *source)] -= units
        positions[Position(sku, *target)] += units


def difference(wanted: Positions, posted: Positions) -> Positions:
    """Return what must be posted so that the books of one record say `wanted`."""
    moves = dict(wanted)
    for position, units in posted.items():
        moves[position] = moves.get(position, 0) - units
    return {position: units for position, units in moves.items() if units}


def own_available(moves: Positions) -> dict[str, int]:
    """Return by how much moves change the number of whoever tells of them, per code it sells.

    What is available changes it, but for what was sold under another name: that is the number of
    the kit and not of its parts.
    """
    change: dict[str, int] = defaultdict(int)
    for position, units in moves.items():
        if position.place is Place.ON_HAND:
            change[position.sku] += units
        elif position.place in {Place.RESERVED, Place.KIT}:
            change[position.sku] -= units
    return {sku: units for sku, units in change.items() if units}


def put_back_of_order(order: Order, positions: Positions) -> dict[str, int]:
    """Return how many units of an order its source sold and has put back already, per code.

    Its own number was lower meanwhile, though nothing of it shows in the positions.
    """
    if order.test or order.deleted:
        return {}
    sold = own_available(positions)
    for line in order.lines:
        if line.sku and is_stocked(line):
            sold[line.sku] = sold.get(line.sku, 0) + line.quantity
    return {sku: units for sku, units in sold.items() if units > 0}


def variants_of_order(order: Order) -> dict[str, dict[str, int]]:
    """Return how many units of each code were ordered as which variant of the source."""
    found: dict[str, dict[str, int]] = {}
    for line in order.lines:
        if line.sku and line.variant_ref:
            units = found.setdefault(line.sku, {})
            units[line.variant_ref] = units.get(line.variant_ref, 0) + line.quantity
    return found


class Share(NamedTuple):
    """Which part of a change one variant has; not `sure` where it may be another's.

    `units` is its change, below zero where it sold; `back` was lost and got back before.
    """

    variant: str
    units: int
    back: int
    sure: bool = True


def shares_of_variants(units: int, back: int, sold_as: Mapping[str, int]) -> list[Share]:
    """Return which variants' numbers a change of one code is in.

    Where a code was ordered as two variants and less than all of it changed, nobody says of which:
    then any of them may have changed by that.

    Args:
        units: of the code, below zero where they were sold.
        back: units that were sold and put back before this was told.
        sold_as: units ordered, per variant.
    """
    if len(sold_as) <= 1:
        return [Share(next(iter(sold_as), ""), units, back)]
    ordered, sign = sum(sold_as.values()), -1 if units < 0 else 1
    if abs(units) == ordered and not back:
        return [Share(variant, sign * part, 0) for variant, part in sold_as.items()]
    return [
        Share(variant, sign * min(abs(units), part), min(back, part), sure=False)
        for variant, part in sold_as.items()
    ]


def available_change(moves: Positions) -> dict[str, int]:
    """Return by how much moves change what is available, per SKU that moves."""
    change: dict[str, int] = defaultdict(int)
    for position, units in moves.items():
        if position.place is Place.ON_HAND:
            change[position.sku] += units
        elif position.place is Place.RESERVED:
            change[position.sku] -= units
    return change
