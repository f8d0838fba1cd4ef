"""What customers bought, gathered order by order, and what follows from it. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.decisions.patrons.interval import (
    PURCHASES_MIN,
    Interval,
    chance_alive,
    interval_of,
    mean_gap,
)
from trueup.models.value.rfm import TIERS, cuts_of, tiers_of
from trueup.records.bought import BoughtLine, BoughtOrder

ANYTHING: Final = ""
"""Stands for the SKU where somebody's habit is of whatever they buy."""

YEAR_DAYS: Final = 365.0
_RATE_MIN: Final = 0.05
_PLACES: Final = Decimal("0.0001")


class Told(NamedTuple):
    """What a model tells of one customer.

    Attributes:
        alive: the chance that they have not left.
        orders: how often they buy in a year.
        spend: what they spend on a purchase, in their currency.
        interval_days: from one purchase to the next; None below three.
    """

    alive: float
    orders: float
    spend: float
    interval_days: int | None


def late_day(last_on: date, interval: Interval) -> date:
    """Return the day on which it is as likely as not that somebody left."""
    times = 2.0 + min(1.0, interval.spread)
    return last_on + timedelta(days=round(times * interval.days))


class _Judged(NamedTuple):
    """What is expected of somebody: whether they still buy, worth in a year, and by what told."""

    alive: float
    worth: float
    spend: float
    told_by: str


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a cart would hold of one SKU."""

    sku: str
    variant_ref: str
    units: int


class Patron(msgspec.Struct, frozen=True, kw_only=True):
    """One customer as a patron; the columns of the table `patron`."""

    person: bytes
    persons: tuple[bytes, ...]
    connection_id: int
    order_ref: str
    currency: str
    purchases: int
    last_on: date
    interval: Interval | None
    alive: Decimal
    worth: Decimal
    spend: Decimal
    tier: str
    told_by: str

    @property
    def late_on(self) -> date | None:
        """The day on which it is as likely as not that they left."""
        if self.interval is None:
            return None
        return late_day(self.last_on, self.interval)


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """How often one customer buys one SKU, or anything."""

    person: bytes
    sku: str
    purchases: int
    interval: Interval
    last: BoughtOrder
    lines: tuple[CartLine, ...]

    @property
    def last_on(self) -> date:
        """The day of the newest purchase."""
        return self.last.placed_at.date()


class _Bought(msgspec.Struct, kw_only=True):
    """One SKU of one customer."""

    days: list[date] = []
    units: list[int] = []
    last: BoughtOrder | None = None
    variant_ref: str = ""


class _Customer(msgspec.Struct, kw_only=True):
    persons: set[bytes] = msgspec.field(default_factory=set)
    days: list[date] = []
    amounts: dict[str, Decimal] = {}
    orders: dict[str, int] = {}
    last: BoughtOrder | None = None
    skus: dict[str, _Bought] = {}


class History:
    """Gathers orders, oldest first.

    Args:
        first_of: the customer's id of persons who share a name with others.
    """

    def __init__(self, first_of: Mapping[bytes, bytes]) -> None:
        self._first_of = first_of
        self._customers: dict[bytes, _Customer] = {}
        for person, first in first_of.items():
            self._customers.setdefault(first, _Customer()).persons.add(person)

    def add(self, order: BoughtOrder) -> None:
        """Take one more order."""
        first = self._first_of.get(order.person, order.person)
        one = self._customers.setdefault(first, _Customer())
        one.persons.add(order.person)
        one.days.append(order.placed_at.date())
        one.amounts[order.currency] = one.amounts.get(order.currency, Decimal(0)) + order.amount
        one.orders[order.currency] = one.orders.get(order.currency, 0) + 1
        one.last = order
        for line in order.lines:
            if line.sku and _is_bought(line):
                bought = one.skus.setdefault(line.sku, _Bought())
                bought.days.append(order.placed_at.date())
                bought.units.append(line.units)
                bought.last, bought.variant_ref = order, line.variant_ref or ""

    def habits(self, told: Mapping[bytes, Told]) -> Iterator[Habit]:
        """Yield the habits of all who have some.

        Args:
            told: what a model tells, by customer; its interval counts for whatever they buy.
        """
        others: dict[str, list[list[date]]] = {ANYTHING: []}
        for one in self._customers.values():
            others[ANYTHING].append(one.days)
            for sku, bought in one.skus.items():
                if len(bought.days) >= PURCHASES_MIN:
                    others.setdefault(sku, []).append(bought.days)
        means = {sku: mean_gap(days) for sku, days in others.items()}
        for person, one in self._customers.items():
            if one.last is None:
                continue
            interval = _told_interval(interval_of(one.days, means[ANYTHING]), told.get(person))
            if interval is not None:
                yield Habit(
                    person=person,
                    sku=ANYTHING,
                    purchases=len(set(one.days)),
                    interval=interval,
                    last=one.last,
                    lines=_lines_of(one.last),
                )
            for sku, bought in one.skus.items():
                own = interval_of(bought.days, means.get(sku))
                if own is None or bought.last is None:
                    continue
                units = max(1, round(median(bought.units)))
                line = CartLine(sku=sku, variant_ref=bought.variant_ref, units=units)
                yield Habit(
                    person=person,
                    sku=sku,
                    purchases=len(set(bought.days)),
                    interval=own,
                    last=bought.last,
                    lines=(line,),
                )

    def patrons(self, today: date, told: Mapping[bytes, Told]) -> list[Patron]:
        """Return all customers who bought, with their tiers.

        Args:
            today: of the look.
            told: what a model tells, by customer; of others the rule below it tells.
        """
        who = [(person, one) for person, one in self._customers.items() if one.last is not None]
        others = mean_gap(one.days for _, one in who)
        rate = _rate([one.days for _, one in who], today)
        judged = [_judge(one, told.get(person), others, rate, today) for person, one in who]
        worths = np.array([each.worth for each in judged])
        currencies = [one.last.currency for _, one in who if one.last is not None]
        tiers = [TIERS[-1]] * len(who)
        for currency in set(currencies):
            own = np.flatnonzero(np.array([each == currency for each in currencies]))
            for place, tier in zip(own, tiers_of(worths[own], cuts_of(worths[own])), strict=True):
                tiers[place] = TIERS[tier]
        return [
            _patron(person, one, judged[n], tiers[n].value, told.get(person), others)
            for n, (person, one) in enumerate(who)
        ]


def _is_bought(line: BoughtLine) -> bool:
    return line.units > 0 and not line.gift_card and not line.tip


def _lines_of(order: BoughtOrder) -> tuple[CartLine, ...]:
    """Return what the same cart would hold once more; what has no SKU can not be bought again."""
    return tuple(
        CartLine(sku=line.sku, variant_ref=line.variant_ref or "", units=line.units)
        for line in order.lines
        if line.sku and _is_bought(line)
    )


def _told_interval(own: Interval | None, told: Told | None) -> Interval | None:
    if own is None or told is None or told.interval_days is None:
        return own
    return own._replace(days=max(1, told.interval_days))


def _rate(days: list[list[date]], today: date) -> float:
    """Return how often in a year a customer buys again, over all of them."""
    again = sum(len(set(each)) - 1 for each in days)
    years = sum((today - min(each)).days for each in days) / YEAR_DAYS
    return max(_RATE_MIN, again / years if years > 0 else 0.0)


def _judge(
    one: _Customer, told: Told | None, others: float | None, rate: float, today: date
) -> _Judged:
    """Return what is expected of somebody."""
    last = max(one.days)
    if told is not None:
        alive = min(1.0, max(0.0, told.alive))
        return _Judged(alive, told.orders * told.spend, told.spend, "model")
    interval = interval_of(one.days, others)
    if interval is None and others is not None:
        interval = Interval(days=max(1, round(others)), spread=1.0)
    alive = 1.0 if interval is None else chance_alive(interval, (today - last).days)
    currency = one.last.currency if one.last is not None else ""
    spend = float(one.amounts[currency]) / one.orders[currency]
    known = (today - min(one.days)).days / YEAR_DAYS
    orders = (len(set(one.days)) - 1 + rate) / (known + 1.0)
    return _Judged(alive, alive * orders * spend, spend, "rule")


def _patron(
    person: bytes,
    one: _Customer,
    judged: _Judged,
    tier: str,
    told: Told | None,
    others: float | None,
) -> Patron:
    last = one.last
    if last is None:
        raise ValueError("a patron bought something")
    return Patron(
        person=person,
        persons=tuple(sorted(one.persons)),
        connection_id=last.connection_id,
        order_ref=last.ref,
        currency=last.currency,
        purchases=len(set(one.days)),
        last_on=max(one.days),
        interval=_told_interval(interval_of(one.days, others), told),
        alive=Decimal(str(judged.alive)).quantize(_PLACES),
        worth=Decimal(str(judged.worth)).quantize(_PLACES),
        spend=Decimal(str(judged.spend)).quantize(_PLACES),
        tier=tier,
        told_by=judged.told_by,
    )
