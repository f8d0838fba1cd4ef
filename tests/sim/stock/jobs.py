"""Many seeds, in one process or in several, each with a server of its own."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import structlog

from tests.sim.stock.database import throwaway_server
from tests.sim.stock.play import Player, Result

_SHARE = 100
"""So many seeds are played before their results are told; a server starts in a second."""


def play_seeds(seeds: Sequence[int], *, jobs: int = 1) -> Iterator[Result]:
    """Play seeds and give what they came to; with several jobs in the order in which they end."""
    _hush()
    if jobs == 1:
        with throwaway_server() as conninfo, asyncio.Runner() as runner:
            player = Player(conninfo)
            for seed in seeds:
                yield runner.run(player.play(seed))
            runner.run(player.aclose())
        return
    shares = [seeds[start : start + _SHARE] for start in range(0, len(seeds), _SHARE)]
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(_play_share, list(share)) for share in shares]):
            yield from done.result()


def _play_share(seeds: list[int]) -> list[Result]:
    return list(play_seeds(seeds))


def _hush() -> None:
    """Leave the hub's own log out: it tells of faults, and faults are what this is about."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
