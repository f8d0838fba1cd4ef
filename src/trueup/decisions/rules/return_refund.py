"""Return refund: what came back and was graded is paid back, and each unit is placed by its grade.

Less where units are missing; nothing twice, also where a person of the shop pays meanwhile: the
shop's own refunds are looked at before anything is sent. What its customer keeps is paid back
without coming.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Annotated, Final

import msgspec

from trueup.canon.return_command import LINES_MAX, RefundReturn, Settled
from trueup.canon.returns import ReturnState
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, Values
from trueup.decisions.returning.agreed import answers_to
from trueup.decisions.returning.seen import LineSeen, ReturnSeen, read_returns, returns_of
from trueup.decisions.returning.wished import sum_of
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.kernel.money import Money
from trueup.records.returned import entity_of_record
from trueup.records.sendback import entities_told_back

_ENOUGH: Final = 20
_PAST_DAYS: Final = 90
_DAY_S: Final = 86_400
_CENT: Final = Decimal("0.01")
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class RefundSettings(Settings, frozen=True, kw_only=True):
    """What is paid back, and what becomes of units.

    Attributes:
        good_percent, quarantine_percent, scrap_percent: of the worth of a unit of that grade;
            a return with a unit of which nothing is paid back is a person's.
        part_days: where units are missing, so long it is waited for them after the last came.
        restock: units are put back on sale at the channel, and set aside there, by their grade;
            else the channel is told that they are not put back, and the hub's own stock says it.
        look_back_days: older returns are not looked at.
        outcome_days: after so many days it is known how long it took.
    """

    good_percent: Percent = 100
    quarantine_percent: Percent = 100
    scrap_percent: Percent = 100
    part_days: Annotated[int, msgspec.Meta(ge=0, le=60)] = 3
    restock: bool = True
    look_back_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 120
    outcome_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 7


class RefundValues(Values, frozen=True, kw_only=True):
    """One return of which something is to be paid back.

    Attributes:
        kept: its customer keeps the goods, as was agreed.
        location_ref: the channel's name of the place where units were graded; None: it has none.
        usual_days: how long it took from the goods to the money, half of the time; None: too few.
    """

    seen: ReturnSeen
    kept: bool = False
    location_ref: str | None = None
    usual_days: Decimal | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line that are paid back now, by what becomes of them."""

    line: LineSeen
    good: int = 0
    quarantine: int = 0
    scrap: int = 0
    unknown: int = 0  # came by the channel's word, which has placed them
    absent: int = 0

    @property
    def units(self) -> int:
        """All of them."""
        return self.good + self.quarantine + self.scrap + self.unknown + self.absent


async def read(
    look: Look, settings: RefundSettings, subject: str | None
) -> list[Facts[RefundValues]]:
    """Return the returns of which something came, or is kept, and is not paid back."""
    since = look.now - timedelta(days=settings.look_back_days)
    seen = await read_returns(look, since, subject, [ReturnState.OPEN])
    able = [each for each in seen if each.state is ReturnState.OPEN and _may(look, each)]
    answers = await answers_to(look, able)
    found = []
    for each in able:
        answer = answers.get((each.connection_id, each.return_ref))
        kept = answer is not None and answer.kept
        if not each.cancelled and not each.waiting and parts_of(each, kept=kept):
            found.append((each, kept))
    usual = await _usual_days(look) if found else None
    return [_facts(look, each, usual, kept=kept) for each, kept in found]


def _may(look: Look, seen: ReturnSeen) -> bool:
    folder = look.hub.folder_of(seen.connection_id)
    return folder is not None and folder.manifest.action(RefundReturn.command) is not None


def _facts(
    look: Look, seen: ReturnSeen, usual: Decimal | None, *, kept: bool
) -> Facts[RefundValues]:
    came = sum(line.came for line in seen.lines)
    settled = sum(line.settled for line in seen.lines)
    return Facts(
        subject=seen.subject,
        # What comes later is another time, and so is what somebody else paid.
        episode=f"{'kept' if kept else came}/{settled}",
        values=RefundValues(
            seen=seen,
            kept=kept,
            location_ref=_location(look, seen),
            usual_days=usual,
        ),
        evidence=seen.evidence,
    )


def _location(look: Look, seen: ReturnSeen) -> str | None:
    """Return which of the channel's places is the site of the dock; its stock's own first."""
    if seen.site is None:
        return None
    hub, number = look.hub, seen.connection_id
    written = hub.stock_location(number)
    mapped = [ref for ref, site in hub.mapped_sites(number).items() if site == seen.site]
    if written and hub.site_of(number)(written) == seen.site:
        return written
    return min(mapped, default=None)


