"""What rules make of how routes did: the longest silence, and what is worse than chance."""

from trueup.decisions.parcels.routes import gap_limit_h, is_more
from trueup.models.arrivals.past import ENOUGH, Past


def limit(past: Past) -> float:
    return gap_limit_h(past, usual_h=36, least_h=12, risky_share=0.2)


def test_a_route_that_nobody_knows_has_the_measure_that_is_set() -> None:
    assert limit(Past()) == 36
    assert limit(Past(gaps_h=(5.0,) * (ENOUGH - 1), promised=100)) == 36


def test_a_risky_route_is_asked_about_sooner_and_a_slow_one_later() -> None:
    quick, slow = (20.0,) * 30, (60.0,) * 30
    assert limit(Past(gaps_h=quick, promised=100, late=30)) == 20
    assert limit(Past(gaps_h=(3.0,) * 30, promised=100, late=30)) == 12
    assert limit(Past(gaps_h=slow, promised=100, late=30)) == 36
    assert limit(Past(gaps_h=quick, promised=100, late=1)) == 36
    assert limit(Past(gaps_h=slow, promised=100, late=1)) == 60


def test_a_share_rose_where_it_is_more_than_chance() -> None:
    assert is_more((30, 60), (20, 200), by=0.1, sure=3)
    assert not is_more((3, 60), (20, 200), by=0.1, sure=3)
    assert not is_more((5, 20), (20, 200), by=0.1, sure=3), "chance does that"
    assert not is_more((9, 19), (0, 200), by=0.1, sure=3), "too few"
    assert not is_more((60, 60), (60, 60), by=0.0, sure=3)
