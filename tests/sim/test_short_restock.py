"""World restock: a brand's weeks at a shop are read back, and reordered in two ways."""

import asyncio

from tests.sim.restock.play import play, table


def test_weeks_of_a_brand_are_reordered_in_two_ways(database_url: str) -> None:
    found, sold = asyncio.run(play(database_url, 1, skus=3, days=21))
    assert sold > 50
    assert found.figures["skus"] == 3
    names = [way.name for way in found.beside]
    assert names[:2] == ["the rule", "13-week mean"]
    assert "tied up, EUR" in table(found)
