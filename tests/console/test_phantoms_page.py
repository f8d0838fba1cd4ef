"""The page of phantoms: a person sees what shows it, is asked once more, and lets go."""

import re
from typing import Any

import httpx
import psycopg
import pytest

from tests.console.site import Site, serving
from tests.console.world import HOSTILE, World
from tests.flow.test_phantoms import DAY_S, ask, reserved, search, sold
from tests.support.parity import UNITS, Stage, open_stage
from tests.support.spine import KEY
from trueup.govern.vault import Vault

pytestmark = pytest.mark.anyio


async def propose(stage: Stage) -> str:
    """Let an order wait for its money for so long that it is proposed; returns its ref."""
    order = await sold(stage, "MUG", 3, payment="pending")
    stage.brand.clock.advance(8 * DAY_S)
    await search(stage)
    assert await ask(stage) == {"asked": 1, "released": 0, "proposed": 1}
    return order


def served(database_url: str) -> Any:
    return serving(database_url, World(database_url, Vault(KEY)), key=KEY)


def form_of(page: str) -> dict[str, str]:
    """Return the hidden fields of the first form that lets go."""
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return {name: fields[name] for name in ("_csrf_token", "phantom")}


def refuses(person: httpx.Client, form: dict[str, str], status: int) -> str:
    reply = person.post("/phantoms", data=form)
    assert reply.status_code == status, reply.text
    return reply.text


async def test_a_person_sees_what_shows_it_and_lets_go(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        order = await propose(stage)
        with served(database_url) as site, site.reader() as person:
            page = person.get("/phantoms").text
            [told] = person.get("/phantoms.json").json()["waiting"]
            assert (told["ref"], told["cause"], told["units"]) == (order, "unpaid", {"MUG": 3})
            assert "not paid for 8 days" in page
            assert "Holds 3 MUG." in page
            name = f"{told['number']} of north"
            assert f'aria-label="Release what order {name} holds: asks once more"' in page
            assert f'aria-label="Yes, release 3 MUG of order {name}"' in page
            assert f'<a href="/phantoms#phantom-{told["record_id"]}">' in person.get("/parity").text
            form = form_of(page)
            assert form["phantom"] == str(told["record_id"])
            refuses(person, form | {"_csrf_token": "x"}, 403)
            for wrong in ("", "x", "-1", "²", "9" * 19):
                refuses(person, form | {"phantom": wrong}, 404)
            assert "suspected" in refuses(person, form | {"phantom": "999"}, 404)
            assert await reserved(stage, "MUG") == (3, UNITS)
            done = person.post("/phantoms", data=form)
            assert done.status_code == 303
            after = person.get(done.headers["location"]).text
            event_id = done.headers["location"].partition("event=")[2]
            assert f'Let go by <a href="/events/{event_id}">event {event_id}</a>' in after
            assert "No order waits for your word." in after
            assert "suspected" in refuses(person, form, 404), "a second press does nothing"
        await stage.settle()
        assert await reserved(stage, "MUG") == (0, UNITS)
        assert stage.shows("MUG") == UNITS
        [(by,)] = await stage.brand.rows(
            "SELECT v.body -> 'lines' -> 0 ->> 'by' FROM records.version v "
            "JOIN records.record r USING (record_id) WHERE r.kind = 'release'"
        )
        assert by == "console"
        assert "stock.reservation_phantom" not in await stage.brand.issues()


async def test_what_facts_prove_stands_apart_and_asks_for_nothing(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        order = await sold(stage, "TEE", 4)
        await sold(stage, "CAP", 1)
        stage.brand.clock.advance(4 * DAY_S)
        await search(stage)
        del stage.shop.orders[int(order)]
        await ask(stage)
        stage.brand.clock.advance(2 * 3600)
        assert (await ask(stage))["released"] == 1
        with served(database_url) as site, site.reader() as person:
            twin = person.get("/phantoms.json").json()
            page = person.get("/phantoms").text
    assert (twin["waiting_count"], twin["watched"]) == (0, 1)
    assert [row["ref"] for row in twin["released"]] == [order]
    assert "Let go by itself" in page
    assert "Held 4 TEE." in page
    assert "1 that is older than usual is asked about." in page
    assert "<form" not in page.partition("<main")[2]


def test_what_a_vendor_wrote_runs_nothing_and_those_that_wait_come_first(bare_site: Site) -> None:
    with psycopg.connect(bare_site.dsn, autocommit=True) as conn:
        for n, proven in ((1, True), (2, False), (3, True)):
            conn.execute(
                "INSERT INTO reconcile.suspect (record_id, connection_id, ref, number, placed_at, "
                "units, found_at, asked_at, asks, cause, proven, evidence) VALUES (%s, 1, %s, %s, "
                "now(), '{\"A\": 1}', now(), now(), 1, 'unpaid', %s, "
                '\'["<b>why</b>", "told by event/5"]\')',
                (n, f"r{n}", f"{n}{HOSTILE}", proven),
            )
    with bare_site.reader() as person:
        page = person.get("/phantoms").text
        twin = person.get("/phantoms.json").json()
    assert [row["record_id"] for row in twin["waiting"]] == [2]
    assert [row["record_id"] for row in twin["released"]] == [1, 3]
    assert "<script>alert" not in page
    assert "<b>why</b>" not in page
    assert '<a href="/events/5">event/5</a>' in page
    assert page.count('name="phantom"') == 1


def test_the_page_is_in_the_navigation(bare_site: Site) -> None:
    with bare_site.reader() as person:
        assert (
            '<a href="/phantoms" aria-current="page">Phantoms</a>' in person.get("/phantoms").text
        )
        assert '<a href="/phantoms">Phantoms</a>' in person.get("/skus").text
