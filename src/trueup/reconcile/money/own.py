"""The hub's own records as books: copied out, and held beside each other in sets."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.errors import InvariantBroken
from trueup.hub import Hub
from trueup.intake.reads import copy_parked
from trueup.ledger.money import Teller
from trueup.reconcile.money.model import Check, Rules, Source, Tables
from trueup.reconcile.money.sets import reconcile
from trueup.reconcile.report import Report
from trueup.records.books import Copied, Sides, copy_money

_steps = load_queries("trueup.reconcile.money")

COPY_TIMEOUT_S = 30 * 60
"""How long a copy of the books may take; longer than any other statement."""

_JOIN = (
    *("read_told_payments", "read_told_entries", "read_told_names", "unite_names"),
    *("name_entries", "key_payments", "place_entries", "liken_entries", "gather_entries"),
)


async def check_money(
    conn: psycopg.AsyncConnection[Any], hub: Hub, rules: Rules
) -> dict[Check, Report]:
    """Hold orders, payments and the entries of accounts beside each other, as of one moment.

    Args:
        conn: in autocommit; nothing is written.
        hub: knows which connections pay out what others sold.
        rules: by what differences are judged.

    Returns:
        The report of each check. Where no seller tells payments they are about nothing.
    """
    with tempfile.TemporaryDirectory(prefix="trueup-books-") as name:
        folder = Path(name)
        async with copying(conn):
            copied = await copy_money(conn, folder, hub.names(), sides_of(hub))
            await copy_parked(conn, folder / "parked.csv")
        tables = Tables(
            orders=copied.orders,
            payments=_joined(copied, "list_settled_payments"),
            entries=_joined(copied, "list_settled_entries"),
            parked=folder / "parked.csv",
        )
        found = await asyncio.to_thread(reconcile, tables, rules)
    if found.issues:
        first = found.issues[0]
        raise InvariantBroken(f"{first.pointer}: expected {first.expected}, found {first.found}")
    return {each.check: _report(each.listed(), copied) for each in found.reports}


@asynccontextmanager
async def copying(conn: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """Give a transaction that sees one moment and may read whole books."""
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await conn.execute(f"SET LOCAL statement_timeout = '{COPY_TIMEOUT_S}s'".encode())
        # Whole books are joined; where they grew fast, nothing says yet how large they are.
        await conn.execute("SET LOCAL enable_nestloop = off")
        yield


def sides_of(hub: Hub) -> Sides:
    """Return which connections tell of money, and as whose word it counts."""
    by_teller: dict[Teller, set[int]] = defaultdict(set)
    for number in hub.names():
        by_teller[hub.teller_of(number)].add(number)
    return Sides(
        sellers=frozenset(hub.sellers()),
        in_orders=frozenset(by_teller[Teller.PAID_ORDERS]),
        markets=frozenset(by_teller[Teller.MARKETPLACE]),
        paying=frozenset(by_teller[Teller.PAYMENTS]),
    )


def _joined(copied: Copied, step: str) -> Source:
    """Return payments or entries with the key under which both have a payment."""
    files = {
        "payments": str(copied.payments),
        "entries": str(copied.entries),
        "names": str(copied.names),
    }

    def read(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        for name in _JOIN:
            text = _steps[name]
            conn.execute(text, {key: path for key, path in files.items() if f"${key}," in text})
        return conn.sql(_steps[step])

    return read


def _report(report: Report, copied: Copied) -> Report:
    left_out = tuple(
        f"{name}: it tells orders and no payments, so nothing can be held beside them"
        for name in copied.left_out
    )
    return msgspec.structs.replace(report, left_out=left_out)
