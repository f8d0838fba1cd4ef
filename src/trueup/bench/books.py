"""Books of a made-up year for `trueup bench reconcile`, with planted differences of every cause."""

import importlib.resources
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import msgspec

from trueup.db.queries import parse_queries
from trueup.reconcile.money.model import Cause, Check

TABLES = ("orders", "payments", "entries", "parked")

Planted = tuple[str, str, Decimal, str, str | None]
"""Check, cause, amount (right less left), currency, left ref."""

_FILE = importlib.resources.files("trueup.bench") / "books.sql"
_steps = parse_queries(_FILE.read_text(encoding="utf-8"), room="trueup.bench")


class Books(msgspec.Struct, frozen=True):
    """Where the made-up books lie, as Parquet."""

    folder: Path

    def path(self, table: str) -> Path:
        """Return the file of a table: one of `TABLES`, or `expected`."""
        return self.folder / f"{table}.parquet"


def write_books(folder: Path, orders: int) -> dict[str, int]:
    """Write the books, and what is to be found in them.

    Args:
        folder: exists; five files are written into it.
        orders: how many; payments come to 1.2 and entries to 3 times as many.

    Returns:
        The rows of each table, `expected` among them.
    """
    books = Books(folder)
    rows = {}
    with duckdb.connect(
        ":memory:",
        config={"memory_limit": "2GB", "temp_directory": str(folder), "threads": 2},
    ) as conn:
        conn.execute("SET TimeZone = 'UTC'")
        conn.execute(_steps["plan_orders"], {"orders": orders})
        for table in (*TABLES, "expected"):
            # `%%` is how a percent sign stands in a file of named statements.
            conn.execute(_steps[f"write_{table}"].replace("%%", "%"))
            relation = conn.table(table)
            relation.write_parquet(str(books.path(table)))
            rows[table] = int(relation.count("*").fetchall()[0][0])
    return rows


def read_expected(books: Books) -> Counter[Planted]:
    """Return what was planted, as often as it was."""
    with duckdb.connect(":memory:") as conn:
        rows = conn.read_parquet(str(books.path("expected"))).fetchall()
    return Counter((row[0], row[1], row[2].normalize(), row[3], row[4]) for row in rows)


def planted_causes(planted: Counter[Planted]) -> set[tuple[Check, Cause]]:
    """Return the checks and causes of which something is planted."""
    return {(Check(each[0]), Cause(each[1])) for each in planted}
