"""Which payouts and lines of a bank are matched: each row once, held by the database."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from trueup.canon.match import BankMatch, MatchedRow
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.ledger.money import MoneyAccount
from trueup.records.model import Stored

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]

Item = tuple[MoneyAccount, int, str]
"""The account on which a row is open, who told it, its ref."""


async def hold_matched(conn: Conn, changed: Iterable[Stored]) -> None:
    """Note which rows the matches of a batch hold now, and free those of matches that were undone.

    Args:
        conn: in the transaction that stored them.
        changed: records as they stand after it.

    Raises:
        psycopg.errors.UniqueViolation: another match holds one of the rows.
    """
    matches = [(each.record_id, each.body) for each in changed if isinstance(each.body, BankMatch)]
    if not matches:
        return
    await conn.execute(_queries.free_matches, {"record_ids": [number for number, _ in matches]})
    rows = [
        (*item, number)
        for number, match in matches
        if isinstance(match, BankMatch) and not match.deleted
        for item in rows_of(match.payouts, match.lines)
    ]
    if rows:
        names = ("accounts", "connection_ids", "items", "record_ids")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        await conn.execute(_queries.hold_matches, columns)


def rows_of(payouts: Iterable[MatchedRow], lines: Iterable[MatchedRow]) -> Sequence[Item]:
    """Return the items that a match of payouts and lines closes."""
    return [
        *((MoneyAccount.TRANSIT, row.connection_id, row.ref) for row in payouts),
        *((MoneyAccount.UNMATCHED, row.connection_id, row.ref) for row in lines),
    ]


async def matched_items(conn: Conn) -> dict[Item, int]:
    """Return every row that is matched, with the number of the record that says so."""
    rows = await fetch_rows(conn, _queries.matched_items)
    return {
        (MoneyAccount(row["account"]), row["connection_id"], row["item"]): row["record_id"]
        for row in rows
    }
