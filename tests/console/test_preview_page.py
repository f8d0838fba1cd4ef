"""What trying parked events again would change: said before, true afterwards, and never written."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.test_exceptions_page import form_of
from tests.console.world import World, play
from trueup.access.rights import Role
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.intake.park import park_queued
from trueup.preview import Fate, preview_retry
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout

CLUSTER = "hub.failure · orders/create · KeyError: …"
TABLES = (
    *("records.record", "records.version", "records.listing", "ledger.transaction"),
    *("ledger.posting", "ledger.balance", "ledger.money_posting", "outbox.intent"),
    *("intake.parked", "intake.queue", "intake.issue", "outbox.fetch"),
)


async def sell(dsn: str) -> World:
    """Play a small day, then let two orders come in that a bug has parked."""
    world = await play(dsn, Vault(MASTER_KEY), orders=4, skus=3, hostile=False)
    async with await connect(dsn, application_name="world") as conn:
        sku = next(iter(world.sandbox.shop("north").products.values())).variants[0].sku
        for number in range(2):
            lines = [CartLine(sku=sku)]
            world.sandbox.do("north", Checkout(cart=Cart(ref=f"late-{number}", lines=lines)))
        await world.flush(conn)
        rows = await (await conn.execute("SELECT event_id FROM intake.queue")).fetchall()
        await park_queued(
            conn, [number for (number,) in rows], cause="hub.failure", detail="x", cluster=CLUSTER
        )
    return world


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    world = asyncio.run(sell(database_url))
    with serving(database_url, world) as running:
        yield running


def everything(site: Site) -> dict[str, str]:
    """Return a digest of every row that applying could write."""
    with psycopg.connect(site.dsn) as conn:
        return {
            table: str(
                conn.execute(
                    f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"  # noqa: S608
                ).fetchone()
            )
            for table in TABLES
        }


def preview(client: httpx.Client, cluster: str) -> dict[str, Any]:
    reply = client.get(f"/parked/preview.json?cluster={quote(cluster)}")
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def retry(client: httpx.Client, cluster: str) -> httpx.Response:
    token = form_of(client.get("/parked").text)["_csrf_token"]
    return client.post("/parked", data={"cluster": cluster, "_csrf_token": token})


def test_what_is_foreseen_comes_true_and_nothing_is_written_before(site: Site) -> None:
    before = everything(site)
    with site.reader() as client:
        told = preview(client, CLUSTER)
        page = client.get(f"/parked/preview?cluster={quote(CLUSTER)}").text
        assert everything(site) == before
        assert (told["parks"], told["busy"], told["left"]) == (0, 0, 0)
        assert told["applies"] == told["waiting"] >= 2
        assert {row["kind"] for row in told["kinds"]} >= {"order"}
        assert sum(row["units"] for row in told["units"]) == 0, "double entry, also beforehand"
        assert told["money"]
        assert f"Try all {told['waiting']} again" in page
        assert retry(client, CLUSTER).status_code == 303

        async def apply() -> None:
            async with await connect(site.dsn, application_name="world") as conn:
                assert site.world is not None
                await site.world.apply(conn)

        asyncio.run(apply())
        assert everything(site) != before
        for each in told["events"]:
            event = client.get(f"/events/{each['event_id']}.json").json()
            assert event["state"] == "applied"
            names = ("sku", "place", "site", "units")
            posted = [{name: row[name] for name in names} for row in event["postings"]]
            assert posted == each["units"]
            assert [(v["kind"], v["ref"]) for v in event["versions"]] == [
                (v["kind"], v["ref"]) for v in each["records"]
            ]
        assert client.get(f"/parked/preview?cluster={quote(CLUSTER)}").status_code == 404
        deeds = client.get("/audit.json").json()["rows"]
    assert (deeds[0]["did"], deeds[0]["about"]) == (
        "tried parked events again",
        f"{told['waiting']} for hub.failure",
    )


def test_a_cause_that_is_still_there_is_said_with_its_fix(site: Site) -> None:
    before = everything(site)
    with site.reader() as client:
        rows = client.get("/parked.json").json()["clusters"]
        cluster = next(r["cluster"] for r in rows if r["cause"] == "shopify.body_malformed")
        told = preview(client, cluster)
        page = client.get(f"/parked/preview?cluster={quote(cluster)}").text
    assert (told["applies"], told["parks"]) == (0, told["waiting"])
    assert told["causes"][0]["cause"] == "shopify.body_malformed"
    assert "the cause is still there" in page
    assert everything(site) == before


def test_it_is_bounded_and_says_how_many_are_left(site: Site) -> None:
    async def look() -> tuple[int, int, int]:
        assert site.world is not None
        async with await connect(site.dsn, application_name="test") as conn:
            one = await preview_retry(conn, site.world.hub, CLUSTER, count=1)
            late = await preview_retry(conn, site.world.hub, CLUSTER, seconds=0)
        return len(one.events), one.left, len(late.events)

    looked, left, none = asyncio.run(look())
    assert (looked, none) == (1, 0)
    assert left >= 1


def test_a_worker_that_holds_the_same_is_not_disturbed(site: Site) -> None:
    """The preview gives way and says so; whoever held the locks goes on."""
    with psycopg.connect(site.dsn) as holding:
        holding.execute("SELECT * FROM ledger.balance FOR UPDATE")

        async def look() -> tuple[int, int]:
            assert site.world is not None
            async with await connect(site.dsn, application_name="test") as conn:
                found = await preview_retry(conn, site.world.hub, CLUSTER)
            return found.of(Fate.BUSY), len(found.events)

        busy, looked = asyncio.run(look())
        assert 2 <= busy <= looked
        holding.execute("SELECT 1")


def test_only_who_may_try_again_may_look(site: Site) -> None:
    with site.reader("Vic", Role.VIEWER) as client:
        assert client.get(f"/parked/preview?cluster={quote(CLUSTER)}").status_code == 403
        assert "/parked/preview" not in client.get("/parked").text
    with site.reader() as client:
        for wrong in ("", "?cluster=", "?cluster=nothing", "?cluster=%00"):
            assert client.get(f"/parked/preview{wrong}").status_code == 404, wrong
