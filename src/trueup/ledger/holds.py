"""Holds: the lines of reservations that hold units now. Written where they are posted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.canon.reservation import Reservation, ReservationState
from trueup.db.queries import load_queries
from trueup.ledger.kits import Kits
from trueup.ledger.reservation import HOLDING, lines_apart

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]


async def known_skus(conn: Conn, codes: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those SKUs that have one; a command makes none."""
    cursor = await conn.execute(_queries.known_skus, {"codes": sorted(set(codes))}, prepare=True)
    return dict(await cursor.fetchall())


async def replace_holds(
    conn: Conn, reservations: Mapping[int, Reservation], numbers: Mapping[str, int], kits: Kits
) -> None:
    """Set what reservations hold, by the numbers of their records, as they stand after a batch.

    Of a kit its parts are held.
    """
    if not reservations:
        return
    rows = [
        (
            *(record_id, ordinal, each.ref, numbers[line.sku], line.site, line.quantity),
            each.expires_at if each.state is ReservationState.HELD else None,
        )
        for record_id, each in sorted(reservations.items())
        if each.state in HOLDING
        for ordinal, line in enumerate(lines_apart(each.lines, kits, each.created_at))
    ]
    names = ("line_records", "ordinals", "refs", "sku_ids", "sites", "units", "expires_ats")
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    await conn.execute(
        _queries.replace_holds, {"record_ids": sorted(reservations), **columns}, prepare=True
    )


async def left_at_sites(
    conn: Conn, places: Sequence[tuple[str, str]], numbers: Mapping[str, int]
) -> dict[tuple[str, str], int]:
    """Return what is left per (sku, site); the caller holds the balances of the SKUs."""
    wanted = [(numbers[sku], site) for sku, site in places if sku in numbers]
    if not wanted:
        return {}
    cursor = await conn.execute(
        _queries.left_at_sites,
        {"sku_ids": [sku_id for sku_id, _ in wanted], "sites": [site for _, site in wanted]},
    )
    codes = {number: sku for sku, number in numbers.items()}
    return {(codes[sku_id], site): units for sku_id, site, units in await cursor.fetchall()}


async def due_holds(
    conn: Conn, now: datetime, *, sku_ids: Collection[int] | None = None, count: int = 200
) -> list[str]:
    """Return the refs of reservations whose time is over, the oldest first."""
    cursor = await conn.execute(
        _queries.due_holds,
        {"now_at": now, "sku_ids": None if sku_ids is None else sorted(sku_ids), "count": count},
        prepare=True,
    )
    return [ref for (ref,) in await cursor.fetchall()]
