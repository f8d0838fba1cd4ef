"""Faults of the API do what they say, and above all say when the work was done."""

import asyncio

import httpx
import pytest

from tests.unit.sandbox.stage import (
    SET,
    TOKEN,
    URL,
    ask,
    available,
    buy,
    item_gid,
    open_stage,
    send,
    stock_input,
)
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.sandbox import Sandbox

SHOP = "{ shop { name } }"


def _arm(sandbox: Sandbox, **fault: object) -> None:
    sandbox.shop("north").faults.rules = [ApiFault(**fault)]


@pytest.mark.parametrize("kind", ["timeout_after_work", "reset_after_work"])
def test_lost_reply_means_the_work_was_done(kind: str) -> None:
    """Goal: the caller can not tell, but the same key afterwards finds the first result."""
    sandbox = open_stage()
    _arm(sandbox, kind=kind, next_calls=1)
    wish = stock_input(sandbox, 8, expected=5)

    with pytest.raises(httpx.TransportError):
        send(sandbox, SET, given={"input": wish, "key": "k"})
    assert available(sandbox) == 8

    again = ask(sandbox, SET, input=wish, key="k")
    assert again["data"]["inventorySetQuantities"]["userErrors"] == []
    assert available(sandbox) == 8
    assert sandbox.shop("north").idempotency.repeats == 1


@pytest.mark.parametrize("kind", ["timeout", "reset"])
def test_cut_before_work_means_nothing_was_done(kind: str) -> None:
    sandbox = open_stage()
    _arm(sandbox, kind=kind, next_calls=1)
    with pytest.raises(httpx.TransportError):
        send(sandbox, SET, given={"input": stock_input(sandbox, 8, expected=5), "key": "k"})
    assert available(sandbox) == 5


@pytest.mark.parametrize("status", [401, 402, 403, 404, 423, 429, 500, 502, 503])
def test_status_fault_strikes_the_next_calls_only(status: int) -> None:
    sandbox = open_stage()
    _arm(sandbox, kind="status", status=status, next_calls=2, retry_after_s=3)
    assert [status, status, 200] == [send(sandbox, SHOP).status_code for _ in range(3)]
    assert sandbox.shop("north").faults.struck == {"status": 2}


def test_429_says_when_to_come_back() -> None:
    sandbox = open_stage()
    _arm(sandbox, kind="status", status=429, next_calls=1, retry_after_s=3)
    assert send(sandbox, SHOP).headers["Retry-After"] == "3"


def test_fault_can_be_kept_to_one_operation() -> None:
    sandbox = open_stage()
    _arm(sandbox, kind="status", operation="inventorySetQuantities", next_calls=1)
    assert send(sandbox, SHOP).status_code == 200
    wish = stock_input(sandbox, 8, expected=5)
    assert send(sandbox, SET, given={"input": wish, "key": "k"}).status_code == 500


def test_chance_comes_from_the_seed() -> None:
    def run() -> list[int]:
        sandbox = open_stage(budget_points=100_000)
        _arm(sandbox, kind="status", probability=0.3)
        return [send(sandbox, SHOP).status_code for _ in range(40)]

    first = run()
    assert first == run()
    assert 3 < first.count(500) < 25


def test_throttled_fault_has_the_vendors_shape() -> None:
    sandbox = open_stage()
    _arm(sandbox, kind="throttled", next_calls=1)
    reply = ask(sandbox, SHOP)
    assert reply["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert reply["extensions"]["cost"]["throttleStatus"]["restoreRate"] == 100


def test_stale_read_shows_the_quantity_before_the_last_change() -> None:
    sandbox = open_stage()
    buy(sandbox, quantity=2)
    query = """query($id: ID!) { inventoryItem(id: $id) { inventoryLevels(first: 1) {
        nodes { quantities(names: ["available"]) { quantity } } } } }"""
    gid = item_gid(sandbox.shop("north"), "TEE")

    def read() -> int:
        nodes = ask(sandbox, query, id=gid)["data"]["inventoryItem"]["inventoryLevels"]["nodes"]
        return nodes[0]["quantities"][0]["quantity"]

    _arm(sandbox, kind="stale_read", next_calls=1)
    assert [read(), read()] == [5, 3]


def test_bad_token_frozen_shop_and_old_version_are_refused() -> None:
    sandbox = open_stage()
    assert send(sandbox, SHOP, headers={"X-Shopify-Access-Token": "no"}).status_code == 401
    assert send(sandbox, SHOP, headers={}).status_code == 401
    assert send(sandbox, SHOP, url=URL.replace("2026-07", "2019-01")).status_code == 404
    assert send(sandbox, SHOP, url=URL.replace("north", "nowhere")).status_code == 404
    for status in (402, 403, 404, 423):
        sandbox.shop("north").frozen = status
        assert status == send(sandbox, SHOP).status_code


def test_calls_are_kept_with_their_keys() -> None:
    sandbox = open_stage()
    ask(sandbox, SET, input=stock_input(sandbox, 8, expected=1), key="k-1")
    call = sandbox.door("north").calls[-1]
    assert (call.operations, call.idempotency_keys) == (["inventorySetQuantities"], ["k-1"])
    assert call.errors == ["CHANGE_FROM_QUANTITY_STALE"]


@pytest.mark.parametrize("kind", ["reset", "timeout_after_work"])
def test_faults_look_the_same_on_a_socket(kind: str) -> None:
    sandbox = open_stage()
    _arm(sandbox, kind=kind, next_calls=1, operation="inventorySetQuantities")
    wish = stock_input(sandbox, 8, expected=5)

    async def go() -> str:
        async with sandbox.serve(deliver=False) as base, httpx.AsyncClient(timeout=0.4) as client:
            url = f"{base}/north/admin/api/2026-07/graphql.json"
            body = {"query": SET, "variables": {"input": wish, "key": "k"}}
            try:
                await client.post(url, json=body, headers=TOKEN)
            except httpx.TransportError as error:
                return type(error).__name__
            return "answered"

    assert asyncio.run(go()) in {"ReadTimeout", "RemoteProtocolError", "ReadError"}
    assert (8 if kind == "timeout_after_work" else 5) == available(sandbox)
