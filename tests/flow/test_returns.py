"""Returns as a closed loop, from what a channel and the dock tell to commands, API and pages."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.console.site import Site, serving
from tests.console.world import World
from tests.flow.command import Commands
from tests.flow.test_inspections import came_back, sold, told
from tests.flow.test_parcels import delhivery
from tests.support.spine import KEY, Spine, open_spine
from trueup.govern.vault import Vault
from trueup.intake.model import NewEvent
from trueup.reconcile.loop import Limits
from trueup.reconcile.returns import check_returns, find_loops, list_loops, view_of

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PAID = {"kind": "refund", "status": "success", "amount": "20.00", "currency": "EUR"}


def asked(spine: Spine, ordered: NewEvent, *, status: str = "OPEN", units: int = 1) -> NewEvent:
    """Return a return of an order's first line, as it is read from the shop."""
    body = msgspec.json.decode(ordered.body)
    line = body["line_items"][0]["id"]
    node = {
        "id": f"gid://shopify/Return/{body['id'] * 10}",
        "name": f"{body['name']}-R1",
        "status": status,
        "createdAt": "2026-03-03T12:00:00Z",
        "order": {"id": f"gid://shopify/Order/{body['id']}", "updatedAt": "2026-03-03T12:00:00Z"},
        "returnLineItems": {
            "nodes": [
                {
                    "id": "gid://shopify/ReturnLineItem/1",
                    "quantity": units,
                    "fulfillmentLineItem": {
                        "id": "gid://shopify/FulfillmentLineItem/1",
                        "lineItem": {"id": f"gid://shopify/LineItem/{line}"},
                    },
                }
            ],
            "pageInfo": {"hasNextPage": False},
        },
    }
    return spine.delivery("north", "fetch/return", node)


def refunded(spine: Spine, ordered: NewEvent, *, restock: str = "no_restock") -> NewEvent:
    """Return a refund of one unit of the order's first line, for 20.00."""
    body = msgspec.json.decode(ordered.body)
    line = {"id": 1, "line_item_id": body["line_items"][0]["id"], "quantity": 1}
    refund = {
        "id": body["id"] * 10,
        "order_id": body["id"],
        "created_at": "2026-03-10T12:00:00Z",
        "refund_line_items": [line | {"restock_type": restock, "location_id": None}],
        "transactions": [PAID | {"id": body["id"], "created_at": "2026-03-10T12:00:00Z"}],
    }
    return spine.delivery("north", "refunds/create", refund)


async def judged(spine: Spine, name: str = "#1007") -> list[tuple[str, list[str]]]:
    """Return a letter a fact, and the causes, of each return of an order."""
    view = await view_of(spine.conn, spine.hub, NOW)
    return [
        (
            "".join(fact.state.value[0] for fact in loop.facts),
            [each.cause for each in loop.discrepancies],
        )
        for loop in await find_loops(spine.conn, view, name)
    ]


async def test_whatever_comes_first_the_facts_are_the_same(database_url: str) -> None:
    """All 120 orders of: ordered, sent, asked for, graded, refunded; and each step on its way."""
    async with open_spine(database_url) as spine:
        for n, turn in enumerate(permutations(range(5))):
            ordered, sent, _ = sold(spine, n, "TEE", 2)
            graded = told(ordered, came_back(f"i-{n}", ("TEE", 1, "sellable")))
            events = [ordered, sent, asked(spine, ordered), graded, refunded(spine, ordered)]
            await spine.append(*(events[step] for step in turn))
        await spine.apply()
        assert await spine.parked() == []
        view = await view_of(spine.conn, spine.hub, NOW)
        loops = await list_loops(spine.conn, view, count=1000)
        assert len(loops) == 120
        assert {loop.closed for loop in loops} == {True}
        report = await check_returns(spine.conn, view)
        assert (report.left, report.right, report.matched) == (120, 120, 120)
        assert report.discrepancies == ()


