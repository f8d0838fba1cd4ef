"""Return request: what a customer wants to send back is agreed to, declined, or left to a person.

At the shop, where they asked for it; or in a ticket, where it is known which unit they mean. By a
policy of the settings alone, which also says where the goods go, or that they are kept.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.canon.command import ReplyToTicket
from trueup.canon.return_command import ApproveReturn, DeclineReturn, OpenReturn, WantedBack
from trueup.canon.returns import ReturnState
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.model import Action, Effect, Facts, Proposal, Values
from trueup.decisions.returning.policy import PolicySettings, Verdict, Wish, verdict_of
from trueup.decisions.returning.seen import (
    ReturnSeen,
    order_key,
    order_subject,
    read_returns,
    returns_of,
)
from trueup.decisions.returning.wished import (
    Beside,
    has_return,
    only_unit,
    read_beside,
    sum_of,
    wish_of,
    wish_of_ticket,
)
from trueup.decisions.rule import Look, Replay, Rule, Waited
from trueup.decisions.support.asked import Waiting, read_waiting
from trueup.decisions.support.told import note
from trueup.kernel.money import Money
from trueup.models.tickets.matters import Matter
from trueup.records.returned import Key
from trueup.records.sendback import entities_told_back

_ENOUGH: Final = 20
"""From so many returns on their past says how many never come."""

_PAST_DAYS: Final = 90
_AGREED: Final = frozenset((ReturnState.OPEN, ReturnState.CLOSED))
_CENT: Final = Decimal("0.01")
_DECLINED: Final = {
    "late": "The time in which it could be returned is over.",
    "final_sale": "It was sold without a right to return it.",
}


class RequestSettings(PolicySettings, frozen=True, kw_only=True):
    """The policy, and when it is known what came of it.

    Attributes:
        come_days: so many days after it was agreed to it is known whether the goods came.
    """

    come_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30


class RequestValues(Values, frozen=True, kw_only=True):
    """What one customer wants to send back.

    Attributes:
        return_ref: of the return that they asked for; None: they wrote a ticket.
        lines: to be opened for a ticket; none where it is not known which unit they mean.
        waiting: the ticket.
        channel: of the order, by its name.
        chance_back: how many of the returns that were agreed to never came; None: too few.
    """

    connection_id: int
    channel: str
    order_ref: str
    number: str
    wish: Wish
    return_ref: str | None = None
    lines: tuple[WantedBack, ...] = ()
    waiting: Waiting | None = None
    chance_back: Decimal | None = None

    @property
    def named(self) -> str:
        """What it is called to people."""
        by = "" if self.waiting is None else f", asked for in {self.waiting.name}"
        return f"the return of order {self.number}{by}"


async def read(
    look: Look, settings: RequestSettings, subject: str | None
) -> list[Facts[RequestValues]]:
    """Return what customers asked to send back and nobody answered."""
    since = look.now - timedelta(days=settings.look_back_days)
    seen = await read_returns(look, since, subject, [ReturnState.REQUESTED])
    asked = [each for each in seen if each.state is ReturnState.REQUESTED and _may(look, each)]
    tickets = await _tickets(look, settings, subject)
    keys = list(dict.fromkeys([*(_key(each) for each in asked), *(key for key, _ in tickets)]))
    if not keys:
        return []
    beside = await read_beside(look, keys, settings)
    chance = await _chance_back(look, settings) if asked else None
    found = [_facts(_at_shop(each, beside, chance), each.evidence, settings) for each in asked]
    for key, waiting in tickets:
        values = _in_ticket(look, key, waiting, beside)
        if values is not None:
            found.append(_facts(values, waiting.evidence, settings))
    return found


def _may(look: Look, seen: ReturnSeen) -> bool:
    return _can(look, seen.connection_id, ApproveReturn.command)


def _can(look: Look, connection_id: int, command: str) -> bool:
    folder = look.hub.folder_of(connection_id)
    return folder is not None and folder.manifest.action(command) is not None


async def _tickets(
    look: Look, settings: RequestSettings, subject: str | None
) -> list[tuple[Key, Waiting]]:
    """Return the tickets about sending an order back, where it is known which order."""
    if not settings.tickets:
        return []
    numbers = {name: number for number, name in look.hub.names().items()}
    found = []
    for each in await read_waiting(look, settings.look_back_days, None):
        if each.spell.heard.matter is not Matter.RETURN or each.order is None:
            continue
        channel, _, ref = each.order.name.partition("/order/")
        number = numbers.get(channel)
        if number is None or not each.order.sure or not _can(look, number, OpenReturn.command):
            continue
        if subject in {None, order_subject(number, ref)}:
            found.append(((number, f"order/{ref}"), each))
    return found


def _at_shop(seen: ReturnSeen, beside: Beside, chance: Decimal | None) -> RequestValues:
    return RequestValues(
        connection_id=seen.connection_id,
        channel=seen.channel,
        order_ref=seen.order_ref,
        number=seen.number,
        return_ref=seen.return_ref,
        wish=wish_of(seen, beside),
        chance_back=chance,
    )


def _in_ticket(look: Look, key: Key, waiting: Waiting, beside: Beside) -> RequestValues | None:
    """Return what a ticket asks for; None where the order has a return already."""
    told = beside.told.get(key, ())
    if has_return(told) or waiting.order is None:
        return None
    unit, zero = only_unit(told), Money(Decimal(0), waiting.order.total.currency)
    placed_at = waiting.order.placed_at
    is_kit = unit is not None and bool(look.hub.kits.parts_of(unit.sku or "", placed_at))
    return RequestValues(
        connection_id=key[0],
        channel=waiting.order.name.partition("/")[0],
        order_ref=key[1].removeprefix("order/"),
        number=waiting.order.number,
        lines=() if unit is None else (unit.wanted,),
        waiting=waiting,
        wish=wish_of_ticket(waiting, unit, key, beside, zero=zero, is_kit=is_kit),
    )


def _facts(
    values: RequestValues, evidence: Sequence[str], settings: RequestSettings
) -> Facts[RequestValues]:
    waiting = values.waiting
    asked = f"return/{values.return_ref}"
    if waiting is not None:
        asked = f"{waiting.subject}/{waiting.spell.first_ref}"
    # Another answer than was agreed to is another decision.
    answer = _verdict(values, settings).answer
    return Facts(
        subject=order_subject(values.connection_id, values.order_ref),
        episode=f"{asked}/{answer}",
        values=values,
        evidence=tuple(evidence),
    )


def _verdict(known: RequestValues, settings: RequestSettings) -> Verdict:
    if known.waiting is not None and not known.lines:
        return Verdict("person", "it is not said which of its units come back, or none was sent")
    return verdict_of(known.wish, settings)


def propose(facts: Facts[RequestValues], settings: RequestSettings) -> Proposal | None:
    """Return the answer; None where it is a person's, and nobody is told."""
    known = facts.values
    verdict = _verdict(known, settings)
    actions = [*_answer(known, verdict), *_told_team(known, verdict, settings)]
    if not actions:
        return None
    words = {"agree": "can be agreed to", "decline": "is to be declined", "person": "is a person's"}
    agreed = verdict.answer == "agree" and not verdict.kept
    return Proposal(
        reason=f"T{known.named[1:]} {words[verdict.answer]}: {verdict.why}.",
        actions=tuple(actions),
        alternatives=verdict.alternatives,
        effect=_effect(known, settings) if agreed and known.return_ref is not None else None,
    )


