"""Replay: map and merge the whole log again, and compare with what is stored. Reads only.

Mapping, merging and the ledger's rules are pure, so the log says again what it said before. What
differs was changed behind our back, or by newer code: the report says how many and shows some.
The log is walked entity by entity, so that memory does not grow with it.
"""

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Any

import msgspec
import psycopg

from trueup.canon.inventory import InventoryLevel
from trueup.canon.order import Order
from trueup.canon.record import Record
from trueup.govern.persons import read_keys
from trueup.hub import Hub
from trueup.intake.claim import load_events
from trueup.intake.model import Event
from trueup.intake.reads import scan_log
from trueup.kernel.limits import BATCH_EVENTS_MAX
from trueup.ledger.counts import is_count
from trueup.ledger.kitting import newer_kits
from trueup.ledger.model import Positions
from trueup.ledger.placing import place
from trueup.ledger.post import posted_of_records
from trueup.records.merge import merge, take_apart
from trueup.records.model import Stored
from trueup.records.store import EntityKey, RecordKey, load_entities
from trueup.records.understand import understand

Conn = psycopg.AsyncConnection[Any]

DIFFERENCES_SHOWN_MAX = 200
_SCAN_TIMEOUT_S = 1800
_PATIENT = (
    "SELECT set_config(name, %s, false) FROM unnest(ARRAY['statement_timeout', "
    "'idle_in_transaction_session_timeout']) AS s (name)"
)

Records = dict[RecordKey, Stored]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One record that the log tells otherwise than it is stored.

    Attributes:
        what: "record_missing", "record_extra", "record_differs" or "positions_differ".
    """

    what: str
    connection_id: int
    ref: str
    stored: str
    replayed: str


class Replayed(msgspec.Struct, kw_only=True):
    """What the log says again, beside what is stored.

    Attributes:
        dark: events whose person was erased; what they said is not compared.
        skipped: counts of stock, which depend on what lay there when they were booked.
        differing: how many differ; `differences` shows the first.
    """

    events: int = 0
    entities: int = 0
    records: int = 0
    dark: int = 0
    parked: int = 0
    skipped: int = 0
    differing: int = 0
    differences: list[Difference] = []


async def replay_log(conn: Conn, hub: Hub) -> Replayed:
    """Map and merge the log again in memory and compare it with records and positions.

    Args:
        conn: in autocommit; everything is read in one snapshot, and nothing is written.
        hub: the connectors as they are now.
    """
    found = Replayed()
    await conn.execute(_PATIENT, (f"{_SCAN_TIMEOUT_S}s",))
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        hub.learn_kits(await newer_kits(conn, hub.kits) or hub.kits)
        await _replay(conn, hub, found)
    return found


async def _replay(conn: Conn, hub: Hub, found: Replayed) -> None:
    waiting: list[tuple[EntityKey, list[Event]]] = []
    held = 0
    async for key, events in _entities(conn):
        waiting.append((key, events))
        held += len(events)
        if held >= BATCH_EVENTS_MAX:
            await _compare(conn, hub, waiting, found)
            waiting, held = [], 0
    await _compare(conn, hub, waiting, found)


async def _entities(conn: Conn) -> AsyncIterator[tuple[EntityKey, list[Event]]]:
    """Yield the log's events by entity, oldest first."""
    key: EntityKey | None = None
    gathered: list[Event] = []
    async for rows in scan_log(conn, count=BATCH_EVENTS_MAX):
        events = {e.event_id: e for e in await load_events(conn, [r["event_id"] for r in rows])}
        for entity, group in groupby(rows, key=lambda row: (row["connection_id"], row["entity"])):
            # An event of which nobody knows what it is about stands for itself.
            if key is not None and (entity != key or not key[1]):
                yield key, gathered
                gathered = []
            key = entity
            gathered += [events[row["event_id"]] for row in group]
    if key is not None:
        yield key, gathered


