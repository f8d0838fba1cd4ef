"""What happens to an order, to its money, and to the stock behind it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.sandbox.stage import available, buy, open_stage
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.checkout import CartLine
from trueup.sandbox.shopify.commands import (
    Adjust,
    CallBack,
    Cancel,
    Capture,
    CloseReturn,
    Edit,
    Fulfil,
    OpenReturn,
    Refund,
)
from trueup.sandbox.shopify.shop import ShopSettings


def _watch(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the newest body of each topic, as it is told."""
    bodies: dict[str, dict[str, Any]] = {}
    for shop in sandbox:
        shop.sinks.append(lambda event: bodies.__setitem__(event.topic, json.loads(event.body)))
    return bodies


def _levels(sandbox: Sandbox) -> tuple[int, int, int]:
    level = next(iter(sandbox.shop("north").levels.values()))
    return level.available, level.committed, level.on_hand


def _money(body: dict[str, Any], name: str, side: str = "shop_money") -> Decimal:
    return Decimal(body[f"{name}_set"][side]["amount"])


def _adds_up(order: dict[str, Any]) -> None:
    """Hold an order body to its own arithmetic, in both currencies."""
    for side in ("shop_money", "presentment_money"):
        goods = [line for line in order["line_items"] if "tip_payment_gateway" not in line]
        gross = sum(_money(line, "price", side) * line["quantity"] for line in goods)
        off = sum(
            Decimal(part["amount_set"][side]["amount"])
            for line in goods
            for part in line["discount_allocations"]
        )
        tax = sum(
            Decimal(part["price_set"][side]["amount"])
            for holder in (*goods, *order["shipping_lines"])
            for part in holder["tax_lines"]
        )
        assert gross == _money(order, "total_line_items_price", side)
        assert gross - off == _money(order, "subtotal_price", side)
        assert tax == _money(order, "total_tax", side)
        duties = order["original_total_duties_set"]
        parts = _money(order, "subtotal_price", side) + _money(order, "total_shipping_price", side)
        parts += 0 if order["taxes_included"] else tax
        parts += Decimal(duties[side]["amount"]) if duties else 0
        if side == "shop_money":
            parts += Decimal(order["total_tip_received"])
            assert parts == _money(order, "total_price", side)


@pytest.mark.parametrize("included", [False, True])
@pytest.mark.parametrize("currency", [None, "EUR", "JPY"])
def test_order_adds_up_to_the_cent(included: bool, currency: str | None) -> None:  # noqa: FBT001
    sandbox = open_stage(available=50, taxes_included=included, tax_rate="0.19")
    bodies = _watch(sandbox)
    lines = [
        CartLine(sku="TEE", quantity=3, discount="1.01"),
        CartLine(sku="MUG", quantity=7, duty="2.15", bundle="Breakfast"),
        CartLine(title="Gift wrap", price="3.33"),
    ]
    buy(sandbox, lines=lines, code="TEN", tip="2.00", gift_card="10.00",
        presentment_currency=currency, presentment_rate="0.9137" if currency != "JPY" else "151.3")  # fmt: skip
    order = bodies["orders/create"]
    _adds_up(order)
    paid = sum(Decimal(it["amount"]) for it in [bodies["order_transactions/create"]])
    assert paid == _money(order, "total_price") - 10
    assert order["payment_gateway_names"] == ["gift_card", "bogus"]
    assert order["line_item_groups"][0]["title"] == "Breakfast"
    assert order["line_item_groups"][0]["id"] == order["line_items"][1]["sales_line_item_group_id"]


def test_sale_commits_and_parcel_takes_away() -> None:
    sandbox = open_stage(available=5)
    buy(sandbox, quantity=3)
    assert _levels(sandbox) == (2, 3, 5)
    sandbox.do("north", Fulfil(order="#1001", units={"TEE": 1}))
    assert _levels(sandbox) == (2, 2, 4)
    sandbox.do("north", CallBack(order="#1001"))
    assert _levels(sandbox) == (2, 3, 5)
    sandbox.do("north", Fulfil(order="#1001"))
    assert _levels(sandbox) == (2, 0, 2)


