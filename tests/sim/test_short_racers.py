"""A few rounds of the races: one winner for one unit, no half carts, nothing sold twice."""

import asyncio

import pytest

from tests.sim.racers import KIT, KIT_CARTS, race


@pytest.mark.timeout(240)
def test_the_last_unit_has_one_winner(database_url: str) -> None:
    races = asyncio.run(race(database_url, 3, carts=(("LAST",),)))
    assert races.wrong == ()
    assert races.lowest == 0


@pytest.mark.timeout(240)
def test_carts_that_share_a_unit_never_both_win(database_url: str) -> None:
    """One asks for both, the others for either: at most one cart has each."""
    races = asyncio.run(race(database_url, 3, carts=(("A", "B"), ("B",), ("A",))))
    assert races.wrong == ()
    assert races.lowest == 0


@pytest.mark.timeout(240)
def test_a_kit_and_its_parts_are_never_sold_twice(database_url: str) -> None:
    """One unit of each part: the kit, or its parts; never a cart with the kit and its part."""
    races = asyncio.run(race(database_url, 3, carts=KIT_CARTS, kits=KIT))
    assert races.wrong == ()
    assert races.lowest == 0
