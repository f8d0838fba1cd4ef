"""Reach: how long word takes from a channel to the hub and back, measured as it happens.

Each process gathers what it sees and writes it down about once a second, in one small statement;
what is known is smoothed as RFC 6298 smooths a round trip, so that all processes share one figure.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.intake.model import Event, Origin
from trueup.ledger.model import Transaction
from trueup.ledger.rules import own_available
from trueup.outbox.model import Call

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

FLUSH_INTERVAL_S: Final = 1.0
SAMPLES_MAX: Final = 10_000
"""Of one flush; more of them would say nothing new."""

SAMPLE_S_MAX: Final = 6 * 3600.0
"""What took longer was history that is read, or an outage: neither says how long word takes."""

LATE_S: Final = 3600.0
"""What a poll finds later than this is history that is read."""

UNMEASURED_S: Final = {"inward": 10.0, "outward": 5.0}
"""What is assumed of a way of which nothing was measured."""

_DEVIATIONS = 4.0


class Way(StrEnum):
    """Which way word goes, as seen from the hub."""

    INWARD = "inward"
    OUTWARD = "outward"


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """How long word takes one way: smoothed mean and mean deviation."""

    mean_s: float
    deviation_s: float
    samples: int = 0
    measured_at: datetime | None = None

    @property
    def reach_s(self) -> float:
        """How long it takes at the longest, but for the rare: RFC 6298's mean and 4 deviations."""
        return self.mean_s + _DEVIATIONS * self.deviation_s


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Both ways of one connection; None where nothing was measured yet."""

    inward: Delay | None = None
    outward: Delay | None = None

    @property
    def inward_s(self) -> float:
        """From a sale there until the hub has taken it in."""
        return UNMEASURED_S["inward"] if self.inward is None else self.inward.reach_s

    @property
    def outward_s(self) -> float:
        """From then until a lower number stands there."""
        return UNMEASURED_S["outward"] if self.outward is None else self.outward.reach_s


class ReachWatch:
    """Gathers how long word took, and now and then writes it down."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, Way], list[float]] = defaultdict(list)
        self._flushed_at = float("-inf")

    def note_sales(self, transactions: Iterable[Transaction]) -> None:
        """Note how old the sales of a batch were when the hub took them in."""
        for transaction in transactions:
            if not (transaction.connection_id and transaction.live):
                continue
            if any(units < 0 for units in own_available(transaction.moves).values()):
                took = transaction.seen_at - transaction.occurred_at
                self._note(transaction.connection_id, Way.INWARD, took.total_seconds())

    def note_lowered(self, call: Call, done: Sequence[bool], now: datetime) -> None:
        """Note how long lower numbers took to stand at a channel; raises may have waited."""
        for claimed, is_done in zip(call.claimed, done, strict=True):
            expected = claimed.intent.expected
            if is_done and expected is not None and claimed.intent.value < expected:
                took = now - claimed.wanted_at
                self._note(call.connection_id, Way.OUTWARD, took.total_seconds())

    def _note(self, connection_id: int, way: Way, took_s: float) -> None:
        seen = self._seen[connection_id, way]
        if took_s <= SAMPLE_S_MAX and len(seen) < SAMPLES_MAX:
            seen.append(max(0.0, took_s))  # two clocks may disagree

    async def flush(
        self, conn: Conn, *, now_s: float | None = None, now: datetime | None = None
    ) -> int:
        """Write down what was gathered, where it is time to; returns how many ways were told.

        Args:
            conn: in autocommit.
            now_s: of the loop's clock; None: as it is.
            now: instant of the caller's clock; None: the database's.
        """
        at_s = asyncio.get_running_loop().time() if now_s is None else now_s
        if not self._seen or at_s - self._flushed_at < FLUSH_INTERVAL_S:
            return 0
        self._flushed_at = at_s
        seen, self._seen = self._seen, defaultdict(list)
        ways = sorted(way for way, samples in seen.items() if samples)
        means = [math.fsum(seen[way]) / len(seen[way]) for way in ways]
        deviations = [
            math.fsum(abs(sample - mean) for sample in seen[way]) / len(seen[way])
            if len(seen[way]) > 1
            else 0.0
            for way, mean in zip(ways, means, strict=True)
        ]
        await conn.execute(
            _queries.fold_reach,
            {
                "connection_ids": [connection_id for connection_id, _ in ways],
                "ways": [way.value for _, way in ways],
                "means": means,
                "deviations": deviations,
                "counts": [len(seen[way]) for way in ways],
                "now": now,
            },
        )
        return len(ways)


def is_live(event: Event, occurred_at: datetime) -> bool:
    """Whether a fact was told as it happened: by a webhook, or by a poll that was not late."""
    if event.origin == Origin.POLL:
        return (event.received_at - occurred_at).total_seconds() <= LATE_S
    return event.origin == Origin.WEBHOOK


async def read_reach(conn: Conn) -> dict[int, Reach]:
    """Return how long word takes, by connection; who was never measured is missing."""
    ways: dict[int, dict[str, Delay]] = defaultdict(dict)
    for row in await fetch_rows(conn, _queries.list_reach):
        ways[row["connection_id"]][row["way"]] = Delay(
            mean_s=row["mean_s"],
            deviation_s=row["deviation_s"],
            samples=row["samples"],
            measured_at=row["measured_at"],
        )
    return {
        connection_id: Reach(inward=each.get("inward"), outward=each.get("outward"))
        for connection_id, each in ways.items()
    }
