"""What is compared, by which rules, and what came of it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import duckdb
import msgspec

from trueup.canon.issue import Issue
from trueup.reconcile.report import Discrepancy, Period, Report, Tolerated

Source = Path | Callable[[duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]
"""A `.parquet`, `.csv` or `.csv.gz` file, or what makes a relation (of an Arrow table, a query)."""


class Check(StrEnum):
    """Which books are held beside each other."""

    ORDERS = "orders"
    PAYMENTS = "payments"
    FEES = "fees"
    DUPLICATES = "duplicates"
    TAXES = "taxes"
    SHIPMENTS = "shipments"
    STOREFRONT = "storefront"


class By(StrEnum):
    """How long the periods are by which sums are told."""

    HOUR = "hour"
    DAY = "day"


class Cause(StrEnum):
    """Why two books differ; each is proven by rows that are there, or by rows that are not."""

    UNEXPLAINED = "unexplained"
    DUPLICATE_RETRY = "duplicate_retry"
    MISSING_PAYMENT = "missing_payment"
    MISSING_WEBHOOK = "missing_webhook"
    MISSING_ENTRY = "missing_entry"
    PAYMENT_WITHOUT_ORDER = "payment_without_order"
    PAYMENT_FAILED = "payment_failed"
    OVERPAYMENT = "overpayment"
    UNDERPAYMENT = "underpayment"
    ROUNDING = "rounding"
    PARTIAL_REFUND = "partial_refund"
    UNLINKED_REFUND = "unlinked_refund"
    MISSING_REFUND = "missing_refund"
    CURRENCY_CONVERSION = "currency_conversion"
    FEE_CHANGE = "fee_change"
    RESERVE = "reserve"
    DISPUTE = "dispute"
    TIMING = "timing"
    TEST_ORDER = "test_order"
    INSTALMENT_INTEREST = "instalment_interest"
    ITEMS_MISSING = "items_missing"
    UNKNOWN_CODE = "unknown_code"
    PARKED_EVENT = "parked_event"
    MANUAL_EDIT = "manual_edit"
    TAX_INCLUSIVE = "tax_inclusive"
    MISSING_TAX_LINE = "missing_tax_line"
    RATE_CHANGE = "rate_change"
    NOT_POSTED = "not_posted"
    NOT_JOURNALED = "not_journaled"
    MISSING_THERE = "missing_there"
    DRAFT_THERE = "draft_there"
    VOIDED_THERE = "voided_there"
    UNPAID_THERE = "unpaid_there"
    CANCELLED_HERE = "cancelled_here"
    CARRIED_TWICE = "carried_twice"
    WITHOUT_ORDER = "without_order"
    SHIPPING_DIFFERS = "shipping_differs"
    DISCOUNT_DIFFERS = "discount_differs"
    LINES_DIFFER = "lines_differ"
    UNSHIPPED = "unshipped"
    SHIPMENT_UNTOLD = "shipment_untold"
    DELIVERED_UNSHIPPED = "delivered_unshipped"
    SHIPPED_TOO_MANY = "shipped_too_many"
    SHIPPED_REFUNDED = "shipped_refunded"
    SHIPPED_CANCELLED = "shipped_cancelled"
    SHIPMENT_WITHOUT_ORDER = "shipment_without_order"
    NOT_ORDERED = "not_ordered"
    UNKNOWN_SKU = "unknown_sku"


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """The books; `trueup.reconcile.money.tables` says which columns each has.

    Attributes:
        entries: lines of the payment vendors' own accounts; None where nobody has them, and then
            only orders and payments are compared.
        parked: orders of which something waits that could not be applied; None: nothing does.
    """

    orders: Source
    payments: Source
    entries: Source | None = None
    parked: Source | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """By what differences are judged.

    Attributes:
        as_of: aware; what happened within `settlement_lag` before it may still be on its way.
        ship_within: how long a paid order may wait to be sent.
        carry_within: how long an order may take from its shop into another system.
        retry_window: how far apart two equal payments of one order may be to be one retried.
        tolerances: per check and currency, up to which difference two sums agree; none else.
        instalment_rate_max: interest a month of the mean term up to which more paid in
            instalments is interest.
        fee_slack: of the gross, how far a fee may lie off the usual formula beside one minor unit.
        discrepancies_max: how many are listed, the unexplained and the greatest first.
        by: also tell the sums of each hour or day; None: not.
    """

    as_of: datetime
    settlement_lag: timedelta = timedelta(days=3)
    ship_within: timedelta = timedelta(days=5)
    carry_within: timedelta = timedelta(days=2)
    retry_window: timedelta = timedelta(minutes=10)
    tolerances: Mapping[tuple[Check, str], Decimal] = msgspec.field(default_factory=dict)
    instalment_rate_max: Decimal = Decimal("0.06")
    fee_slack: Decimal = Decimal("0.0001")
    discrepancies_max: int = 100_000
    by: By | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What of the machine the engine may take; what does not fit goes to disk for a while."""

    threads: int = 2
    memory_mb: int = 1600


class CauseSum(msgspec.Struct, frozen=True, kw_only=True):
    """All differences of one cause and currency.

    Attributes:
        amount: their sum, right less left.
        absolute: the sum of what each is without its sign.
    """

    cause: Cause
    currency: str
    count: int
    amount: Decimal
    absolute: Decimal


class MoneyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of money found.

    Attributes:
        left, right: how many rows stand on each side.
        matched: how many of the left agree (of the right, for fees).
        left_totals, right_totals: sums per currency; their difference is the sum of `causes`, and
            of `tolerated`, to the last digit.
        tolerated: what was let pass by a tolerance, per currency.
        causes: all differences, summed; the unexplained first.
        discrepancies: each of them, up to the rules' maximum.
        periods: sums by hour or day, where the rules want them.
    """

    check: Check
    left: int
    right: int
    matched: int
    left_totals: dict[str, Decimal]
    right_totals: dict[str, Decimal]
    tolerated: tuple[Tolerated, ...]
    causes: tuple[CauseSum, ...]
    discrepancies: tuple[Discrepancy, ...]
    periods: tuple[Period, ...] = ()

    @property
    def explained_share(self) -> float:
        """What share of the summed absolute differences has a cause; currencies count alike.

        1 where nothing differs. Never rounded up to 1 while a cent is unexplained.
        """
        absolute = sum((each.absolute for each in self.causes), Decimal(0))
        open_ = sum(
            (each.absolute for each in self.causes if each.cause is Cause.UNEXPLAINED), Decimal(0)
        )
        if not open_:
            return 1.0
        return min(round(float(1 - open_ / absolute), 6), 0.999999)

    def listed(self) -> Report:
        """Return it in the shape of every check's report, as `trueup reconcile` prints it."""
        return Report(
            check=self.check.value,
            left=self.left,
            right=self.right,
            matched=self.matched,
            discrepancies=self.discrepancies,
            share=self.explained_share,
            left_totals=self.left_totals,
            right_totals=self.right_totals,
            periods=self.periods,
            tolerated=self.tolerated,
        )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to: a report per check, or the issues for which nothing was compared."""

    reports: tuple[MoneyReport, ...] = ()
    issues: tuple[Issue, ...] = ()

    def report(self, check: Check) -> MoneyReport:
        """Return the report of a check. KeyError where it was not made."""
        for each in self.reports:
            if each.check is check:
                return each
        raise KeyError(check.value)
