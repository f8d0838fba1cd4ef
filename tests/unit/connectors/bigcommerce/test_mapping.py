"""What BigCommerce's bodies mean at the edges, and what happens to bodies nobody should send."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connectors.bigcommerce.calls import INTENT, reply, standing
from trueup.canon.order import Order, OrderOrigin, PaymentStatus
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.refund import Refund
from trueup.canon.shipment import Shipment
from trueup.connectors import bigcommerce
from trueup.connectors.bigcommerce import actions, api, mapping, pull, webhook, whole
from trueup.connectors.bigcommerce.stamp import instant_of, of_seconds
from trueup.contract.connector import Fetch, Mapped, ReceiptState, Reply, Source
from trueup.contract.fault import Unsound
from trueup.errors import (
    AuthExpired,
    ContractBroken,
    InvariantBroken,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.quality.hostile import HOSTILE_BODIES

SAMPLES = Path(bigcommerce.__file__).parent / "samples"
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_bytes())
    return body


def mapped(body: object, topic: str = "fetch/order") -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=raw, received_at=NOW))


def order_with(**fields: object) -> dict[str, Any]:
    body = sample("order")
    body["order"] |= fields
    return body


def order_of(body: object) -> Order:
    order = mapped(body).records[0]
    assert isinstance(order, Order)
    return order


@pytest.mark.parametrize(
    ("word", "status_id", "wanted"),
    [
        ("authorized", 11, PaymentStatus.AUTHORISED),
        ("capture pending", 11, PaymentStatus.AUTHORISED),
        ("Captured", 11, PaymentStatus.PAID),
        ("paid", 11, PaymentStatus.PAID),
        ("declined", 6, PaymentStatus.PENDING),
        ("held for review", 12, PaymentStatus.PENDING),
        ("partially refunded", 14, PaymentStatus.PARTLY_REFUNDED),
        ("refunded", 4, PaymentStatus.REFUNDED),
        ("void", 5, PaymentStatus.VOIDED),
        ("void pending", 5, PaymentStatus.AUTHORISED),
        ("", 11, PaymentStatus.PAID),
        ("", 7, PaymentStatus.PENDING),
        ("", 14, PaymentStatus.PARTLY_REFUNDED),
        (None, 9, PaymentStatus.UNKNOWN),
        ("frozen", 11, PaymentStatus.UNKNOWN),
    ],
)
def test_payment_follows_the_provider_and_then_the_status(
    word: str | None, status_id: int, wanted: PaymentStatus
) -> None:
    body = order_with(payment_status=word, status_id=status_id)
    assert order_of(body).payment_status is wanted
    codes = {issue.code for issue in mapped(body).issues}
    assert ("bigcommerce.payment_status_unknown" in codes) is (word == "frozen")


def test_statuses_go_by_their_number_and_an_incomplete_one_is_no_order() -> None:
    means = mapped(order_with(status_id=0))
    assert (means.records, means.issues) == ((), ())
    assert means.ignored is not None
    for status_id in (5, 6):
        dead = order_of(order_with(status_id=status_id))
        assert dead.cancelled_at == dead.updated_at
    assert order_of(order_with(is_deleted=True)).deleted
    assert order_of(order_with(order_source="amazon")).origin is OrderOrigin.MARKETPLACE
    assert order_of(order_with(order_source="kiosk")).origin_code == "kiosk"


@pytest.mark.parametrize(("total", "units"), [("10.0000", 3), ("0.0100", 7), ("0.0000", 2)])
def test_a_line_stays_exact_however_its_total_divides(total: str, units: int) -> None:
    body = sample("order")
    way = body["order"]["consignments"]["shipping"][0]
    way["line_items"] = [
        way["line_items"][1]
        | {"quantity": units, "total_inc_tax": total, "discounted_total_inc_tax": total}
    ]
    (line,) = order_of(body).lines
    off = line.discount.amount if line.discount else Decimal(0)
    assert off >= 0
    assert line.price.amount * units - off == Decimal(total)


def test_amounts_are_in_the_currency_that_was_paid_and_a_cent_is_told() -> None:
    assert order_of(sample("order")).currency == "GBP"  # shown in USD
    assert mapped(sample("order")).issues == ()
    (issue,) = mapped(order_with(total_inc_tax="75.0100")).issues
    assert (issue.code, "0.01 GBP" in issue.found) == ("order.total_mismatch", True)
    assert order_of(order_with(default_currency_code=None)).currency == "USD"
    both = order_with(default_currency_code=None, currency_code=None)
    assert [issue.code for issue in mapped(both).issues] == ["bigcommerce.field_invalid"]


def test_older_lines_without_their_discounted_total_and_bundles_are_read() -> None:
    body = sample("order")
    lines = body["order"]["consignments"]["shipping"][0]["line_items"]
    del lines[0]["discounted_total_inc_tax"]
    lines[1]["parent_order_product_id"] = 801
    order = order_of(body)
    assert order.lines[0].discount is not None
    assert str(order.lines[0].discount.amount) == "6.00"
    assert order.lines[1].bundle_ref == "801"


def test_a_refund_counts_what_went_back_and_names_the_rest() -> None:
    body = sample("refund")
    body["refund"]["payments"] = []
    refund = mapped(body, "fetch/refund").records[0]
    assert isinstance(refund, Refund)
    assert refund.refunded is not None
    assert str(refund.refunded.amount) == "33.00"
    body["refund"]["items"] = []
    plain = mapped(body, "fetch/refund")
    assert plain.issues == ()


@pytest.mark.parametrize(
    ("event", "status", "kind", "state"),
    [
        ("purchase", "ok", PaymentKind.SALE, PaymentState.SUCCEEDED),
        ("authorization", "ok", PaymentKind.AUTHORISATION, PaymentState.SUCCEEDED),
        ("capture", "error", PaymentKind.CAPTURE, PaymentState.FAILED),
        ("refund", "", PaymentKind.REFUND, PaymentState.UNKNOWN),
        ("void", None, PaymentKind.VOID, PaymentState.UNKNOWN),
        ("pending", "ok", PaymentKind.SALE, PaymentState.PENDING),
        ("settled", "ok", PaymentKind.UNKNOWN, PaymentState.SUCCEEDED),
    ],
)
def test_transactions_say_what_they_do(
    event: str, status: str | None, kind: PaymentKind, state: PaymentState
) -> None:
    body = sample("payment") | {"event": event, "status": status}
    means = mapped(body, "fetch/payment")
    payment = means.records[0]
    assert isinstance(payment, Payment)
    assert (payment.payment_kind, payment.state) == (kind, state)
    told = [issue.code for issue in means.issues]
    assert told == (["bigcommerce.transaction_event_unknown"] if event == "settled" else [])


def test_money_in_numbers_keeps_its_last_digit() -> None:
    raw = json.dumps(sample("payment")).replace("75.0", "0.1000000000000000055").encode()
    (issue,) = mapped(raw, "fetch/payment").issues
    assert issue.code == "bigcommerce.field_invalid"  # more digits than any money has
    raw = json.dumps(sample("payment")).replace("75.0", "12345678.12345678").encode()
    payment = mapped(raw, "fetch/payment").records[0]
    assert isinstance(payment, Payment)
    assert str(payment.price.amount) == "12345678.12345678"


def test_a_shipment_without_a_number_has_no_link() -> None:
    body = sample("shipment") | {"tracking_number": "", "shipping_address": None}
    shipment = mapped(body, "fetch/shipment").records[0]
    assert isinstance(shipment, Shipment)
    assert shipment.links == ()
    assert shipment.carrier == "royalmail"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total_inc_tax": "NaN"}, "bigcommerce.field_invalid"),
        ({"total_inc_tax": None}, "bigcommerce.field_invalid"),
        ({"total_inc_tax": "1" * 41}, "bigcommerce.field_invalid"),
        ({"total_inc_tax": "1e20"}, "bigcommerce.field_invalid"),
        ({"date_modified": "soon"}, "bigcommerce.field_invalid"),
        ({"date_modified": "2026-03-01T10:00:00"}, "bigcommerce.field_invalid"),
        ({"date_modified": "", "date_created": ""}, "bigcommerce.field_invalid"),
        ({"consignments": None}, "bigcommerce.field_invalid"),
        ({"id": 0}, "bigcommerce.field_invalid"),
        ({"staff_notes": "a\x00b"}, "bigcommerce.body_malformed"),
    ],
)
def test_what_can_not_be_kept_is_parked_with_its_reason(
    change: dict[str, object], code: str
) -> None:
    means = mapped(order_with(**change))
    assert means.records == ()
    assert [issue.code for issue in means.issues] == [code]


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("store/order/created", {"id": 0}),
        ("store/shipment/deleted", {"id": 3}),
        ("store/sku/updated", {"id": 3, "sku": {"product_id": None}}),
        ("store/sku/inventory/updated", {"inventory": {}}),
        ("store/customer/address/updated", {"id": 3}),
        ("store/product/updated", {}),
    ],
)
def test_a_hint_that_names_nothing_is_parked(topic: str, body: dict[str, object]) -> None:
    means = mapped({"scope": topic, "data": body}, topic)
    assert [issue.code for issue in means.issues] == ["bigcommerce.field_invalid"]


@pytest.mark.parametrize(
    "topic",
    [
        *("store/order/message/created", "store/product/metafield/updated", "store/cart/updated"),
        *("store/inventory/location/created", "store/information/updated", "app/x", "", "store"),
        "store/category/inventory/updated",
    ],
)
def test_what_is_not_read_has_its_reason(topic: str) -> None:
    means = mapped({"scope": topic, "data": {"id": 3}}, topic)
    assert means.ignored is not None
    assert (means.records, means.issues) == ((), ())


TOPICS = (
    *("store/order/updated", "store/sku/inventory/updated", "store/shipment/deleted", "pull/order"),
    *("fetch/order", "fetch/refund", "fetch/shipment", "fetch/payment", "fetch/product"),
    *("fetch/inventory_level", "pull/location", "fetch/customer", "store/customer/deleted"),
)


@pytest.mark.parametrize("topic", TOPICS)
def test_hostile_bodies_end_in_a_reason(topic: str) -> None:
    for body in HOSTILE_BODIES.values():
        means = mapped(body, topic)
        assert means.records or means.issues or means.ignored or means.fetch
        webhook.identify({"webhook-id": "x" * 999}, body)


def test_every_leaf_of_every_sample_may_be_anything() -> None:
    odd: tuple[object, ...] = (None, [], {}, "", "x", -1, 1.5, 10**30, True)
    tried = 0
    for path in sorted(SAMPLES.glob("*.expected.json")):
        topic = json.loads(path.read_bytes())[0]["topics"][0]
        body = json.loads(path.with_name(path.name.replace(".expected", "")).read_bytes())
        for place in _places(body):
            for value in odd:
                means = mapped(_with(body, place, value), topic)
                assert means.records or means.issues or means.ignored or means.fetch
                tried += 1
    assert tried > 4_000


def _places(value: object, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [before] if before else []
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for name, child in items:
        found += _places(child, (*before, name))
    return found


def _with(body: object, place: tuple[str | int, ...], value: object) -> bytes:
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return json.dumps(copy).encode()


# -- door, line and stock ----------------------------------------------------------------------


def test_a_repeat_is_known_by_its_id_and_without_one_by_its_bytes() -> None:
    body = json.dumps(sample("hook_order")).encode()
    named = webhook.identify({"webhook-id": "msg_1"}, body)
    assert (named.external_id, named.topic) == ("msg_1", "store/order/updated")
    assert named.entity == "order/5101"
    assert named.raised_at == datetime.fromtimestamp(1775030340, UTC)
    bare = webhook.identify({}, body)
    assert bare.external_id.startswith("sha256:")
    assert bare == webhook.identify({}, body)


def test_instants_come_in_three_ways() -> None:
    assert instant_of("Wed, 04 Mar 2026 10:00:00 +0100") == datetime(2026, 3, 4, 9, tzinfo=UTC)
    assert instant_of("2026-03-04T10:00:00Z") == datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert of_seconds(10**30) is None
    assert of_seconds(None) is None
    for text in ("2026-03-04T10:00:00", "x" * 99, "Wed, 99 Mar 2026 10:00:00 +0000"):
        with pytest.raises(Unsound):
            instant_of(text)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (401, {}, AuthExpired),
        (403, {}, AuthExpired),
        (404, {}, Refused),
        (409, {}, Refused),
        (422, {}, Refused),
        (408, {}, Unavailable),
        (503, {}, Unavailable),
        (429, {}, RateLimited),
    ],
)
def test_statuses_are_judged(status: int, headers: dict[str, str], error: type[Exception]) -> None:
    for body in (b"", b"no", b'{"type": "/x"}'):
        with pytest.raises(error):
            api.judge(Reply(status=status, headers=headers, body=body))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-rate-limit-time-reset-ms": "2500"}, 2.5),
        ({"retry-after": "7", "x-rate-limit-time-reset-ms": "2500"}, 7),
        ({"x-rate-limit-time-reset-ms": "0"}, 30),
        ({"x-rate-limit-time-reset-ms": "soon"}, 30),
        ({"retry-after": "inf"}, 30),
        ({"retry-after": "99999999"}, 3600),
    ],
)
def test_a_spent_window_says_when_the_next_begins(headers: dict[str, str], wait_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=429, headers=headers, body=b""))
    assert caught.value.after_s == wait_s


def test_replies_that_are_none_are_told() -> None:
    page = Reply(status=200, headers={}, body=b"<html>")
    with pytest.raises(ContractBroken):
        api.checked(page)
    with pytest.raises(ContractBroken):
        pull.page("products", page)
    with pytest.raises(ContractBroken):
        pull.count("products", reply({"data": []}))
    assert api.budget(Reply(status=200, headers={}, body=b"")) is None
    assert api.checked(reply({"name": None}))["account"] == "BigCommerce"
    assert api.base_url({"store_hash": "abcd"}) == "https://api.bigcommerce.com/stores/abcd"


def test_an_order_of_many_taxes_and_many_shipments_is_read_to_its_end() -> None:
    fetch = Fetch(resource="orders", ref="7")
    full = reply([{"id": n} for n in range(whole.PAGE_SIZE)])
    step: Fetch | None = fetch
    for _ in range(4):
        assert step is not None
        step = pull.fetched(step, full).then
    assert step is not None
    assert "page=5" in pull.fetch_request(step).path
    with pytest.raises(Refused):
        pull.fetched(step, full)
    place = whole.Place(step="shipments", wanted=["refunds"])
    pieces, following = whole.fetched_order(place, full)
    assert (len(pieces), following and following.page) == (250, 2)
    nothing = Reply(status=204, headers={}, body=b"")
    pieces, following = whole.fetched_order(place, nothing)
    assert (pieces, following and following.step) == ((), "refunds")
    last = whole.Place(step="transactions")
    assert whole.fetched_order(last, nothing) == ((), None)


def test_pages_go_from_id_to_id_and_end() -> None:
    full = reply([{"id": n, "date_modified": "x"} for n in range(1, 251)])
    page = pull.page("orders", full)
    assert (page.next_cursor, page.latest_at) == ("251", None)
    assert pull.page("orders", reply([{"id": 3}])).next_cursor is None
    assert pull.page("orders", Reply(status=204, headers={}, body=b"")).pieces == ()
    more = {"data": [{"id": 9}], "meta": {"pagination": {"current_page": 1, "total_pages": 2}}}
    assert pull.page("products", reply(more)).next_cursor == "9"
    assert pull.page("customers", reply(more)).next_cursor == "2"
    assert pull.page("orders", reply([17])).pieces[0].body == b"17"
    for wrong in (Fetch(resource="orders", ref="x"), Fetch(resource="inventory_levels", ref="7")):
        with pytest.raises(InvariantBroken):
            pull.fetch_request(wrong)


def test_nothing_is_set_where_something_does_not_stand_as_believed() -> None:
    assert actions.next_request([INTENT], "k", [standing(available=4)]) is None
    (receipt,) = actions.receipts([INTENT], standing(available=4))
    assert (receipt.state, receipt.code, receipt.observed) == (
        ReceiptState.LATER,
        "compare_failed",
        4,
    )
    request = actions.next_request([INTENT], "k", [standing()])
    assert request is not None
    assert json.loads(request.body) == {
        "reason": "Trueup k",
        "items": [{"location_id": 1, "sku": "TEE", "quantity": 4}],
    }
    assert actions.next_request([INTENT], "k", [standing(), reply({})]) is None
    (done,) = actions.receipts([INTENT], reply({"transaction_id": "t1"}))
    assert (done.state, done.vendor_ref) == (ReceiptState.DONE, "t1")
    with pytest.raises(InvariantBroken):
        actions.read_request([])