def parts_of(seen: ReturnSeen, *, kept: bool) -> list[Part]:
    """Return the units of each line that came, or are kept, and are not paid back. Pure."""
    found = []
    for line in seen.lines:
        due = (line.asked if kept else min(line.came, line.asked)) - line.settled
        if due <= 0 or line.is_kit:
            continue
        if kept:
            came = min(line.came, due)
            found.append(Part(line=line, unknown=came, absent=due - came))
            continue
        good = min(due, max(0, line.good - line.restocked))
        quarantine = min(due - good, max(0, line.quarantine - line.quarantined))
        scrap = min(due - good - quarantine, line.scrap)
        rest = due - good - quarantine - scrap
        found.append(Part(line=line, good=good, quarantine=quarantine, scrap=scrap, unknown=rest))
    return found[:LINES_MAX]


def amount_of(seen: ReturnSeen, parts: Sequence[Part], settings: RefundSettings) -> Money:
    """Return what is paid back for units: their worth by grade, at most what is left."""
    amount = Money(Decimal(0), seen.total.currency)
    for part in parts:
        first = part.line.refunded
        for units, percent in _graded(part, settings):
            worth = part.line.worth_of(first, units)
            amount += Money(worth.amount * percent / 100, worth.currency).rounded()
            first += units
    return amount if amount.amount <= seen.left.amount else seen.left


def _graded(part: Part, settings: RefundSettings) -> list[tuple[int, int]]:
    """Return (units, percent) of a part, grade by grade."""
    return [
        (part.good + part.unknown + part.absent, settings.good_percent),
        (part.quarantine, settings.quarantine_percent),
        (part.scrap, settings.scrap_percent),
    ]


def propose(facts: Facts[RefundValues], settings: RefundSettings) -> Proposal | None:
    """Return the refund of what came; None where nothing is due, or it is a person's."""
    known, seen = facts.values, facts.values.seen
    parts = parts_of(seen, kept=known.kept)
    amount = amount_of(seen, parts, settings)
    unpaid = any(units and not percent for p in parts for units, percent in _graded(p, settings))
    if not parts or unpaid or amount.amount <= 0 or any(line.is_kit for line in seen.lines):
        return None
    units = sum(part.units for part in parts)
    missing = sum(line.asked - line.settled for line in seen.lines) - units
    what = f"pay {amount} back for {units} units of the return {seen.name}"
    return Proposal(
        reason=f"{_came(known, parts, missing)}, and {amount} of it is not paid back.",
        actions=(
            Action(
                connection_id=seen.connection_id,
                key=seen.key,
                content=RefundReturn(
                    order_ref=seen.order_ref,
                    return_ref=seen.return_ref,
                    amount=amount,
                    lines=tuple(_settled(part, known, settings) for part in parts),
                ),
                what=f"{what}; {_placed(parts, known, settings)}",
                amount=amount,
                commits=True,
            ),
        ),
        effect=_effect(known, settings),
        alternatives=_alternatives(missing),
        due_at=_due_at(seen, missing, settings),
    )


def _came(known: RefundValues, parts: Sequence[Part], missing: int) -> str:
    units, name = sum(part.units for part in parts), known.seen.name
    if known.kept:
        return f"The customer keeps {units} units of the return {name}"
    graded = {
        "sellable": sum(part.good for part in parts),
        "to be looked at": sum(part.quarantine for part in parts),
        "to be thrown away": sum(part.scrap for part in parts),
        "placed by the shop": sum(part.unknown for part in parts),
    }
    told = ", ".join(f"{count} {word}" for word, count in graded.items() if count)
    of = f" of {units + missing}" if missing else ""
    return f"{units}{of} units of the return {name} came back ({told})"


def _settled(part: Part, known: RefundValues, settings: RefundSettings) -> Settled:
    places = settings.restock and known.location_ref is not None
    return Settled(
        line_ref=part.line.line_ref,
        quantity=part.units,
        refunded=part.line.refunded,
        restocked=part.good if places else 0,
        quarantined=part.quarantine if places else 0,
        absent=part.absent,
        location_ref=known.location_ref if places else None,
    )


def _placed(parts: Sequence[Part], known: RefundValues, settings: RefundSettings) -> str:
    if known.kept:
        return "they are kept"
    good = sum(part.good for part in parts)
    if not settings.restock or known.location_ref is None:
        return "none is put back on sale at the channel"
    return f"{good} are put back on sale at the channel's location {known.location_ref}"


