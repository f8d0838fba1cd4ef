"""The first page tells what is sold out soon, and which orders hold units for nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.site import Site
from tests.console.test_phantoms_page import propose, served
from tests.flow.command import Commands
from tests.flow.test_outlook import NOW, sold
from tests.support.parity import open_stage
from tests.support.spine import open_spine
from trueup.ledger.outlook import refresh_outlooks


async def _sell_out_soon(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=10)
        await refresh_outlooks(spine.conn, now=NOW)


async def _propose(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await propose(stage)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    asyncio.run(_sell_out_soon(database_url))
    with served(database_url) as running:
        yield running


def test_what_is_sold_out_soon_is_told_with_its_day(site: Site) -> None:
    with site.reader() as person:
        page = person.get("/today").text
        twin = person.get("/today.json").json()
    [first] = twin["low"]["first"]
    assert (twin["low"]["skus"], first["sku"], first["available"]) == (1, "TEE", 10)
    card = page.partition('id="low-title"')[2].partition("</section>")[0]
    assert '<a href="/low-stock">Sold out soon</a>' in card
    assert 'data-live="low.skus" data-value="1">1</span>' in card
    assert f">{first['expected_on']}</span>" in card
    assert '<a href="/skus/TEE">TEE</a>' in card


def test_phantoms_that_wait_are_counted_with_what_they_hold(database_url: str) -> None:
    asyncio.run(_propose(database_url))
    with served(database_url) as site, site.reader() as person:
        page = person.get("/today").text
        twin = person.get("/today.json").json()
    assert twin["phantoms"] == {"waiting": 1, "units": 3}
    card = page.partition('id="phantoms-title"')[2].partition("</section>")[0]
    assert '<a href="/phantoms">Phantoms</a>' in card
    assert 'data-live="phantoms.waiting" data-value="1">1</span>' in card
    assert 'data-live="phantoms.units" data-value="3">3</span>' in card


def test_an_empty_hub_says_that_nothing_is_short_and_nobody_waits(bare_site: Site) -> None:
    with bare_site.reader() as person:
        page = person.get("/today").text
        twin = person.get("/today.json").json()
    assert (twin["low"], twin["phantoms"]) == (
        {"skus": 0, "first": []},
        {"waiting": 0, "units": 0},
    )
    assert "Nothing will be sold out before more could come." in page


def test_the_command_line_goes_by_the_configured_days(tmp_path: Path, database_url: str) -> None:
    asyncio.run(_sell_out_soon(database_url))
    trueup = Commands(tmp_path, database_url)
    with trueup.config.open("a") as file:
        file.write("[stock]\nlead_days = 3\n")
    shown = trueup.json("show", "sku", "TEE")["found"][0]["outlook"]
    assert shown["lead_days"] == 14, "as it was worked out last"
    trueup.run("stock", "low", "--sku", "TEE")
    assert trueup.json("show", "sku", "TEE")["found"][0]["outlook"]["lead_days"] == 3
    again = {"TRUEUP_STOCK_LEAD_DAYS": "21"}
    trueup.run("stock", "low", "--sku", "TEE", env=again)
    assert trueup.json("show", "sku", "TEE")["found"][0]["outlook"]["lead_days"] == 21
