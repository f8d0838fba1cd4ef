"""The outlook of SKUs: worked out from their postings now and then, and told where it is short.

A SKU is low when it will be sold out, more likely than not, before more could come; it is low no
more once that chance has fallen to a quarter, so that an issue does not come and go.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.intake.issues import close_issues, raise_issue
from trueup.kernel.limits import LEAD_DAYS
from trueup.ledger.demand import (
    Arrival,
    Day,
    Demand,
    Outlook,
    chance_sold_out,
    demand_of,
    look_ahead,
    sold_out_by,
    steady_demand,
)
from trueup.records.expected import incoming_of
from trueup.records.reads import lead_days_of

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]

CODE: Final = "stock.low"
DAYS_MAX: Final = 180
LASTING_DOUBT: Final = 0.01
"""With what chance a SKU may be sold out by the day until which it is said to last."""

LOW_FROM: Final = 0.5
LOW_UNTIL: Final = 0.25
SELLING_PER_DAY_MIN: Final = 1 / 365
"""What is sold less than once a year is not missed when it is gone."""

SKUS_MAX: Final = 200
MOVED_AGE: Final = timedelta(minutes=10)
AGE_MAX: Final = timedelta(hours=6)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The outlook of one SKU, and whether it is low.

    Attributes:
        chance: that it is sold out within `lead_days`.
        steady: how fast it was sold over 13 weeks.
        lasts_until: by when it may be sold out at that pace, if but with a chance of a hundredth.
    """

    sku: str
    outlook: Outlook
    steady: Demand
    lasts_until: date | None
    lead_days: int
    chance: float
    low: bool


async def refresh_outlooks(
    conn: Conn, *, now: datetime, count: int = SKUS_MAX, lead_days: int = LEAD_DAYS
) -> list[Told]:
    """Work out anew what is missing or old, a page of it; returns what was worked out.

    Opens and closes issues. In autocommit; what was worked out is written at once. `lead_days` is
    how long more takes to come, where no supplier says.
    """
    rows = await fetch_rows(
        conn,
        _queries.stale_outlooks,
        moved_before=now - MOVED_AGE,
        old_before=now - AGE_MAX,
        count=count,
    )
    available = {row["sku"]: row["available"] for row in rows}
    return await work_out(conn, available, now=now, lead_days=lead_days)


async def work_out(
    conn: Conn, available: dict[str, int], *, now: datetime, lead_days: int = LEAD_DAYS
) -> list[Told]:
    """Work out the outlook of some SKUs, given what is available of each."""
    if not available:
        return []
    skus, today = sorted(available), now.astimezone(UTC).date()
    days = await _days(conn, available, today)
    arrivals: dict[str, list[Arrival]] = defaultdict(list)
    for each in await incoming_of(conn, skus):
        # What should have come already may not come at all: nobody is to count on it.
        if each.expected_on is not None and each.expected_on >= today:
            arrivals[each.sku].append(Arrival(on=each.expected_on, units=each.units))
    lead = await lead_days_of(conn, skus)
    before = {row["sku"]: row for row in await outlooks_of(conn, skus)}
    told = [
        _tell(
            sku,
            look_ahead(demand_of(days[sku]), available[sku], arrivals[sku], today),
            steady_demand(days[sku]),
            arrivals[sku],
            lead.get(sku, lead_days),
            today,
            was_low=sku in before and before[sku]["low_since"] is not None,
        )
        for sku in skus
    ]
    async with conn.transaction():
        await conn.execute(_queries.note_outlooks, _columns(told) | {"now": now})
        await _note(conn, told, before)
    return told


async def outlooks_of(conn: Conn, skus: Sequence[str]) -> list[Row]:
    """Return what was last worked out for some SKUs."""
    return await fetch_rows(conn, _queries.outlooks_of, codes=list(skus))


async def low_outlooks(
    conn: Conn, *, count: int = 200, after: tuple[date, str] | None = None
) -> list[Row]:
    """Return the SKUs that are low, those that are sold out first before the others.

    Args:
        conn: any session.
        count: rows at most.
        after: (expected_on, sku) of the last row of the page before.
    """
    after_on, after_sku = after or (None, "")
    return await fetch_rows(
        conn, _queries.low_outlooks, after_on=after_on, after_sku=after_sku, count=count
    )


async def count_low(conn: Conn) -> int:
    """Return how many SKUs are low."""
    [row] = await fetch_rows(conn, _queries.count_low)
    return int(row["skus"])


async def ending_outlooks(conn: Conn, until: date, *, count: int = 1000) -> list[Row]:
    """Return the SKUs that are as likely as not sold out by a day, the first first."""
    return await fetch_rows(conn, _queries.ending_outlooks, until=until, count=count)


async def outlooks_to_reorder(
    conn: Conn, today: date, more_days: int, *, count: int = 200, after: str = ""
) -> list[Row]:
    """Return the SKUs that may be sold out before more could come, if but with a small chance.

    Args:
        conn: any session.
        today: of the look.
        more_days: so much later than more could come is soon enough.
        count: rows at most.
        after: the last SKU of the page before.
    """
    return await fetch_rows(
        conn,
        _queries.outlooks_to_reorder,
        today=today,
        more_days=more_days,
        count=count,
        after=after,
    )


