"""World year: every silent failure is found with its cause, and a clean year says nothing."""

import asyncio

from tests.sim.year.drifts import ANY_DAY, LAST_DAY
from tests.sim.year.play import look, trade


def test_a_clean_year_has_no_difference(database_url: str) -> None:
    year, planted = trade(7, days=6, orders=60, drifts=0)
    found = asyncio.run(look(database_url, year, planted))
    assert found.orders == 60
    assert found.false_alarms == ()


def test_what_is_planted_is_found_with_its_cause_and_nothing_else(database_url: str) -> None:
    kinds = {*ANY_DAY, *LAST_DAY}
    year, planted = trade(8, days=6, orders=40, drifts=len(ANY_DAY))
    found = asyncio.run(look(database_url, year, planted))
    assert set(found.planted) == kinds
    assert (found.missed, found.misjudged, found.false_alarms) == ((), (), ())
