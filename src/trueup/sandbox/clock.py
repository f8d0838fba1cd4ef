"""The time a sandbox lives in: real, scaled, or moved by hand."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "ScaledClock"]

_STEP_S_MAX = 0.05


class Clock(Protocol):
    """What the sandbox asks of time."""

    def now(self) -> datetime:
        """Return the instant, aware UTC."""
        ...

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` of sandbox time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` of sandbox time have passed."""
        ...


class ManualClock:
    """Time that moves only when it is told to; two runs see the same instants."""

    def __init__(self, start_at: datetime | None = None) -> None:
        self._now_at = start_at or datetime(2026, 11, 2, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the instant last set."""
        return self._now_at

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self._now_at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait (in small real steps) until somebody has moved the clock far enough."""
        until_at = self._now_at + timedelta(seconds=seconds)
        while self._now_at < until_at:  # noqa: ASYNC110 - time may jump at any moment
            await asyncio.sleep(_STEP_S_MAX)


class ScaledClock:
    """Real time, `speed` times as fast; `advance` jumps on top of it."""

    def __init__(self, *, speed: float = 1.0, start_at: datetime | None = None) -> None:
        self.speed = speed
        self._real_start_at = datetime.now(UTC)
        self._start_at = start_at or self._real_start_at
        self._jumped = timedelta()

    def now(self) -> datetime:
        """Return the scaled instant."""
        passed = datetime.now(UTC) - self._real_start_at
        return self._start_at + passed * self.speed + self._jumped

    def advance(self, seconds: float) -> None:
        """Jump ahead by `seconds` of sandbox time."""
        self._jumped += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` of sandbox time have passed, jumps included."""
        until_at = self.now() + timedelta(seconds=seconds)
        while (left_s := (until_at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time may jump at any moment
            await asyncio.sleep(min(left_s / self.speed, _STEP_S_MAX))
