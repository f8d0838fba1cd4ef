"""Units sold ahead: what is still to come counts at listings whose rule says so.

What comes is available and no longer to come in one transaction, so that an offer never counts it
twice or not at all. What was sold ahead has made `available` smaller by then, and is not offered
again. As in the outlook, what should have come already and what comes on no day count nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.ledger.model import StockChange
from trueup.records.expected import Incoming, incoming_of

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]
SellSites = Mapping[int, frozenset[str]]

SKUS_MAX: Final = 200
INTERVAL_S: Final = 60.0
INCOMING_MAX: Final = 100_000_000
"""More is no pre-order but a mistake in a purchase order; with what is available it must fit."""


async def change_ahead(
    conn: Conn,
    sell_sites: SellSites,
    skus: Collection[str] | None,
    *,
    now: datetime,
    beside: Iterable[StockChange] = (),
) -> int:
    """Count anew what is to come at the listings that sell it ahead.

    Call it in the transaction that changed what is to come, before `change_stock`.

    Args:
        conn: in a transaction.
        sell_sites: from which sites a channel sells; what comes elsewhere is not for it.
        skus: of which something may have changed; None: all.
        now: its day is today, in UTC.
        beside: what the transaction tells next: these listings are locked as well.

    Returns:
        At how many listings the units to come changed.
    """
    among = None if skus is None else sorted(skus)
    listed = await fetch_rows(conn, _queries.listings_ahead, skus=among)
    if not listed:
        return 0
    wanted = sorted({row["sku"] for row in listed}.union(change.sku for change in beside))
    rows = await fetch_rows(conn, _queries.lock_listings, skus=wanted)
    following = [row for row in rows if row["ahead_incoming"]]
    changed = await _changed(conn, sell_sites, following, now)
    if changed:
        await conn.execute(
            _queries.change_ahead,
            {
                "connection_ids": [row["connection_id"] for row, _ in changed],
                "keys": [row["key"] for row, _ in changed],
                "incoming": [units for _, units in changed],
            },
        )
    return len(changed)


async def tend_ahead(conn: Conn, sell_sites: SellSites, *, now: datetime) -> datetime:
    """Count anew where a day has passed or a setting changed; returns when to look again.

    In autocommit; only what differs is locked, a page at a time.
    """
    rows = await fetch_rows(conn, _queries.listings_ahead, skus=None)
    differing = sorted({row["sku"] for row, _ in await _changed(conn, sell_sites, rows, now)})
    for start in range(0, len(differing), SKUS_MAX):
        async with conn.transaction():
            page = differing[start : start + SKUS_MAX]
            await change_ahead(conn, sell_sites, page, now=now)
    return now + timedelta(seconds=INTERVAL_S)


def units_ahead(
    lines: Iterable[Incoming], *, today: date, days: int | None, sites: frozenset[str] | None
) -> int:
    """Return how many units are to come that may be counted on.

    Args:
        lines: what is still to come of one SKU.
        today: what was expected before is late, and may not come at all.
        days: only what is expected within so many from today; None: whenever.
        sites: only what comes to these; None: to any.
    """
    until = None if days is None else today + timedelta(days=days)
    units = sum(
        line.units
        for line in lines
        if line.expected_on is not None
        and today <= line.expected_on
        and (until is None or line.expected_on <= until)
        and (sites is None or line.site in sites)
    )
    return min(units, INCOMING_MAX)


async def _changed(
    conn: Conn, sell_sites: SellSites, rows: Sequence[Row], now: datetime
) -> list[tuple[Row, int]]:
    """Return the listings at which not as many units are to come as stand there."""
    today = now.astimezone(UTC).date()
    coming = await _coming(conn, sorted({row["sku"] for row in rows}))
    found = []
    for row in rows:
        units = units_ahead(
            coming[row["sku"]],
            today=today,
            days=row["ahead_days"],
            sites=sell_sites.get(row["connection_id"]),
        )
        if units != row["incoming"]:
            found.append((row, units))
    return found


async def _coming(conn: Conn, skus: Sequence[str]) -> Mapping[str, list[Incoming]]:
    """Return what is to come, SKU by SKU; asked in pages, so that no bound cuts it short."""
    coming: dict[str, list[Incoming]] = defaultdict(list)
    for start in range(0, len(skus), SKUS_MAX):
        for line in await incoming_of(conn, skus[start : start + SKUS_MAX]):
            coming[line.sku].append(line)
    return coming