async def test_facts_come_one_after_the_other(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        ordered, sent, _ = sold(spine, 7, "TEE", 2)
        await spine.take(ordered, sent)
        assert await judged(spine) == []
        await spine.take(asked(spine, ordered))
        assert await judged(spine) == [("dmmmmm", ["not_received"])]
        patient = await view_of(spine.conn, spine.hub, NOW, Limits(received=365))
        report = await check_returns(spine.conn, patient)
        assert (report.left, report.right, report.discrepancies) == (1, 0, ())
        await spine.take(refunded(spine, ordered))
        assert await judged(spine) == [("dmdmdd", ["refund_without_receipt"])]
        graded = told(ordered, came_back("i", ("TEE", 1, "scrap")))
        await spine.take(graded)
        assert await judged(spine) == [("dddddd", [])]
        # Graded by mistake and taken back: it is missing again.
        whole = msgspec.json.decode(graded.body) | {"deleted": True}
        undone = msgspec.structs.replace(
            graded, external_id="undo", body=msgspec.json.encode(whole)
        )
        await spine.take(undone)
        assert await judged(spine) == [("dmdmdd", ["refund_without_receipt"])]


async def test_a_parcel_back_at_the_sender_is_found_by_its_number(database_url: str) -> None:
    """A carrier tells of it; nobody asked, nobody refunded, and nothing lies anywhere yet."""
    async with delhivery(database_url) as (brand, twin), open_spine(database_url) as spine:
        twin.late = twin.twice = 0
        ordered, sent, _ = sold(spine, 7, "TEE", 2)
        number = twin.ship("#1007", "returned").number
        body = msgspec.json.decode(sent.body) | {"tracking_numbers": [number]}
        await spine.take(ordered, spine.delivery("north", "fulfillments/create", body))
        view = await view_of(spine.conn, spine.hub, NOW)
        assert (await check_returns(spine.conn, view)).left == 0
        twin.travel(180)
        await brand.deliver()
        await brand.apply()
        late = msgspec.structs.replace(view, now=brand.clock.now() + timedelta(days=10))
        report = await check_returns(spine.conn, late)
        causes = [each.cause for each in report.discrepancies]
        assert causes == ["not_restocked", "receipt_without_refund"]
        refs = {each.left_ref for each in report.discrepancies}
        assert refs == {f"north/{ordered.entity}"}
        graded = told(ordered, came_back("i", ("TEE", 2, "sellable")))
        await spine.take(graded, refunded(spine, ordered))
        assert (await judged(spine))[0][0] == "ndmddd"


async def test_commands_tell_it_and_end_with_what_they_found(
    database_url: str, tmp_path: Path
) -> None:
    trueup = Commands(tmp_path, database_url)
    async with open_spine(database_url) as spine:
        assert await trueup.in_thread("returns", "list") == {"returns": []}
        ordered, sent, _ = sold(spine, 7, "TEE", 2)
        person = msgspec.json.decode(ordered.body) | {"email": "mia@home.example"}
        ordered = spine.delivery("north", "orders/updated", person)
        await spine.take(ordered, sent, asked(spine, ordered), refunded(spine, ordered))
        [loop] = (await trueup.in_thread("returns", "list", "--missing", "received"))["returns"]
        assert (loop["name"], loop["closed"]) == ("#1007-R1", False)
        assert (await trueup.in_thread("returns", "list", "--missing", "refunded"))["returns"] == []
        found = await trueup.in_thread("returns", "show", "#1007", status=1)
        assert found["returns"][0]["ref"] == loop["ref"]
        report = await trueup.in_thread("reconcile", "returns", status=1)
        [wrong] = report["discrepancies"]
        assert (wrong["cause"], wrong["amount"], wrong["currency"]) == (
            "refund_without_receipt", "-20.00", "EUR",
        )  # fmt: skip
        assert wrong["left_ref"] == loop["ref"]
        elsewhere = await trueup.in_thread("reconcile", "returns", "--connection", "own")
        assert elsewhere["left"] == 0
        refused = await trueup.in_thread("returns", "show", "nobody", status=2)
        assert "expected the number or ref of an order" in refused["error"]["message"]
        worth = await trueup.in_thread("customers", "value", "mia@home.example")
        [row] = worth["value"]
        total = msgspec.json.decode(ordered.body)["total_price"]
        assert (row["orders"], row["ordered"], row["refunds"]) == (1, total, 1)
        assert row["refunded"] == "20.00"
        for command in ("value", "joins"):
            unknown = await trueup.in_thread("customers", command, "nobody@x.example", status=2)
            assert "Nobody is known by" in unknown["error"]["message"]
        # As a person sees it.
        status, shown = await asyncio.to_thread(trueup.run, "returns", "show", "#1007")
        assert status == 1
        assert re.search(r"received +│ missing", shown)
        assert "refund_without_receipt" in shown
        status, shown = await asyncio.to_thread(trueup.run, "returns", "list")
        assert status == 0
        assert "#1007-R1" in shown


async def test_pages_and_api_show_the_facts_with_their_evidence(database_url: str) -> None:
    with serving(database_url, World(database_url, Vault(KEY)), key=KEY) as site:
        # Connected after the web process has started: it learns of it.
        async with open_spine(database_url) as spine:
            ordered, sent, _ = sold(spine, 7, "TEE", 2)
            await spine.take(ordered, sent, asked(spine, ordered), refunded(spine, ordered))
            number = api_shows(site)
            pages_show(site, number)


def api_shows(site: Site) -> int:
    """Ask the API for the one return there is; returns its number."""
    with site.program() as program:
        reply = program.get("/api/v1/returns", params={"missing": "received"})
        assert reply.status_code == 200, reply.text
        [loop] = reply.json()["returns"]
        assert (
            program.get("/api/v1/returns", params={"missing": "refunded"}).json()["returns"] == []
        )
        assert program.get("/api/v1/returns", params={"missing": "x"}).status_code == 400
        assert program.get("/api/v1/returns", params={"connection": "x"}).status_code == 404
        alone = program.get(f"/api/v1/returns/{loop['record_id']}").json()
        assert alone["ref"] == loop["ref"]
        assert program.get("/api/v1/returns/999999").status_code == 404
        report = program.get("/api/v1/returns/differences").json()
        assert [each["cause"] for each in report["discrepancies"]] == ["refund_without_receipt"]
        facts: list[dict[str, Any]] = loop["facts"]
        assert [fact["state"] for fact in facts] == [
            "done", "missing", "done", "missing", "done", "done",
        ]  # fmt: skip
        assert loop["refunded"] == [{"amount": "20.00", "currency": "EUR"}]
        return int(loop["record_id"])


def pages_show(site: Site, number: int) -> None:
    """Look at the list and at the return's own page, with their twins."""
    with site.reader() as person:
        page = person.get("/returns").text
        assert f'<a href="/returns/{number}">#1007-R1</a>' in page
        assert "refund without receipt" in page
        twin = person.get("/returns.json").json()
        assert (twin["seen"], twin["lacking"]["received"], twin["lacking"]["refunded"]) == (1, 1, 0)
        assert "No return lacks this." in person.get("/returns?missing=refunded").text
        own = person.get(f"/returns/{number}")
        assert own.status_code == 200
        assert "The six facts" in own.text
        assert "too long" in own.text
        assert re.search(r'refund \d+: <a href="/events/\d+">', own.text)
        assert person.get(f"/returns/{number}.json").json()["loop"]["record_id"] == number
        for wrong in ("x", "0", "9" * 30, "²"):
            assert person.get(f"/returns/{wrong}").status_code == 404
