"""An order's sums, checked to the cent; every way in which they may rightly be told holds."""

import json
from typing import Any

import pytest

from tests.support.shopify_bodies import FOLDER, RECEIVED_AT
from trueup.canon.arithmetic import check_order
from trueup.canon.order import Order
from trueup.connectors.shopify.mapping import map_source
from trueup.contract.connector import Source

PLAIN: Any = json.loads((FOLDER / "samples/order.json").read_bytes())
FOREIGN: Any = json.loads((FOLDER / "samples/order_foreign.json").read_bytes())


def order(body: dict[str, Any], **changes: Any) -> Order:
    raw = json.dumps({**body, **changes}).encode()
    source = Source(topic="orders/create", body=raw, received_at=RECEIVED_AT)
    record = map_source(source).records[0]
    assert isinstance(record, Order)
    return record


def bag(amount: str, presented: str | None = None) -> dict[str, Any]:
    shop = {"amount": amount, "currency_code": "EUR"}
    other = {"amount": presented, "currency_code": "JPY"} if presented else shop
    return {"shop_money": shop, "presentment_money": other}


def found(record: Order) -> list[tuple[str, str]]:
    return [(i.code, i.found.rpartition("of ")[2]) for i in check_order(record)]


def test_an_order_that_adds_up_is_silent() -> None:
    assert found(order(PLAIN)) == []
    assert found(order(FOREIGN)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"total_price_set": bag("118.41")}, [("order.total_mismatch", "0.01 EUR")]),
        ({"total_price_set": bag("118.39")}, [("order.total_mismatch", "-0.01 EUR")]),
        ({"total_tax_set": bag("17.97")}, [("order.tax_mismatch", "0.01 EUR")]),
        ({"taxes_included": False}, [("order.total_mismatch", "-17.96 EUR")]),
        (
            {"subtotal_price_set": bag("112.51")},
            [("order.total_mismatch", "-0.01 EUR"), ("order.subtotal_mismatch", "0.01 EUR")],
        ),
    ],
)
def test_a_cent_is_found_with_its_sign(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert expected == found(order(PLAIN, **changes))


def test_duties_tips_and_fees_are_part_of_the_total() -> None:
    record = order(
        PLAIN, total_price_set=bag("125.90"), total_tip_received="2.50",
        original_total_duties_set=bag("4.00"), original_total_additional_fees_set=bag("1.00"),
    )  # fmt: skip
    assert found(record) == []


def test_removed_and_discounted_shipping_counts_as_charged() -> None:
    first = {**PLAIN["shipping_lines"][0], "is_removed": True}
    second = {**PLAIN["shipping_lines"][0], "id": 1, "discounted_price_set": bag("1.90")}
    record = order(PLAIN, shipping_lines=[first, second], total_price_set=bag("114.40"))
    assert found(record) == []


def test_tax_that_a_channel_collects_may_be_in_or_out_of_the_total() -> None:
    out = order(FOREIGN, total_price_set=bag("20.00", "3200"))
    assert found(out) == []
    without = order(FOREIGN, total_tax_set=bag("0.00", "0"), total_price_set=bag("20.00", "3200"))
    assert found(without) == []


def test_the_customers_currency_is_exact_and_the_shops_may_be_rounded() -> None:
    assert found(order(FOREIGN, total_price_set=bag("21.02", "3360"))) == []
    assert found(order(FOREIGN, total_price_set=bag("21.00", "3361"))) == [
        ("order.total_mismatch", "1 JPY")
    ]
    assert found(order(FOREIGN, total_price_set=bag("21.60", "3360"))) == [
        ("order.total_mismatch", "0.60 EUR")
    ]


def test_a_discount_that_no_line_names_still_counts() -> None:
    lines = [
        {k: v for k, v in line.items() if k not in {"discount_allocations", "total_discount"}}
        for line in PLAIN["line_items"]
    ]
    assert found(order(PLAIN, line_items=lines)) == []


def test_a_deleted_order_has_no_sums() -> None:
    source = Source(topic="orders/delete", body=b'{"id":1}', received_at=RECEIVED_AT)
    (record,) = map_source(source).records
    assert isinstance(record, Order)
    assert check_order(record) == ()
