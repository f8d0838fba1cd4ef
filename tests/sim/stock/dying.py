"""Dying in the middle: a process ends at a chosen step, and what it had not committed is gone.

The steps are those of `tests/sim/crashing.py`. There a process is killed; here what it was doing is
given up, its transaction undone, and a successor begins from what the database holds.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trueup.pipeline as spine
from trueup.outbox import dispatch


class Died(BaseException):
    """The process is no more; nothing in the hub catches it."""


STEPS: tuple[tuple[Any, str, str], ...] = (
    (spine, "store_records", "before"),
    (spine, "post_transactions", "after"),
    (spine, "change_stock", "after"),
    (spine, "finish_events", "before"),
    (spine.Applier, "apply_now", "after"),
    (dispatch, "claim_call", "before"),
    (dispatch, "claim_call", "after"),
    (dispatch, "settle_call", "before"),
    (dispatch, "settle_call", "after"),
    (dispatch.Dispatcher, "_settle", "after"),
)


class Doom:
    """Chooses where the next death strikes."""

    def __init__(self) -> None:
        self.step: int | None = None
        self.left = 0
        self.deaths: dict[str, int] = {}

    def arm(self, rng: random.Random) -> None:
        """Choose a step and after how many passings of it."""
        self.step, self.left = rng.randrange(len(STEPS)), rng.randrange(3)

    def disarm(self) -> None:
        """Let nobody die."""
        self.step = None

    def pass_by(self, step: int) -> None:
        """Die here, if it is here."""
        if self.step != step:
            return
        if self.left:
            self.left -= 1
            return
        self.step = None
        _, name, when = STEPS[step]
        name = f"died {when} {name}"
        self.deaths[name] = self.deaths.get(name, 0) + 1
        raise Died(name)


@contextmanager
def doomed(doom: Doom) -> Iterator[None]:
    """Put a look at `doom` before and after the steps, for as long as this lasts."""
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in STEPS]
    for number, (owner, name, when) in enumerate(STEPS):
        _wrap(doom, number, owner, name, when)
    try:
        yield
    finally:
        for owner, name, real in originals[::-1]:
            setattr(owner, name, real)


def _wrap(doom: Doom, number: int, owner: Any, name: str, when: str) -> None:
    real = getattr(owner, name)

    async def step(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            doom.pass_by(number)
        result = await real(*args, **kwargs)
        if when == "after":
            doom.pass_by(number)
        return result

    setattr(owner, name, step)
