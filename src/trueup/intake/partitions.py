"""Share the partitions between sessions, so that one entity is handled by one worker at a time.

A session holds a partition as an advisory lock of its own database connection, on which it also
applies the events. So there is nothing to renew and nothing to fence: a worker that dies loses the
connection, the server frees the locks, and no later write of that worker can reach the database.
A worker that hangs is cut off by the server's idle time-out. See docs/decisions/0004.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.kernel.limits import PARTITIONS

_queries = load_queries("trueup.intake")

_PARTITION_CLASS = 64_001
PRESENCE_CLASS = 64_002
_CONNECTION_CLASS = 64_003
_PULL_CLASS = 64_004
_SCHEDULE_CLASS = 64_005


class PartitionShare:
    """The partitions one session holds.

    Args:
        conn: the session; in autocommit between batches.
        ttl_s: how long the session may be silent before the server ends it.
    """

    def __init__(self, conn: psycopg.AsyncConnection[Any], *, ttl_s: float) -> None:
        self._conn = conn
        self._ttl_s = ttl_s
        self._slot = random.SystemRandom().randrange(1, 2**31)
        self.held: set[int] = set()

    async def join(self) -> None:
        """Say that this session wants a share."""
        limit = f"{int(self._ttl_s * 1000)}ms"
        for setting in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
            await self._conn.execute("SELECT set_config(%s, %s, false)", (setting, limit))
        await self._try_lock(PRESENCE_CLASS, self._slot)

    async def balance(self) -> set[int]:
        """Take what is this session's by the number of sessions present, give up what is not.

        Call about once a second, between batches. Returns what is held.
        """
        cursor = await self._conn.execute(_queries.list_present, {"presence_class": PRESENCE_CLASS})
        slots = [slot for (slot,) in await cursor.fetchall()]
        mine = slots.index(self._slot) if self._slot in slots else 0
        wanted = {p for p in range(PARTITIONS) if p % max(1, len(slots)) == mine}
        for partition in sorted(self.held - wanted):
            await self._conn.execute(
                _queries.give_partition, {"lock_class": _PARTITION_CLASS, "partition": partition}
            )
            self.held.discard(partition)
        for partition in sorted(wanted - self.held):
            if await self._try_lock(_PARTITION_CLASS, partition):
                self.held.add(partition)
        return self.held

    async def _try_lock(self, lock_class: int, number: int) -> bool:
        return await _try_lock(self._conn, lock_class, number)


@asynccontextmanager
async def hold_partition(conn: psycopg.AsyncConnection[Any], partition: int) -> AsyncIterator[bool]:
    """Hold one partition while inside; gives False where another session has it.

    For who wants one event applied now: workers keep theirs, and so apply it themselves.
    """
    taken = await _try_lock(conn, _PARTITION_CLASS, partition)
    try:
        yield taken
    finally:
        if taken and not conn.closed:
            await conn.execute(
                _queries.give_partition, {"lock_class": _PARTITION_CLASS, "partition": partition}
            )


async def hold_connection(conn: psycopg.AsyncConnection[Any], connection_id: int) -> bool:
    """Take the right to call one vendor account, for as long as this session lives.

    One session alone calls an account, so its rate limit is counted in one place only.
    Returns False where another session has it.
    """
    return await _try_lock(conn, _CONNECTION_CLASS, connection_id)


async def hold_pull(conn: psycopg.AsyncConnection[Any], connection_id: int) -> bool:
    """Take the right to pull from one account, for as long as this session lives.

    Returns False where another session has it.
    """
    return await _try_lock(conn, _PULL_CLASS, connection_id)


async def hold_schedule(conn: psycopg.AsyncConnection[Any]) -> bool:
    """Take the right to be the one scheduler; False where another session is."""
    return await _try_lock(conn, _SCHEDULE_CLASS, 0)


async def _try_lock(conn: psycopg.AsyncConnection[Any], lock_class: int, number: int) -> bool:
    cursor = await conn.execute(
        _queries.take_partition, {"lock_class": lock_class, "partition": number}
    )
    row = await cursor.fetchone()
    return bool(row and row[0])
