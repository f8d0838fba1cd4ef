"""Quiet hours on a customer's clock, with summer time. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from trueup.errors import invariant

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_STEPS_MAX = 200
"""Zones that lie so far apart that no hour is fit in all of them end the search."""


class Quiet:
    """When somebody who is in one of some zones is not written to.

    Who may be in several zones is written to only when it is fit in all of them.

    Args:
        hours: (from, until) on the clock; equal: never quiet. They may go over midnight.
        zones: at least one.
    """

    def __init__(self, hours: tuple[time, time], zones: Sequence[ZoneInfo]) -> None:
        invariant(zones, "a customer is in some zone")
        self._from, self._until = hours
        self._zones = tuple(zones)

    def holds(self, at: datetime) -> bool:
        """Tell whether it is quiet in one of the zones."""
        return any(self._holds_in(at, zone) for zone in self._zones)

    def ends(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` on that is not quiet; None: there is none.

        Rounded up to a whole minute where it lies later than `at`.
        """
        for _ in range(_STEPS_MAX):
            later = max(self._turns(at, zone, quiet=False) for zone in self._zones)
            if later == at:
                return at
            at = later
        return None

    def begins(self, at: datetime) -> datetime | None:
        """Return when it is quiet next, from `at` on; None: never."""
        if self._from == self._until:
            return None
        return min(self._turns(at, zone, quiet=True) for zone in self._zones)

    def _holds_in(self, at: datetime, zone: ZoneInfo) -> bool:
        clock = at.astimezone(zone).time()
        if self._from <= self._until:
            return self._from <= clock < self._until
        return clock >= self._from or clock < self._until

    def _turns(self, at: datetime, zone: ZoneInfo, *, quiet: bool) -> datetime:
        """Return the first instant from `at` on at which it is quiet in a zone, or is not."""
        if self._holds_in(at, zone) is quiet:
            return at
        local = at.astimezone(zone)
        mark = self._from if quiet else self._until
        turn = local.replace(
            hour=mark.hour, minute=mark.minute, second=0, microsecond=0, fold=local.fold
        )
        if turn <= local:
            turn += _DAY
        found = turn.astimezone(UTC)
        if turn.utcoffset() == local.utcoffset() and at < found <= at + _DAY:
            return found
        # The clock is changed in between: an hour may be missing, or come twice.
        step = at.replace(second=0, microsecond=0)
        while self._holds_in(step, zone) is not quiet or step < at:
            step += _MINUTE
        return step
