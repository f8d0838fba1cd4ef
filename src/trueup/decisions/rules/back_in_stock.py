"""Back in stock: a SKU that was sold out for days can be bought again; tell those who asked.

As many as there are units, those who asked first coming first. Who was told keeps one back for a
while, so that twenty are not told of five.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.canon.command import Purpose
from trueup.db.rows import Row
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, State, Values
from trueup.decisions.patrons.habits import dealings, decided_of, end_of
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.ledger.demand import Day
from trueup.ledger.kitting import available_of
from trueup.ledger.outlook import days_before
from trueup.records.bought import Ask, Dealings, asks_of, skus_awaited
from trueup.records.listings import listings_of_skus

NAME: Final = "back_in_stock"
ASKS_MAX: Final = 5_000
_TOLD: Final = (State.DONE.value,)
_OVER: Final = (State.FAILED.value, State.REFUSED.value, State.LAPSED.value)


class BackSettings(Settings, frozen=True, kw_only=True):
    """Who is told.

    Attributes:
        sold_out_days: it was sold out for at least so many evenings.
        ask_days: who asked longer ago does not wait any more.
        hold_hours: so long a unit is kept back for each who was told.
        useful_days: a message is of use for so many days.
        base_percent: how likely somebody who waits buys by themselves, as it is thought.
        lift_percent: how much likelier a message is thought to make it.
        measure_days: after so many days it is looked at whether they bought.
    """

    per_day_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 500
    sold_out_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 2
    ask_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 90
    hold_hours: Annotated[int, msgspec.Meta(ge=0, le=24 * 14)] = 24
    useful_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 2
    base_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    lift_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 20
    measure_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7


class BackValues(Values, frozen=True, kw_only=True):
    """Somebody who asked, and what there is for them.

    Attributes:
        ask: the activity by which they asked.
        sold_out_days: so many evenings it was sold out before it came back.
        back_on: the first day on which there was some again.
        place: who asked first has the place 1.
        free: so many may be told: what is available, less what others keep back.
        bought_since: they bought it since they asked.
    """

    sku: str
    product: str
    ask: str
    asked_on: date
    today: date
    sold_out_days: int
    back_on: date
    available: int
    free: int
    place: int
    bought_since: bool


async def read(look: Look, settings: BackSettings, subject: str | None) -> list[Facts[BackValues]]:
    """Return those who asked for a SKU that can be bought again."""
    since = look.now - timedelta(days=settings.ask_days)
    left = await available_of(look.conn, look.hub.kits, await skus_awaited(look.conn, since))
    there = {sku: units for sku, units in left.items() if units > 0}
    if not there:
        return []
    today = look.now.astimezone(UTC).date()
    past = await days_before(look.conn, sorted(there), today)
    back = {
        sku: since_when
        for sku in there
        if (since_when := came_back(past.get(sku, ()), today)) is not None
    }
    asks = await asks_of(look.conn, sorted(back), since, count=ASKS_MAX)
    known = await dealings(look.conn, look.hub, {a.person: [a.person] for a in asks}, look.now)
    subjects = [_subject(each) for each in asks]
    decided: dict[str, list[Row]] = defaultdict(list)
    for row in await decided_of(look.conn, NAME, subjects):
        decided[row["subject"]].append(row)
    titles = await _titles(look, sorted(back))
    by_sku: dict[str, list[Ask]] = defaultdict(list)
    for each in asks:
        by_sku[each.sku].append(each)
    found: list[Facts[BackValues]] = []
    for sku, waiting in by_sku.items():
        kept = _kept_back(waiting, decided, known, settings, look.now)
        queue = _queue(waiting, decided, back[sku][0])
        places = _places(queue, known)
        found += [
            _facts(
                BackValues(
                    sku=sku,
                    product=titles.get(sku, sku),
                    ask=_subject(each),
                    asked_on=each.asked_at.astimezone(UTC).date(),
                    today=today,
                    sold_out_days=back[sku][1],
                    back_on=back[sku][0],
                    available=there[sku],
                    free=there[sku] - kept,
                    place=places.get(each.ref, 0),
                    bought_since=_has_bought(each, known),
                )
            )
            for each in queue
            if subject in {None, _subject(each)}
        ]
    return found


def came_back(past: Sequence[Day], today: date) -> tuple[date, int] | None:
    """Return since when there is some again, and for how many evenings there was none. Pure.

    Args:
        past: the days until yesterday, oldest first.
        today: there is some now.
    """
    back_on, n = today, len(past)
    while n and past[n - 1].left > 0:
        n -= 1
        back_on = past[n].on
    sold_out = 0
    while n and past[n - 1].left <= 0:
        n, sold_out = n - 1, sold_out + 1
    return (back_on, sold_out) if sold_out else None


def _subject(ask: Ask) -> str:
    return f"connection/{ask.connection_id}/activity/{ask.ref}"


def _has_bought(ask: Ask, known: Mapping[bytes, Dealings]) -> bool:
    at = known[ask.person].bought_at.get(ask.sku)
    return at is not None and at > ask.asked_at


def _kept_back(
    asks: Sequence[Ask],
    decided: Mapping[str, Sequence[Row]],
    known: Mapping[bytes, Dealings],
    settings: BackSettings,
    now: datetime,
) -> int:
    """Return for how many a unit is kept back: they were told just now and did not buy yet."""
    since = now - timedelta(hours=settings.hold_hours)
    return sum(
        not _has_bought(each, known)
        and any(
            row["state"] in _TOLD and row["ended_at"] > since for row in decided[_subject(each)]
        )
        for each in asks
    )


def _queue(asks: Sequence[Ask], decided: Mapping[str, Sequence[Row]], back_on: date) -> list[Ask]:
    """Return who still waits: who was told waits no more, however often they had asked."""
    told_at = {
        each.person: row["ended_at"]
        for each in asks
        for row in decided[_subject(each)]
        if row["state"] in _TOLD
    }
    return [
        each
        for each in asks
        if (each.person not in told_at or told_at[each.person] < each.asked_at)
        and not any(
            row["state"] in _OVER and row["episode"] == back_on.isoformat()
            for row in decided[_subject(each)]
        )
    ]


def _places(queue: Sequence[Ask], known: Mapping[bytes, Dealings]) -> dict[str, int]:
    """Return whose turn is when; of several asks of one person the first counts."""
    found: dict[str, int] = {}
    seen: set[bytes] = set()
    for each in queue:
        if each.person not in seen and not _has_bought(each, known):
            seen.add(each.person)
            found[each.ref] = len(seen)
    return found


async def _titles(look: Look, skus: Sequence[str]) -> dict[str, str]:
    places = await listings_of_skus(look.conn, skus, look.hub.sellers())
    return {each.sku: each.title for each in places if each.active and each.title}


def _facts(values: BackValues) -> Facts[BackValues]:
    return Facts(
        subject=values.ask,
        episode=values.back_on.isoformat(),
        values=values,
        evidence=(f"sku/{values.sku}", values.ask),
    )


def propose(facts: Facts[BackValues], settings: BackSettings) -> Proposal | None:
    """Return a message where it was sold out for days and there is one for them."""
    known = facts.values
    if (
        known.sold_out_days < settings.sold_out_days
        or known.bought_since
        or not 1 <= known.place <= known.free
    ):
        return None
    without = Decimal(settings.base_percent) / 100
    within = min(Decimal(1), without + Decimal(settings.lift_percent) / 100)
    notice = Notice(
        to=known.ask,
        purpose=Purpose.SERVICE,
        text="back_in_stock",
        about=known.ask,
        values={"product": known.product},
        urgency=Urgency.NORMAL,
        useful_until=end_of(known.today + timedelta(days=settings.useful_days)),
    )
    return Proposal(
        reason=(
            f"{known.product} was sold out for {known.sold_out_days} days and is back since "
            f"{known.back_on}: {known.available} can be bought. They asked on {known.asked_on} to "
            f"be told, as number {known.place} of those who wait."
        ),
        actions=(Action(content=notice, what=f"tell them that {known.product} is back"),),
        effect=Effect(
            measure="chance_bought",
            says="the chance that they bought it",
            came=("they did not buy it", "they bought it"),
            without=without,
            within=within,
            measured_at=datetime.combine(
                known.today + timedelta(days=settings.measure_days), time(), UTC
            ),
        ),
        alternatives=(
            Alternative(
                what="tell all who asked",
                why_not=f"there are {known.available}, and who comes too late was told for nothing",
            ),
        ),
    )


async def play(look: Look, settings: BackSettings, since: date, until: date) -> Replay:
    """Go through those who asked: when each would have been told, and whether they bought then."""
    begin = datetime.combine(since, time(), UTC) - timedelta(days=settings.ask_days)
    skus = await skus_awaited(look.conn, begin)
    asks = await asks_of(look.conn, skus, begin, count=ASKS_MAX)
    past = await days_before(look.conn, sorted(skus), until + timedelta(days=1))
    known = await dealings(look.conn, look.hub, {a.person: [a.person] for a in asks}, look.now)
    by_sku: dict[str, list[Ask]] = defaultdict(list)
    for each in asks:
        by_sku[each.sku].append(each)
    told = bought = 0
    for sku, waiting in by_sku.items():
        for on, units in restocks(past.get(sku, ()), settings.sold_out_days, since):
            served = [a for a in waiting if _waits_on(a, on, settings)][:units]
            told += len(served)
            bought += sum(_has_bought(each, known) for each in served)
            waiting = [each for each in waiting if each not in served]  # noqa: PLW2901 - who is left
    return Replay(
        since=since,
        until=until,
        figures={"told": float(told), "bought": float(bought)},
        sentence=(
            f"From {since} to {until} it would have told {told} who asked. {bought} of them bought "
            "it after they asked, without being told by it."
        ),
    )


def restocks(past: Sequence[Day], sold_out_days: int, since: date) -> list[tuple[date, int]]:
    """Return the days on which there was some again after so many without, and how many. Pure."""
    found: list[tuple[date, int]] = []
    empty = 0
    for day in past:
        if day.left > 0:
            if empty >= sold_out_days and day.on >= since:
                found.append((day.on, day.left))
            empty = 0
        else:
            empty += 1
    return found


def _waits_on(ask: Ask, on: date, settings: BackSettings) -> bool:
    asked_on = ask.asked_at.astimezone(UTC).date()
    return on - timedelta(days=settings.ask_days) <= asked_on < on


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where somebody bought what they were told of, else 0; None where nobody knows."""
    begin = min(each.since for each in waited) - timedelta(days=365)
    skus = await skus_awaited(look.conn, begin)
    asks = {_subject(a): a for a in await asks_of(look.conn, skus, begin, count=ASKS_MAX)}
    of = {each.subject: asks[each.subject] for each in waited if each.subject in asks}
    known = await dealings(
        look.conn, look.hub, {a.person: [a.person] for a in of.values()}, look.now
    )
    found: list[Decimal | None] = []
    for each in waited:
        ask = of.get(each.subject)
        at = None if ask is None else known[ask.person].bought_at.get(ask.sku)
        found.append(None if ask is None else Decimal(at is not None and at > each.since))
    return found


RULE = Rule(
    name=NAME,
    version=1,
    title="Tells those who asked that what was sold out is back, as many as there are units.",
    kinds=frozenset({Notice.command}),
    settings=BackSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
