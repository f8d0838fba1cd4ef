"""Readings: what a page shows, read once for everybody who looks, and never at too high a price."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")
Session = psycopg.AsyncConnection[Any]

FRESH_S = 0.2
"""A reading younger than this is not made again."""

PAUSE_FACTOR = 20
"""A reading that took long rests this many times as long: 5 % of one session at most."""

KEPT_MAX = 500
"""Readings kept; those not looked at for longest are forgotten."""


class Readings:
    """Keeps the newest value of each reading of this process."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, Any]] = {}
        self._locks: OrderedDict[str, asyncio.Lock] = OrderedDict()

    async def take(self, name: str, session: Session, read: Callable[[Session], Awaitable[T]]) -> T:
        """Return a reading, made now unless it is fresh or too dear to make again so soon.

        Args:
            name: of the reading; equal names share one value.
            session: to read with.
            read: makes it.
        """
        async with self._lock(name):
            known = self._values.get(name)
            begun = time.monotonic()
            if known is not None and begun < known[0]:
                value: T = known[1]
                return value
            value = await read(session)
            ended = time.monotonic()
            pause_s = max(FRESH_S, PAUSE_FACTOR * (ended - begun) - FRESH_S)
            self._values[name] = (ended + pause_s, value)
            return value

    def _lock(self, name: str) -> asyncio.Lock:
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._locks.move_to_end(name)
        while len(self._locks) > KEPT_MAX:
            forgotten, _ = self._locks.popitem(last=False)
            self._values.pop(forgotten, None)
        return lock
