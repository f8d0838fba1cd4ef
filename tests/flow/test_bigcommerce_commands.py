"""Goal: what a rule wants of an order at BigCommerce stands there once, whatever breaks between.

Method: the hub's own commander against a simulated store over sockets; what stands is read off the
store's own books.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.brand import Brand, open_brand
from trueup.canon.command import CancelOrder, CommandContent, HoldOrder, ReleaseOrder, TagOrder
from trueup.contract.loader import find_connectors
from trueup.outbox.command import list_commands
from trueup.sandbox.bigcommerce.model import Order
from trueup.sandbox.bigcommerce.store import STORE_HASH, TOKEN
from trueup.sandbox.bigcommerce.vendor import BigCommerce
from trueup.sandbox.faults import ApiFault, ApiFaultKind

pytestmark = pytest.mark.anyio
CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]
NAME = "bigcommerce"


@asynccontextmanager
async def store_of(url: str) -> AsyncIterator[tuple[Brand, BigCommerce]]:
    async with open_brand(url) as brand:
        store = BigCommerce(brand.clock)
        store.add_product("KETTLE", stock=10)
        settings = {"store_hash": STORE_HASH, "call_timeout_s": "0.3"}
        await brand.connect(NAME, store, settings=settings, secrets={"access_token": TOKEN})
        yield brand, store


async def carried(brand: Brand, ref: str, content: CommandContent) -> tuple[str, str | None]:
    """Order a command and carry it out until its end; returns its state and code."""
    await brand.order(NAME, ref, content)
    state = await brand.settle(NAME, ref)
    (row,) = await list_commands(brand.conn, ref=ref)
    return state, row["code"]


def standing(order: Order) -> tuple[int, dict[str, Any]]:
    """Return an order's status, and what we keep of it."""
    [kept] = [json.loads(each["value"]) for each in order.fields] or [{}]
    return order.status_id, kept


def units(store: BigCommerce) -> int:
    return store.by_sku("KETTLE").available(1)


@pytest.mark.parametrize("before", [1, 11])
async def test_an_order_goes_back_to_what_it_was(database_url: str, before: int) -> None:
    async with store_of(database_url) as (brand, store):
        order = store.order({"KETTLE": 1}, status_id=before)
        ref = str(order.id)
        for number, name in enumerate(("fraud", "fraud", "address")):
            hold = HoldOrder(order_ref=ref, name=name)
            assert (await carried(brand, f"h{number}", hold))[0] == "done"
        assert standing(order) == (12, {"holds": ["fraud", "address"], "held_from": before})
        assert (await carried(brand, "r1", ReleaseOrder(order_ref=ref, name="fraud")))[0] == "done"
        assert standing(order) == (12, {"holds": ["address"], "held_from": before})
        for number in range(2):
            release = ReleaseOrder(order_ref=ref, name="address")
            assert (await carried(brand, f"r2{number}", release))[0] == "done"
        assert standing(order) == (before, {})
        assert store.worked("orders") == 6, "what stands already is not written again"


@pytest.mark.parametrize("kind", CUTS)
async def test_a_cut_line_ends_in_one_of_each(database_url: str, kind: ApiFaultKind) -> None:
    async with store_of(database_url) as (brand, store):
        order = store.order({"KETTLE": 3})
        ref = str(order.id)
        contents = (
            HoldOrder(order_ref=ref),
            TagOrder(order_ref=ref, added=("late", "vip"), removed=("new",)),
            ReleaseOrder(order_ref=ref),
            CancelOrder(order_ref=ref, refund=False),
        )
        for content in contents:
            store.strike(ApiFault(kind=kind, next_calls=1, operation="orders"))
            assert (await carried(brand, content.command, content))[0] == "done"
        assert standing(order) == (5, {"tags": ["late", "vip"], "cancelled_by": "order.cancel"})
        assert units(store) == 10
        again = await carried(brand, "other", contents[-1])
        assert again == ("refused", "cancelled_by_others"), "it was another command"


async def test_a_process_that_dies_between_the_mark_and_the_status_goes_on(
    database_url: str,
) -> None:
    async with store_of(database_url) as (brand, store):
        order = store.order({"KETTLE": 1})
        await brand.order(NAME, "hold", HoldOrder(order_ref=str(order.id)))
        room = find_connectors()[NAME].commands
        async with brand.commander(NAME) as first:
            claimed = await first._claim()
            assert claimed is not None
            assert claimed.command is not None
            replies = [await first._caller.send(room.command_request(claimed.command, "k"))]
            for _ in range(2):
                step = room.next_request(claimed.command, "k", replies)
                assert step is not None
                replies.append(await first._caller.send(step))
        assert standing(order) == (11, {"holds": ["trueup"], "held_from": 11})
        assert await brand.settle(NAME, "hold") == "done"
        assert standing(order) == (12, {"holds": ["trueup"], "held_from": 11})
        assert store.worked("orders") == 2


async def test_what_bigcommerce_can_not_do_is_refused_in_words(database_url: str) -> None:
    async with store_of(database_url) as (brand, store):
        paid, sent = store.order({"KETTLE": 1}), store.order({"KETTLE": 1}, status_id=2)
        unpaid = store.order({"KETTLE": 1}, status_id=7)
        offline = store.order({"KETTLE": 1})
        unpaid.payment_status, offline.payment_status = "", ""
        for number, (content, code) in enumerate(
            (
                (CancelOrder(order_ref=str(paid.id)), "refund_apart"),
                (CancelOrder(order_ref=str(offline.id)), "refund_apart"),
                (CancelOrder(order_ref=str(paid.id), restock=False), "connector.refused"),
                (CancelOrder(order_ref=str(sent.id), refund=False), "invalid"),
                (HoldOrder(order_ref=str(sent.id)), "nothing_to_hold"),
                (HoldOrder(order_ref="404"), "connector.refused"),
                (TagOrder(order_ref="404", added=("a",)), "connector.refused"),
                (TagOrder(order_ref="7/products", added=("a",)), "connector.refused"),
            )
        ):
            assert await carried(brand, f"no{number}", content) == ("refused", code)
        assert store.worked("orders") == 0
        cancel = CancelOrder(order_ref=str(unpaid.id))
        assert (await carried(brand, "yes", cancel))[0] == "done", "nothing was paid"


async def test_what_another_program_undoes_is_never_called_done(database_url: str) -> None:
    async with store_of(database_url) as (brand, store):
        held, freed = (store.order({"KETTLE": 1}) for _ in range(2))
        assert (await carried(brand, "h", HoldOrder(order_ref=str(freed.id))))[0] == "done"
        store.keeps = False
        contents: dict[str, CommandContent] = {
            "hold": HoldOrder(order_ref=str(held.id)),
            "release": ReleaseOrder(order_ref=str(freed.id)),
        }
        for ref, content in contents.items():
            await brand.order(NAME, ref, content, key=ref)
        await brand.work(NAME)
        assert [await brand.state(ref) for ref in contents] == ["unknown", "unknown"]
        store.keeps = True
        assert [await brand.settle(NAME, ref) for ref in contents] == ["done", "done"]
        assert (held.status_id, freed.status_id) == (12, 11)
