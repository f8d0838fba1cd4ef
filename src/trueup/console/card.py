"""What a card of the overview is made of, and the span that it tells of."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from trueup.access.manner import manner_in_force
from trueup.console.draw import Bar
from trueup.console.fact import Money
from trueup.console.readings import Session
from trueup.console.render import day_of
from trueup.console.words import say, say_count
from trueup.hub import Hub
from trueup.records.orders import Sold

PARTS: Final = 24
"""Into so many parts a span is cut, for its picture."""

LINES_MAX: Final = 5


class Tone(StrEnum):
    """How much a card wants to be looked at."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a card: what, and how many, how much or when; `address` leads to its evidence."""

    label: str
    address: str = ""
    count: int | None = None
    money: Money | None = None
    on: date | None = None
    at: datetime | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One card.

    Attributes:
        count: the number; `unit` says of what. `at_least`: there may be more.
        money: amounts beside it, one a currency.
        cause: why it is so, in one sentence.
        act, address: what to do, and where.
        drawn: the picture's values, with what each is of; `over_time` says that they are in order.
    """

    name: str
    title: str
    count: int
    unit: str
    tone: Tone
    cause: str
    act: str
    address: str
    at_least: bool = False
    money: tuple[Money, ...] = ()
    drawn: tuple[Bar, ...] = ()
    over_time: bool = False
    lines: tuple[Line, ...] = ()


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when the cards tell."""

    since: datetime
    until: datetime

    @property
    def part(self) -> timedelta:
        """How long one column of a picture is: whole minutes."""
        minutes = max(1, round((self.until - self.since) / PARTS / timedelta(minutes=1)))
        return timedelta(minutes=minutes)

    @property
    def before(self) -> "Span":
        """The span of the same length before it."""
        return Span(since=self.since - (self.until - self.since), until=self.since)


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """By what cards are read."""

    session: Session
    hub: Hub
    span: Span
    now: datetime


def hours_in_words(hours: int) -> str:
    """Return for how long, in words: "an hour", "3 days"."""
    if hours >= 48:
        days = hours // 24
        return say_count("%(days)s day", "%(days)s days", days, days=days)
    if hours < 1:
        return say("less than an hour")
    return say_count("an hour", "%(hours)s hours", hours, hours=hours)


def money_in(amount: Decimal, currency: str) -> Money:
    """Return an exact amount as pages show it."""
    return Money(amount=f"{amount:f}", currency=currency)


def parts_of(
    sold: Sequence[Sold], span: Span, value_of: Callable[[Sold], float]
) -> tuple[Bar, ...]:
    """Return a value for each part of a span, those without any too."""
    values: dict[int, float] = defaultdict(float)
    count = max(1, math.ceil((span.until - span.since) / span.part))
    for each in sold:
        values[min(each.part, count - 1)] += value_of(each)
    place = manner_in_force().place()
    begins = (span.since + n * span.part for n in range(count))
    return tuple(
        Bar(label=f"{day_of(at)} {at:%H:%M}", value=values[n])
        for n, at in enumerate(each.astimezone(place) for each in begins)
    )
