"""World stock: short seeds hold, the same seed is the same story, and planted bugs are caught."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import trueup.pipeline as spine
from tests.sim.stock.database import throwaway_server
from tests.sim.stock.play import Player, Result
from trueup.db.queries import load_queries
from trueup.outbox import receipt

SEEDS = (3, 11, 17)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with throwaway_server() as conninfo:
        yield conninfo


def play(server: str, *seeds: int) -> list[Result]:
    async def run() -> list[Result]:
        player = Player(server)
        try:
            return [await player.play(seed) for seed in seeds]
        finally:
            await player.aclose()

    return asyncio.run(run())


@pytest.mark.timeout(240)
def test_brands_under_fire_end_in_the_truth_and_the_same_seed_is_the_same_story(
    server: str,
) -> None:
    results = play(server, *SEEDS)
    for result in results:
        assert result.broken == "", "\n".join(result.story)
        assert (result.lost, result.applied_twice) == (0, 0)
        assert result.delivered > 10
    assert sum(sum(result.faults.values()) for result in results) > 10
    # Alone in another database, with other numbers of connections and events.
    [again] = play(server, SEEDS[-1])
    assert again == results[-1]


class Bugged:
    """A room's queries with a bug in one of them."""

    def __init__(self, name: str, old: str, new: str) -> None:
        self._queries, self._name = load_queries("trueup.outbox"), name
        self._bugged = getattr(self._queries, name).replace(old, new)
        assert self._bugged != getattr(self._queries, name), f"{name} no longer says {old!r}"

    def __getattr__(self, asked: str) -> Any:
        return self._bugged if asked == self._name else getattr(self._queries, asked)


def caught(server: str, what: str, seeds: range) -> bool:
    """Whether one of the seeds breaks what the bug should break; no more are played than needed."""
    return any(what in play(server, seed)[0].broken for seed in seeds)


@pytest.mark.timeout(240)
def test_a_hub_that_forgets_what_dropped_is_caught(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a lower number than was believed were nobody's sale: it is raised over it."""
    bug = Bugged("settle_intents", "CASE WHEN NOT c.seen THEN 0", "CASE WHEN true THEN 0")
    monkeypatch.setattr(receipt, "_queries", bug)
    assert caught(server, "over a sale that was not read", range(1, 30))


@pytest.mark.timeout(240)
def test_a_hub_that_counts_a_unit_twice_is_caught(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if each telling of an order were posted as a whole, and not what it changes."""
    monkeypatch.setattr(spine, "difference", lambda wanted, _: dict(wanted))
    assert caught(server, "by what was read", range(1, 30))
