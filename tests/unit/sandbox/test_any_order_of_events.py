"""Whatever happens to orders, in any order, the shop's books stay right."""

from decimal import Decimal
from random import Random

import msgspec
import pytest

from tests.unit.sandbox.stage import buy, open_stage
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import totals
from trueup.sandbox.shopify.checkout import CartLine
from trueup.sandbox.shopify.commands import (
    CallBack,
    Cancel,
    Capture,
    CloseReturn,
    Command,
    Deliver,
    Edit,
    Fulfil,
    OpenReturn,
    Refund,
)
from trueup.sandbox.shopify.model import Order


def _any_command(pick: Random, order: str) -> Command:
    units = {pick.choice(("TEE", "MUG")): pick.choice((1, 2))}
    kind = pick.choice(("cancel", "return", "no_restock"))
    return pick.choice(
        [
            Cancel(order=order, restock=pick.random() < 0.7, refund=pick.random() < 0.8),
            Capture(order=order),
            Edit(order=order, changes={pick.choice(("TEE", "MUG")): pick.choice((-2, -1, 1))}),
            Edit(order=order, additions=[CartLine(sku="MUG")], settle=pick.random() < 0.5),
            Refund(order=order, units=units, restock_type=kind),
            Refund(order=order, restock_type=kind, shipping=True, keep=pick.choice(("0", "2.00"))),
            Fulfil(order=order, units=units),
            Fulfil(order=order),
            Deliver(order=order),
            CallBack(order=order),
            OpenReturn(order=order, units=units),
            CloseReturn(order=order, restock=pick.random() < 0.7),
        ]
    )


def _check(sandbox: Sandbox) -> None:
    shop = sandbox.shop("north")
    for sku, variant in shop.by_sku.items():
        lines = [line for order in shop.orders.values() for line in order.lines if line.sku == sku]
        held = [level for key, level in shop.levels.items() if key[0] == variant.item.id]
        assert sum(level.committed for level in held) == sum(line.fulfillable for line in lines)
        assert sum(level.available for level in held) == sandbox.world.available[sku]
    for order in shop.orders.values():
        _check_order(order)


def _check_order(order: Order) -> None:
    for line in order.lines:
        assert min(line.current, line.fulfillable, line.fulfilled) >= 0, (order.name, line)
    now = totals.current(order)
    money_in, money_back = totals.received(order)
    assert Decimal(0) <= now.subtotal.shop <= totals.ordered(order).subtotal.shop
    assert money_back.shop <= money_in.shop
    if all(line.current == 0 for line in order.lines):
        assert now.subtotal.shop == now.discounts.shop == 0


@pytest.mark.parametrize("seed", range(25))
def test_books_stay_right(seed: int) -> None:
    """Goal: 60 random events on five orders; the books are checked after each one."""
    pick = Random(seed)
    sandbox = open_stage(available=60)
    told: list[bytes] = []
    sandbox.shop("north").sinks.append(lambda event: told.append(event.body))
    for _ in range(5):
        lines = [CartLine(sku="TEE", quantity=3), CartLine(sku="MUG", quantity=2, discount="0.99")]
        buy(sandbox, lines=lines, payment=pick.choice(("paid", "paid", "authorized")),
            code=pick.choice((None, "TEN")), tip=pick.choice((None, "1.50")))  # fmt: skip
    for _ in range(60):
        sandbox.clock.advance(1)
        sandbox.do("north", _any_command(pick, f"#{pick.randrange(1001, 1006)}"))
        _check(sandbox)
    assert all(msgspec.json.decode(body) for body in told)
