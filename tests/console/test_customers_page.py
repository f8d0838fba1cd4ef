"""Customers: who is worth most, one history over every system, and who it is only where asked."""

import asyncio
import re
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.console.site import Site, serving
from tests.console.test_phantoms_page import KEY
from tests.console.world import World
from tests.support.support_desk import ADA, open_desk
from trueup.access.rights import Role
from trueup.decisions.patrons.work_out import refresh_patrons
from trueup.decisions.rules.escalate import RULE, EscalateSettings
from trueup.govern.persons import destroy_keys
from trueup.govern.vault import Vault
from trueup.kernel.clock import ManualClock


async def _buy_and_write(url: str) -> ManualClock:
    async with open_desk(url, RULE, EscalateSettings()) as desk:
        for _ in range(3):
            await desk.sell(story="straight", hours=60)
            desk.wait(days=20)
        await desk.write_in("Where is my parcel?")
        await desk.sell("ben@home.example")
        brand = desk.brand
        assert await refresh_patrons(brand.conn, brand.hub, brand.clock.now()) == 2
        return ManualClock(brand.clock.now())


@pytest.fixture(scope="module")
def shop(module_database_url: str) -> Iterator[Site]:
    clock = asyncio.run(_buy_and_write(module_database_url))
    world = World(module_database_url, Vault(KEY))
    with serving(module_database_url, world, key=KEY, clock=clock) as site:
        yield site


def person_of(site: Site, email: str = ADA) -> str:
    with site.reader() as client:
        found = client.get("/find.json", params={"q": email}).json()["things"]
        address = next(each["address"] for each in found if each["kind"] == "order")
        return client.get(f"{address}.json").json()["customer"]


def test_a_history_over_every_system_tells_nobody_who_it_is(shop: Site) -> None:
    with shop.reader() as client:
        person = person_of(shop)
        page = client.get(f"/customers/{person}.json").json()
        assert len(page["orders"]) == 3
        assert page["came"][0]["orders"] == 3
        assert {"shopify", "zendesk"} <= set(page["systems"])
        kinds = {each["kind"] for each in page["history"]}
        assert {"ticket", "message", "shipment"} <= kinds
        assert page["persons"] == 2
        assert [join["by"] for join in page["joins"]] == ["email"]
        assert page["who"] is None
        text = client.get(f"/customers/{person}").text
        assert ADA not in text
        assert "Moss" not in text
        order = page["orders"][0]
        path = f"/orders/{order['connection']}/{order['ref']}"
        assert f'href="/customers/{person}"' in client.get(path).text
        for each in page["history"]:
            assert client.get(f"/events/{each['event_id']}").status_code == 200


def test_who_it_is_is_shown_to_who_may_and_the_trail_keeps_it(shop: Site) -> None:
    person = person_of(shop)
    with shop.reader("Sue", Role.SUPPORT) as client:
        page = client.get(f"/customers/{person}").text
        [token] = set(re.findall(r'name="_csrf_token" value="([^"]*)"', page))
        shown = client.post(f"/customers/{person}/reveal", data={"_csrf_token": token})
        assert shown.status_code == 200
        assert ADA in shown.text
    with shop.reader() as owner:
        [entry] = [
            each for each in owner.get("/audit.json").json()["rows"]
            if each["about"] == f"customer/{person}"
        ]  # fmt: skip
        assert (entry["who"], entry["did"]) == ("Sue", "looked at personal data")
    with shop.reader("Mia", Role.MARKETING) as client:
        page = client.get(f"/customers/{person}").text
        assert "Your role does not show who somebody is" in page
        [token] = set(re.findall(r'name="_csrf_token" value="([^"]*)"', page))
        refused = client.post(f"/customers/{person}/reveal", data={"_csrf_token": token})
        assert refused.status_code == 403
    with shop.reader("Finn", Role.FINANCE) as client:
        assert client.get(f"/customers/{person}").status_code == 403
        assert client.get("/customers").status_code == 403


def test_who_is_worth_most_comes_first(shop: Site) -> None:
    with shop.reader() as client:
        rows = client.get("/customers.json").json()["rows"]
        worths = [Decimal(row["worth"]["amount"]) for row in rows]
        assert worths == sorted(worths, reverse=True)
        assert {row["purchases"]: row["person"] for row in rows}[3] == person_of(shop)
        tier = rows[0]["tier"]
        same = client.get(f"/customers.json?tier={tier}").json()["rows"]
        assert rows[0] in same
        assert {row["tier"] for row in same} == {tier}
        assert client.get("/customers.json?page=2").json()["rows"] == []


def test_who_was_forgotten_stays_dark(shop: Site) -> None:
    person = person_of(shop, "ben@home.example")

    async def forget() -> None:
        async with await psycopg.AsyncConnection.connect(shop.dsn, autocommit=True) as conn:
            cursor = await conn.execute(
                "SELECT DISTINCT person FROM records.record WHERE person = %s",
                (bytes.fromhex(person),),
            )
            persons = [bytes(row[0]) for row in await cursor.fetchall()]
            await destroy_keys(conn, persons=persons)

    asyncio.run(forget())
    with shop.reader() as client:
        page = client.get(f"/customers/{person}").text
        [token] = set(re.findall(r'name="_csrf_token" value="([^"]*)"', page))
        shown = client.post(f"/customers/{person}/reveal", data={"_csrf_token": token})
        assert shown.status_code == 200
        assert shown.text.count("not known, or forgotten") == 3
        assert "ben@home.example" not in shown.text
