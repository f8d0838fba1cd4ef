"""Time comes in through a clock, so that every test can hold it still."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the instant the clock was last set to."""
        return self._now

    def advance(self, *, seconds: float = 0, **parts: float) -> datetime:
        """Move the clock; parts are those of `timedelta`. Returns the new instant."""
        self._now += timedelta(seconds=seconds, **parts)
        return self._now


def aware_utc(instant: datetime) -> datetime:
    """Return the instant in UTC; a naive one is refused because its zone would be a guess."""
    if instant.tzinfo is None:
        raise ValueError(f"expected an instant with a zone, found {instant.isoformat()}")
    return instant.astimezone(UTC)


def next_hour(now: datetime, hour: int) -> datetime:
    """Return the next instant at which it is a full hour of the day (UTC)."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)
