"""`trueup bench apply`: bytes to record, ledger and outbox with one worker; and one hot SKU."""

import asyncio
import time
from typing import Any

import msgspec
import psycopg

from trueup.bench.feed import feed_catalogue, feed_orders
from trueup.bench.report import Report
from trueup.bench.stage import Stage, add_connection, add_own, open_stage_session
from trueup.errors import invariant
from trueup.intake.reads import oldest_queued
from trueup.ledger.proof import prove_ledger
from trueup.process import settle_memory
from trueup.session import Session
from trueup.worker import Worker

ORDERS_PER_S_MIN = 2500
RATIO_MIN = 0.5
HOT_RATIO_MIN = 0.5
_SKUS = 1000
_UNITS = 1_000_000
_ROWS_PER_STATEMENT = 500


async def run(stage: Stage, *, orders: int = 20_000) -> Report:
    """Apply orders that wait in the log, then write the same rows in bare batches."""
    session, connection_id = await _set(stage, skus=_SKUS)
    await feed_orders(session, connection_id, count=orders, skus=_SKUS)
    rate = await drain(session, orders)
    bare_rate = await _bare(session)
    await _prove(session)
    ratio = rate / bare_rate
    return Report(
        bench="apply",
        figures={"orders_per_s": round(rate, 1)},
        bare={"orders_per_s": round(bare_rate, 1)},
        ratio=round(ratio, 3),
        target=f">= {ORDERS_PER_S_MIN} orders/s with one worker, ratio >= {RATIO_MIN}",
        passed=rate >= ORDERS_PER_S_MIN and ratio >= RATIO_MIN,
    )


async def run_hot(stage: Stage, *, orders: int = 15_000) -> Report:
    """Apply orders that are all for one SKU, beside orders spread over a thousand."""
    session, connection_id = await _set(stage, skus=_SKUS)
    await feed_orders(session, connection_id, count=orders, skus=_SKUS)
    spread_rate = await drain(session, orders)
    await feed_orders(session, connection_id, count=orders, skus=1, first=1_000_001)
    hot_rate = await drain(session, orders)
    await _prove(session)
    ratio = hot_rate / spread_rate
    return Report(
        bench="hotsku",
        figures={"orders_per_s": round(hot_rate, 1)},
        bare={"spread_orders_per_s": round(spread_rate, 1)},
        ratio=round(ratio, 3),
        target=f"ratio to the spread rate >= {HOT_RATIO_MIN}",
        passed=ratio >= HOT_RATIO_MIN,
    )


async def _set(stage: Stage, *, skus: int) -> tuple[Session, int]:
    session = await open_stage_session(stage)
    selling = await add_connection(session, "north")
    other = await add_connection(session, "south")
    own = await add_own(session)
    await feed_catalogue(session, (selling, other), own, skus=skus, units=_UNITS)
    await drain(session, 3 * skus)
    async with session.connection() as conn:
        await conn.execute("ANALYZE")
    settle_memory()
    return session, selling


async def drain(session: Session, events: int) -> float:
    """Apply what waits with one worker; returns events a second."""
    worker = Worker(session.conninfo, session.hub)
    stop = asyncio.Event()
    started = time.perf_counter()
    task = asyncio.create_task(worker.run(stop))
    while worker.applied < events:
        await asyncio.sleep(0.01)
        if task.done():
            await task
    seconds = time.perf_counter() - started
    stop.set()
    await task
    async with session.connection() as conn:
        queue = await oldest_queued(conn)
    invariant(queue["queued"] == 0, "the worker left something on the queue")
    return events / seconds


async def _prove(session: Session) -> None:
    async with session.connection() as conn:
        proof = await prove_ledger(conn)
        invariant(proof.holds, "the ledger does not hold after the benchmark")
        cursor = await conn.execute("SELECT count(*) FROM intake.parked")
        row = await cursor.fetchone()
    invariant(row == (0,), "events were parked")


