"""Reorder prompt: somebody buys a SKU every so often, and it is about time; remind them, once.

When is told by their own interval, worked out once a day (`decisions.patrons`). Whether anything
speaks against it (they bought meanwhile, an order, a ticket or a return is open, there is none) is
looked at each time, also just before it is ordered.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.canon.command import Purpose
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, Values
from trueup.decisions.patrons.habits import (
    Due,
    bought_since,
    cart_link,
    dealings,
    end_of,
    habit_of,
    habits_due,
    listed,
)
from trueup.decisions.patrons.history import ANYTHING
from trueup.decisions.patrons.interval import (
    PURCHASES_MIN,
    Interval,
    chance_of_buying,
    interval_of,
)
from trueup.decisions.patrons.work_out import HISTORY
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.ledger.kitting import available_of
from trueup.records.bought import Dealings, first_of_persons, orders_bought
from trueup.records.listings import Listing

NAME: Final = "reorder_prompt"
_CENT = Decimal("0.01")


class ReorderPromptSettings(Settings, frozen=True, kw_only=True):
    """When somebody is reminded.

    Attributes:
        days_before: so long before they are expected to buy again.
        days_after: until so long after; then it is too late to remind them.
        spread_max_percent: who buys less regularly than this has no interval to go by: the standard
            deviation of their intervals over its mean.
        lift_percent: how much likelier a reminder is thought to make it.
        measure_days: after so many days it is looked at whether they bought.
    """

    per_day_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 200
    days_before: Annotated[int, msgspec.Meta(ge=0, le=60)] = 3
    days_after: Annotated[int, msgspec.Meta(ge=0, le=60)] = 4
    spread_max_percent: Annotated[int, msgspec.Meta(ge=0, le=200)] = 50
    lift_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    measure_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 14

    @property
    def spread_max(self) -> float:
        """The same as a share."""
        return self.spread_max_percent / 100


class ReorderPromptValues(Values, frozen=True, kw_only=True):
    """One customer's habit, and what speaks against a reminder.

    Attributes:
        order: in which they bought it last.
        products: what it would be, for people.
        bought_since: they bought it again meanwhile.
        available: so often the whole cart can be bought.
        link: that opens the cart; None where the storefront takes none.
    """

    sku: str
    today: date
    order: str
    number: str
    purchases: int
    interval_days: int
    spread: Decimal
    last_on: date
    next_on: date
    products: str
    bought_since: bool
    open_order: bool
    open_ticket: bool
    open_return: bool
    available: int
    link: str | None


async def read(
    look: Look, settings: ReorderPromptSettings, subject: str | None
) -> list[Facts[ReorderPromptValues]]:
    """Return the customers who are expected to buy about now."""
    today = look.now.astimezone(UTC).date()
    if subject is not None:
        due = await habit_of(look.conn, subject)
    else:
        due = await habits_due(
            look.conn,
            NAME,
            today - timedelta(days=settings.days_after),
            today + timedelta(days=settings.days_before),
            spread_max=settings.spread_max,
        )
    lines = [(each.connection_id, line) for each in due for line in each.lines]
    known = await dealings(
        look.conn, look.hub, {each.person: each.persons for each in due}, look.now
    )
    left = await available_of(look.conn, look.hub.kits, {line.sku for _, line in lines})
    places = await listed(look.conn, lines)
    return [_facts(look, each, known[each.person], left, places, today) for each in due]


def _facts(
    look: Look,
    due: Due,
    known: Dealings,
    left: Mapping[str, int],
    places: Mapping[tuple[int, str], Listing],
    today: date,
) -> Facts[ReorderPromptValues]:
    bought_at = known.bought_at.get(due.sku)
    sold = [places.get((due.connection_id, line.variant_ref)) for line in due.lines]
    available = min((left.get(line.sku, 0) // line.units for line in due.lines), default=0)
    values = ReorderPromptValues(
        sku=due.sku,
        today=today,
        order=due.order,
        number=due.number,
        purchases=due.purchases,
        interval_days=due.interval_days,
        spread=due.spread,
        last_on=due.last_on,
        next_on=due.next_on,
        products=", ".join(each.title or each.sku for each in sold if each is not None),
        bought_since=bought_at is not None and bought_at.astimezone(UTC).date() > due.last_on,
        open_order=known.open_order,
        open_ticket=known.open_ticket,
        open_return=known.open_return,
        available=available if all(sold) else 0,
        link=cart_link(look.hub, due.connection_id, due.lines),
    )
    skus = tuple(f"sku/{line.sku}" for line in due.lines)
    return Facts(
        subject=due.subject,
        episode=due.last_on.isoformat(),
        values=values,
        evidence=(due.order, *skus),
    )


def propose(facts: Facts[ReorderPromptValues], settings: ReorderPromptSettings) -> Proposal | None:
    """Return a reminder where it is time and nothing speaks against it."""
    known = facts.values
    first = known.next_on - timedelta(days=settings.days_before)
    last = known.next_on + timedelta(days=settings.days_after)
    if not first <= known.today <= last or _why_not(known, settings):
        return None
    return Proposal(
        reason=_reason(known),
        actions=(_notice(facts, last),),
        effect=_effect(known, settings),
        alternatives=(
            Alternative(
                what="wait for them to buy by themselves",
                why_not="whoever forgets buys later, or elsewhere",
            ),
        ),
    )


def _why_not(known: ReorderPromptValues, settings: ReorderPromptSettings) -> bool:
    """Whether anything speaks against it."""
    return (
        known.purchases < PURCHASES_MIN
        or known.spread > settings.spread_max
        or known.bought_since
        or known.open_order
        or known.open_ticket
        or known.open_return
        or known.available < 1
        or (known.sku == ANYTHING and known.link is None)
    )


def _notice(facts: Facts[ReorderPromptValues], last: date) -> Action:
    known = facts.values
    values: dict[str, str | int] = {"product": known.products}
    text = "reorder"
    if known.sku == ANYTHING:
        text, values = "reorder_basket", {"order": known.number}
    elif known.link is not None:
        text = "reorder_prompt"
    if known.link is not None:
        values["link"] = known.link
    return Action(
        content=Notice(
            to=known.order,
            purpose=Purpose.MARKETING,
            text=text,
            about=facts.subject,
            values=values,
            urgency=Urgency.LOW,
            useful_until=end_of(last),
        ),
        what=f"remind the customer of order {known.number} of {known.products}",
    )


def _reason(known: ReorderPromptValues) -> str:
    what = "something" if known.sku == ANYTHING else known.products
    return (
        f"They bought {what} {known.purchases} times, every {known.interval_days} days, and last "
        f"on {known.last_on}; so the next time is about {known.next_on}. "
        f"Nothing of theirs is open, and {known.available} more can be bought."
    )


def _effect(known: ReorderPromptValues, settings: ReorderPromptSettings) -> Effect:
    interval = Interval(days=known.interval_days, spread=float(known.spread))
    since = (known.today - known.last_on).days
    chance = chance_of_buying(interval, since=since, within=settings.measure_days)
    without = Decimal(str(round(chance, 4))).quantize(_CENT)
    lifted = without + Decimal(settings.lift_percent) / 100
    return Effect(
        measure="chance_bought",
        says="the chance that they bought again",
        came=("they did not buy", "they bought"),
        without=without,
        within=min(Decimal(1), lifted),
        measured_at=datetime.combine(
            known.today + timedelta(days=settings.measure_days), time(), UTC
        ),
    )


async def play(look: Look, settings: ReorderPromptSettings, since: date, until: date) -> Replay:
    """Go through what customers bought: when each would have been reminded, and what they did."""
    first_of = await first_of_persons(look.conn, {each.value for each in look.hub.keys.spaces})
    begin, end = datetime.combine(since, time(), UTC), end_of(until)
    bought: dict[tuple[bytes, str], list[date]] = defaultdict(list)
    sellers = look.hub.sellers()
    async for order in orders_bought(look.conn, sellers, begin - HISTORY, end):
        person = first_of.get(order.person, order.person)
        for sku in {line.sku for line in order.lines if line.sku and line.units > 0}:
            bought[person, sku].append(order.placed_at.date())
    said = soon = 0
    for days in bought.values():
        for told, after in prompts(days, settings, since, until):
            said += 1
            soon += after is not None and (after - told).days <= settings.measure_days
    return Replay(
        since=since,
        until=until,
        figures={"reminders": float(said), "bought_soon": float(soon)},
        sentence=(
            f"From {since} to {until} it would have reminded {said} times. {soon} times they "
            f"bought within {settings.measure_days} days without it; the others did not."
        ),
    )


def prompts(
    days: Sequence[date], settings: ReorderPromptSettings, since: date, until: date
) -> list[tuple[date, date | None]]:
    """Return the days on which somebody would have been reminded, each with their next purchase.

    Pure. Each time only what was known by then counts.
    """
    told = sorted(set(days))
    found: list[tuple[date, date | None]] = []
    for n in range(PURCHASES_MIN - 1, len(told)):
        interval = interval_of(told[: n + 1], None)
        if interval is None or interval.spread > settings.spread_max:
            continue
        on = interval.next_on(told[n]) - timedelta(days=settings.days_before)
        after = told[n + 1] if n + 1 < len(told) else None
        if since <= on <= until and (after is None or after > on):
            found.append((on, after))
    return found


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where somebody bought it since they were reminded, else 0."""
    return await bought_since(look.conn, look.hub, waited, look.now)


RULE = Rule(
    name=NAME,
    version=1,
    title="Reminds customers who buy something every so often when it is about time again.",
    kinds=frozenset({Notice.command}),
    settings=ReorderPromptSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
