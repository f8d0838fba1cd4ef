"""What others may know of intake."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from trueup.db.queries import load_queries
from trueup.db.rows import Row, copy_rows, fetch_rows
from trueup.intake.partitions import PRESENCE_CLASS

_queries = load_queries("trueup.intake")


async def list_issues(
    conn: psycopg.AsyncConnection[Any], *, count: int = 100, code: str | None = None
) -> list[Row]:
    """Return open issues, newest first."""
    return await fetch_rows(conn, _queries.list_issues, count=count, code=code)


async def issues_of_events(conn: psycopg.AsyncConnection[Any], event_ids: list[int]) -> list[Row]:
    """Return the issues of some events."""
    return await fetch_rows(conn, _queries.issues_of_events, event_ids=event_ids)


async def fates_of_events(conn: psycopg.AsyncConnection[Any], event_ids: list[int]) -> list[Row]:
    """Return those of some events that still wait or are parked, with the cause."""
    return await fetch_rows(conn, _queries.fates_of_events, event_ids=event_ids)


async def issues_of_ref(conn: psycopg.AsyncConnection[Any], ref: str) -> list[Row]:
    """Return the issues about one record, such as "sku/TEE", newest first."""
    return await fetch_rows(conn, _queries.issues_of_ref, ref=ref)


async def last_events(conn: psycopg.AsyncConnection[Any], *, newest: int = 100_000) -> list[Row]:
    """Return when each connection last told us something by each way, among the newest events."""
    return await fetch_rows(conn, _queries.last_events, newest=newest)


async def scan_log(conn: psycopg.AsyncConnection[Any], *, count: int) -> AsyncIterator[list[Row]]:
    """Yield the events that were applied, by entity, `count` at a time; in a transaction."""
    async with conn.cursor("scan_log", row_factory=dict_row) as cursor:
        await cursor.execute(_queries.scan_log)
        while rows := await cursor.fetchmany(count):
            yield rows


async def count_issues(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return open issues counted by code."""
    return await fetch_rows(conn, _queries.count_issues)


async def list_parked(conn: psycopg.AsyncConnection[Any], *, count: int = 100) -> list[Row]:
    """Return parked events, newest first."""
    return await fetch_rows(conn, _queries.list_parked, count=count)


async def list_clusters(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return parked events counted by root cause."""
    return await fetch_rows(conn, _queries.list_clusters)


async def recent_events(
    conn: psycopg.AsyncConnection[Any], *, count: int = 50, before: int | None = None
) -> list[Row]:
    """Return the newest events without their bodies."""
    return await fetch_rows(conn, _queries.recent_events, count=count, before=before)


async def count_events(conn: psycopg.AsyncConnection[Any]) -> Row:
    """Return how many events there are, wait, are parked, were refused."""
    return (await fetch_rows(conn, _queries.count_events))[0]


async def oldest_queued(conn: psycopg.AsyncConnection[Any]) -> Row:
    """Return how many events wait and for how long the oldest has."""
    return (await fetch_rows(conn, _queries.oldest_queued))[0]


async def count_log(conn: psycopg.AsyncConnection[Any], *, after: int = 0) -> Row:
    """Return events behind a number, the newest of them, and the newest number ever given."""
    return (await fetch_rows(conn, _queries.count_log, after=after))[0]


async def events_by_number(conn: psycopg.AsyncConnection[Any], event_ids: list[int]) -> list[Row]:
    """Return events without their bodies, oldest first."""
    return await fetch_rows(conn, _queries.events_by_number, event_ids=event_ids)


async def parked_of_entity(
    conn: psycopg.AsyncConnection[Any], connection_id: int, entity: str, *, count: int = 50
) -> list[int]:
    """Return the numbers of parked events about one entity, oldest first."""
    rows = await fetch_rows(
        conn, _queries.parked_of_entity, connection_id=connection_id, entity=entity, count=count
    )
    return [row["event_id"] for row in rows]


async def page_parked(
    conn: psycopg.AsyncConnection[Any],
    *,
    count: int,
    cluster: str | None = None,
    before: int | None = None,
) -> list[Row]:
    """Return one page of parked events, newest first; `before`: the last one of the page above."""
    return await fetch_rows(conn, _queries.page_parked, count=count, cluster=cluster, before=before)


async def oldest_parked(
    conn: psycopg.AsyncConnection[Any], cluster: str, *, count: int
) -> tuple[list[int], int]:
    """Return the oldest parked events of one cause, oldest first, and how many there are of all."""
    rows = await fetch_rows(conn, _queries.oldest_parked, cluster=cluster, count=count)
    return [row["event_id"] for row in rows], rows[0]["waiting"] if rows else 0


async def page_issues(
    conn: psycopg.AsyncConnection[Any],
    *,
    count: int,
    code: str | None = None,
    before: int | None = None,
) -> list[Row]:
    """Return one page of open issues, newest first; `before`: the last one of the page above."""
    return await fetch_rows(conn, _queries.page_issues, count=count, code=code, before=before)


async def copy_parked(conn: psycopg.AsyncConnection[Any], path: Path) -> None:
    """Write the orders of which something is parked into a CSV file."""
    await copy_rows(conn, _queries.copy_parked, path)


async def name_connections(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return number, name, connector and state of every connection that was not removed."""
    return await fetch_rows(conn, _queries.name_connections)


async def count_workers(conn: psycopg.AsyncConnection[Any]) -> int:
    """Return how many worker sessions share the partitions now."""
    return len(await fetch_rows(conn, _queries.list_present, presence_class=PRESENCE_CLASS))


async def find_taken(
    conn: psycopg.AsyncConnection[Any], connection_id: int, external_ids: list[str]
) -> set[str]:
    """Return those of some delivery ids that the log has of a connection."""
    given = {
        "connection_ids": [connection_id] * len(external_ids),
        "external_ids": external_ids,
    }
    rows = await fetch_rows(conn, _queries.find_taken, **given)
    return {row["external_id"] for row in rows}
