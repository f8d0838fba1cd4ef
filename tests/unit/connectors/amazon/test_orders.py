"""Orders: money to the cent, who sends them out, packages, and words that are not known."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trueup.canon.order import Order, OrderOrigin, PaymentStatus
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.connectors import amazon
from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.webhook import identify_piece
from trueup.contract.connector import Mapped, Piece, Source
from trueup.ledger.rules import positions_of_order
from trueup.ledger.sites import sites_of

SAMPLES = Path(amazon.__file__).parent / "samples"
AT = datetime(2026, 4, 1, tzinfo=UTC)


def sample(name: str = "order_merchant") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def mapped(body: Any) -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return map_source(Source(topic="order", body=raw, received_at=AT))


def order_of(body: Any) -> Order:
    found = mapped(body).records[0]
    assert isinstance(found, Order)
    return found


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


def test_every_sum_holds_to_the_cent() -> None:
    found = mapped(sample())
    assert not found.issues
    order = order_of(sample())
    lines = sum((line.price.amount * line.quantity for line in order.lines), Decimal(0))
    discounts = sum((line.discount.amount for line in order.lines if line.discount), Decimal(0))
    (shipping,) = order.shipping
    assert shipping.discounted is not None
    tax = sum((tax.price.amount for tax in order.taxes), Decimal(0))
    assert lines - discounts + shipping.discounted.amount + tax == order.totals.total.amount
    assert [tax.collected_by_channel for tax in order.taxes] == [False, True, True]


def test_a_cent_too_much_is_told() -> None:
    body = sample()
    body["proceeds"]["grandTotal"] = eur("74.85")
    assert [issue.code for issue in mapped(body).issues] == ["order.total_mismatch"]


def test_a_price_that_does_not_split_evenly_loses_nothing() -> None:
    body = sample("order_fba")
    item = body["orderItems"][0]
    item["quantityOrdered"] = 3
    del item["product"]["price"]
    item["proceeds"]["breakdowns"] = [{"type": "ITEM", "subtotal": eur("10.00")}]
    body["proceeds"]["grandTotal"] = eur("10.00")
    found = mapped(body)
    assert not found.issues
    (line,) = order_of(body).lines
    assert line.discount is not None
    assert line.price.amount * 3 - line.discount.amount == Decimal("10.00")
    assert line.price.amount == Decimal("3.34")


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_discount_is_taken_off_whatever_its_sign(sign: str) -> None:
    body = sample("order_fba")
    parts = [
        {"type": "ITEM", "subtotal": eur("59.50")},
        {"type": "DISCOUNT", "subtotal": eur(f"{sign}9.50")},
    ]
    body["orderItems"][0]["proceeds"]["breakdowns"] = parts
    body["proceeds"]["grandTotal"] = eur("50.00")
    assert not mapped(body).issues
    totals = order_of(body).totals
    assert totals.discounts is not None
    assert (totals.discounts.amount, totals.total.amount) == (Decimal("9.50"), Decimal("50.00"))


def test_gift_wrap_cash_fee_and_tip_are_fees_and_tips() -> None:
    body = sample("order_fba")
    parts = [
        {"type": "ITEM", "subtotal": eur("59.50")},
        {"type": "GIFT_WRAP", "subtotal": eur("2.00")},
        {"type": "COD_FEE", "subtotal": eur("1.00")},
    ]
    body["orderItems"][0]["proceeds"]["breakdowns"] = parts
    body["proceeds"] = {
        "grandTotal": eur("65.50"),
        "breakdowns": [{"type": "DELIVERY_TIP", "status": "FINALIZED", "subtotal": eur("3.00")}],
    }
    assert not mapped(body).issues
    totals = order_of(body).totals
    assert totals.fees is not None
    assert totals.tips is not None
    assert (totals.fees.amount, totals.tips.amount) == (Decimal("3.00"), Decimal("3.00"))


def test_an_unknown_category_is_told_and_counted_nowhere() -> None:
    body = sample("order_fba")
    parts = body["orderItems"][0]["proceeds"]["breakdowns"]
    parts.append({"type": "MOON_TAX", "subtotal": eur("1.00")})
    assert [issue.code for issue in mapped(body).issues] == ["amazon.proceeds_unknown"]


def test_fba_takes_nothing_from_our_shelves() -> None:
    theirs = order_of(sample("order_fba"))
    assert not positions_of_order([theirs], sites_of({}))
    assert theirs.location_ref == "FBA-A1PA6795UKMFR9"
    ours = mapped(sample()).records
    moved = positions_of_order(ours, sites_of({}))
    assert sum(units for units in moved.values() if units > 0) == 3


def test_who_sends_it_out_is_never_guessed() -> None:
    body = sample()
    for told in ("DRONE", None):
        body["fulfillment"]["fulfilledBy"] = told
        found = mapped(body)
        assert [issue.code for issue in found.issues] == ["amazon.fulfilled_by_unknown"]
        assert all(line.stocked for line in order_of(body).lines)


@pytest.mark.parametrize(
    ("status", "payment"),
    [
        ("PENDING", PaymentStatus.PENDING),
        ("PENDING_AVAILABILITY", PaymentStatus.PENDING),
        ("UNSHIPPED", PaymentStatus.AUTHORISED),
        ("PARTIALLY_SHIPPED", PaymentStatus.PARTLY_PAID),
        ("SHIPPED", PaymentStatus.PAID),
        ("CANCELLED", PaymentStatus.VOIDED),
        ("UNFULFILLABLE", PaymentStatus.UNKNOWN),
        ("BEAMED", PaymentStatus.UNKNOWN),
    ],
)
def test_how_far_it_is_paid(status: str, payment: PaymentStatus) -> None:
    body = sample()
    body["fulfillment"]["fulfillmentStatus"] = status
    assert order_of(body).payment_status is payment
    codes = [issue.code for issue in mapped(body).issues]
    assert codes == (["amazon.fulfilment_status_unknown"] if status == "BEAMED" else [])
    assert (order_of(body).cancelled_at is None) == (status != "CANCELLED")


def test_a_pending_order_in_an_unknown_marketplace_has_no_currency() -> None:
    body = sample("order_pending")
    body["salesChannel"]["marketplaceId"] = "MOON"
    found = mapped(body)
    assert {issue.code for issue in found.issues} == {
        "amazon.marketplace_unknown",
        "amazon.prices_pending",
    }
    assert order_of(body).currency == "XXX"


def test_an_order_of_another_channel_is_told_apart() -> None:
    body = sample("order_fba")
    body["salesChannel"]["channelName"] = "NON_AMAZON"
    assert order_of(body).origin is OrderOrigin.API


def test_buyers_data_may_all_be_missing() -> None:
    body = sample()
    del body["buyer"], body["recipient"]
    for item in body["orderItems"]:
        item["fulfillment"].pop("packing", None)
    assert order_of(body).person is None


def shipments(body: Any) -> dict[str, Shipment]:
    return {r.ref.partition("/")[2]: r for r in mapped(body).records if isinstance(r, Shipment)}


def test_units_that_left_in_no_package_leave_all_the_same() -> None:
    body = sample()
    body["orderItems"][0]["fulfillment"] = {"quantityFulfilled": 2, "quantityUnfulfilled": 0}
    found = shipments(body)
    assert [(line.line_ref, line.quantity) for line in found["rest"].lines] == [
        ("90000000000011", 1)
    ]
    whole = deepcopy(body)
    whole["packages"][0]["packageItems"][0]["quantity"] = 2
    assert shipments(whole)["rest"].deleted
    none = deepcopy(body)
    del none["packages"]
    assert [line.quantity for line in shipments(none)["rest"].lines] == [2]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PENDING", ShipmentState.PENDING),
        ("SHIPPED", ShipmentState.SHIPPED),
        ("DELIVERED", ShipmentState.SHIPPED),
        ("UNDELIVERABLE", ShipmentState.SHIPPED),
        ("CANCELLED", ShipmentState.CANCELLED),
        ("BEAMED", ShipmentState.UNKNOWN),
    ],
)
def test_the_states_of_a_package(status: str, state: ShipmentState) -> None:
    body = sample()
    body["packages"][0]["packageStatus"] = {"status": status}
    assert shipments(body)["1"].state is state
    codes = [issue.code for issue in mapped(body).issues]
    assert codes == (["amazon.package_status_unknown"] if status == "BEAMED" else [])


@pytest.mark.parametrize(
    "spoil",
    [
        {"orderId": ""},
        {"orderId": 7},
        {"lastUpdatedTime": "yesterday"},
        {"lastUpdatedTime": "2026-03-03T16:20:00"},
        {"lastUpdatedTime": "9999-12-31T23:59:59-12:00"},
        {"orderItems": None},
        {"proceeds": {"grandTotal": {"amount": "NaN", "currencyCode": "EUR"}}},
        {"proceeds": {"grandTotal": {"amount": "1e400", "currencyCode": "EUR"}}},
        {"proceeds": {"grandTotal": {"amount": "1", "currencyCode": "euro"}}},
        {"proceeds": {"grandTotal": {"amount": "1", "currencyCode": "USD"}}},
        {"salesChannel": []},
    ],
)
def test_a_wrong_body_is_parked_with_an_issue(spoil: dict[str, Any]) -> None:
    found = mapped(sample() | spoil)
    assert not found.records
    assert [issue.code for issue in found.issues] == ["amazon.field_wrong"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"orderId": "\\u0000"}', b"[" * 100_000, b"null", b'"x"'],
)
def test_hostile_bytes_never_raise(raw: bytes) -> None:
    for topic in ("order", "listing", "settlement/entry", "notification/ORDER_CHANGE", "moon"):
        source = Source(topic=topic, body=raw, received_at=AT)
        found = map_source(source)
        assert found.issues or found.ignored
        assert identify_piece(Piece(topic=topic, body=raw)).entity == ""