def test_shop_refuses_what_it_thinks_is_gone() -> None:
    sandbox = open_stage(available=1)
    assert buy(sandbox).status == "done"
    refused = buy(sandbox)
    assert (refused.status, refused.detail) == ("sold_out", "TEE")
    sandbox.shop("north").by_sku["TEE"].policy = "continue"
    assert buy(sandbox).status == "done"
    assert available(sandbox) == -1


def test_cancel_restocks_or_not() -> None:
    sandbox = open_stage(available=5)
    bodies = _watch(sandbox)
    buy(sandbox, quantity=2)
    sandbox.do("north", Cancel(order="#1001"))
    assert _levels(sandbox) == (5, 0, 5)
    order = bodies["orders/cancelled"]
    assert (
        order["financial_status"],
        order["line_items"][0]["current_quantity"],
    ) == ("refunded", 0)
    assert "0.00" == order["current_total_price"] == order["total_outstanding"]
    assert [it["restock_type"] for it in order["refunds"][0]["refund_line_items"]] == ["cancel"]

    buy(sandbox, quantity=2)
    sandbox.do("north", Cancel(order="#1002", restock=False))
    assert _levels(sandbox) == (3, 0, 3)
    assert sandbox.do("north", Cancel(order="#1002")).status == "skipped"


def test_unpaid_order_is_voided_and_captured_one_is_paid() -> None:
    sandbox = open_stage()
    bodies = _watch(sandbox)
    buy(sandbox, payment="authorized")
    sandbox.do("north", Cancel(order="#1001"))
    assert bodies["orders/cancelled"]["financial_status"] == "voided"
    buy(sandbox, payment="authorized")
    sandbox.do("north", Capture(order="#1002"))
    assert bodies["orders/paid"]["financial_status"] == "paid"
    assert bodies["order_transactions/create"]["kind"] == "capture"


def test_edit_moves_units_and_money() -> None:
    sandbox = open_stage(available=5)
    bodies = _watch(sandbox)
    buy(sandbox, quantity=2)
    sandbox.do("north", Edit(order="#1001", changes={"TEE": 2},
                             additions=[CartLine(sku="MUG")]))  # fmt: skip
    assert _levels(sandbox) == (1, 4, 5)
    order = bodies["orders/updated"]
    _adds_up(order)
    assert (order["financial_status"], order["total_outstanding"]) == ("paid", "0.00")
    assert [
        it["delta"] for it in bodies["orders/edited"]["order_edit"]["line_items"]["additions"]
    ] == [2, 1]

    sandbox.do("north", Edit(order="#1001", changes={"TEE": -3}))
    order = bodies["orders/updated"]
    tee = order["line_items"][0]
    assert (tee["quantity"], tee["current_quantity"], tee["fulfillable_quantity"]) == (4, 1, 1)
    assert _levels(sandbox) == (4, 1, 5)
    assert Decimal(order["total_outstanding"]) < 0, "the buyer has money to come"


def test_refunds_in_parts_sum_to_the_whole() -> None:
    """Goal: thirds of an odd amount lose no cent over three refunds."""
    sandbox = open_stage(available=9)
    bodies = _watch(sandbox)
    buy(sandbox, lines=[CartLine(sku="MUG", quantity=3, discount="1.00")], shipping=None)
    given = Decimal(0)
    for _ in range(3):
        sandbox.clock.advance(1)
        sandbox.do("north", Refund(order="#1001", units={"MUG": 1}, restock_type="cancel"))
        given += sum(Decimal(it["amount"]) for it in bodies["refunds/create"]["transactions"])
    order = bodies["orders/updated"]
    assert given == Decimal(order["total_price"])
    assert (order["financial_status"], order["current_total_price"]) == ("refunded", "0.00")
    assert available(sandbox, "MUG") == 9


