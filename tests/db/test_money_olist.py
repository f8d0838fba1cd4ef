"""A real marketplace's orders and payments are two books: every difference has its cause."""

import csv
import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from tests.support.leftout import SHARED
from trueup.reconcile.money.model import Check, MoneyReport, Rules, Tables
from trueup.reconcile.money.sets import reconcile

pytestmark = pytest.mark.shared

OLIST = SHARED / "datasets" / "olist"


def rows(name: str) -> list[dict[str, str]]:
    """Read a table by other means than the engine's."""
    with gzip.open(OLIST / f"olist_{name}_dataset.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _read(conn: duckdb.DuckDBPyConnection, name: str) -> duckdb.DuckDBPyRelation:
    return conn.read_csv(str(OLIST / f"olist_{name}_dataset.csv.gz"), header=True, all_varchar=True)


def orders(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Give the orders, owed the price and freight of their items."""
    _read(conn, "orders").create("told_order")
    _read(conn, "order_items").create("told_item")
    return conn.sql(
        "SELECT o.order_id AS ref, 'BRL' AS currency, coalesce(i.total, 0) AS total,"
        " o.order_purchase_timestamp || 'Z' AS placed_at, coalesce(i.lines, 0) AS lines"
        " FROM told_order AS o LEFT JOIN (SELECT order_id, count(*) AS lines,"
        " sum(price::DECIMAL(18, 2) + freight_value::DECIMAL(18, 2)) AS total"
        " FROM told_item GROUP BY order_id) AS i ON i.order_id = o.order_id"
    )


def payments(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Give the payments; the book tells no instant of them, so the order's stands for it."""
    _read(conn, "order_payments").create("told_payment")
    return conn.sql(
        "SELECT p.order_id || '/' || payment_sequential AS ref, p.order_id AS order_ref,"
        " 'sale' AS kind, 'succeeded' AS state, payment_value AS amount, 'BRL' AS currency,"
        " payment_installments AS instalments, o.order_purchase_timestamp || 'Z' AS processed_at"
        " FROM told_payment AS p LEFT JOIN told_order AS o ON o.order_id = p.order_id"
    )


@pytest.fixture(scope="module")
def report() -> MoneyReport:
    rules = Rules(as_of=datetime(2018, 10, 1, tzinfo=UTC))
    found = reconcile(Tables(orders=orders, payments=payments), rules)
    assert not found.issues
    return found.report(Check.ORDERS)


@pytest.fixture(scope="module")
def differences() -> dict[str, Decimal]:
    """Give what each order was paid too much, by plain arithmetic, where it is not zero."""
    differs: dict[str, Decimal] = defaultdict(Decimal)
    for item in rows("order_items"):
        differs[item["order_id"]] -= Decimal(item["price"]) + Decimal(item["freight_value"])
    for payment in rows("order_payments"):
        differs[payment["order_id"]] += Decimal(payment["payment_value"])
    return {ref: amount for ref, amount in differs.items() if amount}


def test_every_differing_order_is_listed_once_with_its_amount(
    report: MoneyReport, differences: dict[str, Decimal]
) -> None:
    told = [(each.left_ref, Decimal(each.amount)) for each in report.discrepancies]
    assert sorted(told) == sorted(differences.items())
    assert report.matched == report.left - len(differences) == 8003 - 127


def test_explained_differences_come_to_the_difference_of_totals(report: MoneyReport) -> None:
    """All is explained, and to the cent; the table of causes is printed."""
    print()
    for each in report.causes:
        print(f"{each.cause:<20} {each.count:>4} {each.amount:>12} {each.currency}")
    differs = report.right_totals["BRL"] - report.left_totals["BRL"]
    print(f"{'difference of totals':<25} {differs:>12} BRL")
    explained = sum(each.amount for each in report.causes if each.cause != "unexplained")
    assert explained == differs == Decimal("15655.65")
    assert report.explained_share == 1.0


def test_each_cause_is_one_that_the_books_prove(report: MoneyReport) -> None:
    """What a cause says is looked up in the files again."""
    lines = Counter(item["order_id"] for item in rows("order_items"))
    instalments: dict[str, int] = defaultdict(int)
    for payment in rows("order_payments"):
        ref, count = payment["order_id"], int(payment["payment_installments"])
        instalments[ref] = max(instalments[ref], count)
    counts = Counter(each.cause for each in report.discrepancies)
    assert counts == {"items_missing": 85, "rounding": 24, "instalment_interest": 18}
    for each in report.discrepancies:
        assert each.left_ref is not None
        if each.cause == "items_missing":
            assert not lines[each.left_ref]
        elif each.cause == "rounding":
            assert abs(each.amount) <= Decimal("0.01") * lines[each.left_ref]
        else:
            assert instalments[each.left_ref] > 1
            assert each.amount > 0
