"""Sums agree to the last digit, the unexplained comes first, and unfit books are refused whole."""

import asyncio
import importlib.resources
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.money_books import AS_OF, books, compare, entry, order, payment
from trueup.bench.books import Books, planted_causes, read_expected, write_books
from trueup.bench.reconcile import measure_join, measure_ours, measure_pandas, run
from trueup.bench.stage import Stage
from trueup.config import load_config
from trueup.errors import InvariantBroken
from trueup.reconcile.money.model import Cause, Check, Rules, Tables
from trueup.reconcile.money.sets import reconcile
from trueup.reconcile.reads import plain
from trueup.reconcile.report import Tolerated

CHECK = Check.ORDERS


def test_the_unexplained_comes_first_and_lowers_the_share() -> None:
    orders = [order(), order(ref="o2")]
    found = compare(orders, [payment(ref="p2", order_ref="o2", amount="99.00")])
    report = found.report(CHECK)
    assert [each.cause for each in report.discrepancies] == ["unexplained", "missing_payment"]
    assert report.explained_share == pytest.approx(100 / 101, abs=1e-6)
    assert report.matched == 0


def test_one_unexplained_cent_is_never_rounded_away() -> None:
    orders = [order(total="90000000000.00"), order(ref="o2", lines="0")]
    found = compare(orders, [payment(ref="p2", order_ref="o2", amount="99.98", instalments="1")])
    assert found.report(CHECK).explained_share < 1


def test_a_tolerance_is_of_one_check_and_currency() -> None:
    orders = [order(), order(ref="o2", currency="USD")]
    payments = [payment(amount="99.50"), payment(ref="p2", order_ref="o2", amount="99.50")]
    payments[1] |= {"currency": "USD", "vendor_ref": "c2"}
    half = Decimal("0.50")
    report = compare(orders, payments, tolerances={(CHECK, "EUR"): half}).report(CHECK)
    assert [(each.currency, each.left_ref) for each in report.discrepancies] == [("USD", "o2")]
    assert report.tolerated == (
        Tolerated(currency="EUR", count=1, amount=Decimal("-0.50"), absolute=half),
    )
    other = {(Check.PAYMENTS, "EUR"): half}
    assert len(compare(orders, payments, tolerances=other).report(CHECK).discrepancies) == 2


def test_a_tolerance_of_fees_tells_what_it_lets_pass() -> None:
    amounts = [10 + n for n in range(30)]
    entries = [
        entry(ref=f"e{n}", payment_ref=f"c{n}", gross=f"{each}.00", fee=f"{each / 50 + 0.25:.2f}")
        for n, each in enumerate(amounts)
    ]
    entries[7] |= {"fee": "0.65"}
    entries[9] |= {"fee": "9.63"}
    tolerances = {(Check.FEES, "EUR"): Decimal("0.10")}
    report = compare([], [], entries, tolerances=tolerances).report(Check.FEES)
    assert [(each.right_ref, each.amount) for each in report.discrepancies] == [
        ("e9", Decimal("9.00"))
    ]
    [within] = report.tolerated
    assert (within.count, within.amount, within.absolute) == (1, Decimal("0.06"), Decimal("0.06"))


def test_a_report_is_printed_in_the_shape_of_every_check() -> None:
    document = plain(compare([order()], []).report(CHECK).listed())
    (told,) = document["discrepancies"]
    assert (told["cause"], told["amount"], told["currency"]) == (
        "missing_payment",
        "-100.00",
        "EUR",
    )
    assert document["explained_share"] == 1.0


@pytest.mark.parametrize(
    "rules",
    [
        Rules(as_of=AS_OF.replace(tzinfo=None)),
        Rules(as_of=AS_OF, tolerances={(CHECK, "EUR"): Decimal(-1)}),
    ],
)
def test_rules_that_can_not_be_meant_are_a_bug_of_the_caller(rules: Rules) -> None:
    with pytest.raises(InvariantBroken):
        reconcile(books([], []), rules)


def test_a_list_is_bounded_and_its_sums_are_whole() -> None:
    orders = [order(ref=f"o{n}", total=str(n)) for n in range(1, 6)]
    report = compare(orders, [], discrepancies_max=2).report(CHECK)
    assert [each.left_ref for each in report.discrepancies] == ["o5", "o4"]
    assert [(each.count, each.amount) for each in report.causes] == [(5, Decimal("-15.00"))]