def _answer(known: RequestValues, verdict: Verdict) -> list[Action]:
    """Return what is done at the shop; a ticket has nothing there that could be declined."""
    if verdict.answer == "person":
        return []
    place = verdict.place
    send_to = None if place is None else place.told
    goes = (
        "the customer keeps it" if verdict.kept else f"it goes to {send_to or 'nobody said where'}"
    )
    content: OpenReturn | ApproveReturn | DeclineReturn
    if verdict.answer == "decline":
        if known.return_ref is None:
            return []
        content = DeclineReturn(
            order_ref=known.order_ref,
            return_ref=known.return_ref,
            reason=verdict.because or "other",
            note=_DECLINED.get(verdict.because or ""),
        )
        what = f"decline {known.named}"
    elif known.return_ref is not None:
        content = ApproveReturn(
            order_ref=known.order_ref,
            return_ref=known.return_ref,
            send_to=send_to,
            kept=verdict.kept,
        )
        what = f"agree to {known.named}; {goes}"
    else:
        content = OpenReturn(
            order_ref=known.order_ref,
            lines=known.lines,
            send_to=send_to,
            kept=verdict.kept,
            note=None if known.waiting is None else f"Asked for in {known.waiting.name}",
        )
        what = f"open {known.named}; {goes}"
    key = order_key(known.order_ref)
    return [Action(connection_id=known.connection_id, key=key, content=content, what=what)]


