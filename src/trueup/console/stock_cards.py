"""Cards of stock: what was promised and is not there, and what will be sold out soon."""

from collections import Counter
from datetime import UTC, timedelta
from typing import Final

from trueup.console.card import LINES_MAX, Card, Desk, Line, Tone
from trueup.console.draw import Bar
from trueup.console.render import link_sku
from trueup.console.words import say
from trueup.intake import reads as intake
from trueup.ledger.outlook import count_low, low_outlooks
from trueup.ledger.oversell import CODE as OVERSOLD
from trueup.ledger.reads import available_of

OVERSOLD_MAX: Final = 1_000
_DAY: Final = timedelta(days=1)


async def oversold_card(desk: Desk) -> Card:
    """Return of how many SKUs more units were promised than there are."""
    issues = await intake.list_issues(desk.session, count=OVERSOLD_MAX, code=OVERSOLD)
    fell = {str(row["ref"]).removeprefix("sku/") for row in issues}
    left = await available_of(desk.session, fell)
    short = sorted((sku for sku in left if left[sku] < 0), key=lambda sku: (left[sku], sku))
    cause = say("No unit is promised that is not there.")
    if len(short) == 1:
        cause = say(
            "Of %(sku)s %(short)s too many are promised.", sku=short[0], short=-left[short[0]]
        )
    elif short:
        cause = say(
            "%(units)s units too many are promised, most of them of %(sku)s: %(short)s.",
            units=-sum(left[sku] for sku in short),
            sku=short[0],
            short=-left[short[0]],
        )
    return Card(
        name="oversold",
        title=say("Oversold"),
        count=len(short),
        unit=say("SKUs"),
        at_least=len(issues) == OVERSOLD_MAX,
        tone=Tone.ERROR if short else Tone.GOOD,
        cause=cause,
        act=say("See why, and mend it"),
        address=link_sku(short[0]) if len(short) == 1 else "/oversold",
        drawn=tuple(Bar(label=sku, value=float(-left[sku])) for sku in short[:LINES_MAX]),
        lines=tuple(
            Line(label=sku, count=left[sku], address=link_sku(sku)) for sku in short[:LINES_MAX]
        ),
    )


async def stock_card(desk: Desk) -> Card:
    """Return how many SKUs run out before more could come, with their days."""
    rows = await low_outlooks(desk.session, count=200)
    skus = await count_low(desk.session)
    today = desk.now.astimezone(UTC).date()
    within = sum(row["expected_on"] <= today + 7 * _DAY for row in rows if row["expected_on"])
    cause = say("Nothing will be sold out before more could come.")
    if skus:
        first, per_day = rows[0], f"{rows[0]['per_day']:.2g}"
        cause = say(
            "%(within)s of them within a week. %(sku)s is the first: %(available)s are left, "
            "%(per_day)s are sold a day, and more takes %(lead_days)s days.",
            within=within,
            sku=first["sku"],
            available=first["available"],
            per_day=per_day,
            lead_days=first["lead_days"],
        )
    days = Counter(max(0, (row["expected_on"] - today).days) for row in rows if row["expected_on"])
    return Card(
        name="stock",
        title=say("Sold out soon"),
        count=skus,
        unit=say("SKUs"),
        tone=Tone.WARNING if skus else Tone.GOOD,
        cause=cause,
        act=say("See what to order"),
        address="/low-stock",
        drawn=tuple(
            Bar(label=str(today + n * _DAY), value=float(days[n])) for n in range(14) if days
        ),
        over_time=True,
        lines=tuple(
            Line(label=row["sku"], on=row["expected_on"], address=link_sku(row["sku"]))
            for row in rows[:LINES_MAX]
        ),
    )
