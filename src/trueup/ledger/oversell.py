"""Oversells: more units promised than there are. Facts are posted all the same; this says so."""

from collections.abc import Sequence
from typing import Any

import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.intake.issues import close_issues, open_issues, open_refs
from trueup.ledger.model import StockChange, Transaction

CODE = "stock.oversold"


async def note_oversells(
    conn: psycopg.AsyncConnection[Any],
    changes: Sequence[StockChange],
    transactions: Sequence[Transaction],
) -> None:
    """Open an issue for each SKU that fell short, once, and close those of SKUs that healed.

    In the batch's transaction, while it holds the balances: so of two batches one sees what the
    other noted. A SKU whose books open below zero has fallen short then.
    """
    opened = {sku for transaction in transactions for sku in transaction.opens}
    short = [
        change
        for change in changes
        if change.counted and change.available < 0 and (change.before >= 0 or change.sku in opened)
    ]
    known = await open_refs(conn, CODE, [_ref(change) for change in short if change.before < 0])
    await open_issues(
        conn,
        [
            (_last_event(change, transactions), None, _oversold(change))
            for change in short
            if _ref(change) not in known
        ],
    )
    healed = [_ref(change) for change in changes if change.available >= 0 > change.before]
    await close_issues(conn, CODE, healed)


def _ref(change: StockChange) -> str:
    return f"sku/{change.sku}"


def _last_event(change: StockChange, transactions: Sequence[Transaction]) -> int:
    return max(
        t.event_id
        for t in transactions
        if change.sku in t.opens or any(p.sku == change.sku for p in t.moves)
    )


def _oversold(change: StockChange) -> Issue:
    return Issue(
        code=CODE,
        severity=Severity.WARNING,
        pointer=f"sequence {change.sequence}",
        expected="no more units promised than there are",
        found=f"{change.available} available",
        how_to_fix="Buy or move stock, or cancel the youngest order of this SKU.",
        ref=_ref(change),
    )
