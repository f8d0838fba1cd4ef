"""What is sold ahead of purchase orders stands on the SKU's page and in the API."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.console.site import Site, serving
from tests.console.world import World
from tests.flow.test_ahead import Brand
from tests.support.spine import KEY, open_spine
from trueup.govern.vault import Vault


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    asyncio.run(_sell_ahead(database_url))
    with serving(database_url, World(database_url, Vault(KEY)), key=KEY) as running:
        yield running


async def _sell_ahead(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        brand = Brand(spine)
        await brand.opens(ahead_days=30, ahead=6)
        await spine.take(spine.product(1, "TEE", name="south"))
        await brand.orders("PO-1", ("TEE", 10))


def test_a_sku_shows_how_much_of_it_is_sold_ahead(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/skus/TEE")
    assert page.status_code == 200
    assert '<th scope="col" class="n">Sold ahead</th>' in page.text
    assert '<td class="n">6 <span class="quiet">of 10 to come in 30 days</span></td>' in page.text
    assert page.text.count("to come in") == 1, "the other channel has no such rule"


def test_the_api_tells_it_too(site: Site) -> None:
    with site.program() as client:
        found = client.get("/api/v1/offers/TEE").json()
    north, south = sorted(found["channels"], key=lambda each: each["connection"])
    assert (north["offered"], north["ahead"], north["incoming"]) == (11, 6, 10)
    assert (north["ahead_incoming"], north["ahead_days"], north["ahead_max"]) == (True, 30, 6)
    assert (south["offered"], south["ahead"], south["incoming"]) == (5, 0, 0)
    assert (south["ahead_incoming"], south["ahead_days"], south["ahead_max"]) == (False, None, None)
