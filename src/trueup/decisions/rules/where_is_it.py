"""Where is it: who asks where their order is gets an answer from what the carrier tells now.

Only where nothing can be wrong with it: it is known which order they mean, every parcel of it moves
and none is late, and they ask for the first time. All else is left to people, with what is known.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.canon.command import ReplyToTicket
from trueup.canon.parcel import ParcelStatus
from trueup.decisions.model import Alternative, Facts, Proposal, Values
from trueup.decisions.reads import ordered_episodes
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.decisions.support.about import OrderSeen, ParcelSeen
from trueup.decisions.support.asked import Waiting, read_waited, read_waiting
from trueup.decisions.support.told import lines_of, note, reply
from trueup.decisions.support.worded import takes_answers, worded
from trueup.models.tickets.matters import Matter

NAME: Final = "where_is_it"
_ANSWER: Final = "answer"
_MOVES: Final = frozenset(
    (ParcelStatus.PICKED_UP, ParcelStatus.IN_TRANSIT, ParcelStatus.OUT_FOR_DELIVERY)
)


class WhereIsItSettings(Settings, frozen=True, kw_only=True):
    """Which questions are answered.

    Attributes:
        look_back_days: older tickets and orders are not looked at.
        moved_hours: a parcel moves where its newest scan is not older.
        usual_days: a parcel without a promised day is late so long after it was sent.
    """

    look_back_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30
    moved_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 14)] = 72
    usual_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7


class WhereIsItValues(Values, frozen=True, kw_only=True):
    """One question, and what it may be answered with.

    Attributes:
        left: why it is left to people; None where it is answered.
        answer: the words; None where it is left to people.
    """

    waiting: Waiting
    left: str | None
    answer: str | None


async def read(
    look: Look, settings: WhereIsItSettings, subject: str | None
) -> list[Facts[WhereIsItValues]]:
    """Return the tickets that ask where an order is; those of nobody's order are left out."""
    asked = [
        each
        for each in await read_waiting(look, settings.look_back_days, subject)
        if each.spell.heard.matter is Matter.WHERE_IS_ORDER and each.order is not None
    ]
    ordered = await ordered_episodes(look.conn, NAME, {each.subject for each in asked})
    found = [_facts(look, settings, each, ordered.get(each.subject, ())) for each in asked]
    return [each for each in found if each is not None]


def _facts(
    look: Look, settings: WhereIsItSettings, waiting: Waiting, ordered: Sequence[str]
) -> Facts[WhereIsItValues] | None:
    """Return what is known; None while another answer to the same is on its way.

    Args:
        look: what is read with.
        settings: by which it is judged.
        waiting: the ticket.
        ordered: its episodes of which a decision was ordered.
    """
    answers = [each for each in ordered if each.startswith(_ANSWER)]
    here = f"{_ANSWER}/{waiting.spell.first_ref}/"
    left = why_left(waiting, settings, look.now)
    if left is None and not takes_answers(look, waiting):
        left = "its helpdesk takes notes alone"
    if left is None and any(not each.startswith(here) for each in answers):
        left = "it was answered before"
    answer = None if left is not None else _answer(look, waiting)
    episode = f"note/{waiting.spell.first_ref}"
    if answer is not None and waiting.order is not None:
        # Other facts ask for other words: what was agreed to before they changed is taken back.
        told = [f"{each.status.value} {each.expected_on}" for each in waiting.order.parcels]
        episode = here + "/".join(sorted(told))
    if any(each.startswith(here) and each != episode for each in answers):
        return None
    return Facts(
        subject=waiting.subject,
        episode=episode,
        values=WhereIsItValues(waiting=waiting, left=left, answer=answer),
        evidence=waiting.evidence,
    )


def why_left(waiting: Waiting, settings: WhereIsItSettings, now: datetime) -> str | None:
    """Return why a question is left to people; None where it may be answered. Pure."""
    order = waiting.order
    if order is None or not order.sure:
        return "it is not sure which order they mean"
    if waiting.answered_before:
        return "they were answered before and ask again"
    if order.cancelled:
        return "the order was cancelled"
    if not order.parcels:
        return "no carrier tells of it"
    for parcel in order.parcels:
        why = _why_not_well(parcel, order, settings, now)
        if why is not None:
            return why
    return None


