"""What budgets leave for each order: what was agreed to, or still may be, is spent. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from trueup.db.rows import Row
from trueup.decisions.model import State
from trueup.decisions.purchasing.basket import Stock, basket_of, spent_on, within
from trueup.decisions.purchasing.supply import Supplier
from trueup.decisions.purchasing.times import money_of

WEEK: Final = timedelta(days=7)

Amounts = Mapping[str, Decimal]
"""Money by currency; what is not named is not bounded."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent.

    Attributes:
        per_order: at one supplier, until it is looked at again.
        per_week: at all of them.
        review_days: until a supplier is looked at again.
    """

    per_order: Amounts = {}
    per_week: Amounts = {}
    review_days: int = WEEK.days


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be ordered at a supplier at once.

    Attributes:
        episode: by which it is known.
        is_new: nothing was said about it before, so it holds no money of the budget yet.
    """

    supplier: Supplier
    episode: str
    stocks: tuple[Stock, ...]
    is_new: bool


def allot(
    wanted: Sequence[Wanted], committed: Sequence[Row], budget: Budget, now: datetime
) -> list[dict[str, Decimal]]:
    """Return what the budget leaves for each, by currency.

    What is new shares what is left of the week: its next unit of money goes where it buys what is
    likeliest to be wanted.

    Args:
        wanted: at all suppliers.
        committed: decisions that were agreed to, or still may be; see `lines_committed`.
        budget: of the rule.
        now: of the look.
    """
    review = timedelta(days=budget.review_days)
    orders, weeks = [], []
    for each in wanted:
        others = [row for row in committed if _counts(row, each)]
        at_it = [row for row in others if row["subject"] == each.supplier.subject]
        orders.append(_less(budget.per_order, at_it, now - review))
        weeks.append(_less(budget.per_week, others, now - WEEK))
    found = [least(order, week) for order, week in zip(orders, weeks, strict=True)]
    new = [n for n, each in enumerate(wanted) if each.is_new]
    if not budget.per_week or len(new) < 2:
        return found
    week = {each: max(weeks[n][each] for n in new) for each in budget.per_week}
    for n, share in _shares({n: wanted[n] for n in new}, found, week, now).items():
        found[n] = least(found[n], share)
    return found


def least(*budgets: Amounts) -> dict[str, Decimal]:
    """Return what all of some budgets leave, by currency; none is below zero."""
    found: dict[str, Decimal] = {}
    for currency, amount in (pair for each in budgets for pair in each.items()):
        left = max(Decimal(0), amount)
        found[currency] = min(found.get(currency, left), left)
    return found


def _shares(
    new: Mapping[int, Wanted], left: Sequence[Amounts], week: Amounts, now: datetime
) -> dict[int, dict[str, Decimal]]:
    """Divide what is left of the week among what is new, as if it were one order."""
    today = now.astimezone(UTC).date()
    lines = {n: within(basket_of(each.stocks, today), left[n], today) for n, each in new.items()}
    cut = [
        msgspec.structs.replace(line, wanted=line.units) for each in lines.values() for line in each
    ]
    bought = {line.stock.sku: line for line in within(cut, week, today)}
    shares = {}
    for n, each in lines.items():
        spent = spent_on([bought[line.stock.sku] for line in each])
        shares[n] = {currency: spent.get(currency, Decimal(0)) for currency in week}
    return shares


def _counts(row: Row, wanted: Wanted) -> bool:
    """Whether what was committed leaves less: not its own, nor what it takes the place of."""
    if row["subject"] != wanted.supplier.subject:
        return True
    return bool(row["episode"] != wanted.episode and row["state"] != State.PROPOSED.value)


def _less(budget: Amounts, rows: Iterable[Row], since: datetime) -> dict[str, Decimal]:
    left = dict(budget)
    for row in rows:
        if row["proposed_at"] <= since:
            continue
        for currency, amount in money_of(row["actions"]).items():
            if currency in left:
                left[currency] -= amount
    return left
