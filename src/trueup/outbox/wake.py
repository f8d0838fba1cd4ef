"""Wake: word from those who apply events to the lines of the same process that something is due."""

import asyncio
from collections.abc import Iterable


class Wake:
    """Ends the waits of lines; only spares time, as a line also looks by itself now and then.

    Lines of other processes hear nothing of it.
    """

    def __init__(self) -> None:
        self._called: dict[int, asyncio.Event] = {}

    def call(self, connection_ids: Iterable[int]) -> None:
        """Let the lines of some connections look for what is due, or look once more."""
        for connection_id in connection_ids:
            self._of(connection_id).set()

    async def wait(self, connection_id: int, *, at_most_s: float) -> bool:
        """Return True as soon as the connection was called since the last time it was told so."""
        called = self._of(connection_id)
        try:
            async with asyncio.timeout(at_most_s):
                await called.wait()
        except TimeoutError:
            return False
        called.clear()
        return True

    def _of(self, connection_id: int) -> asyncio.Event:
        return self._called.setdefault(connection_id, asyncio.Event())
