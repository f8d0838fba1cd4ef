"""Preview: what trying parked events again would change, worked out and undone.

The events take the very way that they will take, in a transaction that is rolled back: nothing of
it was ever there. Events about one entity are applied one after the other, as each may need what
the one before it told; then they are undone together, so that no lock is held for longer than one
entity takes. Where a worker waits for the same, the preview gives way.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.rows import Row
from trueup.hub import Hub
from trueup.intake import reads as intake
from trueup.intake.claim import load_events
from trueup.intake.model import Event
from trueup.intake.park import requeue_parked
from trueup.ledger import reads as ledger
from trueup.pipeline import Applier
from trueup.records import reads as records
from trueup.worker import refresh_connections

Conn = psycopg.AsyncConnection[Any]

EVENTS_MAX: Final = 50
LOOK_S_MAX: Final = 6.0
LOCK_TIMEOUT: Final = "300ms"
"""Below the second after which the server looks for a deadlock: a worker is never the one to go."""

VERSIONS_MAX: Final = 1000


class Fate(StrEnum):
    """What would become of an event."""

    APPLIES = "applies"
    PARKED = "parked"  # it would be parked again
    BUSY = "busy"  # others work on the same now; nobody can say


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An issue that an event would open."""

    code: str
    severity: str
    pointer: str
    expected: str
    found: str
    how_to_fix: str


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A record that would have another version; `stale`: an older one, without effect."""

    kind: str
    ref: str
    stale: bool


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Units that would be posted."""

    sku: str
    place: str
    site: str
    units: int


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """Money that would be posted."""

    account: str
    currency: str
    amount: Decimal


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one event.

    Attributes:
        cause, detail: why it would be parked again.
        issues: that it would open, also where it applies.
    """

    event_id: int
    connection: str
    topic: str
    entity: str
    fate: Fate
    cause: str = ""
    detail: str = ""
    issues: tuple[Problem, ...] = ()
    records: tuple[Changed, ...] = ()
    units: tuple[Moved, ...] = ()
    money: tuple[Booked, ...] = ()


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What trying the events of one cause again would change.

    Attributes:
        waiting: how many are parked for this cause.
        events: those that were looked at, oldest first.
    """

    waiting: int
    events: tuple[Foreseen, ...]

    def of(self, fate: Fate) -> int:
        """Return how many of those that were looked at would end so."""
        return sum(each.fate is fate for each in self.events)

    @property
    def left(self) -> int:
        """How many were not looked at."""
        return self.waiting - len(self.events)


async def preview_retry(
    conn: Conn, hub: Hub, cluster: str, *, count: int = EVENTS_MAX, seconds: float = LOOK_S_MAX
) -> Preview:
    """Return what trying the parked events of one cause again would change; nothing is written.

    Args:
        conn: in autocommit.
        hub: what it knows stays as it is.
        cluster: of the parked events.
        count: look at no more, the oldest first.
        seconds: after so many no other entity is begun.
    """
    own = hub.aside()
    await refresh_connections(conn, own)
    event_ids, waiting = await intake.oldest_parked(conn, cluster, count=count)
    # A stable sort: within an entity they stay in their order.
    events = sorted(
        await load_events(conn, event_ids), key=lambda each: (each.connection_id, each.entity)
    )
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    found: list[Foreseen] = []
    for _, group in groupby(events, key=lambda each: (each.connection_id, each.entity)):
        if loop.time() >= ends_at:
            break
        found += await _foresee(conn, own, list(group))
    return Preview(waiting=waiting, events=tuple(sorted(found, key=lambda each: each.event_id)))


async def _foresee(conn: Conn, hub: Hub, events: Sequence[Event]) -> list[Foreseen]:
    """Apply what is parked about one entity, look, and undo it."""
    hub = hub.aside()  # what it learns of kits that are undone is of no use to the others
    async with conn.transaction(force_rollback=True):
        await conn.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
        return [await _try(conn, hub, event) for event in events]


async def _try(conn: Conn, hub: Hub, event: Event) -> Foreseen:
    before = await intake.issues_of_events(conn, [event.event_id])
    try:
        async with conn.transaction():
            await requeue_parked(conn, event_ids=[event.event_id])
            await Applier(conn, hub).apply_now([event])
            # What the database looks at only in the end, it looks at now.
            await conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        return _fate(hub, event, Fate.BUSY)
    except psycopg.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - as when it is tried for good: parked with its cause
        detail = f"{type(error).__name__}: {error}"[:500]
        return _fate(hub, event, Fate.PARKED, cause="hub.failure", detail=detail)
    return await _look(conn, hub, event, before)


async def _look(conn: Conn, hub: Hub, event: Event, before: Sequence[Row]) -> Foreseen:
    """Return what an event that was just applied changed; `before`: issues that stood already."""
    ids = [event.event_id]
    issues = [_problem(row) for row in await intake.issues_of_events(conn, ids)]
    for row in await intake.fates_of_events(conn, ids):
        cause, detail = row["cause"] or "", row["detail"] or ""
        return _fate(hub, event, Fate.PARKED, cause=cause, detail=detail, issues=issues)
    known = await records.records_of_entity(conn, event.connection_id, event.entity)
    named = {row["record_id"]: (row["kind"], row["ref"]) for row in known}
    told = await records.version_events(conn, list(named), count=VERSIONS_MAX)
    stock = await ledger.postings_of_events(conn, ids)
    money = await ledger.money_of_events(conn, ids)
    return _fate(
        *(hub, event, Fate.APPLIES),
        issues=[each for each in issues if each not in {_problem(row) for row in before}],
        records=[
            Changed(kind=kind, ref=ref, stale=each["stale"])
            for each in told
            if each["event_id"] == event.event_id
            for kind, ref in [named[each["record_id"]]]
        ],
        units=[msgspec.convert(_only(row, Moved), Moved) for row in stock],
        money=[msgspec.convert(_only(row, Booked), Booked) for row in money],
    )


def _fate(  # noqa: PLR0913 - named, and each is what would become of the event
    hub: Hub,
    event: Event,
    fate: Fate,
    *,
    cause: str = "",
    detail: str = "",
    issues: Sequence[Problem] = (),
    records: Sequence[Changed] = (),
    units: Sequence[Moved] = (),
    money: Sequence[Booked] = (),
) -> Foreseen:
    return Foreseen(
        event_id=event.event_id,
        connection=hub.names().get(event.connection_id, "removed"),
        topic=event.topic,
        entity=event.entity,
        fate=fate,
        cause=cause,
        detail=detail,
        issues=tuple(issues),
        records=tuple(records),
        units=tuple(units),
        money=tuple(money),
    )


def _problem(row: Row) -> Problem:
    return msgspec.convert(_only(row, Problem), Problem)


def _only(row: Row, kind: type[msgspec.Struct]) -> dict[str, object]:
    return {name: row[name] for name in kind.__struct_fields__}
