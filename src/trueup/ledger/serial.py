"""Where a serial is, and how it came there: worked out of what records say of it. Pure.

Each line says from where to where a serial went. They are taken by when they happened; of those of
one instant the first that fits where the serial is, else the first by its record's name. So every
order of arrival gives the same story, and what is told late takes its place in time.

A line that does not fit is taken all the same, for it is a fact; what it contradicts is a clash. A
count that names a serial saw it: whatever clashed before is settled by it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

import msgspec

from trueup.canon.dock import ArrivalSource, Transfer
from trueup.canon.order import Order
from trueup.ledger.model import Place


class SerialLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says of one serial.

    Attributes:
        at: when it happened.
        record_id, kind, ref, connection_id: the record, and in whose log it is.
        start: from where it went; None: it was seen where it is, whatever was told before.
        source: what it went with: an order, a purchase order or a transfer; `source_ref` names it.
    """

    sku: str
    serial: str
    at: datetime
    record_id: int
    kind: str
    ref: str
    connection_id: int
    start: Place | None
    from_site: str = ""
    target: Place
    to_site: str = ""
    source: str | None = None
    source_ref: str | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a serial is; `place` is None where nobody told that it came.

    Attributes:
        site: on hand and in quarantine; in transit the one it is to reach.
        source: what it is with: its order at a customer, its transfer on its way.
    """

    place: Place | None = None
    site: str = ""
    connection_id: int = 0
    source: str | None = None
    source_ref: str | None = None

    def __str__(self) -> str:
        words = {
            Place.ON_HAND: f"on hand at {self.site}",
            Place.QUARANTINE: f"set aside at {self.site}",
            Place.IN_TRANSIT: f"on its way to {self.site} with transfer {self.source_ref}",
            Place.CUSTOMER: f"with the customer of order {self.source_ref}",
            Place.LOSS: "lost or thrown away",
        }
        return "nowhere that was told" if self.place is None else words[self.place]


class Clashing(StrEnum):
    """What a line contradicts."""

    TWICE = "twice"  # it came in, and was there already
    UNKNOWN = "unknown"  # it left or moved, and nobody told that it came
    SOLD = "sold"  # it left for an order, and is with another customer
    RETURNED = "returned"  # it came back, and had not left, or with another order
    ELSEWHERE = "elsewhere"  # it left or moved from where it is not


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """A line that does not fit where its serial was."""

    code: Clashing
    line: SerialLine
    was: Standing


class Serial(msgspec.Struct, frozen=True, kw_only=True):
    """One serial: where it is, how it came there, and what contradicts.

    Attributes:
        lines: in the order in which they happened.
        clashes: in the same order.
    """

    sku: str
    serial: str
    standing: Standing
    lines: tuple[SerialLine, ...]
    clashes: tuple[Clash, ...] = ()

    def clashing(self, line: SerialLine) -> Clashing | None:
        """Return what one of its lines contradicts; None where it fits, or a count settled it."""
        return next((clash.code for clash in self.clashes if clash.line == line), None)


class Uneven(msgspec.Struct, frozen=True, kw_only=True):
    """A place at which there are more serials than units, or units without a serial."""

    sku: str
    site: str
    place: Place
    units: int
    serials: int


ORDER, PURCHASE = Order.kind, ArrivalSource.PURCHASE.value
TRANSFER = ArrivalSource.TRANSFER.value

SHELVES = (Place.ON_HAND, Place.QUARANTINE)


def serial_of(lines: Iterable[SerialLine]) -> Serial:
    """Return where a serial is, and its story.

    Args:
        lines: at least one, all of one serial of one SKU, in any order.
    """
    known = sorted(lines, key=_rank)
    standing, taken, clashes = Standing(), [], list[Clash]()
    for _, instant in groupby(known, key=attrgetter("at")):
        left = list(instant)
        while left:
            line = next((each for each in left if _fits(standing, each)), left[0])
            left.remove(line)
            if _closes(line) and not _fits(standing, line):
                continue  # it had arrived, or was never sent: nothing of it is lost
            if line.start is None:
                clashes.clear()
            elif (code := _clash(standing, line)) is not None:
                clashes.append(Clash(code=code, line=line, was=standing))
            taken.append(line)
            standing = _after(line)
    first = known[0]
    return Serial(
        sku=first.sku,
        serial=first.serial,
        standing=standing,
        lines=tuple(taken),
        clashes=tuple(clashes),
    )


Spot = tuple[str, str, Place]
"""SKU, site and place."""


def spots_of(serials: Iterable[Serial]) -> Counter[Spot]:
    """Return how many serials are where."""
    known = ((each.sku, each.standing) for each in serials)
    return Counter((sku, at.site, at.place) for sku, at in known if at.place is not None)


def uneven_of(serials: Mapping[Spot, int], units: Mapping[Spot, int]) -> list[Uneven]:
    """Return where serials and units are not as many; of the serials those on shelves count."""
    there = {spot: count for spot, count in serials.items() if spot[2] in SHELVES}
    return [
        Uneven(sku=k[0], site=k[1], place=k[2], units=units.get(k, 0), serials=there.get(k, 0))
        for k in sorted({*there, *units})
        if max(0, units.get(k, 0)) != there.get(k, 0)
    ]


def _rank(line: SerialLine) -> tuple[object, ...]:
    # A count has seen what happened at its instant, so it is the last of it.
    return (line.at, line.start is None, _closes(line), line.kind, line.ref, *_place_rank(line))


def _place_rank(line: SerialLine) -> tuple[object, ...]:
    return (line.connection_id, line.target.value, line.to_site, line.from_site)


def _closes(line: SerialLine) -> bool:
    """Whether it is a transfer for whose rest nobody waits any more."""
    return line.kind == Transfer.kind and line.target is Place.LOSS


def _fits(standing: Standing, line: SerialLine) -> bool:
    return line.start is not None and _clash(standing, line) is None


def _clash(standing: Standing, line: SerialLine) -> Clashing | None:
    """Return what a line contradicts; None where it fits."""
    place = standing.place
    if line.start in {Place.SUPPLIER, Place.LOSS}:
        return None if place in {None, Place.LOSS} else Clashing.TWICE
    if line.start is Place.CUSTOMER:
        fits = place is Place.CUSTOMER and _same_source(standing, line)
        return None if fits else Clashing.RETURNED
    if line.target is Place.CUSTOMER and place is Place.CUSTOMER:
        return None if _same_source(standing, line) else Clashing.SOLD
    if place is None:
        return Clashing.UNKNOWN
    if line.start is Place.IN_TRANSIT:
        waits = place is Place.IN_TRANSIT or (place is Place.LOSS and not _closes(line))
        return None if waits and _same_source(standing, line) else Clashing.ELSEWHERE
    there = place is line.start and standing.site == line.from_site
    return None if there else Clashing.ELSEWHERE


def _same_source(standing: Standing, line: SerialLine) -> bool:
    """Whether a line is of what a serial is with, or one of them does not say."""
    if None in {standing.source_ref, line.source_ref}:
        return True
    return (standing.connection_id, standing.source_ref) == (line.connection_id, line.source_ref)


def _after(line: SerialLine) -> Standing:
    keeps = line.target in {Place.CUSTOMER, Place.IN_TRANSIT} or _closes(line)
    return Standing(
        place=line.target,
        site=line.to_site,
        connection_id=line.connection_id if keeps else 0,
        source=line.source if keeps else None,
        source_ref=line.source_ref if keeps else None,
    )
