"""The trail: what looks found, what was done about it, and who wrote besides us."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.reconcile.cause import Cause, Part
from trueup.reconcile.look import Sight, Unlisted
from trueup.reconcile.risk import Look

_queries = load_queries("trueup.reconcile")

Conn = psycopg.AsyncConnection[Any]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one look means.

    Attributes:
        parts: of the difference; none where it agrees.
        changed: the channel's own number is not what was left there.
        rate: of the SKU, as of this look.
    """

    sight: Sight
    parts: tuple[Part, ...] = ()
    changed: bool = False
    rate: float = 0.0

    @property
    def sku(self) -> str:
        """The SKU."""
        return self.sight.before.key

    @property
    def unexplained(self) -> int:
        """Units that nothing explains, either way."""
        return sum(abs(p.amount) for p in self.parts if p.cause is Cause.UNEXPLAINED)


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done about a difference: "read", "noted", "hastened" or "revived"."""

    sku: str
    action: str
    cause: Cause
    shall: int
    stood: int | None
    evidence: tuple[str, ...]


class ForeignWrite(msgspec.Struct, frozen=True, kw_only=True):
    """Units by which a number changed that nobody of us wrote; signed."""

    sku: str
    seen_at: datetime
    units: int
    evidence: tuple[str, ...]


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """How far the walk over all levels has come; `position` is the vendor's cursor."""

    began_at: datetime
    position: str | None = None
    finished_at: datetime | None = None


async def read_looks(conn: Conn, connection_id: int) -> dict[str, Look]:
    """Return the last look at each listing of a channel, by SKU."""
    async with conn.cursor(row_factory=class_row(Look)) as cursor:
        await cursor.execute(_queries.list_looks, {"connection_id": connection_id})
        return {look.sku: look for look in await cursor.fetchall()}


async def write_looks(conn: Conn, connection_id: int, findings: Sequence[Finding]) -> None:
    """Keep what looks found, each SKU once."""
    if not findings:
        return
    await conn.execute(
        _queries.write_looks,
        {
            "connection_id": connection_id,
            "skus": [f.sku for f in findings],
            "looked_ats": [f.sight.looked_at for f in findings],
            "shalls": [f.sight.before.shall for f in findings],
            "stands": [f.sight.stands for f in findings],
            "sequences": [f.sight.before.sequence for f in findings],
            "rates": [f.rate for f in findings],
            "causes": [_json(f.parts) for f in findings],
            "unexplained": [f.unexplained for f in findings],
            "changed": [f.changed for f in findings],
        },
    )


async def drop_looks(conn: Conn, connection_id: int, kept: Sequence[str]) -> None:
    """Forget looks at listings that are no more."""
    await conn.execute(_queries.drop_looks, {"connection_id": connection_id, "kept": list(kept)})


async def read_walk(conn: Conn, connection_id: int) -> Walk | None:
    """Return how far the walk over all levels has come; None where none began."""
    async with conn.cursor(row_factory=class_row(Walk)) as cursor:
        await cursor.execute(_queries.read_walk, {"connection_id": connection_id})
        return await cursor.fetchone()


async def write_walk(conn: Conn, connection_id: int, walk: Walk) -> None:
    """Note how far the walk over all levels has come."""
    fields = msgspec.structs.asdict(walk)
    await conn.execute(_queries.write_walk, {"connection_id": connection_id, **fields})


async def write_unmapped(
    conn: Conn, connection_id: int, unlisted: Sequence[Unlisted], now: datetime
) -> None:
    """Keep what a vendor keeps stock of and no listing names."""
    each = {one.item_ref: one for one in unlisted}
    if each:
        await conn.execute(
            _queries.write_unmapped,
            {
                "connection_id": connection_id,
                "now": now,
                "item_refs": list(each),
                "skus": [one.sku for one in each.values()],
                "stands": [one.stands for one in each.values()],
                "whys": [one.why for one in each.values()],
            },
        )


async def drop_unmapped(
    conn: Conn, connection_id: int, seen_before: datetime, listed: Sequence[str]
) -> None:
    """Forget what a whole walk did not find again, or what is listed by now."""
    parameters = {"connection_id": connection_id, "seen_before": seen_before}
    await conn.execute(_queries.drop_unmapped, {**parameters, "listed": list(listed)})


async def note_repairs(
    conn: Conn, connection_id: int, repairs: Sequence[Repair], now: datetime
) -> None:
    """Keep what was done about differences."""
    if repairs:
        await conn.execute(
            _queries.note_repairs,
            {
                "connection_id": connection_id,
                "now": now,
                "skus": [r.sku for r in repairs],
                "actions": [r.action for r in repairs],
                "causes": [r.cause.value for r in repairs],
                "shalls": [r.shall for r in repairs],
                "stood": [r.stood for r in repairs],
                "evidence": [_json(r.evidence) for r in repairs],
            },
        )


async def mend_repairs(
    conn: Conn, connection_id: int, skus: Sequence[str], now: datetime
) -> set[str]:
    """Note that listings are in order again; returns those of which something was done."""
    if not skus:
        return set()
    cursor = await conn.execute(
        _queries.mend_repairs, {"connection_id": connection_id, "skus": list(skus), "now": now}
    )
    return {sku for (sku,) in await cursor.fetchall()}


async def repaired_since(
    conn: Conn, connection_id: int, since: datetime
) -> dict[tuple[str, str], Row]:
    """Return how often something was done about listings after an instant, by (SKU, action)."""
    rows = await fetch_rows(conn, _queries.repaired_since, connection_id=connection_id, since=since)
    return {(row["sku"], row["action"]): row for row in rows}


async def note_foreign_writes(
    conn: Conn, connection_id: int, writes: Sequence[ForeignWrite], now: datetime
) -> set[str]:
    """Keep numbers that nobody of us wrote, each once; returns the SKUs of those that are new."""
    if not writes:
        return set()
    cursor = await conn.execute(
        _queries.note_foreign_writes,
        {
            "connection_id": connection_id,
            "now": now,
            "skus": [w.sku for w in writes],
            "seen_ats": [w.seen_at for w in writes],
            "units": [w.units for w in writes],
            "evidence": [_json(w.evidence) for w in writes],
        },
    )
    return {sku for (sku,) in await cursor.fetchall()}


async def foreign_writes(
    conn: Conn, connection_id: int | None, since: datetime, *, count: int = 500
) -> list[Row]:
    """Return numbers that nobody of us wrote, newest first."""
    return await fetch_rows(
        conn,
        _queries.list_foreign_writes,
        connection_id=connection_id,
        since=since,
        count=count,
    )


async def write_round(conn: Conn, figures: Mapping[str, object]) -> None:
    """Keep the figures of a round."""
    await conn.execute(_queries.write_round, dict(figures))


async def span_of_rounds(conn: Conn, connection_id: int) -> tuple[datetime | None, datetime | None]:
    """Return when the rounds of a channel began, and when the last one ended."""
    [row] = await fetch_rows(conn, _queries.first_round, connection_id=connection_id)
    return row["began_at"], row["ended_at"]


async def trim_trail(conn: Conn, connection_id: int, before: datetime) -> None:
    """Forget what is long over."""
    await conn.execute(_queries.trim_trail, {"connection_id": connection_id, "before": before})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
