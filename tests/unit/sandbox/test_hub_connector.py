"""The hub's own Shopify connector against the sandbox: what it asks, it gets; what it reads, agrees."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.unit.sandbox.stage import TOKEN, available, item_gid, open_stage
from trueup.canon.order import Order
from trueup.connectors.shopify import actions, hooks, pull
from trueup.connectors.shopify.mapping import map_source
from trueup.contract.connector import Intent, Piece, ReceiptState, Reply, Request, Source
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.commands import Adjust
from trueup.sandbox.shopify.day import BusyDay, catalogue, steps
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.webhooks import Event

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def _send(sandbox: Sandbox, request: Request) -> Reply:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            return await client.request(
                request.method,
                f"http://sandbox/north/admin/api/2026-07{request.path}",
                content=request.body,
                headers=dict(request.headers) | TOKEN,
            )

    got = asyncio.run(go())
    headers = {name.lower(): value for name, value in got.headers.items()}
    return Reply(status=got.status_code, headers=headers, body=got.content)


def _mapped(piece: Piece) -> list[object]:
    mapped = map_source(Source(topic=piece.topic, body=piece.body, received_at=datetime.now(UTC)))
    assert mapped.issues == (), piece
    return list(mapped.records)


@pytest.fixture(scope="module")
def played() -> tuple[Sandbox, list[Event]]:
    """Return a shop after a busy day, with all it told."""
    sandbox, heard = Sandbox(), []
    settings = ShopSettings(handle="north", points_per_s=2000, budget_points=10**9)
    sandbox.open_shop(settings).sinks.append(heard.append)
    day = BusyDay(seed=11, shops=("north",), orders=120, stock_units=200)
    sandbox.seed(catalogue(day))
    at_s = 0.0
    for step in steps(day):
        sandbox.clock.advance(step.after_s - at_s)
        at_s = step.after_s
        sandbox.do(step.shop, step.command)
    return sandbox, heard


def _pages(sandbox: Sandbox, resource: str) -> Iterator[Piece]:
    cursor = None
    for _ in range(200):
        page = pull.page(resource, _send(sandbox, pull.page_request(resource, SINCE, cursor)))
        yield from page.pieces
        cursor = page.next_cursor
        if cursor is None:
            return
    pytest.fail("the walk does not end")


def test_pulled_orders_equal_those_told_by_webhook(played: tuple[Sandbox, list[Event]]) -> None:
    sandbox, heard = played
    told: dict[str, object] = {}
    for event in heard:
        for record in _mapped(Piece(topic=event.topic, body=event.body)):
            if isinstance(record, Order) and event.topic.startswith("orders/"):
                told[record.ref] = record
    pulled = [it for piece in _pages(sandbox, "orders") for it in _mapped(piece)]
    orders = {it.ref: it for it in pulled if isinstance(it, Order)}
    assert len(orders) == len(sandbox.shop("north").orders) > 100
    assert orders == told


@pytest.mark.parametrize(
    ("resource", "held"),
    [
        ("products", "products"),
        ("customers", "customers"),
        ("inventory_items", "items"),
        ("inventory_levels", "levels"),
        ("locations", "locations"),
    ],
)
def test_walk_reads_everything_once(
    played: tuple[Sandbox, list[Event]], resource: str, held: str
) -> None:
    sandbox, _ = played
    pieces = list(_pages(sandbox, resource))
    assert len(pieces) == len(getattr(sandbox.shop("north"), held))
    assert all(_mapped(piece) for piece in pieces)


def test_returns_are_read_through_their_orders(played: tuple[Sandbox, list[Event]]) -> None:
    sandbox, _ = played
    wanted = sum(len(order.returns) for order in sandbox.shop("north").orders.values())
    pieces = list(_pages(sandbox, "returns"))
    assert len(pieces) == wanted > 0
    assert all(_mapped(piece) for piece in pieces)


@pytest.mark.parametrize("resource", ["orders", "products", "customers"])
def test_counts_agree(played: tuple[Sandbox, list[Event]], resource: str) -> None:
    sandbox, _ = played
    request = pull.count_request(resource, SINCE)
    assert request is not None
    found = pull.count(resource, _send(sandbox, request))
    assert found == len(getattr(sandbox.shop("north"), resource))


@pytest.mark.parametrize(
    "resource", ["orders", "products", "customers", "inventory_items", "inventory_levels"]
)
def test_bulk_export_is_read_whole(played: tuple[Sandbox, list[Event]], resource: str) -> None:
    sandbox, _ = played
    started = pull.bulk_started(_send(sandbox, pull.bulk_request(resource, None)))
    sandbox.clock.advance(5)
    state = pull.bulk_state(_send(sandbox, pull.bulk_status_request(started)))
    assert state.state == "done"
    assert state.url is not None
    number = int(state.url.rpartition("/")[2].removesuffix(".jsonl"))
    file = sandbox.door("north").bulk_file(number).body
    pieces = list(pull.bulk_pieces(resource, file.splitlines()))
    shop = sandbox.shop("north")
    held = {"inventory_items": shop.items, "inventory_levels": shop.levels}
    assert len(pieces) == len(held.get(resource) or getattr(shop, resource))


def _intent(sandbox: Sandbox, value: int, expected: int) -> Intent:
    shop = sandbox.shop("north")
    target = {
        "item_ref": item_gid(shop, "TEE").rpartition("/")[2],
        "location_ref": str(next(iter(shop.locations))),
    }
    return Intent(kind="stock.set", key="TEE", value=value, expected=expected, target=target)


def test_stock_set_lands_and_a_second_writer_is_noticed() -> None:
    sandbox = open_stage()
    first = _intent(sandbox, 3, expected=5)
    done = actions.receipts([first], _send(sandbox, actions.request([first], "k1")))
    assert [it.state for it in done] == [ReceiptState.DONE]
    assert available(sandbox) == 3

    sandbox.do("north", Adjust(sku="TEE", delta=4, physical=False))
    second = _intent(sandbox, 2, expected=3)
    late = actions.receipts([second], _send(sandbox, actions.request([second], "k2")))
    assert [(it.state, it.code) for it in late] == [(ReceiptState.LATER, "compare_failed")]
    assert available(sandbox) == 7


def test_hooks_are_made_listed_and_removed() -> None:
    sandbox = open_stage()
    for topic in ("orders/create", "order_transactions/create", "inventory_levels/update"):
        reply = _send(sandbox, hooks.create_request(topic, "https://hub.example/hooks/1"))
        assert hooks.created(reply).topic == topic
    found, cursor = hooks.listed(_send(sandbox, hooks.list_request(None)))
    assert (len(found), cursor) == (3, None)
    _send(sandbox, hooks.delete_request(found[0]))
    assert len(sandbox.shop("north").desk.subscriptions) == 2
