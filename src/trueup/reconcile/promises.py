"""More promised than there is, and promised to orders that will never take it."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg

from trueup.ledger.reads import list_balances
from trueup.reconcile.report import Discrepancy, Report
from trueup.reconcile.suspects import count_suspects, list_suspects

OVERSOLD: Final = "oversold"
_ALL: Final = 10_000_000

Conn = psycopg.AsyncConnection[Any]


async def check_oversells(conn: Conn) -> Report:
    """Find SKUs of which more units are promised than there are; amounts are the units short."""
    rows = [row for row in await list_balances(conn, count=_ALL) if row["counted"]]
    short = [row for row in rows if row["available"] < 0]
    return Report(
        check="oversells",
        left=len(rows),
        right=len(rows),
        matched=len(rows) - len(short),
        discrepancies=tuple(
            Discrepancy(
                cause=OVERSOLD,
                amount=row["available"],
                left_ref=f"sku/{row['sku']}",
                right_ref=None,
                evidence=(
                    f"{row['reserved']} are promised, {row['on_hand']} are there",
                    f"last moved at {row['moved_at'].isoformat(timespec='seconds')}",
                ),
            )
            for row in short
        ),
    )


async def check_phantoms(conn: Conn, names: Mapping[int, str]) -> Report:
    """Tell of orders that hold units and will not take them, or may never take them.

    Left are the orders that hold units for longer than is usual, as the last search found them and
    as their vendors answered; those of which nobody knows a cause agree.
    """
    rows = [row for row in await list_suspects(conn, count=_ALL) if row["connection_id"] in names]
    counts = await count_suspects(conn)
    judged = [row for row in rows if row["cause"] is not None]
    return Report(
        check="phantoms",
        left=len(rows),
        right=len(rows),
        matched=counts["watched"],
        discrepancies=tuple(
            Discrepancy(
                cause=f"phantom_{row['cause']}",
                amount=-sum(row["units"].values()),
                left_ref=f"{names[row['connection_id']]}/order/{row['ref']}",
                right_ref=None,
                evidence=(
                    *row["evidence"],
                    "a fact proves it: released" if row["proven"] else "it waits for a person",
                ),
            )
            for row in judged
        ),
    )