def _alternatives(missing: int) -> tuple[Alternative, ...]:
    found = [Alternative(what="wait", why_not="the customer would wait for money that is theirs")]
    if missing:
        all_of_it = Alternative(what="pay all of it back", why_not=f"{missing} units did not come")
        found.append(all_of_it)
    return tuple(found)


def _due_at(seen: ReturnSeen, missing: int, settings: RefundSettings) -> datetime | None:
    if not missing or seen.graded_at is None:
        return None
    return seen.graded_at + timedelta(days=settings.part_days)


def _effect(known: RefundValues, settings: RefundSettings) -> Effect | None:
    """Return how long the customer waits: as long as usual, or as long as until now."""
    seen = known.seen
    if known.usual_days is None or seen.came_at is None or seen.graded_at is None:
        return None
    within = _days(seen.graded_at - seen.came_at)
    until = seen.graded_at.date() + timedelta(days=settings.outcome_days)
    return Effect(
        measure="days_to_refund",
        says="days from the goods to the money",
        came=("it was paid back on the day it came", "it took longer than that"),
        without=max(known.usual_days, within),
        within=within,
        measured_at=datetime.combine(until, time(), UTC),
    )


async def _usual_days(look: Look) -> Decimal | None:
    since = look.now - timedelta(days=_PAST_DAYS)
    seen = await read_returns(look, since, states=[ReturnState.CLOSED])
    return _median_of(seen)


def _median_of(seen: Sequence[ReturnSeen]) -> Decimal | None:
    waits = [wait for each in seen if (wait := _took(each)) is not None]
    return None if len(waits) < _ENOUGH else median(waits).quantize(_CENT)


def _took(seen: ReturnSeen) -> Decimal | None:
    """Return how many days it took from the goods to the money, none where it was paid before."""
    if seen.paid_at is None or seen.came_at is None:
        return None
    return _days(max(timedelta(0), seen.paid_at - seen.came_at))


def _days(span: timedelta) -> Decimal:
    return (Decimal(int(span.total_seconds())) / _DAY_S).quantize(_CENT)


async def play(look: Look, settings: RefundSettings, since: date, until: date) -> Replay:
    """Go through what was graded in those days: what it would have paid, beside what was paid."""
    first, last = datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC)
    keys = await entities_told_back(look.conn, look.hub.sellers(), first)
    came = [
        each
        for each in await returns_of(look, keys)
        if each.graded_at is not None and first <= each.graded_at <= last
    ]
    would = [(each, _before(each)) for each in came]
    parts = [(seen, parts_of(seen, kept=False)) for _, seen in would]
    amounts = [amount_of(seen, each, settings) for seen, each in parts if each]
    paid = [each.paid for each in came if each.paid is not None]
    unpaid = sum(each.paid is None for each in came)
    waits = [wait for each in came if (wait := _took(each)) is not None]
    took = f"{median(waits)} days" if waits else "an unknown time"
    return Replay(
        since=since,
        until=until,
        figures={
            "returns": float(len(came)),
            "proposals": float(len(amounts)),
            "paid": float(len(paid)),
            "unpaid": float(unpaid),
            "days_to_refund_p50": float(median(waits)) if waits else 0.0,
        },
        sentence=(
            f"Of {len(came)} returns that were graded from {since} to {until} it would have paid "
            f"{len(amounts)} back, {sum_of(amounts)} in all. People paid {len(paid)} of them back, "
            f"{sum_of(paid)}, half within {took} of the goods; {unpaid} are not paid back."
        ),
    )


def _before(seen: ReturnSeen) -> ReturnSeen:
    """Return a return as it was before anything of it was paid back or placed."""
    lines = tuple(
        msgspec.structs.replace(
            line, refunded=line.refunded - line.settled, settled=0, restocked=0, quarantined=0
        )
        for line in seen.lines
    )
    left = seen.left if seen.paid is None else seen.left + seen.paid
    return msgspec.structs.replace(seen, lines=lines, left=left)


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return how many days it took from the goods to the money; None: it is not known."""
    keys = [
        await entity_of_record(look.conn, int(each.subject.removeprefix("return/")))
        for each in waited
    ]
    known = list(dict.fromkeys(key for key in keys if key is not None))
    took = {each.subject: _took(each) for each in await returns_of(look, known)}
    return [took.get(each.subject) for each in waited]


RULE = Rule(
    name="return_refund",
    version=1,
    title="Pays back what came of a return, and says of each unit what becomes of it.",
    kinds=frozenset({RefundReturn.command}),
    settings=RefundSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
