"""Klaviyo's limits: so many calls in a second of the clock, and so many in a minute of it."""

from datetime import datetime

from trueup.sandbox.vendor import Bucket


class Windows(Bucket):
    """One end point's two fixed windows, as a bucket is used.

    Args:
        burst: calls in one second.
        steady: calls in one minute.
    """

    def __init__(self, *, burst: int, steady: int) -> None:
        super().__init__(capacity=burst, refill_per_s=steady / 60)
        self.burst, self.steady = burst, steady
        self._second = self._minute = -1
        self._in_second = self._in_minute = 0

    def left(self, now: datetime) -> float:
        """Return how many calls may be made now."""
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._in_second = second, 0
        if second // 60 != self._minute:
            self._minute, self._in_minute = second // 60, 0
        return min(self.burst - self._in_second, self.steady - self._in_minute)

    def take(self, now: datetime) -> bool:
        """Spend one call, if there is one."""
        if self.left(now) < 1:
            return False
        self._in_second += 1
        self._in_minute += 1
        return True

    def give_back(self) -> None:
        """Undo the last `take`."""
        self._in_second -= 1
        self._in_minute -= 1

    def wait_s(self, now: datetime) -> float:
        """Return how many whole seconds it is until the next window."""
        if self.left(now) >= 1:
            return 0.0
        if self.steady > self._in_minute:
            return 1.0
        return 60.0 - int(now.timestamp()) % 60

    @property
    def left_in_minute(self) -> int:
        """How many calls are left in this minute."""
        return self.steady - self._in_minute
