"""Failed delivery: a parcel could not be handed over, lies to be fetched, or goes back.

The customer is told what to do, and the team where that is set; once an attempt. Where the parcel
moves on meanwhile, nobody is told.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import Purpose
from trueup.canon.parcel import ParcelStatus
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Effect, Facts, Proposal, Values
from trueup.decisions.parcels.tracked import (
    OPEN_DAYS,
    Tracked,
    evidence_of,
    number_of,
    order_ref,
    parcels_open,
    subject_of,
    with_orders,
    zone_here,
)
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.models.arrivals.past import ENOUGH, day_of
from trueup.models.arrivals.pasts import PAST_DAYS, PAST_MAX
from trueup.records.trips import Trip, trips_since

Cause = Literal["attempt_failed", "awaiting_collection", "returning"]

TEXTS: Final[dict[Cause, str]] = {
    "attempt_failed": "failed_delivery",
    "awaiting_collection": "collection",
    "returning": "returning",
}
_SAYS: Final[dict[Cause, str]] = {
    "attempt_failed": "could not be handed over",
    "awaiting_collection": "lies to be fetched",
    "returning": "is on its way back to the sender",
}
_CAUSES: Final[dict[ParcelStatus, Cause]] = {
    ParcelStatus.ATTEMPT_FAILED: "attempt_failed",
    ParcelStatus.AWAITING_COLLECTION: "awaiting_collection",
    ParcelStatus.RETURNING: "returning",
}
_BACK: Final = frozenset((ParcelStatus.RETURNING, ParcelStatus.RETURNED))
_CENT: Final = Decimal("0.01")


class FailedSettings(Settings, frozen=True, kw_only=True):
    """Who is told of what.

    Attributes:
        team: of which causes the team is told too, at `[contact]` team_to.
        fresh_hours: what happened longer ago is not told any more.
        outcome_days: so long after it is known whether the parcel came back.
    """

    team: tuple[Cause, ...] = ()
    fresh_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 14)] = 48
    outcome_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 14


class FailedValues(Values, frozen=True, kw_only=True):
    """One parcel that was not handed over.

    Attributes:
        attempt: how many failed so far.
        since: of the scan that says so.
        chance_back: how many of the parcels of which an attempt failed went back; None: too few.
    """

    cause: Cause
    order: str
    number: str
    carrier: str
    attempt: int
    since: datetime
    chance_back: Decimal | None


async def read(
    look: Look, settings: FailedSettings, subject: str | None
) -> list[Facts[FailedValues]]:
    """Return the parcels that wait for their customer, or go back."""
    fresh = look.now - timedelta(hours=settings.fresh_hours)
    found = [
        each
        for each in await parcels_open(look, subject)
        if each.trip.status in _CAUSES
        and each.trip.scanned_at is not None
        and each.trip.scanned_at >= fresh
    ]
    if not found:
        return []
    chance = await _chance_back(look, settings)
    return [_facts(each, chance) for each in found]


async def _chance_back(look: Look, settings: FailedSettings) -> Decimal | None:
    """Return how many of those of which an attempt failed, and that came to an end, went back."""
    since = look.now - timedelta(days=PAST_DAYS)
    trips = await trips_since(look.conn, since, count=PAST_MAX)
    over = look.now - timedelta(days=settings.outcome_days)
    ended = [
        each
        for each in trips
        if each.attempts
        and each.scanned_at is not None
        and (each.delivered_at is not None or each.scanned_at <= over or each.status in _BACK)
    ]
    if len(ended) < ENOUGH:
        return None
    back = sum(each.status in _BACK for each in ended)
    return (Decimal(back) / len(ended)).quantize(_CENT)


def _facts(tracked: Tracked, chance: Decimal | None) -> Facts[FailedValues]:
    trip, order = tracked
    cause = _CAUSES[trip.status]
    values = FailedValues(
        cause=cause,
        order=order_ref(order),
        number=number_of(order),
        carrier=trip.carrier or "the carrier",
        attempt=trip.attempts,
        since=trip.scanned_at or datetime.min.replace(tzinfo=UTC),
        chance_back=chance,
    )
    return Facts(
        subject=subject_of(trip),
        episode=f"{cause}/{trip.attempts}",
        values=values,
        evidence=evidence_of(tracked),
    )


def propose(facts: Facts[FailedValues], settings: FailedSettings) -> Proposal:
    """Return that the customer is told what to do; and the team, where that is set."""
    known = facts.values
    said = f"The parcel of {known.number} by {known.carrier} {_SAYS[known.cause]}"
    times = "" if known.attempt == 0 else f" after {known.attempt} failed attempts"
    if known.attempt == 1:
        times = " after one failed attempt"
    actions = [_told(known, settings)]
    if known.cause in settings.team:
        text = f"{said}{times}, since {known.since.isoformat(timespec='minutes')}."
        alert = Alert(subject=f"{known.number} {_SAYS[known.cause]}", text=text)
        actions.append(Action(content=alert, what=f"tell the team of {known.number} too"))
    return Proposal(
        reason=f"{said}{times}.",
        actions=tuple(actions),
        effect=_effect(known, settings),
    )


def _told(known: FailedValues, settings: FailedSettings) -> Action:
    return Action(
        content=Notice(
            to=known.order,
            purpose=Purpose.TRANSACTIONAL,
            text=TEXTS[known.cause],
            about=f"{known.order}/{known.cause}/{known.attempt}",
            values={"order": known.number, "carrier": known.carrier},
            urgency=Urgency.HIGH,
            useful_until=known.since + timedelta(hours=settings.fresh_hours),
        ),
        what=f"tell the customer of {known.number} that it {_SAYS[known.cause]}, and what to do",
    )


def _effect(known: FailedValues, settings: FailedSettings) -> Effect | None:
    """Return what went back before; who was told did no better as far as anybody knows yet."""
    if known.chance_back is None or known.cause == "returning":
        return None
    until = known.since.date() + timedelta(days=settings.outcome_days)
    return Effect(
        measure="chance_back",
        says="the chance that it goes back to the sender",
        came=("it did not go back", "it went back"),
        without=known.chance_back,
        within=known.chance_back,
        measured_at=datetime.combine(until, time(), UTC),
    )


async def play(look: Look, settings: FailedSettings, since: date, until: date) -> Replay:
    """Count the attempts that failed of parcels that left in those days, and how they ended."""
    del settings
    zone = zone_here(look.hub)
    trips = await trips_since(look.conn, datetime.combine(since, time(), zone))
    sent = [
        each
        for each in trips
        if each.shipped_at is not None
        and since <= day_of(each.shipped_at, zone) <= until
        and _spoke(each)
    ]
    known = [each.trip for each in await with_orders(look, sent)]
    said = sum(_spoke(each) for each in known)
    back = sum(each.status in _BACK for each in known)
    came = sum(each.delivered_at is not None for each in known)
    return Replay(
        since=since,
        until=until,
        figures={
            "proposals": float(said),
            "parcels": float(len(known)),
            "delivered": float(came),
            "went_back": float(back),
        },
        sentence=(
            f"From {since} to {until} it would have spoken {said} times about {len(known)} "
            f"parcels; {came} of these came in the end, {back} went back."
        ),
    )


def _spoke(trip: Trip) -> int:
    """Return how often it would have spoken; that a parcel lies is known only while it does."""
    waits = trip.status is ParcelStatus.AWAITING_COLLECTION
    return trip.attempts + trip.returning + waits


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where a parcel went back, else 0; None where it is not known any more."""
    numbers = [int(each.subject.removeprefix("parcel/")) for each in waited]
    since = min(each.since for each in waited) - timedelta(days=OPEN_DAYS)
    trips = await trips_since(look.conn, since, record_ids=numbers)
    back = {each.record_id: each.returning for each in trips}
    return [Decimal(back[number]) if number in back else None for number in numbers]


RULE = Rule(
    name="failed_delivery",
    version=1,
    title="Tells a customer what to do where their parcel could not be handed over.",
    kinds=frozenset({Notice.command, Alert.command}),
    settings=FailedSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
