"""What happened, fact by fact, and where that puts every unit: the truth the books are held to.

It shares no line with the hub's own rules. A fact counts once whoever tells of it, and how often.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order was bought; `listing` is what it was sold through."""

    order: int
    line: int
    sku: str
    units: int
    listing: str


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line were taken out of the order by an edit."""

    order: int
    line: int
    units: int
    number: int


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """The whole order was cancelled."""

    order: int


class Shipped(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line left a site."""

    order: int
    line: int
    units: int
    site: str
    shipment: int


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment did not leave after all."""

    order: int
    shipment: int


class Refunded(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line were refunded; how: cancel, return, or no_restock."""

    order: int
    line: int
    units: int
    how: str
    site: str
    refund: int


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """People moved units: so many more here and there, by place and site."""

    ref: str
    sku: str
    moves: tuple[tuple[str, str, int], ...]


OrderFact = Line | Removed | Cancelled | Shipped | Undone | Refunded
Fact = OrderFact | Moved

Places = Counter[tuple[str, str, str]]
"""(sku, place, site) -> units."""


class Books:
    """Where the units are by what is known; orders are worked out again only where they changed."""

    def __init__(self) -> None:
        self.kits: dict[str, dict[str, int]] = {}
        self._orders: dict[int, set[OrderFact]] = {}
        self._seen: set[int] = set()
        self._moved: set[Moved] = set()
        self._placed: dict[int, Places] = {}
        self.places: Places = Counter()
        self.facts: set[Fact] = set()

    def learn(self, facts: Iterable[Fact], *, seen: int | None = None) -> None:
        """Take facts in; `seen`: the order that was told of as a whole."""
        changed = set() if seen is None else {seen}
        if seen is not None:
            self._seen.add(seen)
        for fact in facts:
            if fact in self.facts:
                continue
            self.facts.add(fact)
            if isinstance(fact, Moved):
                self.move(fact.sku, fact.moves)
            else:
                self._orders.setdefault(fact.order, set()).add(fact)
                changed.add(fact.order)
        for order in changed & self._seen:
            self.places.subtract(self._placed.get(order, Counter()))
            self._placed[order] = places_of(self._orders.get(order, set()), self.kits)
            self.places.update(self._placed[order])

    def known(self) -> frozenset[Fact]:
        """Return the facts that moved something; a refund of an order not told of moves nothing."""
        return frozenset(f for f in self.facts if isinstance(f, Moved) or f.order in self._seen)

    def move(self, sku: str, moves: Iterable[tuple[str, str, int]]) -> None:
        """Move units at once."""
        for place, site, units in moves:
            self.places[sku, place, site] += units

    def units(self, sku: str, place: str, site: str | None = None) -> int:
        """Return the units of a SKU at a place, of all sites where none is named."""
        if site is not None:
            return self.places[sku, place, site]
        return sum(n for (s, p, _), n in self.places.items() if s == sku and p == place)

    def available(self, sku: str) -> int:
        """Return on hand less reserved."""
        return self.units(sku, "on_hand") - self.units(sku, "reserved")


def places_of(facts: Iterable[OrderFact], kits: Mapping[str, Mapping[str, int]]) -> Places:
    """Return where the units of one order are; those of a kit are its parts'."""
    known = list(facts)
    undone = {f.shipment for f in known if isinstance(f, Undone)}
    cancelled = any(isinstance(f, Cancelled) for f in known)
    places: Places = Counter()
    for line in known:
        if isinstance(line, Line):
            mine = [f for f in known if getattr(f, "line", None) == line.line and f is not line]
            one: Places = Counter()
            _place(one, line, mine, undone, cancelled=cancelled)
            for (sku, place, site), units in one.items():
                for part, each in kits.get(sku, {sku: 1}).items():
                    places[part, place, site] += units * each
    return places


def _place(
    places: Places, line: Line, facts: list[OrderFact], undone: set[int], *, cancelled: bool
) -> None:
    sku, left, aside = line.sku, line.units, 0
    shipped = [f for f in facts if isinstance(f, Shipped) and f.shipment not in undone]
    for fact in shipped:
        left -= fact.units
        places[sku, "on_hand", fact.site] -= fact.units
        places[sku, "customer", ""] += fact.units
    for fact in facts:
        if isinstance(fact, Removed) or (isinstance(fact, Refunded) and fact.how == "cancel"):
            left -= fact.units
        elif isinstance(fact, Refunded) and fact.how == "return":
            places[sku, "customer", ""] -= fact.units
            places[sku, "on_hand", fact.site] += fact.units
        elif isinstance(fact, Refunded):
            aside += fact.units
    aside = min(aside, max(0, left))  # of what was shipped already nothing can be set aside
    if aside:
        places[sku, "on_hand", "main"] -= aside
        places[sku, "quarantine", "main"] += aside
    if not cancelled:
        places[sku, "reserved", ""] += max(0, left) - aside
        places[sku, "demand", ""] -= max(0, left) - aside
