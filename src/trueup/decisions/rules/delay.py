"""Delay: a parcel is silent, or comes after its promised day; its customer hears of it first.

Silent: no scan for as long as is set, or as the parcel's route makes one expect. Late: the carrier,
or those parcels that were on their way for as long, say a day after the one promised first. Each is
told once a parcel, with a day that four of five such parcels keep.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import CreateDiscount, GiveCredit, Purpose
from trueup.config import Amounts
from trueup.decisions.blanks.credit import Credit
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, Values
from trueup.decisions.parcels.routes import gap_limit_h
from trueup.decisions.parcels.tracked import (
    OPEN_DAYS,
    Tracked,
    evidence_of,
    number_of,
    order_ref,
    parcels_open,
    pasts_before,
    subject_of,
    with_orders,
    zone_here,
)
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.kernel.money import Money
from trueup.models.arrivals.past import (
    Arrival,
    Past,
    arrival_of,
    day_of,
    is_late,
    past_of,
    pasts_of,
    route_of,
)
from trueup.records.trips import OrderOfParcel, trips_since, worth_of_customers

Cause = Literal["silent", "late"]

_HOUR_S: Final = 3600
_DAY: Final = timedelta(days=1)
_CODE_CHARS: Final = 10


class DelaySettings(Settings, frozen=True, kw_only=True):
    """When somebody is told, and what they are given.

    Attributes:
        silent_hours: a parcel without a scan for so long is silent; routes that are known have
            their own measure (see `gap_limit_h`).
        silent_hours_min: on a risky route never less.
        risky_percent: a route of which so many parcels come late is risky.
        late_days: told is what comes so many days after its promise.
        spare_days: where nobody can say when it comes, so many days from today are told.
        worth_min: whose orders came to so much in all is told, by currency; whose currency is not
            named is not told. Without any currency everybody is.
        gives: "code": what a code takes off their next order; "credit": store credit at the order's
            shop, where that gives some and knows whose order it is.
        credit: how much, by currency; none of one that is not named.
        credit_days: so long after the parcel left it can be used.
    """

    silent_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 36
    silent_hours_min: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 12
    risky_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    late_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 1
    spare_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 3
    worth_min: Amounts = Amounts()
    gives: Literal["code", "credit"] = "code"
    credit: Amounts = Amounts()
    credit_days: Annotated[int, msgspec.Meta(ge=OPEN_DAYS + 1, le=365)] = 90


class DelayValues(Values, frozen=True, kw_only=True):
    """One parcel that is silent or late, and whose it is.

    Attributes:
        sent_on: when the carrier first had it.
        silent_hours, limit_hours: since its last scan, and what is usual.
        promised_on: the first promise; `arrives_on` is what is said now.
        chance_later: how likely it comes after that.
        worth: what its customer bought in all, in the order's currency.
        code: what only the hub can make up, so that nobody guesses a code.
        gives: the order's shop can give what the settings say.
    """

    cause: Cause
    sent_on: date
    order: str
    number: str
    currency: str
    carrier: str
    silent_hours: int
    limit_hours: int
    promised_on: date | None
    arrives_on: date
    chance_later: Decimal
    worth: Money | None
    code: str
    seller_id: int
    gives: bool


async def read(
    look: Look, settings: DelaySettings, subject: str | None
) -> list[Facts[DelayValues]]:
    """Return the parcels that are silent or late."""
    moving = [each for each in await parcels_open(look, subject) if each.trip.moves]
    if not moving:
        return []
    zone = zone_here(look.hub)
    today = day_of(look.now, zone)
    pasts = await pasts_before(look, zone)
    found: list[tuple[Tracked, Cause, float, Arrival]] = []
    for each in moving:
        past = past_of(route_of(each.trip), pasts)
        arrival = arrival_of(each.trip, past, look.now, zone, settings.spare_days)
        limit_h = _limit_h(past, settings)
        late = _comes_late(each, arrival, today, settings)
        if late or _silent_h(each, look.now) >= limit_h:
            found.append((each, "late" if late else "silent", limit_h, arrival))
    sellers = look.hub.sellers()
    worths = await worth_of_customers(
        look.conn, {each.order.record_id for each, *_ in found}, sellers
    )
    return [
        _facts(look, settings, each, cause, limit_h, arrival, worths.get(each.order.record_id, ()))
        for each, cause, limit_h, arrival in found
    ]


def _limit_h(past: Past, settings: DelaySettings) -> float:
    return gap_limit_h(
        past,
        usual_h=settings.silent_hours,
        least_h=settings.silent_hours_min,
        risky_share=settings.risky_percent / 100,
    )


def _silent_h(tracked: Tracked, now: datetime) -> float:
    scanned_at = tracked.trip.scanned_at
    return 0.0 if scanned_at is None else (now - scanned_at).total_seconds() / _HOUR_S


def _comes_late(tracked: Tracked, arrival: Arrival, today: date, settings: DelaySettings) -> bool:
    """Whether it comes so many days after its promise, by whoever can tell."""
    promised_on = tracked.trip.promised_on
    if promised_on is None:
        return False
    told = (today, arrival.soon_on, tracked.trip.expected_on)
    soonest = max(each for each in told if each is not None)
    return soonest >= promised_on + timedelta(days=settings.late_days)


def _facts(
    look: Look,
    settings: DelaySettings,
    tracked: Tracked,
    cause: Cause,
    limit_h: float,
    arrival: Arrival,
    worth: Sequence[Money],
) -> Facts[DelayValues]:
    trip, order = tracked
    subject = subject_of(trip)
    values = DelayValues(
        cause=cause,
        sent_on=day_of(trip.shipped_at or look.now, UTC),
        order=order_ref(order),
        number=number_of(order),
        currency=order.currency,
        carrier=trip.carrier or "the carrier",
        silent_hours=int(_silent_h(tracked, look.now)),
        limit_hours=round(limit_h),
        promised_on=trip.promised_on,
        arrives_on=arrival.sure_on,
        chance_later=arrival.chance_later,
        worth=next((each for each in worth if each.currency == order.currency), None),
        code=look.hub.vault.index("delay", subject).hex()[:_CODE_CHARS].upper(),
        seller_id=order.connection_id,
        gives=_can_give(look, order, settings),
    )
    return Facts(subject=subject, episode=cause, values=values, evidence=evidence_of(tracked))


def _can_give(look: Look, order: OrderOfParcel, settings: DelaySettings) -> bool:
    folder = look.hub.folder_of(order.connection_id)
    is_code = settings.gives == "code"
    command = CreateDiscount.command if is_code else GiveCredit.command
    can = folder is not None and folder.manifest.action(command) is not None
    return can and (is_code or order.has_customer)


def propose(facts: Facts[DelayValues], settings: DelaySettings) -> Proposal | None:
    """Return that the customer is told, and given something; None: they are not worth so much."""
    known = facts.values
    if not _is_worth(known.currency, known.worth, settings):
        return None
    credit = dict(settings.credit).get(known.currency, Decimal(0)) if known.gives else Decimal(0)
    given = _given(known, Money(credit, known.currency), settings) if credit else None
    return Proposal(
        reason=_reason(known),
        actions=tuple(each for each in (given, _told(known, given, settings)) if each is not None),
        effect=Effect(
            measure="chance_later",
            says=f"the chance that it comes after {known.arrives_on}, the day they are told",
            came=("it came by the day they were told", "it came after the day they were told"),
            without=known.chance_later,
            within=known.chance_later,
            measured_at=datetime.combine(known.arrives_on + _DAY, time(12), UTC),
        ),
        alternatives=(
            Alternative(what="wait", why_not="they would have to ask where it is"),
            *(
                [Alternative(what="give nothing", why_not="the settings give something for it")]
                if given is not None
                else []
            ),
        ),
    )


def _is_worth(currency: str, worth: Money | None, settings: DelaySettings) -> bool:
    if not settings.worth_min:
        return True
    least = dict(settings.worth_min).get(currency)
    return least is not None and worth is not None and worth.amount >= least


def _reason(known: DelayValues) -> str:
    promised = "" if known.promised_on is None else f", promised for {known.promised_on}"
    worth = "" if known.worth is None else f" Its customer bought for {known.worth.rounded()}."
    if known.cause == "silent":
        what = (
            f"no scan for {known.silent_hours} hours, where {known.limit_hours} are usual at most"
        )
    else:
        what = f"it comes late: by {known.arrives_on} as far as can be told"
    return f"The parcel of {known.number} by {known.carrier}{promised}: {what}.{worth}"


def _told(known: DelayValues, given: Action | None, settings: DelaySettings) -> Action:
    values: dict[str, str | int] = {"order": known.number}
    days = {"expected_on": known.arrives_on}
    amounts: dict[str, Money] = {}
    text = "delay"
    if given is not None and given.amount:
        amounts["credit"] = given.amount
        days["credit_until"] = _last_day(known, settings)
        text = "delay_store_credit"
        if isinstance(given.content, CreateDiscount):
            values["code"] = given.content.code
            text = "delay_credit"
    return Action(
        content=Notice(
            to=known.order,
            purpose=Purpose.TRANSACTIONAL,
            text=text,
            about=f"{known.order}/delay",
            values=values,
            days=days,
            amounts=amounts,
            urgency=Urgency.HIGH,
            useful_until=datetime.combine(known.arrives_on + _DAY, time(), UTC),
        ),
        what=f"tell the customer of {known.number} that it comes by {known.arrives_on}",
    )


def _given(known: DelayValues, amount: Money, settings: DelaySettings) -> Action:
    """Return what is given: once a parcel, for whichever cause, the same always."""
    content: CreateDiscount | Credit = _code(known, amount, settings)
    what = "make a code for {}, to be used once"
    if settings.gives == "credit":
        last_on = _last_day(known, settings)
        content = Credit(to=known.order, amount=amount, expires_on=last_on)
        what = "give {} of store credit"
    return Action(
        connection_id=known.seller_id,
        key=f"{known.order}/credit",
        content=content,
        what=what.format(amount.rounded()),
        amount=amount,
        commits=True,
    )


def _code(known: DelayValues, amount: Money, settings: DelaySettings) -> CreateDiscount:
    """Return the code that takes something off.

    The shop is asked for a code before it is made, so there is one of it however often it is told.
    """
    begins = datetime.combine(known.sent_on, time(), UTC)
    return CreateDiscount(
        code=f"SORRY-{known.code}",
        starts_at=begins,
        ends_at=begins + timedelta(days=settings.credit_days),
        amount=amount,
    )


def _last_day(known: DelayValues, settings: DelaySettings) -> date:
    return known.sent_on + timedelta(days=settings.credit_days) - _DAY


async def play(look: Look, settings: DelaySettings, since: date, until: date) -> Replay:
    """Look back at the parcels that were handed to a carrier in those days.

    It is counted how often the rule would have spoken, and how many of the parcels that came late
    it would have told of. How routes did is taken from all days that are known, later ones too.
    """
    zone = zone_here(look.hub)
    first = datetime.combine(since, time(), zone)
    trips = await trips_since(look.conn, first)
    today = day_of(look.now, zone)
    pasts = pasts_of(trips, today, zone)
    sent = [
        each
        for each in trips
        if each.shipped_at is not None and since <= day_of(each.shipped_at, zone) <= until
    ]
    known = await with_orders(look, sent)
    worths = await worth_of_customers(
        look.conn, {each.order.record_id for each in known}, look.hub.sellers()
    )
    said = late = late_said = 0
    for each in known:
        worth = worths.get(each.order.record_id, ())
        own = next((one for one in worth if one.currency == each.order.currency), None)
        if not _is_worth(each.order.currency, own, settings):
            continue
        is_silent = (each.trip.gap_s_max or 0) / _HOUR_S >= _limit_h(
            past_of(route_of(each.trip), pasts), settings
        )
        came_late = bool(is_late(each.trip, today, zone))
        said += is_silent or came_late
        late += came_late
        late_said += is_silent and came_late
    return Replay(
        since=since,
        until=until,
        figures={
            "parcels": float(len(known)),
            "proposals": float(said),
            "late": float(late),
            "late_after_silence": float(late_said),
        },
        sentence=(
            f"Of {len(known)} parcels that left from {since} to {until} it would have told of "
            f"{said}. {late} came late; {late_said} of these had been silent before."
        ),
    )


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where a parcel had not come by the day that was told, else 0.

    None where it is not known any more.
    """
    numbers = [int(each.subject.removeprefix("parcel/")) for each in waited]
    since = min(each.since for each in waited) - timedelta(days=OPEN_DAYS)
    trips = await trips_since(look.conn, since, record_ids=numbers)
    came_at = {each.record_id: each.delivered_at for each in trips}
    return [
        None
        if number not in came_at
        else Decimal((at := came_at[number]) is None or at >= each.until)
        for number, each in zip(numbers, waited, strict=True)
    ]


RULE = Rule(
    name="delay",
    version=1,
    title="Tells a customer that their parcel is silent or late, before they ask.",
    kinds=frozenset({Notice.command, CreateDiscount.command, Credit.command}),
    settings=DelaySettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
