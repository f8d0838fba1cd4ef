"""Returns as a closed loop: which of its six facts each return has, and which it lacks. Pure.

Asked for, received, refunded, restocked, in the books, in the customer's value. Everything is
worked out from all records of the order together, by when things happened, so no order of telling
changes it. What is missing is said with the instant since which it could have been there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from trueup.canon.order import Order
from trueup.canon.returns import ReturnState
from trueup.ledger.cases import CARRIER, Came, Case, Paid, units_of
from trueup.ledger.money import EXACT


class Step(StrEnum):
    """What has to be there before a return is closed."""

    ASKED = "asked_for"
    RECEIVED = "received"
    REFUNDED = "refunded"
    RESTOCKED = "restocked"
    BOOKED = "in_books"  # posted in the money ledger
    VALUED = "in_customer_value"


class FactState(StrEnum):
    """Whether a fact is there."""

    DONE = "done"
    MISSING = "missing"
    NOT_NEEDED = "not_needed"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One of the six facts of a return.

    Attributes:
        at: when it was done.
        since: since when it is missing; `waited_s` is for how long, `late` longer than is allowed.
        units: of `of` that are done, where the fact is about units.
        why: in words, where it is missing in part or not needed.
        evidence: what shows it: records with their events.
    """

    step: Step
    state: FactState
    at: datetime | None = None
    since: datetime | None = None
    waited_s: int | None = None
    late: bool = False
    units: int | None = None
    of: int | None = None
    why: str | None = None
    evidence: tuple[str, ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long each fact may be missing before it counts as late, in days."""

    received: int = 30
    refunded: int = 7
    restocked: int = 3
    posted: int = 1

    def of(self, step: Step) -> timedelta:
        """Return how long a fact may be missing."""
        days = {
            Step.ASKED: 0,
            Step.RECEIVED: self.received,
            Step.REFUNDED: self.refunded,
            Step.RESTOCKED: self.restocked,
        }
        return timedelta(days=days.get(step, self.posted))


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside the records of an order.

    Attributes:
        now: by which it is judged how long something is missing.
        posted: of each record, by number, when its money was posted.
        has_customer: somebody is known as the order's customer.
    """

    now: datetime
    limits: Limits = Limits()
    posted: Mapping[int, datetime] = {}
    has_customer: bool = True


_DEAD: Final = frozenset((ReturnState.CANCELLED, ReturnState.DECLINED))


def facts_of(case: Case, order: Order | None, beside: Beside) -> tuple[Fact, ...]:
    """Return the six facts of a return, in the order of `Step`.

    Args:
        case: what is told of the return, as `cases_of` gathered it.
        order: the return's order; None where nobody has told of it.
        beside: what is known beside.
    """
    told = case.told
    if told is not None and told.state in _DEAD:
        why = f"the return was {told.state.value}"
        return tuple(Fact(step=step, state=FactState.NOT_NEEDED, why=why) for step in Step)
    asked, received = _asked(case, beside), _received(case, beside)
    refunded = _refunded(case, received, beside)
    restocked = _restocked(case, received, beside)
    booked = _booked(case, refunded, beside)
    valued = _valued(case, order, refunded, beside)
    return (asked, received, refunded, restocked, booked, valued)


def _missing(step: Step, since: datetime, beside: Beside, **more: object) -> Fact:
    waited = max(beside.now - since, timedelta(0))
    fact = Fact(
        step=step,
        state=FactState.MISSING,
        since=since,
        waited_s=int(waited.total_seconds()),
        late=waited >= beside.limits.of(step),
    )
    return msgspec.structs.replace(fact, **more)


def _not_needed(step: Step, why: str, evidence: Sequence[str] = ()) -> Fact:
    return Fact(step=step, state=FactState.NOT_NEEDED, why=why, evidence=tuple(evidence))


def _asked(case: Case, beside: Beside) -> Fact:
    if case.told is not None:
        wanted = sum(case.wanted.values())
        return Fact(
            step=Step.ASKED,
            state=FactState.DONE,
            at=case.asked_at,
            units=wanted,
            of=wanted,
            evidence=(case.evidence,),
        )
    came, paid = units_of(case.came), _sum(case.paid)
    undelivered = units_of(each for each in case.came if each.source == CARRIER)
    if not came:
        return _not_needed(Step.ASKED, "nothing has come back")
    if not came - undelivered:
        return _not_needed(Step.ASKED, "the parcel came back undelivered")
    unasked = came - (undelivered | paid)
    if not unasked:
        return _not_needed(Step.ASKED, "it was refunded without having been asked for")
    count = sum(came.values())
    return _missing(
        Step.ASKED,
        min(each.at for each in case.came),
        beside,
        units=count - sum(unasked.values()),
        of=count,
        why="units came back that nobody asked to send",
        evidence=tuple(each.evidence for each in case.came),
    )


def _received(case: Case, beside: Beside) -> Fact:
    need, why = _due(case)
    got, at = _reached(case.came, need)
    evidence = tuple(each.evidence for each in case.came)
    if not need and not got:
        return _not_needed(Step.RECEIVED, why)
    if got >= need:
        of = max(need, got)
        done = FactState.DONE
        return Fact(step=Step.RECEIVED, state=done, at=at, units=got, of=of, evidence=evidence)
    since = case.asked_at or min(each.at for each in case.paid)
    why = f"{got} of {need} units came back" if got else "nothing has come back"
    return _missing(Step.RECEIVED, since, beside, units=got, of=need, why=why, evidence=evidence)


def _due(case: Case) -> tuple[int, str]:
    """Return how many units should come back, and why none where it is none."""
    paid = sum(_sum(case.paid).values())
    if case.told is None:
        return paid, "no units were refunded"
    closed, absent = case.told.state is ReturnState.CLOSED, sum(case.absent.values())
    need = paid if closed else sum(case.wanted.values())
    if absent:
        return max(need - absent, 0), "its units do not come, as the channel says"
    if closed:
        return need, "it was closed, and nothing was refunded or came back"
    return need, "no units were asked for"


def _refunded(case: Case, received: Fact, beside: Beside) -> Fact:
    got = received.units or 0
    need = got or received.of or 0
    evidence = tuple(each.evidence for each in case.paid)
    paid = sum(_sum(case.paid).values())
    waiting = [each for each in case.paid if each.waiting]
    if not case.paid and not need:
        return _not_needed(Step.REFUNDED, "nothing came back")
    if waiting:
        why = "the refund is under way, and nothing of it has succeeded yet"
        since = min(each.at for each in waiting)
        return _missing(Step.REFUNDED, since, beside, why=why, evidence=evidence)
    # A refund of an amount does not say for which units it is: it counts for all of them.
    if paid >= need or any(each.money and not each.units for each in case.paid):
        if not any(each.money for each in case.paid):
            why = f"{paid} units were settled without money: exchanged, or their price was nothing"
            return _not_needed(Step.REFUNDED, why, evidence)
        at = max(each.at for each in case.paid)
        return Fact(
            step=Step.REFUNDED,
            state=FactState.DONE,
            at=at,
            units=paid,
            of=max(paid, need),
            evidence=evidence,
        )
    since = _came_at(case) or received.since or beside.now
    why = f"{paid} of {need} units were refunded" if paid else "nothing was refunded"
    return _missing(Step.REFUNDED, since, beside, units=paid, of=need, why=why, evidence=evidence)


def _came_at(case: Case) -> datetime | None:
    return max((each.at for each in case.came), default=None)


def _restocked(case: Case, received: Fact, beside: Beside) -> Fact:
    got = received.units or 0
    if received.state is FactState.NOT_NEEDED:
        return _not_needed(Step.RESTOCKED, received.why or "")
    placed = [each for each in case.came if each.placed]
    units, at = _reached(placed, got)
    evidence = tuple(each.evidence for each in placed)
    if not got:
        why = "nothing has come back"
        since = received.since or beside.now
        return _missing(Step.RESTOCKED, since, beside, units=0, of=received.of, why=why)
    if units >= got:
        if received.state is FactState.MISSING:
            # What came is put away; the rest can not be before it comes.
            return _missing(
                Step.RESTOCKED,
                received.since or beside.now,
                beside,
                units=units,
                of=received.of,
                why=f"{units} of {received.of} units are put away, the rest has not come",
                evidence=evidence,
            )
        done = FactState.DONE
        return Fact(
            step=Step.RESTOCKED, state=done, at=at, units=units, of=units, evidence=evidence
        )
    return _missing(
        Step.RESTOCKED,
        _came_at(case) or beside.now,
        beside,
        units=units,
        of=got,
        why=f"{units} of {got} units that came back are put away",
        evidence=evidence,
    )


def _booked(case: Case, refunded: Fact, beside: Beside) -> Fact:
    """Whether the money of every refund is posted in the money ledger."""
    moved = [each for each in case.paid if each.money]
    if not moved:
        return _as_refunded(Step.BOOKED, refunded, beside)
    open_ = [each for each in moved if not _posted_at(each, beside)]
    if open_:
        evidence = tuple(each.evidence for each in open_)
        since = min(each.at for each in open_)
        why = "a refund is not posted in the money ledger"
        return _missing(Step.BOOKED, since, beside, why=why, evidence=evidence)
    at = max(filter(None, (_posted_at(each, beside) for each in moved)))
    evidence = tuple(f"{each.evidence}: posted in the money ledger" for each in moved)
    return Fact(step=Step.BOOKED, state=FactState.DONE, at=at, evidence=evidence)


def _posted_at(paid: Paid, beside: Beside) -> datetime | None:
    found = [beside.posted[each] for each in paid.record_ids if each in beside.posted]
    return max(found, default=None)


def _valued(case: Case, order: Order | None, refunded: Fact, beside: Beside) -> Fact:
    """Whether every refund is taken off what its customer is worth: orders less refunds."""
    moved = [each for each in case.paid if each.money]
    if not moved:
        return _as_refunded(Step.VALUED, refunded, beside)
    evidence = tuple(each.evidence for each in moved)
    if order is None:
        why = "nobody has told of the order, so the refund counts for no customer"
        since = min(each.at for each in moved)
        return _missing(Step.VALUED, since, beside, why=why, evidence=evidence)
    if order.cancelled_at is not None:
        return _not_needed(Step.VALUED, "the order was cancelled, and counts for no customer")
    if not beside.has_customer:
        return _not_needed(Step.VALUED, "nobody is known as the order's customer")
    at = max(each.at for each in moved)
    return Fact(step=Step.VALUED, state=FactState.DONE, at=at, evidence=evidence)


def _as_refunded(step: Step, refunded: Fact, beside: Beside) -> Fact:
    if refunded.state is FactState.NOT_NEEDED:
        return _not_needed(step, "no money was paid back")
    since = refunded.since or beside.now
    return _missing(step, since, beside, why="nothing was refunded yet")


def _sum(paid: Sequence[Paid]) -> Counter[str]:
    units: Counter[str] = Counter()
    for each in paid:
        units += each.units
    return units


def _reached(came: Sequence[Came], need: int) -> tuple[int, datetime | None]:
    """Return how many units came, and when as many as were needed had come; else the last."""
    ordered = sorted(came, key=lambda each: (each.at, each.evidence))
    for count in range(1, len(ordered) + 1):
        if sum(units_of(ordered[:count]).values()) >= need > 0:
            return sum(units_of(ordered).values()), ordered[count - 1].at
    return sum(units_of(ordered).values()), ordered[-1].at if ordered else None


def paid_back(case: Case) -> dict[str, Decimal]:
    """Return what was paid back in all, by currency; exact."""
    sums: dict[str, Decimal] = {}
    for each in case.paid:
        if each.money:
            known = sums.get(each.money.currency, Decimal(0))
            sums[each.money.currency] = EXACT.add(known, each.money.amount)
    return sums
