"""Masters: who owns what lies at a site, and what a master's shipments mean for an order. Pure.

A site's stock is ours, or an outside master's (an ERP, a warehouse, a marketplace's own store).
What a master says lies there is a count. An order stays reserved in our books until its units are
told to have left: by the master's own consignment, or by the order's own shipment. Both tell of the
same units, so they leave once; a count that has seen them leave makes no difference then, and
from one that has not they are taken off.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from trueup.canon.order import Order
from trueup.canon.record import Record
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.ledger.rules import SiteOf, is_stocked, left_at

_OUR_SITE = "\x1f"
"""Before a site where a vendor's location would stand."""


class Basis(StrEnum):
    """Which of a master's numbers is the count."""

    ON_HAND = "on_hand"  # what lies there; where it is not told, the other
    AVAILABLE = "available"  # what is free there: orders that the master knows of are taken off


class Master(msgspec.Struct, frozen=True, kw_only=True):
    """One connection's word counts for some SKUs at a site."""

    site: str
    connection_id: int
    skus: tuple[str, ...] = ("*",)
    basis: Basis = Basis.ON_HAND

    def owns(self, sku: str) -> bool:
        """Whether a SKU is its own."""
        return any(fnmatchcase(sku, pattern) for pattern in self.skus)


class Masters:
    """Who owns what lies where; the first that matches, as they stand in the configuration."""

    def __init__(self, masters: Iterable[Master] = ()) -> None:
        self._masters = tuple(masters)
        self._connections = frozenset(master.connection_id for master in self._masters)

    def __bool__(self) -> bool:
        return bool(self._masters)

    def owner(self, sku: str, site: str) -> Master | None:
        """Return the master of a SKU at a site; None where it is our own."""
        for master in self._masters:
            if master.site == site and master.owns(sku):
                return master
        return None

    def owned(self, sku: str) -> bool:
        """Whether a SKU has a master anywhere."""
        return any(master.owns(sku) for master in self._masters)

    def is_master(self, connection_id: int) -> bool:
        """Whether a connection's word counts for anything."""
        return connection_id in self._connections

    def bridges(self, order: Order) -> bool:
        """Whether an order's units may lie at a master's site."""
        return bool(self._masters) and any(
            is_stocked(line) and self.owned(line.sku or "") for line in order.lines
        )


class Consignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a master's own shipment took from a site.

    Attributes:
        ref: of its record; orders consignments of one instant.
        units: per SKU.
    """

    ref: str
    site: str
    at: datetime
    units: dict[str, int]


def consignment_of(shipment: Shipment, site_of: SiteOf) -> Consignment | None:
    """Return what a master's shipment took; None where nothing left."""
    if shipment.deleted or shipment.state is not ShipmentState.SHIPPED:
        return None
    units: Counter[str] = Counter()
    for line in shipment.lines:
        if line.sku:
            units[line.sku] += line.quantity
    return Consignment(
        ref=shipment.ref,
        site=site_of(shipment.location_ref),
        at=left_at(shipment),
        units=dict(units),
    )


def bridge(
    records: Iterable[Record], consignments: Sequence[Consignment], site_of: SiteOf
) -> tuple[list[Record], SiteOf]:
    """Return an order's records with its master's consignments among them, each unit once.

    What the order's own shipments tell from a consignment's site is the same units, told again: as
    many of them as were consigned are left out, the earliest first.

    Args:
        records: of the order.
        consignments: of masters, about this order.
        site_of: of the order's connection.

    Returns:
        The records, and the site of each of their locations.
    """
    known = list(records)
    order = next((each for each in known if isinstance(each, Order)), None)
    if order is None or not consignments:
        return known, site_of
    lines = {line.ref: line.sku or "" for line in order.lines if is_stocked(line)}
    told: Counter[tuple[str, str]] = Counter()
    for each in consignments:
        for sku, units in each.units.items():
            told[sku, each.site] += units
    own = sorted((r for r in known if isinstance(r, Shipment)), key=lambda r: (left_at(r), r.ref))
    kept = [_without_told(each, lines, told, site_of) for each in own]
    others = [each for each in known if not isinstance(each, Shipment)]
    made = _shipments(order, consignments, kept)

    def site_here(location_ref: str | None) -> str:
        if location_ref and location_ref.startswith(_OUR_SITE):
            return location_ref.removeprefix(_OUR_SITE)
        return site_of(location_ref)

    return [*others, *kept, *made], site_here


def _without_told(
    shipment: Shipment,
    lines: Mapping[str, str],
    told: Counter[tuple[str, str]],
    site_of: SiteOf,
) -> Shipment:
    """Leave out what consignments tell of, and count it off."""
    if shipment.deleted or shipment.state is not ShipmentState.SHIPPED:
        return shipment
    site = site_of(shipment.location_ref)
    rest = []
    for line in shipment.lines:
        key = (lines.get(line.line_ref, ""), site)
        same = min(told[key], line.quantity) if key in told else 0
        told[key] -= same
        rest.append(msgspec.structs.replace(line, quantity=line.quantity - same))
    return msgspec.structs.replace(shipment, lines=tuple(rest))


def _shipments(
    order: Order, consignments: Sequence[Consignment], kept: Sequence[Shipment]
) -> list[Shipment]:
    """Return consignments as shipments of the order's lines; what is too much goes to the last."""
    shipped: Counter[str] = Counter()
    for shipment in kept:
        if shipment.state is ShipmentState.SHIPPED and not shipment.deleted:
            for part in shipment.lines:
                shipped[part.line_ref] += part.quantity
    wanting: dict[str, dict[str, int]] = defaultdict(dict)
    for line in order.lines:
        if is_stocked(line):
            wanting[line.sku or ""][line.ref] = max(0, line.quantity - shipped[line.ref])
    made = []
    for each in sorted(consignments, key=lambda d: (d.at, d.ref)):
        parts = [
            ShipmentLine(line_ref=ref, quantity=taken)
            for sku, units in sorted(each.units.items())
            if sku in wanting
            for ref, taken in _taken(wanting[sku], units)
        ]
        made.append(
            Shipment(
                ref=f"{_OUR_SITE}{each.ref}",
                updated_at=each.at,
                order_ref=order.ref,
                state=ShipmentState.SHIPPED,
                lines=tuple(parts),
                shipped_at=each.at,
                location_ref=f"{_OUR_SITE}{each.site}",
            )
        )
    return made


def _taken(wanting: dict[str, int], units: int) -> list[tuple[str, int]]:
    taken = []
    for ref, left in list(wanting.items()):
        part = min(units, left)
        wanting[ref] -= part
        units -= part
        if part:
            taken.append((ref, part))
    if units:
        taken.append((next(reversed(wanting)), units))
    return taken
