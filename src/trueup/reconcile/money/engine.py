"""The engine on which books are held beside each other: DuckDB, in a process of its own memory."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from trueup.db.queries import load_queries
from trueup.errors import InvariantBroken, invariant
from trueup.kernel.money import minor_digits
from trueup.reconcile.money.model import Cause, CauseSum, Check, Limits, MoneyReport, Rules
from trueup.reconcile.money.tables import Book, load_books
from trueup.reconcile.report import Discrepancy, Period, Tolerated

_steps = load_queries("trueup.reconcile.money")
_PARAMETER = re.compile(r"\$([a-z_]+)")

_PREPARE = (
    *("make_exact_amount", "make_unsigned_amount", "make_whole_count", "make_aware_instant"),
    *("make_to_minor", "make_discrepancies", "make_tolerances", "make_tolerated"),
)

Totals = dict[str, Decimal]
"""Sums by currency; units have none, and stand under ""."""


@contextmanager
def open_engine(rules: Rules, limits: Limits | None = None) -> Iterator["Engine"]:
    """Give an engine with nothing in it but the rules.

    Args:
        rules: by what differences are judged.
        limits: how much of the machine it may take.
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
            yield Engine(conn, rules)


class Engine:
    """Tables of one comparison, and what of them differs.

    Args:
        conn: empty; nobody else uses it.
        rules: by what differences are judged; steps name them as parameters.
    """

    def __init__(self, conn: duckdb.DuckDBPyConnection, rules: Rules) -> None:
        self.conn = conn
        self._rules = rules
        self._values: dict[str, Any] = {
            "lag_from": rules.as_of - rules.settlement_lag,
            "ship_from": rules.as_of - rules.ship_within,
            "carry_from": rules.as_of - rules.carry_within,
            "retry_us": round(rules.retry_window.total_seconds() * 1_000_000),
            "rate_max": str(rules.instalment_rate_max),
            "fee_slack": str(rules.fee_slack),
            "count": rules.discrepancies_max,
        }
        for name in _PREPARE:
            self.do(name)
        for (check, currency), amount in rules.tolerances.items():
            row = [check.value, currency, str(amount)]
            self.conn.execute("INSERT INTO tolerance VALUES (?, ?, ?)", row)

    def load(self, books: Sequence[Book]) -> None:
        """Read books that the hub itself copied out: they fit, or the copy has a bug."""
        for issue in load_books(self.conn, books):
            raise InvariantBroken(
                f"{issue.pointer}: expected {issue.expected}, found {issue.found}"
            )

    def do(self, name: str, **more: object) -> list[Any]:
        """Do a step: a statement over whole sets."""
        text = _steps[name]
        values = self._values | more
        given = {key: values[key] for key in _PARAMETER.findall(text)}
        return self.conn.execute(text, given).fetchall()

    def sums(self, name: str) -> Totals:
        """Return what a step sums up, by currency."""
        return dict(self.do(name))

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return self.conn.table(table).count("*").fetchall()[0][0]  # type: ignore[no-any-return]

    def report(
        self,
        check: Check,
        counts: tuple[int, int, int],
        totals: tuple[Totals, Totals] | None = None,
        periods: str | None = None,
    ) -> MoneyReport:
        """Return what a check came to.

        Args:
            check: whose differences are told.
            counts: rows of the left, of the right, and how many agree.
            totals: of the left and the right, whose difference is proven to be told of to the last
                digit; None: it compares no sums.
            periods: the step that sums up hours or days, where it has one.
        """
        causes = tuple(
            CauseSum(
                cause=Cause(cause),
                currency=currency,
                count=count,
                amount=_plain(amount, currency),
                absolute=_plain(absolute, currency),
            )
            for cause, currency, count, amount, absolute in self.do("sum_causes", check=check)
        )
        tolerated = tuple(
            Tolerated(
                currency=currency,
                count=count,
                amount=_plain(amount, currency),
                absolute=_plain(absolute, currency),
            )
            for currency, count, amount, absolute in self.do("sum_tolerated", check=check)
        )
        if totals is not None:
            _prove(check, causes, totals, tolerated)
        left, right = totals or ({}, {})
        found = self.do("list_discrepancies", check=check)
        return MoneyReport(
            check=check,
            left=counts[0],
            right=counts[1],
            matched=counts[2],
            left_totals={code: _plain(amount, code) for code, amount in left.items()},
            right_totals={code: _plain(amount, code) for code, amount in right.items()},
            tolerated=tolerated,
            causes=causes,
            discrepancies=tuple(_discrepancy(row) for row in found),
            periods=self._periods(periods),
        )

    def _periods(self, step: str | None) -> tuple[Period, ...]:
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
            for at, currency, left, right, left_total, right_total, differing in self.do(
                step, by=self._rules.by.value
            )
        )


def _prove(
    check: Check,
    causes: tuple[CauseSum, ...],
    totals: tuple[Totals, Totals],
    tolerated: tuple[Tolerated, ...],
) -> None:
    left, right = totals
    named = {each.currency for each in causes} | {each.currency for each in tolerated}
    for currency in left.keys() | right.keys() | named:
        told = sum((each.amount for each in causes if each.currency == currency), Decimal(0))
        differs = right.get(currency, Decimal(0)) - left.get(currency, Decimal(0))
        told += sum((each.amount for each in tolerated if each.currency == currency), Decimal(0))
        invariant(
            told == differs,
            f"{check.value}: {told} {currency} are told of, and the totals differ by {differs}",
        )


def _discrepancy(row: tuple[str, Decimal, str, str | None, str | None, list[str]]) -> Discrepancy:
    cause, amount, currency, left_ref, right_ref, evidence = row
    return Discrepancy(
        cause=cause,
        amount=_plain(amount, currency) if currency else int(amount),
        currency=currency or None,
        left_ref=left_ref,
        right_ref=right_ref,
        evidence=tuple(evidence),
    )


def _plain(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with its currency's digits, and with more only where they say something."""
    unit = Decimal(1).scaleb(-minor_digits(currency)) if currency else Decimal(1)
    short = amount.quantize(unit)
    return short if short == amount else amount.normalize()