_CENTS = st.integers(min_value=0, max_value=500)


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[Any], list[Any], list[Any]]:
    """Give books full of accidents: refs, currencies and amounts meet at random."""
    refs = ["a", "b", "c"]
    currencies = st.sampled_from(["EUR", "JPY", "KWD"])

    def amount() -> str:
        return str(Decimal(draw(_CENTS)) / 100)

    orders = [
        order(
            ref=ref,
            total=amount(),
            refunded=amount(),
            currency=draw(currencies),
            test=str(draw(st.booleans())).lower(),
            cancelled=str(draw(st.booleans())).lower(),
            lines=draw(st.sampled_from([None, "0", "2"])),
        )
        for ref in draw(st.sets(st.sampled_from(refs)))
    ]
    payments = [
        payment(
            ref=f"p{n}",
            order_ref=draw(st.sampled_from([*refs, None])),
            kind=draw(st.sampled_from(["sale", "capture", "refund", "void", "unknown"])),
            state=draw(st.sampled_from(["succeeded", "succeeded", "pending", "failed"])),
            vendor_ref=draw(st.sampled_from(["x", "y", None])),
            currency=draw(currencies),
            amount=amount(),
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    entries = [
        entry(
            ref=f"e{n}",
            payment_ref=draw(st.sampled_from(["x", "y", "p1", None])),
            kind=draw(
                st.sampled_from(["charge", "refund", "adjustment", "dispute", "payout", "unknown"])
            ),
            currency=draw(currencies),
            gross=amount(),
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    return orders, payments, entries


@settings(max_examples=25)
@given(_histories(), st.randoms(use_true_random=False))
def test_differences_come_to_the_difference_of_totals(
    rows: tuple[list[Any], list[Any], list[Any]], chance: Any
) -> None:
    """The engine proves its sums itself; and the order of rows changes nothing."""
    first = compare(*rows)
    for report in first.reports[:2]:
        told: dict[str, Decimal] = {}
        for each in report.discrepancies:
            told[each.currency or ""] = told.get(each.currency or "", Decimal(0)) + each.amount
        for currency in report.left_totals | report.right_totals:
            left = report.left_totals.get(currency, Decimal(0))
            right = report.right_totals.get(currency, Decimal(0))
            assert right - left == told.get(currency, Decimal(0))
    for each in rows:
        chance.shuffle(each)
    assert compare(*rows) == first


@pytest.mark.parametrize(
    ("tables", "code", "pointer", "found"),
    [
        (books([order(total="12.34567")], []), "money.value_unfit", "/orders/o1/total", "VARCHAR"),
        (books([order(total="-1")], []), "money.value_unfit", "/orders/o1/total", "VARCHAR"),
        (books([order(total=None)], []), "money.value_unfit", "/orders/o1/total", "nothing"),
        (books([order(currency="eur")], []), "money.value_unfit", "/orders/o1/currency", "VARCHAR"),
        (
            books([order(placed_at="2026-06-01 12:00:00")], []),
            "money.value_unfit",
            "/orders/o1/placed_at",
            "VARCHAR",
        ),
        (books([order(lines="1.5")], []), "money.value_unfit", "/orders/o1/lines", "VARCHAR"),
        (books([], [payment(kind="tip")]), "money.value_unfit", "/payments/p1/kind", "VARCHAR"),
        (books([], [payment(state="ok")]), "money.value_unfit", "/payments/p1/state", "VARCHAR"),
        (books([order(), order()], []), "money.ref_repeated", "/orders/o1/ref", "2 rows"),
        (
            books([], [], [entry(kind="tip")]),
            "money.value_unfit",
            "/entries/e1/kind",
            "VARCHAR",
        ),
    ],
)
def test_unfit_rows_are_named_and_nothing_is_compared(
    tables: Tables, code: str, pointer: str, found: str
) -> None:
    result = reconcile(tables, Rules(as_of=AS_OF))
    assert not result.reports
    (issue,) = result.issues
    assert (issue.code, issue.pointer) == (code, pointer)
    assert found in issue.found
    assert issue.expected
    assert issue.how_to_fix


def test_a_double_is_no_amount_and_a_naive_time_no_instant() -> None:
    def orders(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        return conn.sql(
            "SELECT 'o1' AS ref, 'EUR' AS currency, 1.5::DOUBLE AS total,"
            " TIMESTAMP '2026-06-01' AS placed_at"
        )

    result = reconcile(Tables(orders=orders, payments=books([], []).payments), Rules(as_of=AS_OF))
    assert [(each.code, each.pointer, each.found) for each in result.issues] == [
        ("money.kind_unfit", "/orders/total", "DOUBLE"),
        ("money.kind_unfit", "/orders/placed_at", "TIMESTAMP"),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gone.csv", None),
        ("gone.parquet", None),
        ("broken.parquet", b"PAR1"),
        ("empty.csv", b""),
        ("quote.csv", b'ref,currency,total,placed_at\n"o1,EUR,1,2026-06-01T00:00:00Z\n'),
        ("ragged.csv", b"ref,currency,total,placed_at\no1,EUR\n"),
        ("latin.csv", b"ref,currency,total,placed_at\n\xe9\xff,EUR,1,2026-06-01T00:00:00Z\n"),
        (
            "late.csv",
            b"ref,currency,total,placed_at\n"
            + b"".join(b"o%d,EUR,1,2026-06-01T00:00:00Z\n" % n for n in range(60_000))
            + b"o,EUR\n",
        ),
    ],
)
def test_a_file_that_can_not_be_read_is_told_of(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    tables = Tables(orders=tmp_path / name, payments=books([], []).payments)
    result = reconcile(tables, Rules(as_of=AS_OF))
    assert not result.reports
    assert ("money.table_unreadable", "/orders") in {
        (each.code, each.pointer) for each in result.issues
    }


def test_a_relation_that_fails_is_the_callers(tmp_path: Path) -> None:
    def orders(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        return conn.read_parquet(str(tmp_path / "gone.parquet"))

    with pytest.raises(duckdb.IOException):
        reconcile(Tables(orders=orders, payments=books([], []).payments), Rules(as_of=AS_OF))


def test_a_missing_column_is_named() -> None:
    def orders(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        return conn.sql("SELECT 'o1' AS ref, 'EUR' AS currency")

    result = reconcile(Tables(orders=orders, payments=books([], []).payments), Rules(as_of=AS_OF))
    assert [each.pointer for each in result.issues] == ["/orders/total", "/orders/placed_at"]
    assert {each.code for each in result.issues} == {"money.column_missing"}


def test_csv_files_are_read_exactly(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "ref,currency,total,placed_at\n0007,EUR,0.10,2026-06-01T00:00:00+02:00\n"
    )
    (tmp_path / "payments.csv").write_text(
        "ref,order_ref,kind,state,amount,currency,processed_at\n"
        "p1,0007,sale,succeeded,0.10,EUR,2026-06-01T00:00:00Z\n"
    )
    tables = Tables(orders=tmp_path / "orders.csv", payments=tmp_path / "payments.csv")
    report = reconcile(tables, Rules(as_of=AS_OF)).report(CHECK)
    assert (report.matched, report.left_totals) == (1, {"EUR": Decimal("0.10")})


def test_every_planted_difference_is_found_and_nothing_else(tmp_path: Path) -> None:
    """The bench, small: each cause is planted, and each check has some."""
    rows = write_books(tmp_path, 2_000)
    expected = read_expected(Books(tmp_path))
    planted = planted_causes(expected)
    folder = importlib.resources.files("trueup.reconcile.money")
    steps = "".join(
        (folder / f"queries{more}.sql").read_text(encoding="utf-8") for more in ("", "_entries")
    )
    # Other checks have causes of their own.
    assert {cause for _, cause in planted} == {each for each in Cause if f"'{each}'" in steps}
    money = {Check.ORDERS, Check.PAYMENTS, Check.FEES, Check.DUPLICATES}
    assert {check for check, _ in planted} == money
    assert expected.total() == rows["expected"]
    ours = measure_ours(tmp_path)
    assert (ours.missed, ours.false_alarms) == (0, 0)
    assert measure_join(tmp_path).seconds > 0
    assert measure_pandas(tmp_path).seconds > 0


def test_the_bench_runs_small_in_processes_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "trueup.toml"
    path.write_text("")
    stage = Stage(config=load_config(path, {}), config_path=path, conninfo="")
    report = asyncio.run(run(stage, orders=1_000, sizes=(500, 1_000)))
    assert report.passed
    assert report.figures["missed_count"] == report.figures["false_alarms_count"] == 0
    assert {"orders_500_s", "orders_1000_s", "reconcile_s", "peak_mb"} <= report.figures.keys()
    assert {"join_s", "pandas_s"} == report.bare.keys()
    assert not list(tmp_path.glob("books-*/*")), "the books are gone afterwards"
