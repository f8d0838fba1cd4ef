"""What looks of one turn read once, and for a while after it: pasts that hardly change meanwhile.

A rule that looks at a single subject, before it is ordered, would read the whole past again for it.
"""

from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

ReadT = TypeVar("ReadT")

KEPT: Final = timedelta(minutes=15)
"""So old may be what is known of the past of months."""


class Memo:
    """What was read, by what it is."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[datetime, Any]] = {}

    async def once(
        self, what: Hashable, now: datetime, read: Callable[[], Awaitable[ReadT]]
    ) -> ReadT:
        """Return what was read before, or read it.

        Args:
            what: it is; of the same the same is read.
            now: of the look; what was read more than `KEPT` before, or after it, is read again.
            read: reads it.
        """
        if what in self._known:
            at, known = self._known[what]
            if timedelta() <= now - at <= KEPT:
                return cast("ReadT", known)
        self._known = {key: each for key, each in self._known.items() if now - each[0] <= KEPT}
        found = await read()
        self._known[what] = (now, found)
        return found