def test_restock_types_move_stock_as_they_say() -> None:
    sandbox = open_stage(available=6)
    buy(sandbox, quantity=3)
    sandbox.do("north", Refund(order="#1001", units={"TEE": 1}, restock_type="cancel"))
    assert _levels(sandbox) == (4, 2, 6)
    sandbox.do("north", Fulfil(order="#1001"))
    sandbox.do("north", Refund(order="#1001", units={"TEE": 1}, restock_type="return"))
    assert _levels(sandbox) == (5, 0, 5)
    sandbox.do("north", Refund(order="#1001", units={"TEE": 1}, restock_type="no_restock"))
    assert _levels(sandbox) == (5, 0, 5)


def test_merchant_may_keep_a_part() -> None:
    sandbox = open_stage()
    bodies = _watch(sandbox)
    buy(sandbox, tax_rate="0")
    sandbox.do("north", Refund(order="#1001", keep="5.00"))
    refund = bodies["refunds/create"]
    assert refund["transactions"][0]["amount"] == "15.00"
    assert [(it["kind"], it["amount"]) for it in refund["order_adjustments"]] == [
        ("refund_discrepancy", "5.00")
    ]


def test_return_comes_back_to_the_shelf() -> None:
    sandbox = open_stage(available=5)
    bodies = _watch(sandbox)
    buy(sandbox, quantity=2)
    assert sandbox.do("north", OpenReturn(order="#1001", units={"TEE": 1})).status == "skipped"
    sandbox.do("north", Fulfil(order="#1001"))
    sandbox.do("north", OpenReturn(order="#1001", units={"TEE": 1}))
    assert bodies["returns/approve"]["status"] == "open"
    sandbox.do("north", CloseReturn(order="#1001"))
    assert _levels(sandbox) == (4, 0, 4)
    assert bodies["orders/updated"]["financial_status"] == "partially_refunded"
    assert bodies["returns/close"]["id"] == bodies["refunds/create"]["return"]["id"]


def test_pos_sale_leaves_at_once() -> None:
    sandbox = open_stage(available=5)
    bodies = _watch(sandbox)
    buy(sandbox, quantity=2, channel="pos")
    assert _levels(sandbox) == (3, 0, 3)
    order = bodies["orders/create"]
    assert (order["fulfillment_status"], len(order["fulfillments"])) == ("fulfilled", 1)
    assert order["location_id"] is not None


def test_two_shops_know_only_their_own_numbers_and_the_world_knows_better() -> None:
    """Goal: both shops sell the last unit; the second sale is an oversell of one."""
    sandbox = open_stage(available=1)
    sandbox.open_shop(ShopSettings(handle="south"))
    shelf = sandbox.world.received.copy()
    from trueup.sandbox.shopify.catalogue import SkuSeed

    sandbox.seed([SkuSeed(sku="TEE", title="Tee", available=1)], ["south"])
    assert shelf == sandbox.world.received, "a second shop adds no units"

    buy(sandbox)
    buy(sandbox, shop="south")

    assert [(it.shop, it.sku, it.quantity) for it in sandbox.world.oversells] == [
        ("south", "TEE", 1)
    ]
    assert (sandbox.world.available["TEE"], sandbox.world.sellable("TEE")) == (-1, 0)
    sandbox.do("south", Cancel(order="#1001"))
    assert sandbox.world.available["TEE"] == 0


def test_count_by_hand_moves_the_truth_unless_it_is_a_second_writer() -> None:
    sandbox = open_stage(available=5)
    sandbox.do("north", Adjust(sku="TEE", delta=-2))
    assert (available(sandbox), sandbox.world.available["TEE"]) == (3, 3)
    sandbox.do("north", Adjust(sku="TEE", delta=4, physical=False))
    assert (available(sandbox), sandbox.world.available["TEE"]) == (7, 3)


def test_times_carry_the_shops_offset() -> None:
    sandbox = open_stage(utc_offset_minutes=330)
    bodies = _watch(sandbox)
    buy(sandbox)
    assert bodies["orders/create"]["created_at"] == "2026-11-02T13:30:00+05:30"
