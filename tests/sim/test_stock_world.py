"""The simulated brand itself: what it must not hold against the hub."""

import random
from datetime import UTC, datetime

from tests.sim.stock.facts import Books, Fact
from tests.sim.stock.shop import Shop, unread

NOW = datetime(2040, 1, 1, 9, tzinfo=UTC)


def open_shop() -> Shop:
    shop = Shop("0w", "woocommerce", random.Random(1), 1_000_000)
    shop.now, shop.loss = NOW, 1.0
    shop.list_item("C", 5)
    return shop


def told_of(*facts: Fact, seen: int | None = None) -> frozenset[Fact]:
    books = Books()
    books.learn(facts, seen=seen)
    return books.known()


def test_a_sale_and_its_refund_that_nobody_told_of_moved_nothing() -> None:
    """Seed 75210: a refund alone was told; the hub can not see a sale that was undone before it."""
    shop = open_shop()
    order = shop.place({"C": 1})
    shop.refund(order, {order.lines()[0]: 1}, "cancel", "main")
    sale, undone = order.facts
    item = shop.items["C"]
    assert unread(item, told_of()) == []
    assert unread(item, told_of(undone)) == [], "of an order not told of a refund moves nothing"
    shop.place({"C": 2})
    assert unread(item, told_of(undone)) == [-2]
    assert unread(item, told_of(sale, seen=order.number)) == [1, -2]


def test_a_poll_was_asked_before_what_changes_at_the_same_instant() -> None:
    """Seed 76015: an order was polled and cancelled at one instant, and the poll won."""
    shop = open_shop()
    order = shop.place({"C": 1})
    [polled] = shop.poll()
    shop.loss = 0.0
    shop.cancel(order, restock=False)
    told = next(each for each in shop.due if each.order == order.number)
    assert told.raised_at == NOW
    assert polled.raised_at < told.raised_at
