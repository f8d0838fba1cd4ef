"""What others may know of parity: the report of the last looks, its trail, and how it went."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.ledger.reads import list_balances
from trueup.outbox.parity import listings_to_compare
from trueup.reconcile.report import UNEXPLAINED, Discrepancy, Report
from trueup.records.listings import list_listings

_queries = load_queries("trueup.reconcile")

Conn = psycopg.AsyncConnection[Any]

UNMAPPED: Final = "unmapped_sku"
_ALL: Final = 10_000_000
_STRETCHES: Final = 120


async def list_differences(
    conn: Conn, *, connection_id: int | None = None, sku: str | None = None, count: int = 500
) -> list[Row]:
    """Return listings at which not what shall stands, the unexplained first, then the oldest."""
    return await fetch_rows(
        conn, _queries.list_differences, connection_id=connection_id, sku=sku, count=count
    )


async def list_unmapped(
    conn: Conn, *, connection_id: int | None = None, count: int = 500
) -> list[Row]:
    """Return what vendors keep stock of and no listing of ours names."""
    return await fetch_rows(conn, _queries.list_unmapped, connection_id=connection_id, count=count)


async def list_repairs(
    conn: Conn, *, connection_id: int | None = None, sku: str | None = None, count: int = 100
) -> list[Row]:
    """Return what was done about differences, newest first."""
    return await fetch_rows(
        conn, _queries.list_repairs, connection_id=connection_id, sku=sku, count=count
    )


async def count_looks(conn: Conn) -> list[Row]:
    """Return by channel how many listings were looked at, differ, and are not explained."""
    return await fetch_rows(conn, _queries.count_looks)


async def open_over_time(conn: Conn, since: datetime, now: datetime) -> list[Row]:
    """Return how many listings differed over time, oldest first, in at most 120 stretches."""
    stretch_s = max(60.0, (now - since).total_seconds() / _STRETCHES)
    return await fetch_rows(conn, _queries.open_over_time, since=since, stretch_s=stretch_s)


async def report_of_parity(
    conn: Conn, names: Mapping[int, str], *, connection_id: int | None = None
) -> Report:
    """Return what the last looks found, by channel and SKU, what nothing explains first.

    Args:
        conn: any session.
        names: of the connections that count, by number.
        connection_id: only this channel; None: all, and the SKUs that are listed nowhere.

    Returns:
        A report: `left` are the listings at which something shall stand, `right` those that were
        looked at.
    """
    numbers = [connection_id] if connection_id is not None else sorted(names)
    left = 0
    for number in numbers:
        left += sum(each.counted for each in await listings_to_compare(conn, number))
    looks = [row for row in await count_looks(conn) if row["connection_id"] in numbers]
    found = [
        each
        for row in await list_differences(conn, connection_id=connection_id, count=_ALL)
        if row["connection_id"] in numbers
        for each in _of_listing(row, names[row["connection_id"]])
    ]
    found += [
        _of_item(row, names[row["connection_id"]])
        for row in await list_unmapped(conn, connection_id=connection_id, count=_ALL)
        if row["connection_id"] in numbers
    ]
    if connection_id is None:
        found += await _listed_nowhere(conn)
    looked = sum(row["looked"] for row in looks)
    return Report(
        check="parity" if connection_id is None else f"parity/{names[connection_id]}",
        left=left,
        right=looked,
        matched=looked - sum(row["differing"] for row in looks),
        discrepancies=tuple(sorted(found, key=lambda each: each.cause != UNEXPLAINED)),
    )


def _of_listing(row: Row, name: str) -> list[Discrepancy]:
    since = row["differs_since"].isoformat(timespec="seconds")
    stood = (
        f"{row['shall']} shall stand there, {row['stands']} stood there at "
        f"{row['looked_at'].isoformat(timespec='seconds')}; it differs since {since}"
    )
    return [
        Discrepancy(
            cause=part["cause"],
            amount=part["amount"],
            left_ref=f"sku/{row['sku']}",
            right_ref=f"{name}/{row['sku']}",
            evidence=(*part["evidence"], stood),
        )
        for part in row["causes"]
    ]


def _of_item(row: Row, name: str) -> Discrepancy:
    return Discrepancy(
        cause=UNMAPPED,
        amount=row["stands"] or 0,
        left_ref=None,
        right_ref=f"{name}/{row['item_ref']}",
        evidence=(
            f"item {row['item_ref']} ({row['sku'] or 'no SKU'}): {row['why']}",
            f"seen since {row['since_at'].isoformat(timespec='seconds')}",
        ),
    )


async def _listed_nowhere(conn: Conn) -> list[Discrepancy]:
    """Return the SKUs of which there is something and which no channel offers."""
    listed = {each.sku for each in await list_listings(conn) if each.active}
    return [
        Discrepancy(
            cause=UNMAPPED,
            amount=-row["available"],
            left_ref=f"sku/{row['sku']}",
            right_ref=None,
            evidence=("no channel lists it, so nobody can buy what there is",),
        )
        for row in await list_balances(conn, count=_ALL)
        if row["counted"] and row["available"] > 0 and row["sku"] not in listed
    ]


def plain(report: Report) -> dict[str, Any]:
    """Return a report as it is printed as JSON."""
    return {**msgspec.to_builtins(report), "explained_share": report.explained_share}
