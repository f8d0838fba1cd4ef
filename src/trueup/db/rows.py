"""Rows as dictionaries, for reads that are shown rather than worked with."""

from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]


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
