"""Return update: the customer is told how far their return is, once a step.

That it was agreed to and where to send it, that they keep it, or why it was declined; that it
arrived; how much was paid back and when. What happened long ago is not told any more.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import Purpose
from trueup.canon.return_command import DeclineReturn
from trueup.canon.returns import ReturnState
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Facts, Proposal, Values
from trueup.decisions.parcels.tracked import zone_here
from trueup.decisions.reads import subjects_ordered
from trueup.decisions.returning.agreed import REQUESTS, Answered, answers_to
from trueup.decisions.returning.seen import ReturnSeen, key_of_order, read_returns, returns_of
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.kernel.money import Money
from trueup.records.sendback import entities_told_back

Step = Literal["agreed", "kept", "declined", "arrived", "refunded"]

_EVERY: Final[tuple[Step, ...]] = ("agreed", "kept", "declined", "arrived", "refunded")
_SAYS: Final[dict[Step, str]] = {
    "agreed": "it can be sent back, and where to",
    "kept": "they may keep it",
    "declined": "it can not be sent back, and why",
    "arrived": "it arrived",
    "refunded": "it was paid back",
}
_WHY: Final = {"late": "return_late", "final_sale": "return_final"}


class UpdateSettings(Settings, frozen=True, kw_only=True):
    """What is told.

    Attributes:
        steps: of which steps.
        fresh_hours: what happened longer ago is not told any more.
    """

    steps: tuple[Step, ...] = _EVERY
    fresh_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 14)] = 72


class UpdateValues(Values, frozen=True, kw_only=True):
    """One return at a step.

    Attributes:
        order: whom it is told to: whose order it is.
        since: when it came so far.
        send_to: where the goods go.
        why: the text that says why it was declined.
        paid: what went back at last.
        paid_on: the day of that where the brand is.
    """

    step: Step
    order: str
    number: str
    name: str
    return_ref: str
    since: datetime
    send_to: str | None = None
    why: str | None = None
    paid: Money | None = None
    paid_on: date | None = None

    @property
    def text(self) -> str | None:
        """The text by its name; None: there is none that says it."""
        if self.step == "declined":
            return self.why
        if self.step == "agreed" and self.send_to is None:
            return None
        return f"return_{self.step}"


async def read(
    look: Look, settings: UpdateSettings, subject: str | None
) -> list[Facts[UpdateValues]]:
    """Return the returns of which something happened lately, at the step that they are at."""
    fresh = look.now - timedelta(hours=settings.fresh_hours)
    if subject is None:
        told = await entities_told_back(look.conn, look.hub.sellers(), fresh)
        asked = await subjects_ordered(look.conn, REQUESTS, fresh)
        keys = dict.fromkeys([*told, *(key_of_order(each) for each in asked)])
        seen = await returns_of(look, list(keys))
    else:
        seen = await read_returns(look, fresh, subject)
    answers = await answers_to(look, seen)
    zone = zone_here(look.hub)
    found = []
    for each in seen:
        values = _values(each, answers.get((each.connection_id, each.return_ref)))
        if values is None or values.since < fresh:
            continue
        if each.paid_at is not None:
            day = each.paid_at.astimezone(zone).date()
            values = msgspec.structs.replace(values, paid_on=day)
        found.append(_facts(each, values))
    return found


def _values(seen: ReturnSeen, answer: Answered | None) -> UpdateValues | None:
    """Return how far a return is, and since when; None: nothing is to be told of it."""
    found: tuple[Step, datetime] | None = None
    if seen.paid_at is not None:
        found = ("refunded", seen.paid_at)
    elif seen.came_at is not None:
        found = ("arrived", seen.came_at)
    elif answer is not None and seen.state is ReturnState.DECLINED:
        found = ("declined", answer.at)
    elif answer is not None and seen.state is ReturnState.OPEN:
        found = ("kept" if answer.kept else "agreed", answer.at)
    if found is None:
        return None
    step, since = found
    content = None if answer is None else answer.content
    return UpdateValues(
        step=step,
        order=seen.order,
        number=seen.number,
        name=seen.name,
        return_ref=seen.return_ref,
        since=since,
        send_to=None if answer is None else answer.send_to,
        why=_WHY.get(content.reason) if isinstance(content, DeclineReturn) else None,
        paid=seen.paid_last,
    )


def _facts(seen: ReturnSeen, values: UpdateValues) -> Facts[UpdateValues]:
    # A return may be paid back in parts; each is told.
    part = f"/{values.since.isoformat()}" if values.step == "refunded" else ""
    return Facts(
        subject=seen.subject,
        episode=f"{values.step}{part}",
        values=values,
        evidence=seen.evidence,
    )


def propose(facts: Facts[UpdateValues], settings: UpdateSettings) -> Proposal | None:
    """Return that the customer is told; None where the step is not, or nothing says it."""
    known, text = facts.values, facts.values.text
    if known.step not in settings.steps or text is None:
        return None
    values: dict[str, str | int] = {"order": known.number}
    days: dict[str, date] = {}
    amounts: dict[str, Money] = {}
    if known.step == "agreed" and known.send_to is not None:
        values["send_to"] = known.send_to
    if known.step == "refunded" and known.paid is not None and known.paid_on is not None:
        amounts["amount"], days["paid_on"] = known.paid, known.paid_on
    return Proposal(
        reason=f"The return {known.name} of order {known.number} is {known.step}, "
        f"since {known.since.isoformat(timespec='minutes')}.",
        actions=(
            Action(
                content=Notice(
                    to=known.order,
                    purpose=Purpose.TRANSACTIONAL,
                    text=text,
                    about=f"{known.order}/return/{known.return_ref}/{facts.episode}",
                    values=values,
                    days=days,
                    amounts=amounts,
                    urgency=Urgency.NORMAL,
                    useful_until=known.since + timedelta(hours=settings.fresh_hours),
                ),
                what=f"tell the customer of {known.number} that {_SAYS[known.step]}",
            ),
        ),
    )


async def play(look: Look, settings: UpdateSettings, since: date, until: date) -> Replay:
    """Count what came and was paid back in those days: of each it would have told.

    What would have been agreed to is not known without the rule that does it.
    """
    first, last = datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC)
    seen = await returns_of(look, await entities_told_back(look.conn, look.hub.sellers(), first))
    came = _within([each.came_at for each in seen], first, last)
    paid = _within([each.paid_at for each in seen], first, last)
    said = came * ("arrived" in settings.steps) + paid * ("refunded" in settings.steps)
    return Replay(
        since=since,
        until=until,
        figures={
            "proposals": float(said),
            "arrived": float(came),
            "refunded": float(paid),
        },
        sentence=(
            f"From {since} to {until} it would have spoken {said} times: {came} returns came, and "
            f"{paid} were paid back."
        ),
    )


def _within(instants: Sequence[datetime | None], first: datetime, last: datetime) -> int:
    return sum(each is not None and first <= each <= last for each in instants)


RULE = Rule(
    name="return_update",
    version=1,
    title="Tells a customer how far their return is: agreed to, arrived, paid back.",
    kinds=frozenset({Notice.command}),
    settings=UpdateSettings,
    read=read,
    propose=propose,
    play=play,
)
