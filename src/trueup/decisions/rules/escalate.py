"""Escalate: a ticket has waited too long for the team, and there are reasons to see to it now.

A customer of worth who writes that what was delivered never came is seen to at once; any other
ticket by a score with its reasons: how long it waits, what is at risk, what it is about, and how
often they asked.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import ChangeTicket, ReplyToTicket
from trueup.canon.ticket import Priority
from trueup.config import Amounts
from trueup.decisions.model import Action, Alternative, Facts, Proposal, Values
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.decisions.support.asked import Waiting, read_waited, read_waiting
from trueup.decisions.support.told import duration, lines_of, note, reply
from trueup.decisions.support.worded import takes_answers, worded
from trueup.models.tickets.matters import Matter

_HIGH: Final = Amounts(
    (("EUR", Decimal(300)), ("GBP", Decimal(300)), ("INR", Decimal(25000)), ("USD", Decimal(300)))
)
_POINTS: Final[Mapping[Matter, int]] = {
    Matter.NOT_RECEIVED: 40,
    Matter.DAMAGED: 25,
    Matter.WRONG_ITEM: 25,
    Matter.CHANGE_ADDRESS: 20,
    Matter.CANCEL: 20,
    Matter.REFUND: 20,
    Matter.WHERE_IS_ORDER: 10,
    Matter.RETURN: 10,
}
_AGE_MAX: Final = 60
_WORTH_MAX: Final = 40
_AGAIN_MAX: Final = 20
_ORDER: Final = (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.URGENT)


class EscalateSettings(Settings, frozen=True, kw_only=True):
    """Which tickets are seen to, and by whom.

    Attributes:
        wait_hours: how long a ticket may wait for the team.
        look_back_days: older tickets and orders are not looked at.
        high_value: from which worth on a customer, or an order, is of high value, by currency.
        score_min: from which score on any other ticket that waited too long is seen to.
        priority: that it is given.
        teams, assignees: by the helpdesk's name, who it is given to: their ids there.
        interim: a claim is answered meanwhile, with the text `interim`.
        answer_days: in how many days that says that an answer comes.
    """

    wait_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 14)] = 4
    look_back_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30
    high_value: Amounts = _HIGH
    score_min: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 90
    priority: Literal["normal", "high", "urgent"] = "urgent"
    teams: Mapping[str, str] = {}
    assignees: Mapping[str, str] = {}
    interim: bool = True
    answer_days: Annotated[int, msgspec.Meta(ge=0, le=30)] = 1


class EscalateValues(Values, frozen=True, kw_only=True):
    """One ticket that waited for too long.

    Attributes:
        waited_h: whole hours.
        interim: what the customer is told meanwhile; None: nothing, as the settings want it, or
            because their helpdesk takes notes alone.
    """

    waiting: Waiting
    waited_h: int
    interim: str | None
    team_ref: str | None
    assignee_ref: str | None


async def read(
    look: Look, settings: EscalateSettings, subject: str | None
) -> list[Facts[EscalateValues]]:
    """Return the tickets that waited for longer than they may."""
    waiting = await read_waiting(look, settings.look_back_days, subject)
    patience = timedelta(hours=settings.wait_hours)
    return [
        _facts(look, settings, each, look.now)
        for each in waiting
        if look.now - each.spell.since >= patience and _may_change(look, each)
    ]


def _may_change(look: Look, waiting: Waiting) -> bool:
    folder = look.hub.folder_of(waiting.connection_id)
    return folder is not None and folder.manifest.action(ChangeTicket.command) is not None


def _facts(
    look: Look, settings: EscalateSettings, waiting: Waiting, now: datetime
) -> Facts[EscalateValues]:
    name = look.hub.names().get(waiting.connection_id, "")
    return Facts(
        subject=waiting.subject,
        episode=waiting.spell.first_ref,
        values=EscalateValues(
            waiting=waiting,
            waited_h=int((now - waiting.spell.since).total_seconds() // 3600),
            interim=_interim(look, settings, waiting, now),
            team_ref=settings.teams.get(name),
            assignee_ref=settings.assignees.get(name),
        ),
        evidence=waiting.evidence,
    )


def _interim(look: Look, settings: EscalateSettings, waiting: Waiting, now: datetime) -> str | None:
    """Return what a claim is answered meanwhile, in the language that it was written in."""
    if not settings.interim or not _is_claim(waiting, settings) or not takes_answers(look, waiting):
        return None
    answer_by = (now + timedelta(days=settings.answer_days)).date()
    values = {"ticket": waiting.ticket_ref}
    return worded(look, waiting, "interim", values=values, days={"answer_by": answer_by})


def propose(facts: Facts[EscalateValues], settings: EscalateSettings) -> Proposal | None:
    """Return what is done about a ticket; None: it can wait."""
    known, waiting = facts.values, facts.values.waiting
    reasons = score_of(known, settings)
    score = sum(reasons.values())
    claims = _is_claim(waiting, settings)
    if not claims and score < settings.score_min:
        return None
    actions = [*_change(known, settings)]
    lines = [_why(known, reasons, score, claims=claims), *lines_of(waiting)]
    actions.append(note(waiting, lines, "put what is known of the order into a note to the team"))
    if claims and known.interim is not None:
        what = "tell the customer that somebody is looking into it"
        actions.append(reply(waiting, known.interim, what))
    return Proposal(
        reason=_why(known, reasons, score, claims=claims),
        actions=tuple(actions),
        alternatives=(
            Alternative(
                what="wait",
                why_not=f"it waits for {duration(timedelta(hours=known.waited_h))}, and "
                f"{settings.wait_hours} h are allowed",
            ),
        ),
    )


def score_of(known: EscalateValues, settings: EscalateSettings) -> dict[str, int]:
    """Return the points of each reason that a ticket has."""
    waiting, matter = known.waiting, known.waiting.spell.heard.matter
    again = waiting.spell.messages - 1 + waiting.asked_before
    worth = min(Decimal(1), max(Decimal(0), waiting.worth_of(settings.high_value)))
    found = {
        f"waits for {known.waited_h} h of {settings.wait_hours} h": min(
            _AGE_MAX, 20 * known.waited_h // settings.wait_hours
        ),
        f"at stake: {_worth(waiting)}": int(_WORTH_MAX * worth),
        f"is about: {matter.value.replace('_', ' ')}": _POINTS.get(matter, 0),
        f"asked {again} times more": min(_AGAIN_MAX, 10 * again),
    }
    return {reason: points for reason, points in found.items() if points > 0}


def _is_claim(waiting: Waiting, settings: EscalateSettings) -> bool:
    """Whether somebody of worth says that what was delivered never came."""
    claims = waiting.spell.heard.matter is Matter.NOT_RECEIVED
    return claims and waiting.worth_of(settings.high_value) >= 1


def _worth(waiting: Waiting) -> str:
    told = [str(each.rounded()) for each in waiting.worth if each]
    return ", ".join(told) or "an order"


def _why(known: EscalateValues, reasons: Mapping[str, int], score: int, *, claims: bool) -> str:
    waiting = known.waiting
    said = (
        "A customer of high value writes that what was delivered did not arrive, and"
        if claims
        else "A customer"
    )
    points = "; ".join(f"{reason} (+{each})" for reason, each in reasons.items())
    return (
        f"{said} waits in {waiting.name} for {known.waited_h} h for an answer. "
        f"Score {score}: {points}."
    )


def _change(known: EscalateValues, settings: EscalateSettings) -> list[Action]:
    """Return the change of priority and of who has it; none where all is so already."""
    waiting, wanted = known.waiting, Priority(settings.priority)
    is_lower = waiting.priority not in _ORDER or _ORDER.index(waiting.priority) < _ORDER.index(
        wanted
    )
    team_ref = known.team_ref if known.team_ref != waiting.team_ref else None
    assignee_ref = known.assignee_ref if known.assignee_ref != waiting.assignee_ref else None
    if not is_lower and team_ref is None and assignee_ref is None:
        return []
    content = ChangeTicket(
        ticket_ref=waiting.ticket_ref,
        priority=wanted if is_lower else None,
        team_ref=team_ref,
        assignee_ref=assignee_ref,
    )
    parts = [f"raise the priority of {waiting.name} to {wanted.value}"] if is_lower else []
    parts += [f"give {waiting.name} to the team {team_ref}"] if team_ref else []
    parts += [f"assign {waiting.name} to {assignee_ref}"] if assignee_ref else []
    return [
        Action(
            connection_id=waiting.connection_id,
            key=waiting.key,
            content=content,
            what=", ".join(parts),
        )
    ]


async def play(look: Look, settings: EscalateSettings, since: date, until: date) -> Replay:
    """Go through what customers wrote in the past: of what it would have spoken, and how early.

    Orders and worth count as they are known now.
    """
    first, last = datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC)
    waited = await read_waited(look, first, min(last, look.now), days=settings.look_back_days)
    patience = timedelta(hours=settings.wait_hours)
    found: Counter[str] = Counter()
    hours = Decimal(0)
    for each in waited:
        spoken_at = each.spell.since + patience
        answered_at = each.spell.answered_at
        if spoken_at > (answered_at or look.now):
            continue
        found["late"] += 1
        facts = _facts(look, settings, each, spoken_at)
        if propose(facts, settings) is None:
            continue
        found["proposals"] += 1
        found["claims"] += _is_claim(each, settings)
        if answered_at is not None:
            found["answered"] += 1
            hours += Decimal((answered_at - spoken_at).total_seconds()) / 3600
    early = round(float(hours) / found["answered"], 1) if found["answered"] else 0.0
    names = ("late", "proposals", "claims", "answered")
    return Replay(
        since=since,
        until=until,
        figures={name: float(found[name]) for name in names} | {"earlier_mean_h": early},
        sentence=(
            f"From {since} to {until} {found['late']} times a customer waited for more than "
            f"{settings.wait_hours} h. It would have spoken {found['proposals']} times, "
            f"{found['claims']} of them of what was delivered and did not arrive; of those that "
            f"were answered, on average {early} h before they were."
        ),
    )


RULE = Rule(
    name="escalate",
    version=2,
    title="Raises a ticket that waited too long, with what is known of the order, and says so.",
    kinds=frozenset({ChangeTicket.command, ReplyToTicket.command}),
    settings=EscalateSettings,
    read=read,
    propose=propose,
    play=play,
)
