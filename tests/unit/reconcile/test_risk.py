"""Which listings a round looks at: by risk, within its places, and none is forgotten."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.outbox.parity import Standing
from trueup.reconcile.risk import DAY, REST, Look, choose, next_rate, overdue, risk

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def standing(key: str, *, shall: int = 50, sequence: int = 10) -> Standing:
    return Standing(
        sku=key,
        key=key,
        target={},
        shall=shall,
        value=shall,
        counted=True,
        believed=shall,
        dropped=0,
        risen=0,
        sequence=sequence,
        confirmed_sequence=sequence,
        state="settled",
        attempts=0,
        due_at=NOW,
        wanted_at=NOW,
        unexplained_since=None,
    )


def look(key: str, *, ago: timedelta, sequence: int = 10, **fields: object) -> Look:
    return Look(sku=key, looked_at=NOW - ago, sequence=sequence, **fields)  # type: ignore[arg-type]


def test_what_sells_and_what_is_nearly_gone_comes_first() -> None:
    hour = timedelta(hours=1)
    calm, fast, scarce = standing("calm"), standing("fast", sequence=60), standing("few", shall=2)
    looks = {s: look(s, ago=hour) for s in ("calm", "fast", "few")}
    assert [s.key for s in choose([calm, fast, scarce], looks, NOW, 3)] == ["fast", "few", "calm"]
    assert risk(scarce, looks["few"], NOW) == 4 * risk(calm, looks["calm"], NOW)


def test_what_was_just_looked_at_rests() -> None:
    looks = {"a": look("a", ago=REST / 2), "b": look("b", ago=REST)}
    assert [s.key for s in choose([standing("a"), standing("b")], looks, NOW, 9)] == ["b"]


def test_half_of_the_places_are_for_what_waits_longest() -> None:
    """A hundred fast sellers do not keep a listing that nobody buys from its turn."""
    fast = [standing(f"fast-{n}", sequence=10_000) for n in range(100)]
    looks = {s.key: look(s.key, ago=timedelta(minutes=10)) for s in fast}
    slow = standing("slow")
    looks["slow"] = look("slow", ago=timedelta(hours=19))
    chosen = [s.key for s in choose([*fast, slow, standing("new")], looks, NOW, 4)]
    assert "new" in chosen, "what was never looked at goes before what waits"
    assert len(chosen) == 4
    assert sum(key.startswith("fast") for key in chosen) >= 2


def test_what_differs_is_looked_at_again_but_does_not_take_all_places() -> None:
    broken = [standing(f"broken-{n:02}") for n in range(50)]
    fine = [standing(f"fine-{n:02}") for n in range(50)]
    looks = {
        s.key: look(s.key, ago=timedelta(minutes=5), differs_since=NOW, unexplained=1)
        for s in broken
    } | {s.key: look(s.key, ago=timedelta(hours=2)) for s in fine}
    chosen = [s.key for s in choose([*broken, *fine], looks, NOW, 20)]
    assert sum(key.startswith("broken") for key in chosen) >= 5
    assert sum(key.startswith("fine") for key in chosen) >= 10


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    places=st.integers(1, 12),
    listings=st.integers(1, 40),
    seed=st.randoms(use_true_random=False),
)
def test_every_listing_has_its_turn_within_as_many_rounds_as_it_takes(
    places: int, listings: int, seed: object
) -> None:
    """Property: whatever sells how fast, after 4 * listings / places rounds all were looked at."""
    random = seed
    sequences = {f"s{n}": 0 for n in range(listings)}
    speeds = {key: random.choice((0, 0, 0, 1, 50)) for key in sequences}  # type: ignore[attr-defined]
    looks: dict[str, Look] = {}
    now = NOW
    rounds = 4 * (listings // places + 1) + 4
    for _ in range(rounds):
        now += timedelta(minutes=1)
        for key, speed in speeds.items():
            sequences[key] += speed
        standings = [standing(key, sequence=sequences[key]) for key in sequences]
        chosen = choose(standings, looks, now, places)
        assert len(chosen) <= places
        assert len({s.key for s in chosen}) == len(chosen)
        for each in chosen:
            before = looks.get(each.key)
            looks[each.key] = Look(
                sku=each.key,
                looked_at=now,
                sequence=each.sequence,
                rate=next_rate(before, each.sequence, now),
            )
    assert set(looks) == set(sequences)


def test_a_day_must_be_over_before_anything_is_overdue() -> None:
    listings = [standing("a"), standing("b")]
    looks = {"a": look("a", ago=timedelta(hours=25))}
    assert overdue(listings, looks, NOW - DAY / 2, NOW) == 0
    assert overdue(listings, looks, NOW - 2 * DAY, NOW) == 2
    assert overdue(listings, {"a": look("a", ago=DAY / 2)}, NOW - 2 * DAY, NOW) == 1


def test_a_rate_forgets() -> None:
    first = look("a", ago=timedelta(hours=1), sequence=0)
    rate = next_rate(first, 3600, NOW)
    assert 0.4 < rate < 0.6, "one a second for an hour counts half after the first look"
    later = Look(sku="a", looked_at=NOW, sequence=3600, rate=rate)
    assert next_rate(later, 3600, NOW + timedelta(hours=3)) < rate / 7
    assert next_rate(None, 5, NOW) == 0.0
