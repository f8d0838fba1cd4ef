"""Load entities and store what a batch changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.canon.dock import Arrival, Transfer
from trueup.canon.order import Order
from trueup.canon.record import Record, decode, kinds
from trueup.db.queries import load_queries
from trueup.errors import invariant
from trueup.records.inspected import Entities, note_inspected
from trueup.records.links import store_links
from trueup.records.model import Stamp, Stored, Version

_queries = load_queries("trueup.records")

_BLOCK = 1000
_UNITING = [kind for kind, record_type in kinds().items() if record_type.unites]

EntityKey = tuple[int, str]
RecordKey = tuple[str, str]


class RecordNumbers:
    """Hands out record numbers from blocks, so that a batch needs no round trip per record."""

    def __init__(self) -> None:
        self._next = 0
        self._end = 0

    async def reserve(self, conn: psycopg.AsyncConnection[Any], count: int) -> "Iterable[int]":
        """Return at least `count` numbers; what is not used is skipped for ever."""
        numbers: list[int] = []
        while len(numbers) < count:
            if self._next == self._end:
                cursor = await conn.execute(_queries.take_record_block)
                row = await cursor.fetchone()
                invariant(row is not None, "a sequence always answers")
                self._next = int(row[0]) * _BLOCK if row else 0
                self._end = self._next + _BLOCK
            take = min(count - len(numbers), self._end - self._next)
            numbers.extend(range(self._next, self._next + take))
            self._next += take
        return numbers


async def load_entities(
    conn: psycopg.AsyncConnection[Any], entities: Iterable[EntityKey]
) -> dict[EntityKey, dict[RecordKey, Stored]]:
    """Return all records of some entities: entity -> (kind, ref) -> record."""
    found, _ = await load_claimed(conn, entities, ())
    return found


async def load_claimed(
    conn: psycopg.AsyncConnection[Any],
    entities: Iterable[EntityKey],
    claims: Iterable[tuple[tuple[int, str, str], str]],
) -> tuple[dict[EntityKey, dict[RecordKey, Stored]], dict[tuple[int, str, str], str]]:
    """Return all records of some entities, and what of the claimed is another entity's already.

    Args:
        conn: any session.
        entities: (connection_id, entity).
        claims: ((connection_id, kind, ref), entity) of records that are about to be stored.

    Returns:
        entity -> (kind, ref) -> record; and (connection_id, kind, ref) -> the entity it is stored
        under, for those that are stored under another one than claimed.
    """
    keys, claimed = list(dict.fromkeys(entities)), list(claims)
    found: dict[EntityKey, dict[RecordKey, Stored]] = {key: {} for key in keys}
    elsewhere: dict[tuple[int, str, str], str] = {}
    if not keys:
        return found, elsewhere
    cursor = await conn.execute(
        _queries.load_entities,
        {
            "connection_ids": [c for c, _ in keys],
            "entities": [e for _, e in keys],
            "claimed_connections": [c for (c, _, _), _ in claimed],
            "claimed_kinds": [kind for (_, kind, _), _ in claimed],
            "claimed_refs": [ref for (_, _, ref), _ in claimed],
            "claimed_entities": [entity for _, entity in claimed],
            "uniting": _UNITING,
        },
        prepare=True,
    )
    for row in await cursor.fetchall():
        record_id, connection_id, kind, ref, entity, updated_at, raised_at, digest = row[:8]
        person, event_id, versions, stale, body, sealed = row[8:]
        if body is None:
            elsewhere[connection_id, kind, ref] = entity
            continue
        found[connection_id, entity][kind, ref] = Stored(
            record_id=record_id,
            connection_id=connection_id,
            kind=kind,
            ref=ref,
            stamp=Stamp(updated_at, raised_at, bytes(digest)),
            body=decode(kind, body),
            person=None if person is None else bytes(person),
            event_id=event_id,
            versions=versions,
            stale=stale,
            sealed=None if sealed is None else bytes(sealed),
        )
    return found, elsewhere


async def store_records(
    conn: psycopg.AsyncConnection[Any],
    *,
    changed: Sequence[Stored],
    versions: Sequence[Version],
    beside: Entities,
) -> None:
    """Store what a batch changed, in its transaction.

    Args:
        conn: in the transaction of the batch.
        changed: each record once, as it stands after the batch.
        versions: all versions that arrived, stale ones too.
        beside: all records of everything that the batch speaks of.
    """
    await note_inspected(conn, beside)
    fresh = [stored for stored in changed if stored.fresh]
    moved = [stored for stored in changed if not stored.fresh]
    if fresh:
        columns = _columns(fresh)
        columns |= {
            "connection_ids": [s.connection_id for s in fresh],
            "kinds": [s.kind for s in fresh],
            "refs": [s.ref for s in fresh],
            "entities": [s.body.entity() for s in fresh],
        }
        await conn.execute(_queries.insert_records, columns, prepare=True)
    if moved:
        await conn.execute(_queries.update_records, _columns(moved), prepare=True)
    if versions:
        await conn.execute(
            _queries.insert_versions,
            {
                "record_ids": [v.record_id for v in versions],
                "event_ids": [v.event_id for v in versions],
                "stale": [v.stale for v in versions],
                "bodies": [v.body.decode() for v in versions],
                "personal": [v.personal for v in versions],
            },
            prepare=True,
        )
    await store_links(conn, changed)


async def lock_name(conn: psycopg.AsyncConnection[Any], name: str) -> None:
    """Make whoever else works on a record of this name wait for the caller's transaction."""
    await conn.execute(_queries.lock_name, {"name": name})


def _columns(records: Sequence[Stored]) -> dict[str, list[Any]]:
    return {
        "record_ids": [s.record_id for s in records],
        "numbers": [_number(s.body) for s in records],
        "persons": [s.person for s in records],
        "updated_ats": [s.stamp.updated_at for s in records],
        "raised_ats": [s.stamp.raised_at for s in records],
        "digests": [s.stamp.digest for s in records],
        "occurred_ats": [_occurred_at(s.body) for s in records],
        "event_ids": [s.event_id for s in records],
        "versions": [s.versions for s in records],
        "stale": [s.stale for s in records],
        "deleted": [s.body.deleted for s in records],
    }


def _number(record: Record) -> str | None:
    return record.number if isinstance(record, Order) else None


def _occurred_at(record: Record) -> datetime:
    if isinstance(record, Order):
        return record.placed_at
    if isinstance(record, Arrival | Transfer):
        return record.occurred_at
    return getattr(record, "created_at", None) or record.updated_at
