"""A shop at a vendor: its numbers, its orders, and what it tells of them.

One form of bodies for all (Shopify's), as the world is about units and not about vendors' words;
how a number is written differs by vendor, and that stands in `protocols.py`.
"""

import random
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.sim.stock.facts import (
    Cancelled,
    Fact,
    Line,
    Moved,
    OrderFact,
    Refunded,
    Removed,
    Shipped,
    Undone,
)

SITE_OF = {"1": "main", "2": "store"}
LOCATION_OF = {site: location for location, site in SITE_OF.items()}
_ASKED_BEFORE = timedelta(microseconds=1)


class Delivery(msgspec.Struct, kw_only=True):
    """One arrival of bytes to come.

    Attributes:
        facts: that it tells of.
        order: that it tells as a whole.
        due_at: when it arrives; None: it is lost on the way.
    """

    shop: str
    topic: str
    external_id: str
    body: bytes
    raised_at: datetime
    facts: frozenset[Fact]
    order: int | None = None
    due_at: datetime | None = None
    origin: str = "webhook"
    event_id: int | None = None


class Item(msgspec.Struct, kw_only=True):
    """A listing at the shop.

    Attributes:
        key: the SKU, or for a further listing of it another text; the hub may call it otherwise.
        stands: the number that buyers see.
        tainted: it was changed by what nobody tells the hub as a sale or a restock.
        told: the ledger's sequence of the number that was last set here.
        effects: by how much each fact changed the number.
        before: what had happened here when the hub looked for the first time.
        read: what stood here when it was last looked at.
        hides: units sold by then which the hub had not read, where there was nothing else.
        tampered: others wrote here once, which the hub may have taken for sales.
        changed_at: when it last changed by an order.
        overwrote_at: when the hub last wrote over what it had not read.
    """

    key: str
    sku: str
    number: int
    stands: int
    tainted: bool = False
    told: int = -1
    effects: dict[OrderFact, int] = {}
    before: frozenset[Fact] | None = None
    read: int = 0
    hides: int = 0
    tampered: bool = False
    changed_at: datetime | None = None
    overwrote_at: datetime | None = None


def just_overwritten(item: Item) -> bool:
    """Whether it sold within a minute after sales were written over: which is which nobody can say."""
    return (
        item.overwrote_at is not None
        and item.changed_at is not None
        and timedelta(0) <= item.changed_at - item.overwrote_at <= timedelta(seconds=60)
    )


def turned_back(item: Item) -> bool:
    """Whether a sale from before the hub first looked was undone since: seen at once, it is nothing.

    Then the number rose by what the hub takes for an order that never was, and may hide a sale.
    """
    orders = {fact.order for fact in item.before or () if not isinstance(fact, Moved)}
    return any(n > 0 and getattr(f, "order", None) in orders for f, n in item.effects.items())


class Order(msgspec.Struct, kw_only=True):
    """An order as the shop has it."""

    number: int
    placed_at: datetime
    updated_at: datetime
    facts: list[OrderFact]
    version: int = 0
    polled: int = 0
    edited: bool = False

    def lines(self) -> list[Line]:
        return [f for f in self.facts if isinstance(f, Line)]

    @property
    def cancelled(self) -> bool:
        return any(isinstance(f, Cancelled) for f in self.facts)

    def shipments(self) -> dict[int, list[Shipped]]:
        """Return the shipments that left, by number."""
        found: dict[int, list[Shipped]] = {}
        undone = {f.shipment for f in self.facts if isinstance(f, Undone)}
        for fact in self.facts:
            if isinstance(fact, Shipped) and fact.shipment not in undone:
                found.setdefault(fact.shipment, []).append(fact)
        return found

    def shipped(self, line: Line) -> int:
        return sum(f.units for fs in self.shipments().values() for f in fs if f.line == line.line)

    def refunded(self, line: Line, *hows: str) -> int:
        return sum(
            f.units
            for f in self.facts
            if isinstance(f, Refunded) and f.line == line.line and (not hows or f.how in hows)
        )

    def removed(self, line: Line) -> int:
        return sum(f.units for f in self.facts if isinstance(f, Removed) and f.line == line.line)

    def open(self, line: Line) -> int:
        """Return the units that can still be shipped."""
        if self.cancelled:
            return 0
        gone = self.removed(line) + self.refunded(line, "cancel", "no_restock")
        return max(0, line.units - self.shipped(line) - gone)

    def returnable(self, line: Line) -> int:
        return self.shipped(line) - self.refunded(line, "return")


