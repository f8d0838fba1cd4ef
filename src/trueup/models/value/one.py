"""What is expected of one customer, by what was learned of all."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from trueup.hub import Hub
from trueup.models.artifact import unpack
from trueup.models.reads import find_trained
from trueup.models.value import rfm
from trueup.models.value.buys import day_number, see
from trueup.models.value.learn import (
    HORIZON_DAYS,
    MODEL,
    YEAR_WEEKS,
    TierSum,
    Value,
    alive,
    as_purchases,
    orders_expected,
    spend_expected,
)
from trueup.models.value.regularity import gaps_of, next_of
from trueup.records.buyers import read_purchases_of
from trueup.records.people import join_persons

Conn = psycopg.AsyncConnection[Any]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one customer.

    Attributes:
        person: the customer's id.
        purchases: days on which they bought.
        alive: the chance that they have not left.
        orders: purchases in the next 52 weeks.
        value: of these, in `currency`; an estimate that is never booked.
        tier: among the customers of the currency.
        again: the chance that they buy within a year, by their own interval; None, as the dates
            are, below three purchases.
        early_on, late_on: between which their next purchase lies in eight of ten cases.
        soon_on, expected_on: the first quarter and the half of the cases.
        beats: the model beats the rule below it; else the rule is to be used.
    """

    person: str
    purchases: int
    last_on: date
    alive: float
    orders: float
    value: float
    currency: str
    tier: str
    again: float | None
    early_on: date | None
    soon_on: date | None
    expected_on: date | None
    late_on: date | None
    beats: bool


async def expect_of(conn: Conn, hub: Hub, person: bytes, now: datetime) -> Expected | None:
    """Return what is expected of a customer; None where they never bought or nothing was learned.

    Args:
        conn: in a snapshot.
        hub: with the connections as they are now.
        person: any of the customer's.
        now: of the question.
    """
    kept = await find_trained(conn, MODEL)
    if kept is None:
        return None
    today = now.astimezone(UTC).date()
    joined = await join_persons(conn, {person}, hub.keys)
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    bought = await read_purchases_of(conn, hub.sellers(), joined.persons, midnight)
    purchases = as_purchases(bought, today - timedelta(days=1))
    if not len(purchases.days):
        return None
    value, seen = unpack(kept.artifact, Value), see(purchases)
    currency = purchases.names[int(seen.currencies[0])]
    orders = orders_expected(value, seen, YEAR_WEEKS)
    worth = orders * spend_expected(value, seen, purchases.names)
    cuts = value.cuts.get(currency)
    place = len(rfm.TIERS) - 1 if cuts is None else int(rfm.tiers_of(worth, cuts)[0])
    found = next_of(value.regularity, gaps_of(seen), day_number(today) - 1, HORIZON_DAYS)
    return Expected(
        person=joined.persons[0].hex(),
        purchases=len(purchases.days),
        last_on=bought.days[-1],
        alive=float(alive(value, seen)[0]),
        orders=float(orders[0]),
        value=float(worth[0]),
        currency=currency,
        tier=rfm.TIERS[place].value,
        again=None if found is None else found.chance,
        early_on=None if found is None else found.early_on,
        soon_on=None if found is None else found.soon_on,
        expected_on=None if found is None else found.expected_on,
        late_on=None if found is None else found.late_on,
        beats=kept.card.beats,
    )


async def read_tiers(conn: Conn) -> tuple[TierSum, ...]:
    """Return what is expected of each tier of customers; nothing before the first training."""
    kept = await find_trained(conn, MODEL)
    return () if kept is None else unpack(kept.artifact, Value).tiers