def _told_team(known: RequestValues, verdict: Verdict, settings: RequestSettings) -> list[Action]:
    """Return the note in a ticket; else, of what is a person's, the word to the team."""
    said = {
        "agree": f"A return of order {known.number} is opened",
        "decline": f"The return of order {known.number} would be declined by the policy",
        "person": f"Whether order {known.number} may come back is yours to say",
    }[verdict.answer]
    if known.waiting is not None:
        lines = [f"{said}: {verdict.why}."]
        return [note(known.waiting, lines, "put what is known of it into a note to the team")]
    if verdict.answer != "person" or not settings.team:
        return []
    alert = Alert(subject=f"A return of {known.number}", text=f"{said}: {verdict.why}.")
    return [Action(content=alert, what=f"tell the team that {known.named} is theirs")]


def _effect(known: RequestValues, settings: RequestSettings) -> Effect | None:
    if known.chance_back is None:
        return None
    until = known.wish.asked_at.date() + timedelta(days=settings.come_days)
    return Effect(
        measure="chance_never_back",
        says="the chance that the goods never come",
        came=("the goods came", "the goods never came"),
        without=known.chance_back,
        within=known.chance_back,
        measured_at=datetime.combine(until, time(), UTC),
    )


async def _chance_back(look: Look, settings: RequestSettings) -> Decimal | None:
    """Return how many of those that were agreed to long enough ago never came."""
    over = look.now - timedelta(days=settings.come_days)
    seen = await read_returns(look, over - timedelta(days=_PAST_DAYS), states=_AGREED)
    past = [each for each in seen if each.state in _AGREED and each.asked_at <= over]
    if len(past) < _ENOUGH:
        return None
    return (Decimal(sum(each.came_at is None for each in past)) / len(past)).quantize(_CENT)


def _key(seen: ReturnSeen) -> Key:
    return seen.connection_id, f"order/{seen.order_ref}"


async def play(look: Look, settings: RequestSettings, since: date, until: date) -> Replay:
    """Go through what was asked for in those days, and hold it beside what people answered.

    What customers had returned before, and what is said of an order, count as they are known now.
    """
    first = datetime.combine(since, time(), UTC)
    last = datetime.combine(until, time.max, UTC)
    keys = await entities_told_back(look.conn, look.hub.sellers(), first)
    asked = [each for each in await returns_of(look, keys) if first <= each.asked_at <= last]
    beside = await read_beside(look, [_key(each) for each in asked], settings)
    answers = [(each, verdict_of(wish_of(each, beside), settings)) for each in asked]
    agreed = [(seen, verdict) for seen, verdict in answers if verdict.answer == "agree"]
    declined = [seen for seen, verdict in answers if verdict.answer == "decline"]
    kept = [seen for seen, verdict in agreed if verdict.kept]
    other_no = sum(seen.state is ReturnState.DECLINED for seen, _ in agreed)
    other_yes = sum(seen.state in _AGREED for seen in declined)
    people = len(answers) - len(agreed) - len(declined)
    return Replay(
        since=since,
        until=until,
        figures={
            "returns": float(len(answers)),
            "proposals": float(len(agreed) + len(declined)),
            "agreed": float(len(agreed)),
            "declined": float(len(declined)),
            "left_to_people": float(people),
            "kept": float(len(kept)),
            "people_declined": float(other_no),
            "people_agreed": float(other_yes),
        },
        sentence=(
            f"Of {len(answers)} returns that were asked for from {since} to {until} it would have "
            f"agreed to {len(agreed)}, worth {sum_of([seen.goods for seen, _ in agreed])}, let "
            f"{len(kept)} of these be kept, declined {len(declined)}, worth "
            f"{sum_of([seen.goods for seen in declined])}, and left {people} to people. People "
            f"declined {other_no} of those that it agreed to, and agreed to {other_yes} of those "
            f"that it declined."
        ),
    )


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where nothing of an order's returns came, else 0; None: it has none any more."""
    places = [each.subject.split("/", 3) for each in waited]
    keys = [(int(number), f"{kind}/{ref}") for _, number, kind, ref in places]
    came: dict[Key, bool] = {}
    for each in await returns_of(look, list(dict.fromkeys(keys))):
        if each.state in _AGREED:
            came[_key(each)] = came.get(_key(each), False) or each.came_at is not None
    return [Decimal(not came[key]) if key in came else None for key in keys]


RULE = Rule(
    name="return_request",
    version=1,
    title="Agrees to what customers want to send back, declines it, or leaves it to a person.",
    kinds=frozenset(
        {
            OpenReturn.command,
            ApproveReturn.command,
            DeclineReturn.command,
            ReplyToTicket.command,
            Alert.command,
        }
    ),
    settings=RequestSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