async def _compare(
    conn: Conn, hub: Hub, entities: Sequence[tuple[EntityKey, list[Event]]], found: Replayed
) -> None:
    events = [event for _, group in entities for event in group]
    persons = {bytes(event.person) for event in events if event.person is not None}
    keys = await read_keys(conn, hub.vault, persons) if persons else {}
    told: dict[EntityKey, Records] = {}
    dark: set[EntityKey] = set()
    for event in events:
        _merge(hub, event, keys, told, dark, found)
    stored = await load_entities(conn, told)
    record_ids = [each.record_id for records in stored.values() for each in records.values()]
    posted = await posted_of_records(conn, record_ids)
    found.entities += len(entities)
    for key, records in told.items():
        if key not in dark:
            _compare_entity(hub, key, records, stored[key], posted, found)


def _merge(
    hub: Hub,
    event: Event,
    keys: dict[bytes, bytes],
    told: dict[EntityKey, Records],
    dark: set[EntityKey],
    found: Replayed,
) -> None:
    found.events += 1
    folder = hub.reader_of(event.connection_id, event.topic)
    if folder is None:
        return
    understood = understand(
        hub.vault, folder, event, keys, settings=hub.settings_of(event.connection_id)
    )
    if understood.rebooks:
        return
    if understood.event_key is None:
        found.dark += 1
        dark.add((event.connection_id, event.entity))
        return
    if understood.fault is not None:
        found.parked += 1
        return
    for record in understood.mapped.records:
        records = told.setdefault((event.connection_id, record.entity()), {})
        merged, _ = merge(
            records.get((record.kind, record.ref)),
            take_apart(record, understood.source),
            record_id=0,
            connection_id=event.connection_id,
            event_id=event.event_id,
            person=None,
        )
        records[record.kind, record.ref] = merged


def _compare_entity(
    hub: Hub,
    key: EntityKey,
    told: Records,
    stored: Records,
    posted: dict[int, Positions],
    found: Replayed,
) -> None:
    connection_id = key[0]
    found.records += len(told)
    for record_key in sorted(told.keys() | stored.keys()):
        ref = "/".join(record_key)
        mine, theirs = told.get(record_key), stored.get(record_key)
        if mine is None or theirs is None:
            what = "record_missing" if theirs is None else "record_extra"
            _note(found, what, connection_id, ref, str(theirs is not None), str(mine is not None))
            continue
        if mine.stamp != theirs.stamp:
            at = (theirs.stamp.updated_at.isoformat(), mine.stamp.updated_at.isoformat())
            _note(found, "record_differs", connection_id, ref, *at)
        wanted = _positions(hub, connection_id, mine, told, found)
        if wanted is not None and wanted != posted.get(theirs.record_id, {}):
            both = (_text(posted.get(theirs.record_id, {})), _text(wanted))
            _note(found, "positions_differ", connection_id, ref, *both)


def _positions(
    hub: Hub, connection_id: int, record: Stored, records: Records, found: Replayed
) -> Positions | None:
    """Return what a record means for stock; None where that can not be said again."""
    if is_count(record.body) or _is_bridged(hub, connection_id, record.body):
        found.skipped += 1
        return None
    bodies = [each.body for each in records.values()]
    placed = place(record.body, lambda: bodies, hub.site_of(connection_id), hub.kits)
    return {} if placed is None else placed.positions


def _is_bridged(hub: Hub, connection_id: int, record: Record) -> bool:
    """Whether what a record posts depends on the books, or on what other entities tell."""
    if isinstance(record, Order):
        return hub.masters.bridges(record)
    return isinstance(record, InventoryLevel) and hub.masters.is_master(connection_id)


def _note(
    found: Replayed, what: str, connection_id: int, ref: str, stored: str, replayed: str
) -> None:
    found.differing += 1
    if len(found.differences) < DIFFERENCES_SHOWN_MAX:
        found.differences.append(
            Difference(
                what=what,
                connection_id=connection_id,
                ref=ref,
                stored=stored,
                replayed=replayed,
            )
        )


def _text(positions: Positions) -> str:
    parts = (f"{p.sku} {p.place.value} {p.site} {units:+d}" for p, units in positions.items())
    return "; ".join(sorted(parts)) or "nothing"
