"""WooCommerce's reference: its sample bodies mean something, and our calls are calls it describes."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.woocommerce_docs import bodies, described, problems
from trueup.canon.command import (
    CancelOrder,
    CommandContent,
    CreateDiscount,
    HoldOrder,
    PublishListing,
    TagOrder,
)
from trueup.canon.order import Order
from trueup.connectors.woocommerce import actions, api, commands, hooks, pull
from trueup.contract.connector import (
    Command,
    Fetch,
    Hook,
    Intent,
    Page,
    Piece,
    Reply,
    Request,
    Source,
)
from trueup.contract.loader import find_connectors
from trueup.kernel.money import Money

pytestmark = pytest.mark.shared
FOLDER = find_connectors()["woocommerce"]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
# Not in the reference: the stock report stands in WooCommerce's own source alone.
BESIDE_THE_REFERENCE = {"no call GET /wc-analytics/reports/stock"}
PAGES = {
    "orders": ("order.updated", "pull/order"),
    "products": ("product.updated", "pull/product"),
    "product-variations": ("product.updated",),
    "customers": ("customer.updated", "pull/customer"),
    "coupons": ("coupon.updated",),
}


def pieces() -> list[Piece]:
    found = [
        Piece(topic=topic, body=json.dumps(body).encode())
        for page, topics in PAGES.items()
        for body in bodies(page)
        for topic in topics
    ]
    parent = next(body for body in bodies("products") if body["type"] == "variable")
    whole = {"product": parent, "variations": list(bodies("product-variations"))}
    found.append(Piece(topic="fetch/product", body=json.dumps(whole).encode()))
    return found + [piece for page in refunds() for piece in page.pieces]


def refunds() -> list[Page]:
    order = next(body for body in bodies("orders") if body["refunds"] == [])
    fetch = Fetch(resource="order_refunds", ref="723")
    first = pull.fetched(fetch, _reply(order))
    assert first.then is not None
    return [pull.fetched(first.then, _reply([body])) for body in bodies("order-refunds")]


def _reply(body: object) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps(body).encode())


def test_every_sample_means_something(capsys: pytest.CaptureFixture[str]) -> None:
    """Print the table: bodies, mapped, fetched, ignored, issues by code, unhandled (0)."""
    counts: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    unhandled = []
    for piece in pieces():
        source = Source(topic=piece.topic, body=piece.body, received_at=NOW)
        means = FOLDER.mapping.map_source(source)
        entity = FOLDER.webhook.identify_piece(piece).entity
        assert all(record.entity() == entity for record in means.records)
        issues.update(issue.code for issue in means.issues)
        counts["bodies"] += 1
        counts["mapped"] += bool(means.records)
        counts["read again"] += bool(means.fetch and not means.records)
        counts["ignored"] += means.ignored is not None
        if not (means.records or means.issues or means.fetch or means.ignored):
            unhandled.append(piece.topic)
    with capsys.disabled():
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        codes = ", ".join(f"{code} {count}" for code, count in sorted(issues.items())) or "none"
        print(f"\nwoocommerce: {told}, issues: {codes}, unhandled {len(unhandled)}")
    assert not unhandled
    assert set(issues) == {"woocommerce.field_invalid", "woocommerce.restock_untold"}


def test_the_orders_of_the_reference_add_up_to_the_cent() -> None:
    for body in bodies("orders"):
        source = Source(topic="pull/order", body=json.dumps(body).encode(), received_at=NOW)
        means = FOLDER.mapping.map_source(source)
        assert [i.code for i in means.issues if i.code.startswith("order.")] == [], body["id"]
        (order,) = [record for record in means.records if isinstance(record, Order)]
        assert str(order.totals.total.amount) == body["total"]
        nets = [
            line.price.amount * line.quantity - (line.discount.amount if line.discount else 0)
            for line in order.lines
        ]
        assert [str(net.quantize(order.totals.total.amount)) for net in nets] == [
            line["total"] for line in body["line_items"]
        ]


def _intent(product: str, item: str) -> Intent:
    target = {"sku": "A", "item_ref": item, "variant_ref": item, "product_ref": product}
    return Intent(kind="stock.set", key="A", value=3, expected=5, target=target)


def requests() -> list[Request]:
    """Give every call that the connector can make."""
    found = [api.check_request(), hooks.list_request(None), hooks.list_request("2")]
    found.append(hooks.create_request("order.updated", "https://hub.example/hooks/a"))
    found.append(hooks.delete_request(Hook(ref="1", topic="order.updated", url="")))
    for name in (resource.resource for resource in FOLDER.manifest.pull):
        for since, cursor in ((None, None), (NOW, None), (NOW, "3")):
            found.append(pull.page_request(name, since, cursor))
        count = pull.count_request(name, NOW)
        assert count is not None
        found.append(count)
    for resource, reply in _HOPS.items():
        fetch = Fetch(resource=resource, ref="61")
        found.append(pull.fetch_request(fetch))
        then = pull.fetched(fetch, _reply(reply)).then
        found += [pull.fetch_request(then)] if then else []
    for intent in (_intent("61", "61"), _intent("61", "62")):
        reading = actions.request([intent], "k")
        stock = {"id": int(intent.target["item_ref"]), "manage_stock": True, "stock_quantity": 5}
        writing = actions.next_request([intent], "k", [_reply([stock])])
        assert writing is not None
        found += [reading, writing]
    return found + commanded()


def commanded() -> list[Request]:
    """Give every call that commands make."""
    codes = {"code": "SORRY-1", "starts_at": NOW, "ends_at": NOW + timedelta(days=9)}
    contents: list[tuple[CommandContent, list[Any]]] = [
        (HoldOrder(order_ref="7"), [{"id": 7, "status": "processing"}]),
        (CancelOrder(order_ref="7"), [{"id": 7, "status": "processing"}]),
        (TagOrder(order_ref="7", added=("late",)), [{"id": 7, "status": "completed"}]),
        (PublishListing(product_ref="7", published=True), [{"id": 7, "status": "draft"}]),
        (CreateDiscount(percent=5, **codes), [[]]),
        (
            CreateDiscount(amount=Money(Decimal(5), "EUR"), email="rui@example.pt", **codes),
            [{"code": "EUR"}, []],
        ),
    ]
    found = []
    for content, replies in contents:
        command = Command(kind=content.command, key="k", ref="r", content=content, wanted_at=NOW)
        found.append(commands.command_request(command, "k"))
        for number in range(len(replies)):
            so_far = [_reply(body) for body in replies[: number + 1]]
            following = commands.next_request(command, "k", so_far)
            assert following is not None
            found.append(following)
    return found


_HOPS: dict[str, Any] = {
    "orders": {},
    "products": {"id": 61, "variations": [62]},
    "order_refunds": {"currency": "EUR", "line_items": []},
}


def test_every_call_is_one_that_the_reference_describes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = described()
    assert len(calls) > 100
    found = {problem for request in requests() for problem in problems(calls, request)}
    with capsys.disabled():
        print(f"\nwoocommerce: {len(requests())} calls, beside the reference: {sorted(found)}")
    assert found == BESIDE_THE_REFERENCE


def test_the_fields_that_are_written_are_fields_of_the_reference() -> None:
    for request in requests():
        if request.method != "POST" or "batch" not in request.path:
            continue
        (update,) = json.loads(request.body)["update"]
        page = "product-variations" if "variations" in request.path else "products"
        assert update.keys() <= next(iter(bodies(page))).keys()


def test_what_commands_write_are_fields_of_the_reference() -> None:
    written = [each for each in commanded() if each.writes]
    assert len(written) == 6
    for request in written:
        page = request.path.split("/")[3].partition("?")[0]
        assert json.loads(request.body).keys() <= next(iter(bodies(page))).keys()


def test_a_call_beside_the_reference_is_seen() -> None:
    calls = described()
    wrong = Request(method="GET", path="/wc/v3/orders?modified_since=1&orderby=rank")
    assert problems(calls, wrong) == [
        "no parameter modified_since",
        f"orderby is rank, and not one of {['date', 'id', 'include', 'slug', 'title']}",
    ]
    assert problems(calls, Request(method="PATCH", path="/wc/v3/orders")) != []
