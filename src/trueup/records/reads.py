"""What others may know of records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.records")


async def find_records(conn: psycopg.AsyncConnection[Any], kind: str, ref: str) -> list[Row]:
    """Return records of one kind by the vendor's id or by number ("#1001")."""
    return await fetch_rows(conn, _queries.find_records, kind=kind, ref=ref)


async def records_of_entity(
    conn: psycopg.AsyncConnection[Any], connection_id: int, entity: str
) -> list[Row]:
    """Return all records of one entity, oldest first."""
    return await fetch_rows(
        conn, _queries.records_of_entity, connection_id=connection_id, entity=entity
    )


async def records_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[Row]:
    """Return the records that some events made or changed."""
    return await fetch_rows(conn, _queries.records_of_events, event_ids=list(event_ids))


async def versions_of_record(conn: psycopg.AsyncConnection[Any], record_id: int) -> list[Row]:
    """Return every version of one record, oldest first."""
    return await fetch_rows(conn, _queries.versions_of_record, record_id=record_id)


async def recent_records(
    conn: psycopg.AsyncConnection[Any],
    kind: str,
    *,
    count: int = 50,
    before: datetime | None = None,
) -> list[Row]:
    """Return the newest records of a kind."""
    return await fetch_rows(conn, _queries.recent_records, kind=kind, count=count, before=before)


async def count_records(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return how many records there are of each kind, with versions and stale ones."""
    return await fetch_rows(conn, _queries.count_records)


async def page_records(
    conn: psycopg.AsyncConnection[Any],
    kind: str,
    *,
    count: int,
    connection_id: int | None = None,
    before: tuple[datetime, int] | None = None,
) -> list[Row]:
    """Return one page of the newest records of a kind.

    Args:
        conn: any session.
        kind: such as "order".
        count: records at most.
        connection_id: of one connection only.
        before: (occurred_at, record_id) of the last record of the page above.
    """
    before_at, before_id = before or (None, 0)
    return await fetch_rows(
        conn,
        _queries.page_records,
        kind=kind,
        count=count,
        connection_id=connection_id,
        before_at=before_at,
        before_id=before_id,
    )


async def version_events(
    conn: psycopg.AsyncConnection[Any], record_ids: Sequence[int], *, count: int = 1000
) -> list[Row]:
    """Return which events made versions of some records, newest first."""
    return await fetch_rows(conn, _queries.version_events, record_ids=list(record_ids), count=count)


async def records_of_persons(
    conn: psycopg.AsyncConnection[Any], persons: Sequence[bytes], kind: str
) -> list[Row]:
    """Return the records of one kind that belong to some persons."""
    return await fetch_rows(conn, _queries.records_of_persons, persons=list(persons), kind=kind)
