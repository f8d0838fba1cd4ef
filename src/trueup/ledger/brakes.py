"""Brakes at work: hold counts before anything of them is applied, and let a person decide.

Held events are parked in the log, as one group. Released, they are applied as of their own
instants: what was counted since, or moved since, stays as it is.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.park import discard_parked, park_queued, requeue_parked
from trueup.ledger.brake import Change, Known, Limits, change_of, excesses, marks_of, newest
from trueup.ledger.counts import Count, Spot

_queries = load_queries("trueup.ledger")

CODE = "stock.braked"

Conn = psycopg.AsyncConnection[Any]


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """One count that an event tells.

    Attributes:
        received_at: when the event came in.
        added_up: with the others of its account; what people hand in was judged as they did.
    """

    event_id: int
    connection_id: int
    received_at: datetime
    count: Count
    added_up: bool


class Held(NamedTuple):
    """A group of held counts."""

    brake_id: int
    reason: str

    @property
    def cluster(self) -> str:
        """Give the name under which its parked events are one."""
        return f"{CODE} · brake {self.brake_id}"


async def reasons_against(conn: Conn, counts: Sequence[Count], limits: Limits) -> str:
    """Return why a file of counts must be held, as a whole; empty where it may pass."""
    counted = newest(counts)
    known = await _known(conn, list(counted))
    changes = [
        (spot, change)
        for spot, count in counted.items()
        if (change := change_of(count, known.get(spot), limits)) is not None
    ]
    sizes = await _sizes(conn, changes)
    return "; ".join(each.told(limits) for each in excesses(marks_of(changes), sizes, limits))


async def hold_file(
    conn: Conn, connection_id: int, event_ids: Sequence[int], reason: str, at: datetime
) -> Held:
    """Hold the events of a file, in the transaction that appended them."""
    held = await _open(conn, connection_id, "file", reason, at)
    await conn.execute(
        _queries.hold_events, {"brake_id": held.brake_id, "event_ids": list(event_ids)}
    )
    await park_queued(conn, event_ids, cause=CODE, detail=reason, cluster=held.cluster)
    return held


async def examine(conn: Conn, told: Sequence[Counting], limits: Limits) -> dict[int, Held]:
    """Return which events of a batch must not be applied now, in the batch's transaction.

    What an account's levels would empty or inflate is added up over the window; from where it is
    too much, it is held, and all else is applied. A file was judged when it came in.
    """
    cursor = await conn.execute(
        _queries.brakes_of_events, {"event_ids": sorted({each.event_id for each in told})}
    )
    held: dict[int, Held] = {}
    decided: set[int] = set()
    for event_id, brake_id, state, reason in await cursor.fetchall():
        decided.add(event_id)
        if state == "held":
            held[event_id] = Held(brake_id, reason)
    fresh: dict[int, list[Counting]] = defaultdict(list)
    for each in told:
        if each.added_up and each.event_id not in decided:
            fresh[each.connection_id].append(each)
    known = await _known(conn, [(e.count.sku, e.count.site) for e in told]) if fresh else {}
    for connection_id, counted in sorted(fresh.items()):
        odd = [
            (each, change)
            for each in counted
            if (change := change_of(each.count, known.get(_spot(each)), limits)) is not None
        ]
        if odd:
            held |= await _judge(conn, connection_id, odd, limits)
    return held


async def _judge(
    conn: Conn, connection_id: int, odd: Sequence[tuple[Counting, Change]], limits: Limits
) -> dict[int, Held]:
    await conn.execute(_queries.lock_brake, {"connection_id": connection_id})
    now = max(each.received_at for each, _ in odd)
    since_at = now - timedelta(seconds=limits.window_s)
    cursor = await conn.execute(
        _queries.marked_since, {"connection_id": connection_id, "since_at": since_at}
    )
    marked = [((sku, site), Change(change)) for sku, site, change in await cursor.fetchall()]
    changes = [(_spot(each), change) for each, change in odd]
    sizes = await _sizes(conn, changes)
    found = excesses(marks_of([*marked, *changes]), sizes, limits)
    await conn.execute(
        _queries.mark_places,
        {
            "connection_id": connection_id,
            "since_at": since_at,
            "codes": [spot[0] for spot, _ in changes],
            "sites": [spot[1] for spot, _ in changes],
            "changes": [change.value for _, change in changes],
            "marked_ats": [each.received_at for each, _ in odd],
        },
    )
    too_many = {(each.site, each.change) for each in found}
    events = sorted(
        {each.event_id for each, change in odd if (each.count.site, change) in too_many}
    )
    if not events:
        return {}
    reason = "; ".join(each.told(limits) for each in found)
    held = await _open(conn, connection_id, "levels", reason, now)
    await conn.execute(_queries.hold_events, {"brake_id": held.brake_id, "event_ids": events})
    return dict.fromkeys(events, held)


async def release_brake(conn: Conn, brake_id: int, at: datetime) -> int | None:
    """Let a group be applied, as of its own instants.

    Args:
        conn: in the caller's transaction.
        brake_id: of the group.
        at: when it was decided.

    Returns:
        How many events are on the queue again; None where no such group is held.
    """
    return await _decide(conn, brake_id, "released", at)


async def discard_brake(conn: Conn, brake_id: int, at: datetime) -> int | None:
    """Give a group up: it stays in the log and moves nothing, ever.

    Returns:
        How many events there were; None where no such group is held.
    """
    return await _decide(conn, brake_id, "discarded", at)


async def list_brakes(conn: Conn, *, count: int = 100, state: str | None = None) -> list[Row]:
    """Return groups of held counts, those that wait for a person first."""
    return await fetch_rows(conn, _queries.list_brakes, count=count, state=state)


async def _decide(conn: Conn, brake_id: int, state: str, at: datetime) -> int | None:
    async with conn.transaction():
        cursor = await conn.execute(
            _queries.decide_brake, {"brake_id": brake_id, "state": state, "decided_at": at}
        )
        decided = await cursor.fetchone()
        if decided is None:
            return None
        cursor = await conn.execute(_queries.events_of_brake, {"brake_id": brake_id})
        event_ids = [event_id for (event_id,) in await cursor.fetchall()]
        if state == "released":
            # A person has seen it: what was changed so far is no reason to hold what follows.
            await conn.execute(_queries.forget_marks, {"connection_id": decided[0]})
            done = await requeue_parked(conn, event_ids=event_ids)
        else:
            done = await discard_parked(conn, event_ids=event_ids)
        await close_issues(conn, CODE, [_ref(brake_id)])
        return len(done)


async def _open(conn: Conn, connection_id: int, source: str, reason: str, at: datetime) -> Held:
    cursor = await conn.execute(
        _queries.open_brake,
        {"connection_id": connection_id, "source": source, "reason": reason, "held_at": at},
    )
    [(brake_id,)] = await cursor.fetchall()
    issue = Issue(
        code=CODE,
        severity=Severity.ERROR,
        expected="counts that change a smaller share of a site at once",
        found=reason,
        how_to_fix=(
            f"Look at what was told. If it is right: trueup brakes release {brake_id}. "
            f"If it is wrong: trueup brakes discard {brake_id}."
        ),
        ref=_ref(brake_id),
    )
    await raise_issue(conn, connection_id, issue)
    return Held(brake_id, reason)


async def _known(conn: Conn, spots: Sequence[Spot]) -> dict[Spot, Known]:
    wanted = sorted(set(spots))
    cursor = await conn.execute(
        _queries.known_places,
        {"codes": [sku for sku, _ in wanted], "sites": [site for _, site in wanted]},
    )
    return {
        (sku, site): Known(int(on_hand), counted_at)
        for sku, site, on_hand, counted_at in await cursor.fetchall()
    }


async def _sizes(conn: Conn, changes: Sequence[tuple[Spot, Change]]) -> dict[str, int]:
    if not changes:
        return {}
    sites = sorted({site for (_, site), _ in changes})
    cursor = await conn.execute(_queries.counted_at_sites, {"sites": sites})
    return {site: int(skus) for site, skus in await cursor.fetchall()}


def _spot(each: Counting) -> Spot:
    return (each.count.sku, each.count.site)


def _ref(brake_id: int) -> str:
    return f"brake/{brake_id}"
