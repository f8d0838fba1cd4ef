"""Small books of money for tests: rows as dicts, with what is usual filled in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb

from trueup.reconcile.money.model import Found, Rules, Tables
from trueup.reconcile.money.sets import reconcile

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
_LONG_AGO = "2026-06-01T12:00:00Z"

_ORDER = {"ref": "o1", "currency": "EUR", "total": "100.00", "placed_at": _LONG_AGO}
_PAYMENT = {
    "ref": "p1",
    "order_ref": "o1",
    "kind": "sale",
    "state": "succeeded",
    "amount": "100.00",
    "currency": "EUR",
    "vendor_ref": "ch1",
    "processed_at": _LONG_AGO,
}
_ENTRY = {
    "ref": "e1",
    "payment_ref": "ch1",
    "kind": "charge",
    "gross": "100.00",
    "net": "100.00",
    "currency": "EUR",
    "occurred_at": _LONG_AGO,
}


def order(**more: str | None) -> dict[str, str | None]:
    """Give the order o1 of 100.00 EUR, or another."""
    usual = {"refunded": "0", "test": "false", "cancelled": "false", "lines": None}
    untold = dict.fromkeys(("ordered", "tax", "customer", "goods"))
    return {**_ORDER, **usual, **untold, **more}


def payment(**more: str | None) -> dict[str, str | None]:
    """Give the payment p1 of o1 over 100.00 EUR, which its vendor calls ch1, or another."""
    return {**_PAYMENT, "instalments": None, "settled": "true", **more}


def entry(**more: str | None) -> dict[str, str | None]:
    """Give the entry e1 of ch1 over 100.00 EUR without a fee, or another; its net follows."""
    row = {**_ENTRY, "fee": "0", "order_ref": None, "vendor": "acme", **more}
    return row if "net" in more else {**row, "net": None}


def table(
    rows: Sequence[Mapping[str, Any]], pattern: Mapping[str, Any]
) -> Callable[[duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]:
    """Give a source of rows, all of whose columns are text."""

    def make(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        columns = list(pattern)
        name = f"given_{abs(hash(tuple(columns)))}"
        conn.execute(f"CREATE TABLE {name} ({', '.join(f'{each} VARCHAR' for each in columns)})")
        for row in rows:
            conn.table(name).insert([row[each] for each in columns])
        return conn.table(name)

    return make


def books(
    orders: Sequence[Mapping[str, Any]],
    payments: Sequence[Mapping[str, Any]],
    entries: Sequence[Mapping[str, Any]] | None = None,
) -> Tables:
    """Give books of such rows; without entries there is no third book."""
    if entries is not None:
        entries = [{**row, "net": row["net"] or _less(row["gross"], row["fee"])} for row in entries]
    return Tables(
        orders=table(orders, order()),
        payments=table(payments, payment()),
        entries=None if entries is None else table(entries, entry()),
    )


def compare(
    orders: Sequence[Mapping[str, Any]],
    payments: Sequence[Mapping[str, Any]],
    entries: Sequence[Mapping[str, Any]] | None = None,
    **rules: Any,
) -> Found:
    """Reconcile such rows as of the end of June 2026; they must be fit."""
    found = reconcile(books(orders, payments, entries), Rules(as_of=AS_OF, **rules))
    assert not found.issues
    return found


def _less(gross: str, fee: str) -> str:
    return str(Decimal(gross) - Decimal(fee))
