"""What graded returns mean for stock. Pure: the same records, the same books, in whatever order.

Two tell of a unit that came back: its channel, by a refund or a return, and whoever opened the
parcel. The order's own books hold what its channel tells. An inspection holds the difference to
what lies there: of as many units as were graded the channel's word counts no more, of the rest it
does. So no unit counts twice, and whoever tells last changes nothing but the difference.

Everything is worked out from all inspections of the order together; each holds what it adds to
those before it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from trueup.canon.inspection import Grade, Inspection
from trueup.canon.order import Order
from trueup.canon.record import Record
from trueup.ledger.kits import NO_KITS, Kits
from trueup.ledger.model import Place, Position, Positions
from trueup.ledger.release import told_with_releases
from trueup.ledger.rules import SiteOf, difference, gone_of_order


class _Graded(NamedTuple):
    """Where units were graded, and into what."""

    sku: str
    place: Place
    site: str
    at: datetime

    def position(self) -> Position:
        if self.place is Place.ON_HAND:
            return Position(self.sku, self.place, self.site, self.at)
        return Position(self.sku, self.place, self.site if self.place in _SITED else "")


class Over(NamedTuple):
    """More units of a SKU than had left for the order."""

    sku: str
    came: int
    left: int


_PLACES: Mapping[Grade, Place] = {
    Grade.GOOD: Place.ON_HAND,
    Grade.QUARANTINE: Place.QUARANTINE,
    Grade.SCRAP: Place.LOSS,
}
_SITED = (Place.ON_HAND, Place.QUARANTINE)


def positions_of_inspection(
    inspection: Inspection, beside: Iterable[Record], site_of: SiteOf, kits: Kits = NO_KITS
) -> Positions:
    """Return what one inspection moves, beside what its order and those before it move.

    Args:
        inspection: one of `beside`.
        beside: all current records of its entity, in any order.
        site_of: maps a vendor's location to a site.
        kits: what codes that are sold stand for.
    """
    if inspection.deleted:
        return {}
    known = list(beside)
    told_back = gone_of_order(told_with_releases(known, site_of, kits), site_of, kits).told_back
    sold_at = _sold_at(known)
    before: list[Inspection] = []
    for each in _inspections(known):
        if each.ref == inspection.ref:
            break
        before.append(each)
    return difference(
        _moved(told_back, _graded([*before, inspection], sold_at, kits)),
        _moved(told_back, _graded(before, sold_at, kits)),
    )


def over_of(
    records: Iterable[Record],
    site_of: SiteOf,
    kits: Kits = NO_KITS,
    *,
    by_sold: bool = False,
) -> tuple[Over, ...]:
    """Return of which SKUs more came back than had left for their order.

    Args:
        records: all current records of the order's entity, in any order.
        site_of: maps a vendor's location to a site.
        kits: what codes that are sold stand for.
        by_sold: another system sends the order out, so that it is not known here what has left:
            what was sold counts.
    """
    known = list(records)
    left = gone_of_order(told_with_releases(known, site_of, kits), site_of, kits).units
    sold_at = _sold_at(known)
    if by_sold:
        left = sold_of(known, kits)
    came: Counter[str] = Counter()
    for each, units in _graded(_inspections(known), sold_at, kits).items():
        came[each.sku] += units
    return tuple(
        Over(sku, units, left.get(sku, 0))
        for sku, units in sorted(came.items())
        if units > left.get(sku, 0)
    )


def order_beside(records: Iterable[Record]) -> Order | None:
    """Return the order that inspections are about; None where nobody has told of it."""
    return next((each for each in records if isinstance(each, Order)), None)


def sold_of(records: Iterable[Record], kits: Kits = NO_KITS) -> Counter[str]:
    """Return what an order sold, kits as their parts: whole units by SKU."""
    units: Counter[str] = Counter()
    known = list(records)
    order, sold_at = order_beside(known), _sold_at(known)
    for line in () if order is None else order.lines:
        for part, each in _parts(line.sku or "", sold_at, kits).items():
            units[part] += line.quantity * each
    return units


def _inspections(known: Iterable[Record]) -> list[Inspection]:
    found = [each for each in known if isinstance(each, Inspection) and not each.deleted]
    return sorted(found, key=lambda each: (each.occurred_at, each.ref))


def _sold_at(known: Iterable[Record]) -> datetime | None:
    order = order_beside(known)
    return None if order is None else order.placed_at


def _parts(code: str, at: datetime | None, kits: Kits) -> Mapping[str, int]:
    return kits.parts_of(code, at) or {code: 1}


def _graded(
    inspections: Iterable[Inspection], sold_at: datetime | None, kits: Kits
) -> Counter[_Graded]:
    """Return what was graded; a kit that came back came as its parts, as when it was sold."""
    graded: Counter[_Graded] = Counter()
    for inspection in inspections:
        at = inspection.occurred_at
        for line in inspection.lines:
            for part, each in _parts(line.sku, sold_at or at, kits).items():
                place = _PLACES[line.grade]
                graded[_Graded(part, place, inspection.site, at)] += line.quantity * each
    return graded


def _moved(told_back: Positions, graded: Counter[_Graded]) -> Positions:
    """Return what inspections move: from where the channel put their units, else from customers."""
    moved: Counter[Position] = Counter()
    said = Counter(told_back)
    open_units = Counter(graded)
    for fits in (_same_place, _same_site, _any):
        pairs = [(e, p) for e in sorted(open_units) for p in sorted(said, key=_first) if fits(e, p)]
        for each, position in pairs:
            units = min(said[position], open_units[each])
            said[position] -= units
            open_units[each] -= units
            moved[position] -= units
            moved[each.position()] += units
    for each, units in open_units.items():
        moved[Position(each.sku, Place.CUSTOMER)] -= units
        moved[each.position()] += units
    return {position: units for position, units in moved.items() if units}


def _same_place(graded: _Graded, said: Position) -> bool:
    return (graded.sku, graded.place, graded.site) == (said.sku, said.place, said.site)


def _same_site(graded: _Graded, said: Position) -> bool:
    return (graded.sku, graded.site) == (said.sku, said.site)


def _any(graded: _Graded, said: Position) -> bool:
    return graded.sku == said.sku


def _first(position: Position) -> tuple[str, ...]:
    at = "" if position.at is None else position.at.isoformat()
    return (position.sku, position.place.value, position.site, at)
