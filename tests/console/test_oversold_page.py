"""From the overview to why a shop sold what was not there: three pages, and none tells less than all."""

import asyncio
import html
import re
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.access.rights import Role
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.sandbox.clock import ScaledClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout
from trueup.sandbox.shopify.day import BusyDay, catalogue

DAY = BusyDay(seed=5, shops=("north", "south"), orders=0, skus=3, stock_units=4)

SECOND_S = 1.05
"""A shop tells its instants in whole seconds."""


async def _play(dsn: str) -> World:
    """Sell the last of one SKU at both shops at once, and of another before the second was told."""
    world = World(dsn, Vault(MASTER_KEY))
    world.sandbox = Sandbox(ScaledClock())  # what happened when is the story
    conn = await connect(dsn, application_name="world")
    at_once, untold, whole = catalogue(DAY)

    def sell(shop: str, sku: str | None, quantity: int) -> None:
        cart = Cart(ref=f"{shop}-{sku}", lines=[CartLine(sku=sku, quantity=quantity)])
        world.sandbox.do(shop, Checkout(cart=cart))

    async def hear() -> None:
        await world.flush(conn)
        await world.apply(conn)

    async with conn, world.sandbox.serve(deliver=False) as sandbox_url:
        await world.open(conn, DAY, sandbox_url)
        await hear()
        await world.dispatch(conn)
        await asyncio.sleep(SECOND_S)
        sell("north", at_once.sku, at_once.available)
        sell("south", at_once.sku, 2)
        await hear()
        sell("north", untold.sku, untold.available)
        await hear()
        await asyncio.sleep(SECOND_S)
        sell("south", untold.sku, 1)
        sell("south", whole.sku, 1)
        await hear()
        for _ in range(20):  # what stood otherwise than was believed is tried again
            await world.dispatch(conn)
            cursor = await conn.execute("SELECT FROM outbox.intent WHERE state <> 'settled'")
            if not await cursor.fetchall():
                break
            await asyncio.sleep(0.2)
    return world


@pytest.fixture(scope="module")
def oversold(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(_play(module_database_url))
    with serving(module_database_url, world) as running:
        yield running


def test_the_overview_leads_to_what_was_oversold_and_why(oversold: Site) -> None:
    at_once, untold, whole = (str(each.sku) for each in catalogue(DAY))
    with oversold.reader() as client:
        [card] = [
            card
            for card in client.get("/overview.json").json()["cards"]
            if card["name"] == "oversold"
        ]
        assert (card["count"], card["tone"], card["address"]) == (2, "error", "/oversold")
        assert card["cause"] == f"3 units too many are promised, most of them of {at_once}: 2."
        assert "thing needs you" in client.get("/").text
        assert f'href="{card["address"]}"' in client.get("/").text

        rows = client.get("/oversold.json").json()["rows"]
        assert [(row["sku"], row["available"]) for row in rows] == [(at_once, -2), (untold, -1)]
        assert client.get("/oversold.csv").text.splitlines()[1].startswith(f"{at_once},")
        listed = client.get("/oversold").text
        assert f">{untold}</a>" in listed
        assert f">{whole}</a>" not in listed

        [beyond] = client.get(f"/skus/{at_once}.json").json()["beyond"]
        assert (beyond["connection"], beyond["units"], beyond["left"]) == ("south", 2, -2)
        assert beyond["why"] == "unheard"
        assert beyond["stood"] >= 2, "its number let it sell"
        at, gone_at, told_at = _instants(beyond)
        assert at <= gone_at <= told_at
        [beyond] = client.get(f"/skus/{untold}.json").json()["beyond"]
        assert (beyond["why"], beyond["units"], beyond["left"]) == ("untold", 1, -1)
        at, gone_at, told_at = _instants(beyond)
        assert gone_at < at < told_at
        assert client.get(f"/skus/{whole}.json").json()["beyond"] == []

        page = html.unescape(client.get(f"/skus/{untold}").text)
        assert "Oversold by 1." in page
        assert "sold before the lower number stood there; the hub knew already" in page
        assert client.get(beyond["address"]).status_code == 200
        mends = re.findall(r'<a class="button" href="(/dock[^"]*)"', page)
        assert mends == ["/dock?do=receive", "/dock?do=count"]
        assert all(client.get(each).status_code == 200 for each in mends)


def _instants(beyond: dict[str, str]) -> list[datetime]:
    return [datetime.fromisoformat(beyond[name]) for name in ("at", "gone_at", "told_at")]


def test_who_may_not_book_is_shown_no_way_to(oversold: Site) -> None:
    _, untold, _ = (str(each.sku) for each in catalogue(DAY))
    with oversold.reader("Vic", Role.VIEWER) as client:
        page = client.get(f"/skus/{untold}").text
        assert "What went beyond the last unit" in page
        assert 'href="/dock' not in page
