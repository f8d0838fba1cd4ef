"""Hold the books beside each other: every step is one statement over whole sets."""

import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from trueup.db.queries import load_queries
from trueup.errors import invariant
from trueup.kernel.money import minor_digits
from trueup.reconcile.money.model import (
    Cause,
    CauseSum,
    Check,
    Found,
    Limits,
    MoneyReport,
    Rules,
    Tables,
)
from trueup.reconcile.money.tables import load_tables
from trueup.reconcile.report import Discrepancy, Period

_steps = load_queries("trueup.reconcile.money")
_PARAMETER = re.compile(r"\$([a-z_]+)")

_PREPARE = (
    *("make_exact_amount", "make_unsigned_amount", "make_whole_count", "make_aware_instant"),
    "make_to_minor",
    *("make_discrepancies", "make_tolerances", "make_tolerated"),
)
_JUDGE = (
    *("touch_payments", "confirm_payments", "find_retried_payments", "write_retried_payments"),
    *("describe_uneven_orders", "judge_sales", "judge_refunds", "judge_strays"),
    "judge_unknown_payments",
)
_JUDGE_ENTRIES = (
    *("describe_uneven_payments", "find_twins", "judge_payments", "judge_lone_entries"),
    *("find_usual_fees", "judge_fees", "judge_nets"),
)

_SUMS = frozenset((Check.ORDERS, Check.PAYMENTS))
"""Checks whose differences come to the difference of two totals."""

_PERIODS = {Check.ORDERS: "sum_order_periods", Check.PAYMENTS: "sum_payment_periods"}

_Totals = dict[str, Decimal]


def reconcile(tables: Tables, rules: Rules, limits: Limits | None = None) -> Found:
    """Compare orders with payments, and payments and fees with the entries of their vendors.

    Args:
        tables: the books; nothing of them is changed.
        rules: by what differences are judged.
        limits: how much of the machine it may take.

    Returns:
        A report per check; or what is wrong with the books, and then nothing was compared.

    Invariant: the differences of the two checks of sums, with what a tolerance let pass, come to
    the difference of the two sides' totals to the last digit, in each currency.
    """
    invariant(rules.as_of.tzinfo is not None, "rules are as of an instant with its offset")
    invariant(
        all(amount >= 0 for amount in rules.tolerances.values()), "a tolerance is zero or more"
    )
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="trueup-sets-") as folder:
        conn = duckdb.connect(
            ":memory:",
            config={
                "threads": limits.threads,
                "memory_limit": f"{limits.memory_mb}MB",
                "temp_directory": str(Path(folder)),
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
            },
        )
        with conn:
            conn.execute("SET TimeZone = 'UTC'")
            return _Run(conn, rules).work(tables)


