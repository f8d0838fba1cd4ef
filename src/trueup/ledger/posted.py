"""Which records stand in the money ledger, and since when."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows

_queries = load_queries("trueup.ledger")


async def money_posted(
    conn: psycopg.AsyncConnection[Any], record_ids: Collection[int]
) -> dict[int, datetime]:
    """Return when some records were posted in the money ledger; without those that are not.

    What was posted and taken back again does not stand there.
    """
    if not record_ids:
        return {}
    rows = await fetch_rows(conn, _queries.money_posted, record_ids=sorted(record_ids))
    return {row["record_id"]: row["posted_at"] for row in rows}
