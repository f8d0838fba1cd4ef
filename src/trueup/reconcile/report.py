"""What a check found."""

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

UNEXPLAINED: Final = "unexplained"
"""The cause of what nobody can say."""


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """One place where left and right do not agree.

    Attributes:
        cause: "unexplained" where nobody can say.
        amount: right less left; units for stock, exact money where there is a currency.
        currency: None for units.
        evidence: what leads to the cause: intents, orders, issues.
    """

    cause: str
    amount: int | Decimal
    left_ref: str | None
    right_ref: str | None
    evidence: tuple[str, ...] = ()
    currency: str | None = None


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides come to in one hour or day, each by its own instants.

    Attributes:
        at: when it begins, UTC.
        currency: "" for units.
        left, right: rows on each side.
        differing: how many of the left differ.
    """

    at: datetime
    currency: str
    left: int
    right: int
    left_total: Decimal
    right_total: Decimal
    differing: int


class Tolerated(msgspec.Struct, frozen=True, kw_only=True):
    """Differences of one currency that a tolerance let pass.

    Attributes:
        amount: their sum, right less left.
        absolute: the sum of what each is without its sign.
    """

    currency: str
    count: int
    amount: Decimal
    absolute: Decimal


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides come to in one part that a check tells apart, such as a jurisdiction."""

    name: str
    currency: str
    rows: int
    left_total: Decimal
    right_total: Decimal


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one check compared and found.

    Attributes:
        left, right: how many there were on each side.
        matched: how many agree.
        share: of the value that is explained, where a check knows values; None: of the differences.
        left_totals, right_totals: sums per currency, where a check holds sums beside each other.
        periods: the same by hour or day, oldest first, where that was asked for.
        left_out: what could not be compared, and why.
        tolerated: what differs and was let pass by a tolerance; none of it is a discrepancy.
        parts: what both sides come to part by part, where a check tells parts apart.
    """

    check: str
    left: int
    right: int
    matched: int
    discrepancies: tuple[Discrepancy, ...]
    share: float | None = None
    left_totals: dict[str, Decimal] = {}
    right_totals: dict[str, Decimal] = {}
    periods: tuple[Period, ...] = ()
    left_out: tuple[str, ...] = ()
    tolerated: tuple[Tolerated, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def explained_share(self) -> float:
        """How much of what differs has a cause, 0 to 1; 1 where nothing differs."""
        if self.share is not None:
            return self.share
        if not self.discrepancies:
            return 1.0
        explained = sum(each.cause != UNEXPLAINED for each in self.discrepancies)
        return round(explained / len(self.discrepancies), 4)