def unread(item: Item, known: AbstractSet[Fact]) -> list[int]:
    """Return what moved an item's number and is not known: of an order not told of, its sum."""
    orders = {fact.order for fact in known if not isinstance(fact, Moved)}
    sums: Counter[object] = Counter()
    for fact, units in item.effects.items():
        if fact not in known and fact not in (item.before or frozenset()):
            sums[fact if fact.order in orders else fact.order] += units
    return [units for units in sums.values() if units]


class Shop:
    """One channel at its vendor.

    Args:
        name: of the connection.
        kind: how its number is written: shopify, woocommerce, bigcommerce or amazon.
        rng: of the world.
        ids: gives numbers that nothing else has.
    """

    def __init__(self, name: str, kind: str, rng: random.Random, first_id: int) -> None:
        self.name, self.kind, self.rng = name, kind, rng
        self.items: dict[str, Item] = {}
        self.orders: dict[int, Order] = {}
        self.due: list[Delivery] = []
        self.lost: list[Delivery] = []
        self.now = self.polled_at = datetime.min.replace(tzinfo=UTC)
        self._ids = first_id
        self.loss, self.repeats, self.delay_s = 0.1, 0.1, 60.0
        self.faults: dict[str, int] = {}

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    # -- what happens --------------------------------------------------------------------------

    def list_item(self, sku: str, stands: int) -> None:
        """Begin to sell a SKU; once more under another listing where it is sold already."""
        number = self._id()
        key = f"{sku} as {number}" if sku in self.items else sku
        item = Item(key=key, sku=sku, number=number, stands=stands, effects={})
        self.items[key] = item
        self._tell_product(item)

    def _tell_product(self, item: Item) -> None:
        body = {
            "id": item.number,
            "title": item.sku,
            "status": "active",
            "created_at": self._stamp(self.now),
            "updated_at": self._stamp(self.now),
            "variants": [
                {
                    "id": item.number,
                    "product_id": item.number,
                    "title": item.sku,
                    "price": "1.00",
                    "sku": item.sku,
                    "inventory_item_id": item.number,
                    "inventory_management": "shopify",
                }
            ],
        }
        self._send("products/update", body, (), None, sure=True)

    def item(self, target: Mapping[str, str]) -> Item:
        """Return the listing that the hub means."""
        number = int(target["variant_ref"])
        return next(each for each in self.items.values() if each.number == number)

    def place(self, wanted: dict[str, int]) -> Order:
        """Sell units; what the number allows was looked at."""
        number = self._id()
        order = Order(number=number, placed_at=self.now, updated_at=self.now, facts=[])
        self.orders[number] = order
        for key, units in wanted.items():
            self._add_line(order, key, units)
        self._tell_order(order, [])
        return order

    def add_line(self, order: Order, key: str, units: int) -> None:
        """Edit an order: one line more."""
        self._add_line(order, key, units)
        self._tell_order(order, [])

    def _add_line(self, order: Order, key: str, units: int) -> None:
        sku = self.items[key].sku
        fact = Line(order=order.number, line=self._id(), sku=sku, units=units, listing=key)
        self._note(order, fact, key, -units)

    def remove(self, order: Order, line: Line, units: int) -> None:
        """Edit an order: fewer units of a line."""
        number = self._id()
        fact = Removed(order=order.number, line=line.line, units=units, number=number)
        order.edited = True
        self._note(order, fact, line.listing, units)
        self._tell_order(order, [])

    def ship(self, order: Order, units: dict[Line, int], site: str) -> None:
        """Send units out; the number does not change, as they were sold already."""
        number, facts = self._id(), []
        for line, count in units.items():
            facts.append(
                Shipped(order=order.number, line=line.line, units=count, site=site, shipment=number)
            )
            self._note(order, facts[-1], line.listing, 0)
        self._tell_order(order, facts)

    def unship(self, order: Order, shipment: int) -> None:
        """Take a shipment back that did not leave."""
        fact = Undone(order=order.number, shipment=shipment)
        self._note(order, fact, "", 0)
        self._tell_order(order, [])

    def refund(self, order: Order, units: dict[Line, int], how: str, site: str) -> None:
        """Give money back, and put units back or not."""
        facts = self._refund(order, units, how, site)
        self._tell_order(order, facts)

    def _refund(self, order: Order, units: dict[Line, int], how: str, site: str) -> list[OrderFact]:
        number = self._id()
        facts: list[OrderFact] = []
        for line, count in units.items():
            fact = Refunded(
                order=order.number, line=line.line, units=count, how=how, site=site, refund=number
            )
            facts.append(fact)
            self._note(order, fact, line.listing, 0 if how == "no_restock" else count)
        return facts

    def cancel(self, order: Order, *, restock: bool) -> None:
        """Cancel what is still open of an order."""
        still = {line: order.open(line) for line in order.lines() if order.open(line)}
        if restock:
            self._refund(order, still, "cancel", "main")
        else:
            for line in still:
                self._taint(line.listing)
        self._note(order, Cancelled(order=order.number), "", 0)
        self._tell_order(order, [])

    def edit(self, key: str, stands: int) -> None:
        """Let a person or another program set the number."""
        self.items[key].stands = stands
        self._taint(key)

    def _taint(self, key: str) -> None:
        self.items[key].tainted = self.items[key].tampered = True

    def _note(self, order: Order, fact: OrderFact, key: str, effect: int) -> None:
        order.facts.append(fact)
        item = self.items.get(key)
        if item is not None and effect:
            item.stands += effect
            item.changed_at = self.now
            item.effects[fact] = effect

    # -- what is told --------------------------------------------------------------------------

    def _tell_order(self, order: Order, apart: list[OrderFact]) -> None:
        order.version += 1
        if order.version > 1:
            self._mix_up(order)
        order.updated_at = self.now
        self._send("orders/updated", self._body(order), order.facts, order.number)
        # An older telling of an edited order could not say which units the refund speaks of.
        if apart and not order.edited and self.rng.random() < 0.5:
            if isinstance(apart[0], Shipped):
                body = self._shipment(apart[0].shipment, order)
                self._send("fulfillments/create", body, apart, None)
            elif isinstance(apart[0], Refunded):
                body = self._refund_body(apart[0].refund, order)
                self._send("refunds/create", body, apart, None)

    def _mix_up(self, order: Order) -> None:
        """Where an order holds two listings of a SKU, nobody says whose number its change moved."""
        through = {line.listing: line.sku for line in order.lines()}
        for key, sku in through.items():
            if list(through.values()).count(sku) > 1:
                self.items[key].tampered = True

    def poll(self) -> list[Delivery]:
        """Return every order that changed since the last poll, as it stands now.

        As at a real vendor it was asked before it was read, and what changes afterwards is later.
        """
        self.polled_at = self.now
        found = []
        for order in self.orders.values():
            if order.polled < order.version:
                order.polled = order.version
                found.append(self._delivery("orders/updated", self._body(order), order))
        return found

    def _delivery(self, topic: str, body: Any, order: Order) -> Delivery:
        return Delivery(
            shop=self.name,
            topic=topic,
            external_id=f"poll:{order.number}:{order.version}",
            body=msgspec.json.encode(body),
            raised_at=self.now - _ASKED_BEFORE,
            facts=frozenset(order.facts),
            order=order.number,
            due_at=self.now,
            origin="poll",
        )

    def _send(
        self, topic: str, body: Any, facts: Any, order: int | None, *, sure: bool = False
    ) -> None:
        delivery = Delivery(
            shop=self.name,
            topic=topic,
            external_id=f"hook:{self._id()}",
            body=msgspec.json.encode(body),
            raised_at=self.now,
            facts=frozenset(facts),
            order=order,
            due_at=self.now + timedelta(seconds=self.rng.expovariate(1 / self.delay_s)),
        )
        if sure:
            delivery.due_at = self.now
        elif self.rng.random() < self.loss:
            delivery.due_at = None
            self.lost.append(delivery)
            self._count("webhook lost")
            return
        self.due.append(delivery)
        if not sure and self.rng.random() < self.repeats:
            later = self.now + timedelta(seconds=self.rng.expovariate(1 / self.delay_s))
            self.due.append(msgspec.structs.replace(delivery, due_at=later))
            self._count("webhook repeated")

    def arrived(self) -> list[Delivery]:
        """Return what arrives now, in the order of its arrival."""
        here = [d for d in self.due if d.due_at is not None and d.due_at <= self.now]
        self.due = [d for d in self.due if d not in here]
        return sorted(here, key=lambda d: d.due_at or self.now)

    def again(self, delivery: Delivery) -> None:
        """Repeat a delivery that was not answered."""
        wait = timedelta(seconds=self.rng.uniform(1, 60))
        self.due.append(msgspec.structs.replace(delivery, due_at=self.now + wait))

    def _count(self, fault: str) -> None:
        self.faults[fault] = self.faults.get(fault, 0) + 1

    @staticmethod
    def _stamp(at: datetime) -> str:
        return at.replace(microsecond=0).isoformat()

    def _body(self, order: Order) -> dict[str, Any]:
        refunds = {f.refund: None for f in order.facts if isinstance(f, Refunded)}
        shipments = {f.shipment: None for f in order.facts if isinstance(f, Shipped)}
        cancelled_at = self._stamp(order.updated_at) if order.cancelled else None
        return {
            "id": order.number,
            "name": f"#{self.name}-{order.number}",
            "created_at": self._stamp(order.placed_at),
            "processed_at": self._stamp(order.placed_at),
            "updated_at": self._stamp(order.updated_at),
            "cancelled_at": cancelled_at,
            "currency": "EUR",
            "total_price": "0.00",
            "financial_status": "paid",
            "source_name": "web",
            "line_items": [
                {
                    "id": line.line,
                    "title": line.sku,
                    "quantity": line.units,
                    "current_quantity": line.units - order.removed(line) - order.refunded(line),
                    "price": "0.00",
                    "sku": line.sku,
                    "variant_id": self.items[line.listing].number,
                    "variant_inventory_management": "shopify",
                }
                for line in order.lines()
            ],
            "fulfillments": [self._shipment(number, order) for number in shipments],
            "refunds": [self._refund_body(number, order) for number in refunds],
        }

    def _shipment(self, number: int, order: Order) -> dict[str, Any]:
        facts = [f for f in order.facts if isinstance(f, Shipped) and f.shipment == number]
        undone = any(isinstance(f, Undone) and f.shipment == number for f in order.facts)
        return {
            "id": number,
            "order_id": order.number,
            "status": "cancelled" if undone else "success",
            "created_at": self._stamp(order.placed_at),
            "updated_at": self._stamp(order.updated_at),
            "location_id": LOCATION_OF[facts[0].site],
            "line_items": [{"id": f.line, "quantity": f.units} for f in facts],
        }

    def _refund_body(self, number: int, order: Order) -> dict[str, Any]:
        facts = [f for f in order.facts if isinstance(f, Refunded) and f.refund == number]
        return {
            "id": number,
            "order_id": order.number,
            "created_at": self._stamp(order.placed_at),
            "refund_line_items": [
                {
                    "id": number * 10 + n,
                    "line_item_id": f.line,
                    "quantity": f.units,
                    "restock_type": f.how,
                    "location_id": LOCATION_OF[f.site],
                }
                for n, f in enumerate(facts)
            ],
        }
