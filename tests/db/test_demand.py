"""Demand as it is read: days with stock, channels and siblings, from postings and orders."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.spine import open_spine
from trueup.models.demand.learn import read
from trueup.models.finding import find_model
from trueup.models.model import Look
from trueup.models.train import train_model

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)


async def test_sales_are_read_by_day_and_channel(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        opened = (NOW - timedelta(days=10)).isoformat()
        await spine.take(
            spine.product(1, "TEE"),
            spine.movement("o-1", "opening", "TEE", 3, occurred_at=opened),
        )
        orders = []
        for number, (back, shop) in enumerate([(8, "north"), (8, "north"), (5, "south")]):
            at = (NOW - timedelta(days=back)).isoformat()
            orders.append(spine.order(500 + number, "TEE", name=shop, created_at=at, updated_at=at))
        await spine.take(*orders)
        found = await read(Look(conn=spine.conn, hub=spine.hub, now=NOW))
        assert found.skus == ("TEE",)
        # Ten days, of which the last is yesterday.
        assert found.panel.units.tolist() == [[0, 0, 2, 0, 0, 1, 0, 0, 0, 0]]
        # After the third was sold there was nothing to sell.
        assert found.panel.known.tolist() == [[True] * 6 + [False] * 4]
        assert found.channels == ("north", "south")
        assert found.shares[0].tolist() == pytest.approx([2 / 3, 1 / 3])


async def test_a_hub_without_sales_says_what_it_needs(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        for name, says in (("demand", "168 days of sales"), ("value", "26 weeks of orders")):
            trained = await train_model(
                spine.conn,
                spine.hub,
                find_model(name),
                NOW,
                drift_share=0.25,
                tell=lambda _doing, _share: None,
            )
            assert (trained.trained_id, trained.card) == (None, None)
            assert says in trained.lacking
