"""Stops calling a vendor that is down, and asks carefully whether it is back.

    closed ──failures_max in a row──▶ open ──time is up──▶ half-open ──probe works──▶ closed
                                       ▲                       │
                                       └─────probe fails───────┘   (twice as long each time)

A pure value: every step returns the next state, so that it can be stored and replayed.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

State = Literal["closed", "open", "half_open"]


class CircuitBreaker(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the line to one vendor's account.

    Attributes:
        failures: in a row, while closed.
        trips: how often it opened since the last success.
        until: open: when a probe may go; half-open: when a probe that never came back is given up.
        failures_max: failures in a row that open it.
        open_s: how long it stays open the first time; doubled each time after.
        open_s_max: how long it stays open at most.
        probe_s: how long a probe may take.
    """

    state: State = "closed"
    failures: int = 0
    trips: int = 0
    until: datetime | None = None
    failures_max: int = 5
    open_s: float = 30.0
    open_s_max: float = 600.0
    probe_s: float = 60.0

    def wait_s(self, now: datetime) -> float:
        """Return how long no call may go; 0 when one may be asked for now."""
        if self.until is None:
            return 0.0
        left_s = max(0.0, (self.until - now).total_seconds())
        # Longer than it was ever set for: our clock was set back, and the wait is not believed.
        longest_s = self.open_s_max if self.state == "open" else self.probe_s
        return left_s if left_s <= longest_s else 0.0

    def ask(self, now: datetime) -> tuple["CircuitBreaker", bool]:
        """Ask to send a call.

        Returns:
            The next state, to be kept, and whether the call may go. After an open time exactly one
            call may: the probe.
        """
        if self.state == "closed":
            return self, True
        if self.wait_s(now) > 0:
            return self, False
        return self._to("half_open", now + timedelta(seconds=self.probe_s)), True

    def succeeded(self) -> "CircuitBreaker":
        """Note a call that the vendor answered, whatever the answer was.

        A late success of a call from before it opened does not close it: the probe does.
        """
        if self.state == "open":
            return self
        return msgspec.structs.replace(self, state="closed", failures=0, trips=0, until=None)

    def failed(self, now: datetime) -> "CircuitBreaker":
        """Note a call without an answer, or one that says that the vendor is down."""
        if self.state == "open":
            return self
        failures = self.failures + 1
        if self.state == "closed" and failures < self.failures_max:
            return msgspec.structs.replace(self, failures=failures)
        doubled = self.open_s * 2.0 ** min(self.trips, 32)
        opened = self._to("open", now + timedelta(seconds=min(doubled, self.open_s_max)))
        return msgspec.structs.replace(opened, failures=0, trips=self.trips + 1)

    def _to(self, state: State, until: datetime) -> "CircuitBreaker":
        return msgspec.structs.replace(self, state=state, until=until)
