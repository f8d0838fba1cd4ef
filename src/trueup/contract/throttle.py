"""How fast a vendor may be called, and when a failed call is tried again. Pure: time is given in.

A bucket starts from the manifest's figures. What the vendor's own reply says of the budget wins
over them, so that two processes, or another app on the same account, are noticed at the next reply.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final, Self

from trueup.contract.capability import Limit
from trueup.errors import Fate, invariant

RETRY_DELAYS_S: Final = (
    0.0,
    5.0,
    30.0,
    5 * 60.0,
    30 * 60.0,
    2 * 3_600.0,
    5 * 3_600.0,
    10 * 3_600.0,
    14 * 3_600.0,
    20 * 3_600.0,
    24 * 3_600.0,
)
"""Waits before each try, about 76 hours in all; after the last comes the dead letter."""

JITTER: Final = 0.2
JITTER_EARLY: Final = 0.04
"""How much of a wait may be left out: so little that the whole outlasts three days away."""

RETRY_AFTER_S_MAX: Final = 24 * 3_600.0

# What a gateway says when the system behind it may have done the work before the line broke.
_MAYBE_DONE: Final = frozenset({500, 502, 504, 520, 521, 522, 523, 524, 598, 599})


class CostBucket:
    """A budget that is spent by calls and comes back with time.

    Args:
        capacity: the most that can be spent at once.
        refill_per_s: how fast it comes back.

    Invariant: the costs of calls sent in any stretch of T seconds stay within
    capacity + T * refill_per_s, if each is sent after the wait that `reserve` gave.
    """

    def __init__(self, capacity: float, refill_per_s: float) -> None:
        invariant(capacity > 0 and refill_per_s > 0, "a bucket has a size and comes back")
        self._capacity = capacity
        self._refill_per_s = refill_per_s
        self._balance = capacity
        self._counted_at: datetime | None = None

    @classmethod
    def of(cls, limit: Limit) -> Self:
        """Make the bucket of a manifest's limit."""
        return cls(limit.capacity, limit.refill_per_s)

    def reserve(self, cost: float, now: datetime) -> float:
        """Take a call's cost out of the budget, in the order of asking.

        Args:
            cost: what the call is expected to cost; more than the capacity counts as all of it.
            now: our clock; one that jumps back neither refills nor freezes the budget.

        Returns:
            Seconds to wait before the call may be sent; 0 when it may go at once.
        """
        invariant(cost >= 0, "a call does not earn budget")
        self._refill(now)
        self._balance -= min(cost, self._capacity)
        return max(0.0, -self._balance / self._refill_per_s)

    def give_back(self, cost: float, now: datetime) -> None:
        """Return the cost of a call that was reserved and not sent, or cost less than thought."""
        self._refill(now)
        self._balance = min(self._capacity, self._balance + min(cost, self._capacity))

    def observe(
        self,
        available: float,
        capacity: float,
        refill_per_s: float,
        now: datetime,
        *,
        in_flight_cost: float = 0.0,
        at_most: bool = False,
    ) -> None:
        """Believe what the vendor's reply says of the budget.

        Args:
            available: what the vendor says is left.
            capacity: the size it says the budget has.
            refill_per_s: how fast it says the budget comes back.
            now: when the reply came.
            in_flight_cost: reserved by calls that the vendor had not counted yet.
            at_most: it counts by windows, so that what is left bounds our pace and never raises it.
        """
        if capacity <= 0 or refill_per_s <= 0:
            return  # a reply without sense changes nothing
        self._refill(now)
        self._capacity, self._refill_per_s = capacity, refill_per_s
        told = min(available, capacity) - in_flight_cost
        self._balance = min(self._balance, told) if at_most else told
        self._counted_at = now

    def available(self, now: datetime) -> float:
        """Return what is left; below 0 when calls are already waiting for it."""
        self._refill(now)
        return self._balance

    def _refill(self, now: datetime) -> None:
        elapsed_s = (now - (self._counted_at or now)).total_seconds()
        if elapsed_s > 0:
            self._balance = min(self._capacity, self._balance + elapsed_s * self._refill_per_s)
        self._counted_at = now  # also after a jump backwards, or nothing would come back for long


def retry_delay_s(attempt: int, rng: Random, retry_after_s: float | None = None) -> float | None:
    """Say how long to wait before the next try.

    Args:
        attempt: tries that failed so far; 0 before the first. An answer that only asked to slow
            down is no failed try.
        rng: where the jitter comes from: up to 20 % later, and 4 % earlier.
        retry_after_s: what the vendor asked for; it wins, up to a day.

    Returns:
        Seconds; None when the schedule is over and the call becomes a dead letter.
    """
    invariant(attempt >= 0, "attempts are counted from 0")
    if attempt >= len(RETRY_DELAYS_S):
        return None
    if retry_after_s is not None:
        return min(max(0.0, retry_after_s), RETRY_AFTER_S_MAX)
    return RETRY_DELAYS_S[attempt] * rng.uniform(1 - JITTER_EARLY, 1 + JITTER)


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header: seconds, or an HTTP date.

    Args:
        value: the header's text; None where there is none.
        now: our clock.

    Returns:
        Seconds from now, 0 to a day; None when the header is missing or makes no sense.
    """
    text = (value or "").strip()
    if not text.isascii():
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    if seconds != seconds:  # noqa: PLR0124 - NaN is the one number that differs from itself
        return None
    return min(max(0.0, seconds), RETRY_AFTER_S_MAX)


def status_fate(http_status: int, *, writes: bool = False) -> Fate:
    """Say what to do after a reply that is not a success.

    Args:
        http_status: 300 to 599.
        writes: the call would change something; a broken gateway may then hide that it did.

    Returns:
        `after_s` for 429, `ask_human` for 401, `later` for 408, 409, 425 and the 5xx, `read_back`
        for a write whose work may be done, and `never` for all others.
    """
    invariant(not 200 <= http_status < 300, "a success has no such fate")
    if http_status == 429:
        return "after_s"
    if http_status == 401:
        return "ask_human"
    if writes and http_status in _MAYBE_DONE:
        return "read_back"
    if http_status in {408, 409, 425} or http_status >= 500:
        return "later"
    return "never"