_SAME = {
    "bench_record": "SELECT * FROM records.record WHERE kind = 'order'",
    "bench_link": "SELECT l.* FROM records.link l JOIN bench_record USING (record_id)",
    "bench_version": "SELECT v.* FROM records.version v JOIN bench_record USING (record_id)",
    "bench_transaction": "SELECT t.* FROM ledger.transaction t JOIN bench_record USING (record_id)",
    "bench_posting": "SELECT p.* FROM ledger.posting p JOIN bench_record USING (record_id)",
    "bench_money": "SELECT m.* FROM ledger.money_posting m JOIN bench_record USING (record_id)",
    "bench_person": "SELECT * FROM govern.person",
}
_LIKE = {
    "bench_record": "records.record",
    "bench_link": "records.link",
    "bench_version": "records.version",
    "bench_transaction": "ledger.transaction",
    "bench_posting": "ledger.posting",
    "bench_money": "ledger.money_posting",
    "bench_person": "govern.person",
    "bench_balance": "ledger.balance",
    "bench_intent": "outbox.intent",
    "bench_key": "intake.event_key",
    "bench_queue": "intake.queue",
}
_MOVE_BALANCE = """
UPDATE bench_balance SET sequence = sequence + 1, reserved = reserved + 1, demand = demand - 1,
  moved_at = now()
WHERE sku_id = ANY(%s)
"""
_MOVE_INTENT = """
UPDATE bench_intent i SET value = value - 1, sequence = sequence + 1, state = 'due', due_at = now()
FROM ledger.sku s WHERE s.code = i.key AND s.sku_id = ANY(%s)
"""


async def _bare(session: Session) -> float:
    """Write the rows that the orders became into copies of the tables, in batches.

    The rows are read beforehand and nothing is worked out: the same tables with the same indexes,
    the same number of rows, as many to a commit as a worker has.
    """
    async with session.connection() as conn:
        for name, source in _LIKE.items():
            await conn.execute(f"CREATE TABLE {name} (LIKE {source} INCLUDING ALL)")
        await conn.execute("INSERT INTO bench_balance SELECT * FROM ledger.balance")
        await conn.execute("INSERT INTO bench_intent SELECT * FROM outbox.intent")
        await conn.execute("INSERT INTO bench_key SELECT * FROM intake.event_key")
        await conn.execute("INSERT INTO bench_queue SELECT event_id, 0 FROM intake.event")
        copies = {name: await _take(conn, name, source) for name, source in _SAME.items()}
        await conn.execute("TRUNCATE bench_record")
        orders = len(copies["bench_record"])
        started = time.perf_counter()
        for start in range(0, orders, _ROWS_PER_STATEMENT):
            end = min(orders, start + _ROWS_PER_STATEMENT)
            parts = {
                name: rows[len(rows) * start // orders : len(rows) * end // orders]
                for name, rows in copies.items()
            }
            async with conn.transaction():
                await _write_batch(conn, parts)
        return orders / (time.perf_counter() - started)


async def _write_batch(
    conn: psycopg.AsyncConnection[Any], parts: dict[str, list[dict[str, Any]]]
) -> None:
    for name, rows in parts.items():
        await conn.execute(
            f"INSERT INTO {name} SELECT * FROM json_populate_recordset(NULL::{name}, %s::json)",  # noqa: S608 - names of our own tables
            (msgspec.json.encode(rows).decode(),),
            prepare=True,
        )
    ids = [row["event_id"] for row in parts["bench_record"]]
    skus = sorted({row["sku_id"] for row in parts["bench_posting"]})
    await conn.execute(_MOVE_BALANCE, (skus,))
    await conn.execute(_MOVE_INTENT, (skus,))
    await conn.execute(
        "UPDATE bench_key SET person = substr(wrapped, 1, 16) WHERE event_id = ANY(%s)", (ids,)
    )
    await conn.execute("DELETE FROM bench_queue WHERE event_id = ANY(%s)", (ids,))


async def _take(conn: psycopg.AsyncConnection[Any], name: str, source: str) -> list[dict[str, Any]]:
    """Copy the rows, read them, and empty the copy again for the bare loop to fill."""
    await conn.execute(f"INSERT INTO {name} {source}")
    cursor = await conn.execute(f"SELECT row_to_json(t)::text FROM {name} t")  # noqa: S608 - names of our own tables
    rows = [msgspec.json.decode(text, type=dict[str, Any]) for (text,) in await cursor.fetchall()]
    if name != "bench_record":  # the others are found by it
        await conn.execute(f"TRUNCATE {name}")
    return rows
