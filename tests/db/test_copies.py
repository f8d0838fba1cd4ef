"""Copies of the books join whole sets, also where nothing says yet how large they are."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.db.test_money import BOOKS
from tests.support.told import hub_of_all
from trueup.db.pool import connect
from trueup.journals.reads import copy_tax_journals
from trueup.ledger.money_days import copy_taxes_posted
from trueup.reconcile.money.own import copying, sides_of
from trueup.records.books import copy_carried, copy_money, copy_sent, copy_taxes

pytestmark = pytest.mark.anyio

ROWS = 25_000


async def grow(conn: psycopg.AsyncConnection[Any]) -> None:
    """Let books grow in one go, as a backfill does: nothing is analysed."""
    for table in ("records.record", "records.version", "records.link", "ledger.money_posting"):
        await conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)".encode())
    kinds = ("order", "payment", "balance_entry", "refund", "shipment", "invoice")
    for place, kind in enumerate(kinds):
        first = place * ROWS
        await conn.execute(
            "INSERT INTO records.record (record_id, connection_id, kind, ref, entity, event_id, "
            "updated_at, raised_at, digest, occurred_at) SELECT n, 1 + n %% 5, %(kind)s, 'r' || n, "
            "'order/r' || n, n, now(), now(), '', now() "
            "FROM generate_series(%(first)s::int + 1, %(first)s::int + %(rows)s::int) n",
            {"kind": kind, "first": first, "rows": ROWS},
        )
    await conn.execute(
        "INSERT INTO records.version (record_id, event_id, stale, body) "
        "SELECT record_id, event_id, false, '{}' FROM records.record"
    )
    await conn.execute(
        "INSERT INTO records.link (namespace, digest, record_id) "
        "SELECT 'order', decode(lpad(to_hex(record_id % 25000), 32, '0'), 'hex'), record_id "
        "FROM records.record"
    )


def loops(plan: dict[str, Any]) -> Iterator[str]:
    """Give the tables that a plan reads anew for each row of another one."""
    parts = plan.get("Plans", [])
    if plan["Node Type"] == "Nested Loop":
        outer, inner = parts[:2]
        if any(tables(outer)):
            yield from tables(inner)
    for part in parts:
        yield from loops(part)


def tables(plan: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from tables(part)


@asynccontextmanager
async def explained(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, list[str]]
) -> AsyncIterator[None]:
    """Let every copy be planned instead of made, and keep what it would read again and again."""

    async def explain(conn: Any, query: str, path: Path, **parameters: object) -> None:
        cursor = await conn.execute("EXPLAIN (FORMAT JSON) " + query, parameters)
        [(told,)] = await cursor.fetchall()
        [plan] = told if isinstance(told, list) else json.loads(told)
        found[f"{path.stem} of {query.split('*/', maxsplit=1)[0].strip('/* ')}"] = list(
            loops(plan["Plan"])
        )

    for room in ("records.books", "ledger.money_days", "journals.reads"):
        monkeypatch.setattr(f"trueup.{room}.copy_rows", explain)
    yield
    monkeypatch.undo()


async def copy_all(conn: psycopg.AsyncConnection[Any]) -> None:
    hub, folder = hub_of_all(), Path("nowhere")
    names, sellers = hub.names(), hub.sellers()
    await copy_money(conn, folder, names, sides_of(hub))
    await copy_sent(conn, folder, names, sellers)
    await copy_carried(conn, folder, names, sellers=sellers, copies=[BOOKS])
    await copy_taxes(conn, folder, names, sellers)
    await copy_taxes_posted(conn, folder / "posted", folder / "days")
    await copy_tax_journals(conn, folder / "journals")


async def test_no_copy_reads_a_table_again_for_each_row_of_another(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await grow(conn)
        bare: dict[str, list[str]] = {}
        async with explained(monkeypatch, bare):
            await copy_all(conn)
        assert any(bare.values()), "without the copy's own settings some do: the test can see it"
        found: dict[str, list[str]] = {}
        async with explained(monkeypatch, found), copying(conn):
            await copy_all(conn)
    assert len(found) >= 15
    assert {name: read for name, read in found.items() if read} == {}
