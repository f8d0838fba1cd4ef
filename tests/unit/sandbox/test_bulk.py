"""Bulk exports: started, waited for, read line by line."""

import asyncio
import json

import httpx
import pytest

from tests.unit.sandbox.stage import SUBSCRIBE, Listener, ask, buy, deliver, open_stage
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.commands import Fulfil

RUN = """mutation($query: String!, $group: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $group) {
    bulkOperation { id status url } userErrors { field code message }
  }
}"""
STATE = """query($id: ID!) { bulkOperation(id: $id) {
  id status errorCode objectCount rootObjectCount fileSize url } }"""
ORDERS = """{ orders(query: "status:any") { edges { node { id name
  totalPriceSet { shopMoney { amount } } fulfillments { id }
  lineItems { edges { node { id sku quantity } } } } } } }"""


def _start(sandbox: Sandbox, query: str = ORDERS, *, group: bool = True) -> dict:
    return ask(sandbox, RUN, query=query, group=group)["data"]["bulkOperationRunQuery"]


def _state(sandbox: Sandbox, bulk_id: str) -> dict:
    return ask(sandbox, STATE, id=bulk_id)["data"]["bulkOperation"]


def _read(sandbox: Sandbox, url: str) -> list[dict]:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            return await client.get(url)

    reply = asyncio.run(go())
    assert reply.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in reply.content.splitlines()]


def test_export_runs_and_children_name_their_parent() -> None:
    sandbox = open_stage()
    buy(sandbox)
    buy(sandbox, "MUG", 2)
    sandbox.do("north", Fulfil(order="#1001"))
    started = _start(sandbox)["bulkOperation"]
    assert (started["status"], started["url"]) == ("CREATED", None)

    sandbox.clock.advance(0.5)
    assert _state(sandbox, started["id"])["status"] == "RUNNING"
    sandbox.clock.advance(1)
    done = _state(sandbox, started["id"])

    assert (done["status"], done["objectCount"], done["rootObjectCount"]) == ("COMPLETED", "4", "2")
    lines = _read(sandbox, done["url"])
    order, line = lines[:2]
    assert "lineItems" not in order
    assert order["id"] == line["__parentId"]
    assert [(it["sku"], it["quantity"]) for it in lines if "sku" in it] == [("TEE", 1), ("MUG", 2)]
    assert len(order["fulfillments"]) == 1, "a plain list stays inside"


def test_ungrouped_export_puts_children_last() -> None:
    sandbox = open_stage()
    buy(sandbox)
    buy(sandbox)
    started = _start(sandbox, group=False)["bulkOperation"]
    sandbox.clock.advance(2)
    lines = _read(sandbox, _state(sandbox, started["id"])["url"])
    assert ["__parentId" in line for line in lines] == [False, False, True, True]


def test_export_of_nothing_has_no_file() -> None:
    sandbox = open_stage()
    started = _start(sandbox)["bulkOperation"]
    sandbox.clock.advance(2)
    done = _state(sandbox, started["id"])
    assert (done["status"], done["url"], done["objectCount"]) == ("COMPLETED", None, "0")


def test_finished_export_is_told_of_once() -> None:
    sandbox = open_stage()
    ask(sandbox, SUBSCRIBE, topic="BULK_OPERATIONS_FINISH", uri="http://hub/hooks/north")
    started = _start(sandbox)["bulkOperation"]
    listener = Listener()
    deliver(sandbox, listener)
    assert listener.topics() == []
    sandbox.clock.advance(2)
    deliver(sandbox, listener)
    deliver(sandbox, listener)
    assert listener.topics() == ["bulk_operations/finish"]
    assert started["id"] == json.loads(listener.heard[0].content)["admin_graphql_api_id"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{ shop { id } }",
        "mutation { orderCancel }",
        "{ orders { nodes { id } } }",
        "{ orders { edges { node { name lineItems { edges { node { id } } } } } } }",
        "{ orders { edges { node { id fulfillments { fulfillmentLineItems { edges { node { id } } } } } } } }",
        "{ orders { edges { node { colour } } } }",
        "{ customers { edges { node { id orders { edges { node { id lineItems { edges { node { id } } } } } } } } } }",
    ],
)  # fmt: skip
def test_query_against_the_rules_is_refused(query: str) -> None:
    reply = _start(open_stage(), query)
    assert reply["bulkOperation"] is None
    assert [error["code"] for error in reply["userErrors"]] == ["INVALID"]


def test_only_so_many_run_at_once() -> None:
    sandbox = open_stage()
    for _ in range(5):
        assert _start(sandbox)["userErrors"] == []
    assert [it["code"] for it in _start(sandbox)["userErrors"]] == ["OPERATION_IN_PROGRESS"]
    sandbox.clock.advance(2)
    assert _start(sandbox)["userErrors"] == []