class _Run:
    """One comparison on a connection of its own."""

    def __init__(self, conn: duckdb.DuckDBPyConnection, rules: Rules) -> None:
        self._conn = conn
        self._rules = rules
        self._values: dict[str, Any] = {
            "lag_from": rules.as_of - rules.settlement_lag,
            "retry_us": round(rules.retry_window.total_seconds() * 1_000_000),
            "rate_max": str(rules.instalment_rate_max),
            "fee_slack": str(rules.fee_slack),
            "count": rules.discrepancies_max,
        }

    def work(self, tables: Tables) -> Found:
        """Load, compare, judge, report."""
        for name in _PREPARE:
            self._do(name)
        if issues := load_tables(self._conn, tables):
            return Found(issues=issues)
        for (check, currency), amount in self._rules.tolerances.items():
            row = [check.value, currency, str(amount)]
            self._conn.execute("INSERT INTO tolerance VALUES (?, ?, ?)", row)
        self._do("make_owed_payments")
        self._do("find_uneven_payments")
        passed = {Check.PAYMENTS: self._tolerate("tolerate_payments")}
        self._do("find_copies")
        self._do("write_copies")
        self._do("find_uneven_orders")
        passed[Check.ORDERS] = self._tolerate("tolerate_orders")
        for name in _JUDGE:
            self._do(name)
        reports = [self._orders(passed[Check.ORDERS]), self._duplicates()]
        if tables.entries is not None:
            for name in _JUDGE_ENTRIES:
                self._do(name)
            reports += [self._payments(passed[Check.PAYMENTS]), self._fees()]
        return Found(reports=tuple(reports))

    def _do(self, name: str, **more: object) -> list[Any]:
        text = _steps[name]
        values = self._values | more
        given = {key: values[key] for key in _PARAMETER.findall(text)}
        return self._conn.execute(text, given).fetchall()

    def _tolerate(self, name: str) -> _Totals:
        passed: _Totals = {}
        for _, currency, amount in self._do(name):
            passed[currency] = passed.get(currency, Decimal(0)) + amount
        return passed

    def _orders(self, tolerated: _Totals) -> MoneyReport:
        owed = dict(self._do("sum_orders"))
        for currency, amount in self._do("sum_unpaid_cancelled"):
            owed[currency] -= amount
        paid = {currency: amount for currency, amount, _ in self._do("sum_payments", settled=False)}
        orders = self._count("orders")
        uneven = self._do("count_uneven_orders")[0][0]
        return self._report(
            Check.ORDERS,
            (orders, self._count("owed_payment"), orders - uneven),
            (owed, paid),
            tolerated,
        )

    def _payments(self, tolerated: _Totals) -> MoneyReport:
        ours, theirs = self._do("sum_payments", settled=True), self._do("sum_entries")
        count = sum(row[2] for row in ours)
        uneven = int(self._do("count_uneven_payments")[0][0])
        return self._report(
            Check.PAYMENTS,
            (count, sum(row[2] for row in theirs), count - uneven),
            ({row[0]: row[1] for row in ours}, {row[0]: row[1] for row in theirs}),
            tolerated,
        )

    def _fees(self) -> MoneyReport:
        charges, off = self._do("count_fees")[0]
        return self._report(Check.FEES, (charges, charges, charges - off), ({}, {}), {})

    def _duplicates(self) -> MoneyReport:
        orders, copies = self._count("orders"), self._count("copied")
        counts = (orders - copies, orders, orders - copies)
        return self._report(Check.DUPLICATES, counts, ({}, {}), {})

    def _count(self, table: str) -> int:
        return self._conn.table(table).count("*").fetchall()[0][0]  # type: ignore[no-any-return]

    def _report(
        self,
        check: Check,
        counts: tuple[int, int, int],
        totals: tuple[_Totals, _Totals],
        tolerated: _Totals,
    ) -> MoneyReport:
        causes = tuple(
            CauseSum(
                cause=Cause(cause),
                currency=currency,
                count=count,
                amount=_plain(amount, currency),
                absolute=_plain(absolute, currency),
            )
            for cause, currency, count, amount, absolute in self._do("sum_causes", check=check)
        )
        if check in _SUMS:
            _prove(check, causes, totals, tolerated)
        found = self._do("list_discrepancies", check=check)
        return MoneyReport(
            check=check,
            left=counts[0],
            right=counts[1],
            matched=counts[2],
            left_totals={code: _plain(amount, code) for code, amount in totals[0].items()},
            right_totals={code: _plain(amount, code) for code, amount in totals[1].items()},
            tolerated={code: _plain(amount, code) for code, amount in tolerated.items()},
            causes=causes,
            discrepancies=tuple(_discrepancy(row) for row in found),
            periods=self._periods(check),
        )

    def _periods(self, check: Check) -> tuple[Period, ...]:
        step = _PERIODS.get(check)
        if step is None or self._rules.by is None:
            return ()
        return tuple(
            Period(
                at=at,
                currency=currency,
                left=left,
                right=right,
                left_total=_plain(left_total, currency),
                right_total=_plain(right_total, currency),
                differing=differing,
            )
            for at, currency, left, right, left_total, right_total, differing in self._do(
                step, by=self._rules.by.value
            )
        )


def _prove(
    check: Check,
    causes: tuple[CauseSum, ...],
    totals: tuple[_Totals, _Totals],
    tolerated: _Totals,
) -> None:
    left, right = totals
    for currency in left.keys() | right.keys() | tolerated.keys():
        told = sum((each.amount for each in causes if each.currency == currency), Decimal(0))
        differs = right.get(currency, Decimal(0)) - left.get(currency, Decimal(0))
        told += tolerated.get(currency, Decimal(0))
        invariant(
            told == differs,
            f"{check.value}: {told} {currency} are told of, and the totals differ by {differs}",
        )


def _discrepancy(row: tuple[str, Decimal, str, str | None, str | None, list[str]]) -> Discrepancy:
    cause, amount, currency, left_ref, right_ref, evidence = row
    return Discrepancy(
        cause=cause,
        amount=_plain(amount, currency),
        currency=currency,
        left_ref=left_ref,
        right_ref=right_ref,
        evidence=tuple(evidence),
    )


def _plain(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with its currency's digits, and with more only where they say something."""
    unit = Decimal(1).scaleb(-minor_digits(currency))
    short = amount.quantize(unit)
    return short if short == amount else amount.normalize()
