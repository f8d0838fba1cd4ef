"""`trueup bench reconcile`: a year of books in sets, beside a bare join and pandas."""

import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import ParamSpec, TypeVar

import duckdb
import msgspec

from trueup.bench.books import TABLES, Books, read_expected, write_books
from trueup.bench.report import Report
from trueup.bench.stage import Stage
from trueup.errors import InvariantBroken, invariant
from trueup.reconcile.money.model import Limits, Rules, Tables
from trueup.reconcile.money.sets import reconcile

SECONDS_MAX = 20.0
PEAK_MB_MAX = 2048.0
P = ParamSpec("P")
T = TypeVar("T")

_ORDERS = 1_000_000
_SIZES = (10_000, 100_000, 1_000_000, 3_000_000)
_BOOKS = TABLES[:3]
_AS_OF = datetime(2026, 12, 31, tzinfo=UTC)

# What the bare join does: the three books side by side, and the sums of what is joined.
_JOIN = """
SELECT count(*), sum(o.total), sum(p.amount), sum(e.gross)
FROM read_parquet($orders) AS o
LEFT JOIN read_parquet($payments) AS p ON p.order_ref = o.ref
LEFT JOIN read_parquet($entries) AS e ON e.payment_ref = p.vendor_ref
"""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a process of its own.

    Attributes:
        cpu_seconds: of the processor; on a busy machine it says more of the work than the clock.
        missed: planted differences that were not found with their cause and amount.
        false_alarms: found, and not planted.
    """

    seconds: float
    peak_mb: float
    cpu_seconds: float = 0.0
    missed: int = 0
    false_alarms: int = 0


async def run(stage: Stage, *, orders: int = _ORDERS, sizes: tuple[int, ...] = _SIZES) -> Report:
    """Reconcile books of several sizes; at `orders`, beside a bare join and pandas."""
    figures: dict[str, float] = {}
    bare: dict[str, float] = {}
    missed = false_alarms = 0
    main = joined = None
    for size in sorted({*sizes, orders}):
        folder = stage.config_path.parent / f"books-{size}"
        folder.mkdir()
        books = Books(folder)
        rows = _apart(write_books, folder, size)
        ours = _apart(measure_ours, folder)
        missed += ours.missed
        false_alarms += ours.false_alarms
        figures[f"orders_{size}_s"] = round(ours.seconds, 3)
        figures[f"orders_{size}_cpu_s"] = round(ours.cpu_seconds, 3)
        if size == orders:
            main, joined = ours, _apart(measure_join, folder)
            figures |= {f"{table}_rows": float(count) for table, count in rows.items()}
            bare["join_s"] = round(joined.seconds, 3)
            if find_spec("pandas"):
                bare["pandas_s"] = round(_apart(measure_pandas, folder).seconds, 3)
            else:
                sys.stderr.write("pandas is not installed: its figure is left out\n")
        for table in (*TABLES, "expected"):
            books.path(table).unlink()
    if main is None or joined is None:
        raise InvariantBroken("the size that counts was not measured")
    total = sum(figures[f"{table}_rows"] for table in _BOOKS)
    figures |= {
        "reconcile_s": round(main.seconds, 3),
        "rows_per_s": round(total / main.seconds, 1),
        "peak_mb": round(main.peak_mb, 1),
        "missed_count": float(missed),
        "false_alarms_count": float(false_alarms),
    }
    return Report(
        bench="reconcile",
        figures=figures,
        bare=bare,
        ratio=round(joined.seconds / main.seconds, 3),
        target=f"{orders:,} orders in < {SECONDS_MAX:g} s and < {PEAK_MB_MAX:g} MB,"
        " every planted difference with its cause, no false alarm",
        passed=main.seconds < SECONDS_MAX
        and main.peak_mb < PEAK_MB_MAX
        and missed == false_alarms == 0,
    )


def _apart(work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
    """Run in a fresh process, so that its peak of memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(work, *args, **named).result()


def measure_ours(folder: Path) -> Measured:
    """Reconcile the books of a folder, and hold what was found against what was planted."""
    books = Books(folder)
    started, cpu_started = time.perf_counter(), time.process_time()
    found = reconcile(
        Tables(
            orders=books.path("orders"),
            payments=books.path("payments"),
            entries=books.path("entries"),
            parked=books.path("parked"),
        ),
        Rules(as_of=_AS_OF, discrepancies_max=1_000_000),
        Limits(),
    )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    peak_mb = _peak_mb()
    invariant(not found.issues, f"the made-up books do not fit: {found.issues}")
    told = Counter(
        (
            report.check.value,
            each.cause,
            Decimal(each.amount).normalize(),
            each.currency or "",
            each.left_ref,
        )
        for report in found.reports
        for each in report.discrepancies
    )
    expected = read_expected(books)
    return Measured(
        seconds=seconds,
        peak_mb=peak_mb,
        cpu_seconds=cpu_seconds,
        missed=(expected - told).total(),
        false_alarms=(told - expected).total(),
    )


def measure_join(folder: Path) -> Measured:
    """Join the same tables in DuckDB, and nothing else: no check of values, no causes."""
    books = Books(folder)
    started = time.perf_counter()
    limits = Limits()
    with duckdb.connect(
        ":memory:",
        config={"threads": limits.threads, "memory_limit": f"{limits.memory_mb}MB"},
    ) as conn:
        conn.execute(_JOIN, {table: str(books.path(table)) for table in _BOOKS}).fetchall()
    return Measured(seconds=time.perf_counter() - started, peak_mb=_peak_mb())


def measure_pandas(folder: Path) -> Measured:
    """Sum and compare both pairs of books in pandas, amounts as whole minor units; no causes."""
    import_module("pandas")  # loading it is not what is measured
    books = Books(folder)
    started = time.perf_counter()
    with duckdb.connect(":memory:") as conn:
        orders, payments, entries = (
            conn.read_parquet(str(books.path(table))).project(columns).df()
            for table, columns in zip(_BOOKS, _MINOR_COLUMNS, strict=True)
        )
    paid = payments.groupby("order_ref", as_index=False)["moved"].sum()
    both = orders.merge(paid, how="outer", left_on="ref", right_on="order_ref")
    uneven = (both["owed"].fillna(0) != both["moved"].fillna(0)).sum()
    booked = entries.groupby("payment_ref", as_index=False)["gross"].sum()
    moved = payments.groupby("vendor_ref", as_index=False)["moved"].sum()
    pair = moved.merge(booked, how="outer", left_on="vendor_ref", right_on="payment_ref")
    uneven += (pair["moved"].fillna(0) != pair["gross"].fillna(0)).sum()
    invariant(uneven, "the planted differences are not seen by pandas")
    return Measured(seconds=time.perf_counter() - started, peak_mb=_peak_mb())


_MINOR_COLUMNS = (
    "ref, CAST((total - refunded) * 1000 AS BIGINT) AS owed",
    (
        "order_ref, vendor_ref, CAST(CASE WHEN state <> 'succeeded' THEN 0 WHEN kind = 'sale'"
        " THEN amount ELSE -amount END * 1000 AS BIGINT) AS moved"
    ),
    (
        "payment_ref, CAST(CASE WHEN kind IN ('charge', 'refund') THEN gross ELSE 0 END * 1000"
        " AS BIGINT) AS gross"
    ),
)


def _peak_mb() -> float:
    """Return the most memory that this process held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KB, macOS in bytes.
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
