"""Whether a parcel is stuck: the longer the silence, and the riskier the route, the likelier."""

import numpy as np
import pytest

from trueup.models.arrivals.route import Route
from trueup.models.arrivals.silence import Gap, Silences, learn

SAFE, RISKY, NEW = Route("ups", "", "DE"), Route("ups", "", "IT"), Route("ups", "", "MT")
LOST = 400.0


def gaps(route: Route, stuck_share: float, count: int, seed: int) -> list[Gap]:
    """Give gaps of about ten hours, of which some never end."""
    chance = np.random.default_rng(seed)
    return [
        Gap(route, LOST, over=False)
        if chance.uniform() < stuck_share
        else Gap(route, float(min(90, chance.exponential(10))), over=True)
        for _ in range(count)
    ]


def silences() -> Silences:
    return Silences(learn([*gaps(SAFE, 0.002, 4000, 1), *gaps(RISKY, 0.08, 2000, 2)]))


def test_after_36_hours_a_parcel_on_a_risky_route_is_stuck_and_on_a_safe_one_not() -> None:
    """By how they were made: 0.08 / (0.08 + 0.92 * exp(-3.6)) is 0.76, and 0.002 gives 0.07.

    About a hundred gaps of the safe route last so long, so it leans on its carrier a little.
    """
    known = silences()
    assert known.stuck(RISKY, 36) == pytest.approx(0.76, abs=0.06)
    assert known.stuck(SAFE, 36) < 0.2


def test_the_longer_the_silence_the_likelier_and_after_four_days_it_is() -> None:
    known = silences()
    chances = [known.stuck(RISKY, hours) for hours in range(0, 120, 3)]
    assert chances == sorted(chances)
    assert chances[0] == pytest.approx(0.08, abs=0.03)
    assert chances[-1] == 1.0


def test_a_route_that_nobody_knows_is_as_its_carrier_or_as_all() -> None:
    known = silences()
    assert known.stuck(SAFE, 36) < known.stuck(NEW, 36) < known.stuck(RISKY, 36)
    assert known.stuck(Route("fern"), 36) == pytest.approx(known.stuck(NEW, 36), abs=0.05)


def test_few_gaps_say_little_beside_the_carriers() -> None:
    """One parcel lost of two on a new route makes it no risky one yet."""
    few = [Gap(NEW, LOST, over=False), Gap(NEW, 8.0, over=True)]
    known = Silences(learn([*gaps(SAFE, 0.002, 4000, 1), *few]))
    assert known.stuck(NEW, 36) < 0.5
    assert known.stuck(NEW, 36) > known.stuck(SAFE, 36)


def test_gaps_that_last_are_not_taken_for_over() -> None:
    """A thousand parcels were scanned an hour ago: that says nothing of long silences."""
    fresh = [Gap(RISKY, 1.0, over=False)] * 1000
    before = silences().stuck(RISKY, 36)
    after = Silences(
        learn([*gaps(SAFE, 0.002, 4000, 1), *gaps(RISKY, 0.08, 2000, 2), *fresh])
    ).stuck(RISKY, 36)
    assert after == before


def test_nothing_known_is_no_certainty() -> None:
    known = Silences(learn([]))
    assert 0 < known.stuck(SAFE, 1) < 0.5
    assert known.stuck(SAFE, 96) == 1.0
