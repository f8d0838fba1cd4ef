"""Orders: money to the last digit, statuses, guests, and bodies that nobody should send."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trueup.canon.order import Order, PaymentStatus
from trueup.connectors import woocommerce
from trueup.connectors.woocommerce import mapping, webhook
from trueup.contract.amount import unit_price
from trueup.contract.connector import Mapped, Piece, Source
from trueup.quality.hostile import HOSTILE_BODIES

SAMPLES = Path(woocommerce.__file__).parent / "samples"
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_bytes())
    return body


def mapped(body: object, topic: str = "pull/order") -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=raw, received_at=NOW))


def order_of(body: object) -> Order:
    order = mapped(body).records[0]
    assert isinstance(order, Order)
    return order


def line(units: int, subtotal: str, total: str | None = None) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "x",
        "quantity": units,
        "subtotal": subtotal,
        "total": total or subtotal,
    }


def bare(**fields: object) -> dict[str, Any]:
    return {
        "id": 1,
        "status": "processing",
        "currency": "EUR",
        "date_created_gmt": "2026-03-01T00:00:00",
        "total": "0",
        "line_items": [],
        **fields,
    }


@pytest.mark.parametrize(
    ("goods", "units"), [("10", 3), ("0.01", 7), ("99999999.99", 997), ("5", 0), ("12", 4)]
)
def test_a_line_stays_exact_however_its_goods_divide(goods: str, units: int) -> None:
    order = order_of(bare(line_items=[line(units, goods)], total=goods))
    (each,) = order.lines
    off = each.discount.amount if each.discount else Decimal(0)
    assert off >= 0
    if units:
        assert each.price.amount * units - off == Decimal(goods)
        assert off < Decimal("0.00001")
    assert unit_price(Decimal(goods), units) * max(units, 1) >= Decimal(goods)


def test_a_currency_without_decimals_and_one_with_three() -> None:
    yen = order_of(bare(currency="JPY", total="1100", line_items=[line(2, "1100")]))
    assert str(yen.totals.total.amount) == "1100"
    dinar = order_of(bare(currency="KWD", total="1.100", line_items=[line(1, "1.1")]))
    assert str(dinar.totals.total.amount) == "1.100"
    assert mapped(bare(currency="JPY", total="1101", line_items=[line(2, "1100")])).issues != ()


def test_a_difference_of_one_cent_is_told_and_a_sum_of_unrounded_parts_is_none() -> None:
    thirds = [line(1, "8.333333") | {"id": n} for n in (1, 2, 3)]
    taxes = [{"rate_id": 1, "tax_total": "5.000001", "shipping_tax_total": "0"}]
    good = bare(total="30.00", total_tax="5.00", line_items=thirds, tax_lines=taxes)
    assert mapped(good).issues == ()
    (issue,) = mapped(good | {"total": "30.01"}).issues
    assert issue.code == "order.total_mismatch"
    assert "0.01 EUR" in issue.found
    (issue,) = mapped(good | {"total_tax": "5.02", "total": "30.02"}).issues
    assert issue.code == "order.tax_mismatch"


@pytest.mark.parametrize(
    ("status", "paid", "refunds", "wanted"),
    [
        ("pending", None, [], PaymentStatus.PENDING),
        ("on-hold", None, [], PaymentStatus.PENDING),
        ("failed", None, [], PaymentStatus.PENDING),
        ("cancelled", None, [], PaymentStatus.VOIDED),
        ("processing", "2026-03-01T00:00:00", [], PaymentStatus.PAID),
        ("processing", None, [], PaymentStatus.PENDING),  # cash on delivery
        ("completed", "2026-03-01T00:00:00", ["-1.00"], PaymentStatus.PARTLY_REFUNDED),
        ("completed", "2026-03-01T00:00:00", ["-4.00", "-6.00"], PaymentStatus.REFUNDED),
        ("refunded", None, [], PaymentStatus.REFUNDED),
        ("packed", "2026-03-01T00:00:00", [], PaymentStatus.UNKNOWN),
    ],
)
def test_payment_follows_dates_and_refunds(
    status: str, paid: str | None, refunds: list[str], wanted: PaymentStatus
) -> None:
    heads = [{"id": n, "total": total} for n, total in enumerate(refunds, 1)]
    body = bare(
        status=status,
        date_paid_gmt=paid,
        refunds=heads,
        total="10.00",
        line_items=[line(1, "10.00")],
    )
    order = order_of(body)
    assert order.payment_status is wanted
    assert (order.cancelled_at is not None) is (status in {"failed", "cancelled"})
    unknown = "woocommerce.order_status_unknown"
    assert (unknown in {i.code for i in mapped(body).issues}) is (status == "packed")


def test_a_guest_is_no_customer_and_a_draft_is_no_order() -> None:
    assert order_of(sample("order_refunded")).customer_ref is None
    assert order_of(sample("order")).customer_ref == "17"
    for status in ("checkout-draft", "auto-draft"):
        means = mapped(bare(status=status), "order.created")
        assert (means.records, means.issues) == ((), ())
        assert means.ignored is not None
    assert order_of(bare(status="trash")).deleted


def test_nothing_of_meta_data_is_kept() -> None:
    text = repr(mapped(sample("order")))
    assert "FR00" not in text
    assert "vat_number" not in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total": "NaN"}, "woocommerce.field_invalid"),
        ({"total": "1e400"}, "woocommerce.field_invalid"),
        ({"total": ""}, "woocommerce.field_invalid"),
        ({"total": "12,50"}, "woocommerce.field_invalid"),
        ({"currency": "euro"}, "woocommerce.field_invalid"),
        ({"line_items": None}, "woocommerce.field_invalid"),
        ({"line_items": [line(1, "1") | {"quantity": 1.5}]}, "woocommerce.field_invalid"),
        ({"line_items": [line(1, "1") | {"quantity": -1}]}, "woocommerce.field_invalid"),
        ({"date_created_gmt": "yesterday"}, "woocommerce.field_invalid"),
        ({"date_created_gmt": None}, "woocommerce.field_invalid"),
        ({"id": "x"}, "woocommerce.field_invalid"),
        ({"customer_note": "a\x00b"}, "woocommerce.body_malformed"),
    ],
)
def test_what_can_not_be_kept_is_parked_with_its_reason(
    change: dict[str, object], code: str
) -> None:
    means = mapped(bare() | change)
    assert means.records == ()
    assert [issue.code for issue in means.issues] == [code]


TOPICS = (
    *("order.updated", "order.deleted", "pull/order", "fetch/refund", "fetch/product"),
    *("product.updated", "customer.updated", "pull/inventory_level", "action.x", ""),
)


@pytest.mark.parametrize("topic", TOPICS)
def test_hostile_bodies_end_in_a_reason(topic: str) -> None:
    for body in HOSTILE_BODIES.values():
        means = mapped(body, topic)
        assert means.records or means.issues or means.ignored or means.fetch
        webhook.identify({"x-wc-webhook-topic": topic}, body)


def test_every_leaf_of_every_sample_may_be_anything() -> None:
    odd: tuple[object, ...] = (None, [], {}, "", "x", -1, 1.5, 10**30, True, "\ud800")
    tried = 0
    for path in sorted(SAMPLES.glob("*.json")):
        if path.name.endswith(".expected.json"):
            continue
        topics = [
            t
            for e in json.loads(path.with_suffix(".expected.json").read_bytes())
            for t in e["topics"]
        ]
        body = json.loads(path.read_bytes())
        for place in list(_places(body)):
            for value in odd:
                means = mapped(_with(body, place, value), topics[0])
                assert means.records or means.issues or means.ignored or means.fetch
                tried += 1
    assert tried > 3_000


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


def test_a_repeat_is_one_event_whatever_its_delivery_id_and_a_change_is_another() -> None:
    body = json.dumps(sample("order")).encode()
    headers = {"x-wc-webhook-topic": "order.updated"}
    first = webhook.identify(headers | {"x-wc-webhook-delivery-id": "a"}, body)
    again = webhook.identify(headers | {"x-wc-webhook-delivery-id": "b"}, body)
    assert first == again
    assert first.entity == "order/4101"
    assert first.occurred_at == datetime(2026, 3, 2, 9, 16, 30, tzinfo=UTC)
    same_second = body.replace(b'"processing"', b'"completed"')
    assert webhook.identify(headers, same_second).external_id != first.external_id
    other = webhook.identify({"x-wc-webhook-topic": "order.created"}, body)
    assert other.external_id != first.external_id
    assert webhook.identify_piece(Piece(topic="order.updated", body=body)) == first
