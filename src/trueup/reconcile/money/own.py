"""The hub's own records as books: copied out, and held beside each other in sets."""

import asyncio
import tempfile
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
from trueup.records.books import Copied, copy_money

_steps = load_queries("trueup.reconcile.money")

COPY_TIMEOUT_S = 30 * 60
"""How long a copy of the books may take; longer than any other statement."""


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
    names = hub.names()
    paying = [each for each in names if hub.teller_of(each) is Teller.PAYMENTS]
    with tempfile.TemporaryDirectory(prefix="trueup-books-") as name:
        folder = Path(name)
        async with conn.transaction():
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await conn.execute(f"SET LOCAL statement_timeout = '{COPY_TIMEOUT_S}s'".encode())
            # Whole books are joined; where they grew fast, nothing says yet how large they are.
            await conn.execute("SET LOCAL enable_nestloop = off")
            copied = await copy_money(conn, folder, names, sellers=hub.sellers(), paying=paying)
            await copy_parked(conn, folder / "parked.csv")
        tables = Tables(
            orders=copied.orders,
            payments=_settled(copied),
            entries=copied.entries,
            parked=folder / "parked.csv",
        )
        found = await asyncio.to_thread(reconcile, tables, rules)
    if found.issues:
        first = found.issues[0]
        raise InvariantBroken(f"{first.pointer}: expected {first.expected}, found {first.found}")
    return {each.check: _report(each.listed(), copied) for each in found.reports}


def _settled(copied: Copied) -> Source:
    def read(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        files = {"payments": str(copied.payments), "entries": str(copied.entries)}
        return conn.sql(_steps.read_settled, params=files)

    return read


def _report(report: Report, copied: Copied) -> Report:
    left_out = tuple(
        f"{name}: it tells orders and no payments, so nothing can be held beside them"
        for name in copied.left_out
    )
    return msgspec.structs.replace(report, left_out=left_out)
