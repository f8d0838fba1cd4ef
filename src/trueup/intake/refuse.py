"""Note deliveries that were turned away; bounded, without their bodies."""

from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.kernel.ids import sha256

_queries = load_queries("trueup.intake")

REFUSED_KEPT = 10_000


async def note_refusal(
    conn: psycopg.AsyncConnection[Any], connection_name: str, reason: str, body: bytes
) -> None:
    """Note one refusal by its reason code and the digest of its body."""
    await conn.execute(
        _queries.refuse_delivery,
        {
            "connection_name": connection_name[:63],
            "reason": reason,
            "sha256": sha256(body),
            "body_bytes": len(body),
        },
    )


async def trim_refusals(conn: psycopg.AsyncConnection[Any]) -> None:
    """Keep the newest `REFUSED_KEPT` refusals."""
    await conn.execute(_queries.trim_refused, {"keep": REFUSED_KEPT})
