"""Rows as dictionaries, for reads that are shown rather than worked with, and as files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Row = dict[str, Any]


@asynccontextmanager
async def snapshot(conn: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """Read all of what follows as of one moment; nothing can be written."""
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def fetch_rows(
    conn: psycopg.AsyncConnection[Any], query: LiteralString, **parameters: object
) -> list[Row]:
    """Return all rows of a query by column name.

    Args:
        conn: any session.
        query: of a room's `queries.sql`; it bounds itself.
        parameters: of the query, by name.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def copy_rows(
    conn: psycopg.AsyncConnection[Any], query: LiteralString, path: Path, **parameters: object
) -> None:
    """Write all rows of a query into a CSV file with a header, however many there are.

    Args:
        conn: any session.
        query: of a room's `queries.sql`.
        path: of the file; one that is there is written anew.
        parameters: of the query, by name.
    """
    text = sql.SQL(query.rstrip().rstrip(";"))
    statement = sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)").format(text)
    with path.open("wb") as file:
        async with conn.cursor() as cursor, cursor.copy(statement, parameters) as copy:
            async for part in copy:
                file.write(part)
