"""Churn: nothing came from a regular customer for so long that they may be leaving.

When is told by their own interval, and whether they still buy by the model of customers where it
beats the rule below it (`decisions.patrons`). What is done follows from their tier: nothing, a
message, or a person of the team, who knows what a machine does not.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import exp
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import Purpose
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, Values
from trueup.decisions.patrons.habits import (
    Late,
    bought_since,
    dealings,
    end_of,
    patron_late,
    patrons_late,
)
from trueup.decisions.patrons.history import ANYTHING, late_day
from trueup.decisions.patrons.interval import PURCHASES_MIN, interval_of
from trueup.decisions.patrons.work_out import HISTORY
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.kernel.money import Money
from trueup.models.value.rfm import Tier
from trueup.records.bought import Dealings, first_of_persons, orders_bought

NAME: Final = "churn"

Step = Literal["none", "message", "person"]
_CENT = Decimal("0.01")


class ChurnSettings(Settings, frozen=True, kw_only=True):
    """What is done for whom.

    Attributes:
        top: the step for customers of the first tier: none, message or person.
        high: of the second.
        middle: of the third.
        low: of the others.
        alive_max_percent: whoever still buys with a greater chance is left in peace.
        window_days: after so many days nobody is asked back any more.
        lift_percent: how much likelier a step is thought to make it that they buy.
        measure_days: after so many days it is looked at whether they bought.
    """

    per_day_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 100
    top: Step = "person"
    high: Step = "message"
    middle: Step = "message"
    low: Step = "none"
    alive_max_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 60
    window_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 14
    lift_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    measure_days: Annotated[int, msgspec.Meta(ge=1, le=120)] = 30

    def step(self, tier: Tier) -> Step:
        """Return what is done for a tier."""
        found: Step = getattr(self, tier.value)
        return found


class ChurnValues(Values, frozen=True, kw_only=True):
    """One customer who may be leaving.

    Attributes:
        order: their newest.
        alive: the chance that they still buy, told by the model or by the rule below it.
        worth: what is expected of them in a year; an estimate.
        spend: what they spend on a purchase.
        open: an order, a ticket or a return of theirs is open.
    """

    today: date
    order: str
    purchases: int
    interval_days: int
    last_on: date
    late_on: date
    alive: Decimal
    worth: Money
    spend: Money
    tier: Tier
    told_by: str
    bought_since: bool
    open: bool


async def read(
    look: Look, settings: ChurnSettings, subject: str | None
) -> list[Facts[ChurnValues]]:
    """Return the customers of whom nothing came for too long since some days."""
    today = look.now.astimezone(UTC).date()
    if subject is not None:
        late = await patron_late(look.conn, subject)
    else:
        since = today - timedelta(days=settings.window_days)
        late = await patrons_late(look.conn, NAME, since, today)
    known = await dealings(look.conn, look.hub, {a.person: a.persons for a in late}, look.now)
    return [_facts(each, known[each.person], today) for each in late]


def _facts(late: Late, known: Dealings, today: date) -> Facts[ChurnValues]:
    at = known.bought_at.get(ANYTHING)
    values = ChurnValues(
        today=today,
        order=late.order,
        purchases=late.purchases,
        interval_days=late.interval_days,
        last_on=late.last_on,
        late_on=late.late_on,
        alive=late.alive,
        worth=Money(late.worth, late.currency),
        spend=Money(late.spend, late.currency),
        tier=late.tier,
        told_by=late.told_by,
        bought_since=at is not None and at.astimezone(UTC).date() > late.last_on,
        open=known.is_open,
    )
    return Facts(
        subject=late.subject,
        episode=late.last_on.isoformat(),
        values=values,
        evidence=(late.order,),
    )


def propose(facts: Facts[ChurnValues], settings: ChurnSettings) -> Proposal | None:
    """Return the step of their tier where they may be leaving and nothing speaks against it."""
    known, step = facts.values, settings.step(facts.values.tier)
    last = known.late_on + timedelta(days=settings.window_days)
    if (
        step == "none"
        or known.purchases < PURCHASES_MIN
        or known.bought_since
        or known.open
        or not known.late_on <= known.today <= last
        or known.alive * 100 > settings.alive_max_percent
    ):
        return None
    return Proposal(
        reason=_reason(known, settings),
        actions=(_message(facts, last) if step == "message" else _task(known),),
        effect=_effect(known, settings),
        alternatives=tuple(
            Alternative(what=what, why_not=f"customers of the tier {known.tier} get another step")
            for other, what in _STEPS.items()
            if other != step
        ),
    )


_STEPS: Final[Mapping[Step, str]] = {
    "none": "do nothing",
    "message": "write to them",
    "person": "let a person of the team see to them",
}


def _reason(known: ChurnValues, settings: ChurnSettings) -> str:
    gained = Money(known.spend.amount * settings.lift_percent / 100, known.spend.currency)
    return (
        f"They bought {known.purchases} times, every {known.interval_days} days, and last on "
        f"{known.last_on}. By the {known.told_by} they still buy with a chance of "
        f"{known.alive * 100:.0f} %. They are of the tier {known.tier}, with about "
        f"{known.worth.rounded()} expected in a year; a step is thought to bring about "
        f"{gained.rounded()} ({settings.lift_percent} % of a purchase of {known.spend.rounded()})."
    )


def _message(facts: Facts[ChurnValues], last: date) -> Action:
    notice = Notice(
        to=facts.values.order,
        purpose=Purpose.MARKETING,
        text="come_back",
        about=facts.subject,
        days={"last_on": facts.values.last_on},
        urgency=Urgency.LOW,
        useful_until=end_of(last),
    )
    return Action(content=notice, what="ask them back")


def _task(known: ChurnValues) -> Action:
    ref = known.order.rsplit("/", 1)[-1]
    alert = Alert(
        subject="A good customer may be leaving",
        text=(
            f"Nothing came from a customer of the tier {known.tier} since {known.last_on}; they "
            f"bought every {known.interval_days} days. Who it is: trueup show order {ref}"
        ),
    )
    return Action(content=alert, what="let a person of the team see to them")


def _effect(known: ChurnValues, settings: ChurnSettings) -> Effect:
    buys = 1.0 - exp(-settings.measure_days / known.interval_days)
    without = (known.alive * Decimal(str(round(buys, 4)))).quantize(_CENT)
    return Effect(
        measure="chance_bought",
        says="the chance that they bought again",
        came=("they did not buy", "they bought"),
        without=without,
        within=min(Decimal(1), without + Decimal(settings.lift_percent) / 100),
        measured_at=datetime.combine(
            known.today + timedelta(days=settings.measure_days), time(), UTC
        ),
    )


async def play(look: Look, settings: ChurnSettings, since: date, until: date) -> Replay:
    """Go through what customers bought: who was late when, and who came back by themselves."""
    first_of = await first_of_persons(look.conn, {each.value for each in look.hub.keys.spaces})
    begin, end = datetime.combine(since, time(), UTC), end_of(until)
    bought: dict[bytes, list[date]] = defaultdict(list)
    async for order in orders_bought(look.conn, look.hub.sellers(), begin - HISTORY, end):
        bought[first_of.get(order.person, order.person)].append(order.placed_at.date())
    late = back = 0
    for days in bought.values():
        for on, after in lapses(days, since, until):
            late += 1
            back += after is not None and (after - on).days <= settings.measure_days
    return Replay(
        since=since,
        until=until,
        figures={"late": float(late), "back_by_themselves": float(back)},
        sentence=(
            f"From {since} to {until} {late} times a customer would have been late. {back} times "
            f"they bought within {settings.measure_days} days by themselves."
        ),
    )


def lapses(days: Sequence[date], since: date, until: date) -> list[tuple[date, date | None]]:
    """Return the days on which somebody was late, each with their next purchase. Pure."""
    told = sorted(set(days))
    found: list[tuple[date, date | None]] = []
    for n in range(PURCHASES_MIN - 1, len(told)):
        interval = interval_of(told[: n + 1], None)
        if interval is None:
            continue
        on, after = late_day(told[n], interval), told[n + 1] if n + 1 < len(told) else None
        if since <= on <= until and (after is None or after > on):
            found.append((on, after))
    return found


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where somebody bought again since it was proposed, else 0."""
    return await bought_since(look.conn, look.hub, waited, look.now)


RULE = Rule(
    name=NAME,
    version=1,
    title="Sees to regular customers who may be leaving, each by what they are worth.",
    kinds=frozenset({Notice.command, Alert.command}),
    settings=ChurnSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