def _why_not_well(
    parcel: ParcelSeen, order: OrderSeen, settings: WhereIsItSettings, now: datetime
) -> str | None:
    newest = max((each.at for each in parcel.scans), default=None)
    sent_at = order.shipped_at or order.placed_at
    due = parcel.expected_on or (sent_at + timedelta(days=settings.usual_days)).date()
    if parcel.returning or parcel.attempts:
        return "a parcel could not be delivered"
    if parcel.status not in _MOVES:
        return f"a parcel is {parcel.status.value.replace('_', ' ')}"
    if newest is None or now - newest > timedelta(hours=settings.moved_hours):
        return f"a parcel has not moved for {settings.moved_hours} h"
    if due < now.astimezone(UTC).date():
        return "a parcel is late"
    return None


def _answer(look: Look, waiting: Waiting) -> str | None:
    """Return the words: of the parcel that comes last, without a place that tells where it goes."""
    order = waiting.order
    if order is None or not order.parcels:
        return None
    out = all(each.status is ParcelStatus.OUT_FOR_DELIVERY for each in order.parcels)
    values = {"order": order.number}
    newest = max(scan.at for parcel in order.parcels for scan in parcel.scans)
    promised = [each.expected_on for each in order.parcels]
    if out:
        return worded(look, waiting, "out_for_delivery", values=values, days={})
    days = {"seen_on": newest.date()}
    if all(promised):
        days["expected_on"] = max(each for each in promised if each is not None)
        return worded(look, waiting, "on_its_way_by", values=values, days=days)
    return worded(look, waiting, "on_its_way", values=values, days=days)


def propose(facts: Facts[WhereIsItValues], settings: WhereIsItSettings) -> Proposal | None:
    """Return the answer, or the note with which it is left to people."""
    del settings  # they were judged by when the facts were read
    known, waiting = facts.values, facts.values.waiting
    asks = f"In {waiting.name} a customer asks where their order is"
    if known.answer is not None:
        return Proposal(
            reason=f"{asks}, and its carrier says that it moves and is not late.",
            actions=(reply(waiting, known.answer, "answer with what the carrier tells"),),
            alternatives=(
                Alternative(what="leave it to people", why_not="nothing about it needs any"),
            ),
        )
    lines = [f"{asks}. It is left to you: {known.left}.", *lines_of(waiting)]
    return Proposal(
        reason=f"{asks}; it is left to people, since {known.left}.",
        actions=(note(waiting, lines, "put what is known of the order into a note to the team"),),
    )


async def play(look: Look, settings: WhereIsItSettings, since: date, until: date) -> Replay:
    """Go through what customers asked in the past: what it would have answered, by the scans then.

    Which order they meant counts as it is known now.
    """
    first, last = datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC)
    waited = await read_waited(look, first, min(last, look.now), days=settings.look_back_days)
    found: Counter[str] = Counter()
    hours = Decimal(0)
    for each in waited:
        if each.spell.heard.matter is not Matter.WHERE_IS_ORDER:
            continue
        found["asked"] += 1
        then = msgspec.structs.replace(each, order=_as_of(each.order, each.spell.since))
        if why_left(then, settings, each.spell.since) is not None:
            continue
        found["answers"] += 1
        if each.spell.answered_at is not None:
            found["answered"] += 1
            hours += Decimal((each.spell.answered_at - each.spell.since).total_seconds()) / 3600
    mean = round(float(hours) / found["answered"], 1) if found["answered"] else 0.0
    names = ("asked", "answers", "answered")
    return Replay(
        since=since,
        until=until,
        figures={name: float(found[name]) for name in names} | {"earlier_mean_h": mean},
        sentence=(
            f"From {since} to {until} {found['asked']} times a customer asked where their order "
            f"was. {found['answers']} of them it would have answered; those that people answered, "
            f"on average {mean} h before they did."
        ),
    )


def _as_of(order: OrderSeen | None, at: datetime) -> OrderSeen | None:
    """Return an order as its carrier's scans told it at an instant."""
    if order is None:
        return None
    parcels = []
    for each in order.parcels:
        scans = tuple(scan for scan in each.scans if scan.at <= at)
        if scans:
            failed = sum(scan.status is ParcelStatus.ATTEMPT_FAILED for scan in scans)
            back = any(scan.status is ParcelStatus.RETURNING for scan in scans)
            parcels.append(
                msgspec.structs.replace(
                    each, scans=scans, status=scans[-1].status, attempts=failed, returning=back
                )
            )
    return msgspec.structs.replace(order, parcels=tuple(parcels))


RULE = Rule(
    name=NAME,
    version=2,
    title="Answers where an order is by what its carrier tells, or leaves it to people.",
    kinds=frozenset({ReplyToTicket.command}),
    settings=WhereIsItSettings,
    read=read,
    propose=propose,
    play=play,
)
