"""The start page: what happened since one last looked, and what needs a person; and its lists."""

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from tests.console.site import Site, serving
from tests.console.test_phantoms_page import KEY
from tests.console.world import World
from tests.support.brand import HandClock
from tests.support.parcels import stop
from tests.support.support_desk import open_desk
from trueup.access.rights import Role
from trueup.decisions.model import Mode
from trueup.decisions.rules.escalate import RULE, EscalateSettings
from trueup.govern.vault import Vault
from trueup.kernel.clock import ManualClock


async def _four_hours_of_trouble(url: str) -> HandClock:
    """Let a shop sell, parcels fall silent, and a customer wait for an answer."""
    settings = EscalateSettings(teams={"zendesk": "77"}, assignees={"zendesk": "88"})
    async with open_desk(url, RULE, settings) as desk:
        order = await desk.sell(story="straight", hours=60)
        await desk.write_in(f"The carrier says {order} was delivered, but nothing has arrived.")
        await desk.sell()
        stop(desk.send(list(desk.shop.orders.values())[-1], "straight"), hours=30)
        desk.carrier.travel(80)
        await desk.hear()
        await desk.leave(Mode.ASK)
        desk.wait(hours=4)
        await desk.proposed()
        return desk.brand.clock


@pytest.fixture(scope="module")
def trouble(module_database_url: str) -> Iterator[tuple[Site, ManualClock]]:
    clock = ManualClock(asyncio.run(_four_hours_of_trouble(module_database_url)).now())
    world = World(module_database_url, Vault(KEY))
    with serving(module_database_url, world, key=KEY, clock=clock) as site:
        yield site, clock


def cards(client: httpx.Client, since: str = "") -> dict[str, dict]:
    page = client.get("/overview.json", params={"since": since}).json()
    return {card["name"]: card for card in page["cards"]}


def test_each_card_has_a_number_a_cause_and_one_way_on(
    trouble: tuple[Site, ManualClock],
) -> None:
    site, _ = trouble
    with site.reader() as client:
        found, page = cards(client, "week"), client.get("/?since=week").text
        assert found["orders"]["count"] == 2
        assert found["orders"]["cause"].startswith("None came in the same time before.")
        assert [line["label"] for line in found["orders"]["lines"]] == ["shopify"]
        assert sum(bar["value"] for bar in found["orders"]["drawn"]) == 2
        rows = client.get("/orders.json").json()["rows"]
        total = sum(Decimal(row["total"]["amount"]) for row in rows)
        assert found["money"]["money"] == [{"amount": str(total), "currency": "EUR"}]
        assert (found["parcels"]["count"], found["parcels"]["tone"]) == (1, "warning")
        assert found["tickets"]["count"] == 1
        assert "the longest for" in found["tickets"]["cause"]
        assert (found["decisions"]["count"], found["decisions"]["lines"][0]["count"]) == (1, 1)
        assert found["connections"]["count"] == 0
        assert found["discrepancies"]["cause"].startswith("The books were not compared yet")
        for card in found.values():
            assert client.get(card["address"]).status_code == 200, card
            assert f'id="card-{card["name"]}"' in page
            assert card["cause"].replace("'", "&#39;") in page
            for line in card["lines"]:
                assert client.get(line["address"]).status_code == 200, line


def test_who_has_seen_it_is_told_what_came_after(trouble: tuple[Site, ManualClock]) -> None:
    site, clock = trouble
    with site.reader("Nora") as client:
        assert "Since you last looked" not in client.get("/").text, "she never said so"
        form = dict(re.findall(r'name="(_csrf_token|until)" value="([^"]*)"', client.get("/").text))
        for wrong in ("", "now", "2026-01-01T00:00:00", "9999-12-31T00:00:00+00:00"):
            assert client.post("/seen", data=form | {"until": wrong}).status_code == 400, wrong
        clock.advance(hours=2)
        assert client.post("/seen", data=form).headers["location"] == "/"
        page = client.get("/")
        assert "Since you last looked" in page.text
        assert cards(client)["orders"]["count"] == 0
        assert cards(client, "week")["orders"]["count"] == 2, "nothing is lost by having seen it"
        earlier = form | {"until": "2026-01-01T00:00:00+00:00"}
        assert client.post("/seen", data=earlier).status_code == 303
        assert cards(client)["orders"]["count"] == 0, "an older form takes nothing back"
    with site.reader("Olaf") as other:
        assert "Since you last looked" not in other.get("/").text, "it is hers alone"
    with site.program() as program:
        assert "I have seen this" not in program.get("/", headers={"Accept": "text/html"}).text


def test_a_role_sees_the_cards_that_it_may_read(trouble: tuple[Site, ManualClock]) -> None:
    site, _ = trouble
    seen = {}
    for role in Role:
        with site.reader(f"Cards {role}", role) as client:
            found = cards(client, "week")
            seen[role] = set(found)
            ways = {each["address"] for card in found.values() for each in (card, *card["lines"])}
            for address in ways - {""}:
                assert client.get(address).status_code == 200, (role, address)
    assert "tickets" not in seen[Role.FINANCE]
    assert "discrepancies" not in seen[Role.SUPPORT]
    assert "tickets" in seen[Role.SUPPORT]
    assert len(seen[Role.OWNER]) == 10


def test_an_empty_hub_says_so(bare_site: Site) -> None:
    with bare_site.reader() as client:
        assert client.get("/").text.count("<h1>Begin by connecting a shop</h1>") == 1
        found = cards(client)
        assert found["connections"]["cause"] == "Nothing is connected yet."
        assert all(card["count"] == 0 for card in found.values())
        for path, words in (
            ("/orders", "No order has come in yet"),
            ("/skus", "The ledger holds no SKU yet"),
            ("/shipments", "No parcel is under way"),
            ("/connections", "Nothing is connected yet"),
        ):
            assert words in client.get(path).text, path


def test_parcels_that_need_somebody_come_first(trouble: tuple[Site, ManualClock]) -> None:
    site, _ = trouble
    with site.reader() as client:
        page = client.get("/shipments.json").json()
        [row] = page["rows"]
        assert (row["trouble"], row["channel"], row["order"]) == ("silent", "shopify", "#1002")
        assert client.get(f"/orders/shopify/{row['order_ref']}").status_code == 200
        assert client.get("/shipments.json?trouble=late").json()["rows"] == []
        assert "No parcel under way is like this" in client.get("/shipments?trouble=late").text
        sheet = client.get("/shipments.csv")
        assert sheet.headers["content-type"].startswith("text/csv")
        [told] = csv.DictReader(io.StringIO(sheet.text))
        assert (told["order"], told["parcel"]) == ("#1002", row["ref"])
