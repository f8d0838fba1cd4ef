"""One order told twice: by the shop's webhooks and by its API; both must mean the same."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from tests.unit.sandbox.stage import TOKEN, buy, open_stage
from trueup.canon.record import Record, encode
from trueup.canon.refund import Refund
from trueup.connectors.shopify import actions, api, hooks, pull
from trueup.connectors.shopify.mapping import map_source
from trueup.connectors.shopify.webhook import identify
from trueup.contract.connector import (
    Fetch,
    Intent,
    Mapped,
    Piece,
    ReceiptState,
    Reply,
    Request,
    Source,
)
from trueup.errors import InvariantBroken
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands
from trueup.sandbox.shopify.bodies_after import fulfillment_body, refund_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.checkout import CartLine

NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)
BASE = "http://sandbox/north/admin/api/2026-07"

CARTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "two lines": {"lines": [CartLine(sku="TEE", quantity=2), CartLine(sku="MUG")]},
    "code": {"code": "TEN", "tags": ("vip", "b2b"), "note": "ring twice"},
    "line discount": {"lines": [CartLine(sku="TEE", quantity=2, discount="3.00")]},
    "tax included": {"taxes_included": True, "tax_rate": "0.20"},
    "tax on top": {"taxes_included": False, "tax_rate": "0.20"},
    "tip": {"tip": "4.00"},
    "gift card": {"gift_card": "10.00"},
    "duty": {"lines": [CartLine(sku="TEE", duty="1.50")]},
    "bundle": {
        "lines": [CartLine(sku="TEE", bundle="Set"), CartLine(sku="MUG", bundle="Set", quantity=2)]
    },
    "no sku": {"lines": [CartLine(title="Engraving", price="7.00")]},
    "pos": {"channel": "pos", "shipping": None},
    "draft": {"channel": "shopify_draft_order", "payment": "pending"},
    "test": {"test": True},
    "authorised": {"payment": "authorized"},
    "foreign": {"presentment_currency": "EUR", "presentment_rate": "0.9"},
}


def send(sandbox: Sandbox, request: Request) -> Reply:
    """Carry one request of the connector to the sandbox."""

    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            url = request.path if request.path.startswith("http") else BASE + request.path
            headers = dict(request.headers) | TOKEN
            return await client.request(request.method, url, content=request.body, headers=headers)

    response = asyncio.run(go())
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, body=response.content)


def ask(sandbox: Sandbox, request: Request) -> Reply:
    reply = send(sandbox, request)
    api.judge(reply)
    return reply


def mean(piece: Piece) -> Mapped:
    found = identify({"x-shopify-topic": piece.topic}, piece.body)
    mapped = map_source(Source(topic=piece.topic, body=piece.body, received_at=NOW))
    assert {record.entity() for record in mapped.records} <= {found.entity}
    return mapped


def by_webhook(sandbox: Sandbox, order_id: int) -> Mapped:
    shop = sandbox.shop("north")
    body = msgspec.json.encode(order_body(shop, shop.orders[order_id]))
    return mean(Piece(topic="orders/updated", body=body))


def by_api(sandbox: Sandbox, order_id: int) -> Mapped:
    fetch = Fetch(resource="orders", ref=str(order_id))
    (piece,) = pull.fetched(fetch, ask(sandbox, pull.fetch_request(fetch))).pieces
    return mean(piece)


def told(records: tuple[Record, ...], *kinds: str) -> dict[tuple[str, str], bytes]:
    return {(r.kind, r.ref): encode(r) for r in records if r.kind in kinds}


def assert_same(sandbox: Sandbox, order_id: int, kinds: tuple[str, ...]) -> Mapped:
    hooked, pulled = by_webhook(sandbox, order_id), by_api(sandbox, order_id)
    assert told(hooked.records, *kinds) == told(pulled.records, *kinds)
    assert (*hooked.issues, *pulled.issues) == ()
    return pulled


@pytest.mark.parametrize("name", CARTS)
def test_an_order_is_the_same_by_webhook_and_by_pull(name: str) -> None:
    sandbox = open_stage()
    sold = buy(sandbox, **CARTS[name])
    assert_same(sandbox, sold.order_id, ("order",))


def test_parcels_and_refunds_inside_an_order_are_the_same_by_both_ways() -> None:
    sandbox = open_stage()
    sold = buy(sandbox, lines=[CartLine(sku="TEE", quantity=3), CartLine(sku="MUG")])
    for command in (
        commands.Fulfil(order=sold.order, units={"TEE": 1}),
        commands.Refund(order=sold.order, units={"TEE": 1}, restock_type="return"),
        commands.Refund(order=sold.order, units={"MUG": 1}, restock_type="cancel", shipping=True),
        commands.Deliver(order=sold.order),
        commands.Edit(order=sold.order, changes={"TEE": 1}),
    ):
        assert sandbox.do("north", command).status == "done"
    pulled = assert_same(sandbox, sold.order_id, ("order", "shipment", "refund"))
    kinds = [record.kind for record in pulled.records]
    assert (kinds.count("shipment"), kinds.count("refund")) == (1, 2)
    shop = sandbox.shop("north")
    order = shop.orders[sold.order_id]
    alone = [refund_body(shop, order, each) for each in order.refunds]
    bodies = [("refunds/create", body) for body in alone]
    bodies += [
        ("fulfillments/update", fulfillment_body(shop, order, f)) for f in order.fulfillments
    ]
    inside = told(pulled.records, "refund", "shipment")
    for topic, body in bodies:
        mapped = mean(Piece(topic=topic, body=msgspec.json.encode(body)))
        record = mapped.records[0]
        assert inside[record.kind, record.ref] == encode(record)


def test_pages_hold_every_order_and_the_count_agrees() -> None:
    sandbox = open_stage(available=50)
    ids = {str(buy(sandbox).order_id) for _ in range(12)}
    seen: set[str] = set()
    cursor = None
    for _ in range(10):
        page = pull.page("orders", ask(sandbox, pull.page_request("orders", None, cursor)))
        seen |= {mean(piece).records[0].ref for piece in page.pieces}
        assert page.latest_at is not None
        if (cursor := page.next_cursor) is None:
            break
    assert ids == seen
    request = pull.count_request("orders", None)
    assert request is not None
    assert len(ids) == pull.count("orders", ask(sandbox, request))


@pytest.mark.parametrize(
    "resource", ["products", "customers", "inventory_items", "inventory_levels", "locations"]
)
def test_other_resources_come_page_by_page(resource: str) -> None:
    sandbox = open_stage()
    buy(sandbox)
    kinds: list[str] = []
    cursor = None
    for _ in range(10):
        page = pull.page(resource, ask(sandbox, pull.page_request(resource, None, cursor)))
        mapped = [mean(piece) for piece in page.pieces]
        assert not [issue for m in mapped for issue in m.issues]
        kinds += [record.kind for m in mapped for record in m.records]
        if (cursor := page.next_cursor) is None:
            break
    else:
        pytest.fail("the walk has no end")
    assert kinds
    assert set(kinds) == {resource.removesuffix("s")}


def test_a_return_is_read_from_the_api() -> None:
    sandbox = open_stage()
    sold = buy(sandbox, quantity=2)
    sandbox.do("north", commands.Fulfil(order=sold.order))
    sandbox.do("north", commands.OpenReturn(order=sold.order, units={"TEE": 1}))
    sandbox.do("north", commands.CloseReturn(order=sold.order))
    page = pull.page("returns", ask(sandbox, pull.page_request("returns", None, None)))
    (piece,) = page.pieces
    (record,) = mean(piece).records
    fetch = Fetch(resource="returns", ref=record.ref)
    (alone,) = pull.fetched(fetch, ask(sandbox, pull.fetch_request(fetch))).pieces
    assert encode(record) == encode(mean(alone).records[0])
    assert record.order_ref == str(sold.order_id)


@pytest.mark.parametrize(
    "resource", ["orders", "products", "customers", "inventory_items", "inventory_levels"]
)
def test_a_bulk_export_holds_the_same_records_as_the_pages(resource: str) -> None:
    sandbox = open_stage()
    buy(sandbox, lines=[CartLine(sku="TEE", quantity=2), CartLine(sku="MUG")], code="TEN")
    bulk_ref = pull.bulk_started(ask(sandbox, pull.bulk_request(resource, None)))
    for _ in range(10):
        sandbox.shop("north").clock.advance(seconds=60)  # type: ignore[attr-defined]
        state = pull.bulk_state(ask(sandbox, pull.bulk_status_request(bulk_ref)))
        if state.state != "running":
            break
    assert (state.state, state.url is not None) == ("done", True)
    path = str(state.url)
    reply = send(sandbox, Request(method="GET", path=_local(path)))
    pieces = list(pull.bulk_pieces(resource, reply.body.splitlines(keepends=True)))
    page = pull.page(resource, ask(sandbox, pull.page_request(resource, None, None)))
    kind = resource.removesuffix("s")
    exported = told(tuple(r for p in pieces for r in mean(p).records), kind)
    paged = told(tuple(r for p in page.pieces for r in mean(p).records), kind)
    assert paged == exported
    assert exported


def _local(url: str) -> str:
    """The sandbox hands out addresses of its own host; its transport serves them."""
    return url


def test_stock_is_set_once_compared_and_read_back() -> None:
    sandbox = open_stage(available=5)
    shop = sandbox.shop("north")
    target = {
        "item_ref": str(shop.by_sku["TEE"].item.id),
        "location_ref": str(next(iter(shop.locations))),
    }
    right = Intent(kind="stock.set", key="TEE", value=3, expected=5, target=target)
    (receipt,) = actions.receipts([right], ask(sandbox, actions.request([right], "key-1")))
    assert (receipt.state, receipt.observed) == (ReceiptState.DONE, 3)
    assert list(actions.read([right], ask(sandbox, actions.read_request([right])))) == [3]
    again = actions.receipts([right], ask(sandbox, actions.request([right], "key-1")))
    assert again[0].state == ReceiptState.DONE
    stale = msgspec.structs.replace(right, value=9)
    (late,) = actions.receipts([stale], ask(sandbox, actions.request([stale], "key-2")))
    assert (late.state, late.code, late.again_now) == (ReceiptState.LATER, "compare_failed", True)
    assert list(actions.read([stale], ask(sandbox, actions.read_request([stale])))) == [3]
    gone = msgspec.structs.replace(right, target={"item_ref": "1", "location_ref": "1"})
    assert list(actions.read([gone], ask(sandbox, actions.read_request([gone])))) == [None]


def test_a_number_that_never_holds_still_is_lowered_once_by_what_is_too_much() -> None:
    """Nine stand there and six shall; two more are bought while the call is on its way."""
    sandbox = open_stage(available=9)
    shop = sandbox.shop("north")
    target = {
        "item_ref": str(shop.by_sku["TEE"].item.id),
        "location_ref": str(next(iter(shop.locations))),
    }
    lower = Intent(kind="stock.set", key="TEE", value=6, expected=9, target=target, lowers=True)
    sandbox.do("north", commands.Adjust(sku="TEE", delta=-2, physical=False))
    for _ in range(2):  # the same call again is the same call
        (receipt,) = actions.receipts([lower], ask(sandbox, actions.request([lower], "key-1")))
        assert receipt.state == ReceiptState.DONE
    assert list(actions.read([lower], ask(sandbox, actions.read_request([lower])))) == [4]
    gone = msgspec.structs.replace(lower, target={"item_ref": "1", "location_ref": "1"})
    (refused,) = actions.receipts([gone], ask(sandbox, actions.request([gone], "key-2")))
    assert refused.state is ReceiptState.REFUSED
    with pytest.raises(InvariantBroken):
        actions.request([msgspec.structs.replace(lower, value=10)], "key-3")


def test_hooks_are_made_listed_and_removed() -> None:
    sandbox = open_stage()
    url = "https://hub.example/hooks/north"
    hook = hooks.created(ask(sandbox, hooks.create_request("inventory_levels/update", url)))
    found, cursor = hooks.listed(ask(sandbox, hooks.list_request(None)))
    assert ((hook,), None) == (found, cursor)
    assert ("inventory_levels/update", url) == (hook.topic, hook.url)
    ask(sandbox, hooks.delete_request(hook))
    assert hooks.listed(ask(sandbox, hooks.list_request(None))) == ((), None)


def test_the_check_learns_the_account_its_currency_and_what_scopes_lack() -> None:
    sandbox = open_stage()
    reply = ask(sandbox, api.check_request())
    learnt = api.checked(reply)
    assert sandbox.shop("north").domain == learnt["domain"]
    assert learnt["missing_scopes"] == ""
    budget = api.budget(reply)
    assert budget is not None
    assert budget.capacity >= budget.available > 0


def test_a_refund_in_the_customers_currency_is_asked_for_with_both() -> None:
    """A webhook tells what went back in the customer's currency only; the API tells both."""
    sandbox = open_stage()
    sold = buy(sandbox, presentment_currency="EUR", presentment_rate="0.9")
    sandbox.do("north", commands.Refund(order=sold.order, units={"TEE": 1}))
    hooked, pulled = by_webhook(sandbox, sold.order_id), by_api(sandbox, sold.order_id)
    assert told(hooked.records, "order") == told(pulled.records, "order")
    if told(hooked.records, "refund"):
        assert told(hooked.records, "refund") == told(pulled.records, "refund")
    else:
        assert hooked.fetch == (Fetch(resource="orders", ref=str(sold.order_id)),)
    refunds = [record for record in pulled.records if isinstance(record, Refund)]
    assert refunds[0].refunded is not None
    assert refunds[0].refunded.presented is not None