async def days_before(
    conn: Conn, skus: Sequence[str], day: date, *, days_max: int = DAYS_MAX
) -> dict[str, list[Day]]:
    """Return the days of some SKUs before one, oldest first, so many of the newest at most."""
    cursor = await conn.execute(_queries.available_now, {"codes": list(skus)})
    available = {code: left for code, left, _ in await cursor.fetchall()}
    return {
        sku: [each for each in days if each.on < day]
        for sku, days in (await _days(conn, available, day, days_max)).items()
    }


async def _days(
    conn: Conn, available: dict[str, int], today: date, days_max: int = DAYS_MAX
) -> dict[str, list[Day]]:
    """Return the days of some SKUs, oldest first, without today, which is not over."""
    since = datetime.combine(today - timedelta(days=days_max), time(), UTC)
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in await fetch_rows(conn, _queries.days_of_skus, codes=sorted(available), since=since):
        rows[row["sku"]].append(row)
    return {sku: _days_of(rows[sku], available[sku], today) for sku in available}


def _days_of(rows: Sequence[Row], available: int, today: date) -> list[Day]:
    """Return one day after the other from the first that moved anything.

    What was there in the evening is what is there now, less what changed since.
    """
    if not rows:
        return []
    by_day = {row["day"]: row for row in rows}
    evening = available - sum(row["change"] for row in rows if row["day"] >= today)
    found: list[Day] = []
    day = today - timedelta(days=1)
    while day >= rows[0]["day"]:
        row = by_day.get(day)
        change = 0 if row is None else row["change"]
        sold = 0 if row is None else row["sold"]
        morning = evening - change
        is_open = max(evening, morning) > 0
        found.append(Day(on=day, units=sold, open=is_open, left=evening))
        evening, day = morning, day - timedelta(days=1)
    return found[::-1]


def _tell(
    sku: str,
    outlook: Outlook,
    steady: Demand,
    arrivals: Sequence[Arrival],
    lead_days: int,
    today: date,
    *,
    was_low: bool,
) -> Told:
    chance = chance_sold_out(outlook.demand, outlook.available, arrivals, today, lead_days)
    missed = outlook.demand.per_day >= SELLING_PER_DAY_MIN
    return Told(
        sku=sku,
        outlook=outlook,
        steady=steady,
        lasts_until=sold_out_by(steady, outlook.available, arrivals, today, LASTING_DOUBT),
        lead_days=lead_days,
        chance=chance,
        low=missed and chance >= (LOW_UNTIL if was_low else LOW_FROM),
    )


async def _note(conn: Conn, told: Sequence[Told], before: dict[str, Row]) -> None:
    for each in told:
        known = before.get(each.sku)
        same = (
            known is not None
            and known["low_since"] is not None
            and (known["expected_on"], known["available"], known["incoming"])
            == (each.outlook.expected_on, each.outlook.available, each.outlook.incoming)
        )
        if each.low and not same:
            await raise_issue(conn, None, _issue(each))
    healed = [
        f"sku/{each.sku}"
        for each in told
        if not each.low and each.sku in before and before[each.sku]["low_since"] is not None
    ]
    await close_issues(conn, CODE, healed)


def _issue(told: Told) -> Issue:
    outlook = told.outlook
    demand = outlook.demand
    span = f"between {outlook.earliest_on or 'today'} and {outlook.latest_on or 'later than told'}"
    return Issue(
        code=CODE,
        severity=Severity.WARNING,
        pointer="outlook",
        expected=f"enough for the {told.lead_days} days that more takes to come",
        found=f"sold out about {outlook.expected_on}, {span}: {outlook.available} left at "
        f"{demand.per_day:.2g} a day ({demand.selling_days} of {demand.days} days sold some), "
        f"{outlook.incoming} on the way",
        how_to_fix="Order more, or move some here; it closes by itself.",
        ref=f"sku/{told.sku}",
    )


def _columns(told: Sequence[Told]) -> dict[str, list[Any]]:
    return {
        "codes": [each.sku for each in told],
        "per_days": [each.outlook.demand.per_day for each in told],
        "dispersions": [each.outlook.demand.dispersion for each in told],
        "days": [each.outlook.demand.days for each in told],
        "selling_days": [each.outlook.demand.selling_days for each in told],
        "available": [each.outlook.available for each in told],
        "incoming": [each.outlook.incoming for each in told],
        "expected_ons": [each.outlook.expected_on for each in told],
        "earliest_ons": [each.outlook.earliest_on for each in told],
        "latest_ons": [each.outlook.latest_on for each in told],
        "steady_per_days": [each.steady.per_day for each in told],
        "steady_dispersions": [each.steady.dispersion for each in told],
        "steady_days": [each.steady.days for each in told],
        "lasts_untils": [each.lasts_until for each in told],
        "lead_days": [each.lead_days for each in told],
        "chances": [each.chance for each in told],
        "lows": [each.low for each in told],
    }
