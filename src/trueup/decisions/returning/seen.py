"""Returns as the records tell them: what was asked for, what came and how it is, what was paid.

Which graded units and which refunds are of which return is worked out as `trueup reconcile returns`
does, so that rules and checks never see two returns.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.inspection import Grade, Inspection
from trueup.canon.order import Order, OrderLine
from trueup.canon.payment import Payment
from trueup.canon.record import decode
from trueup.canon.refund import Refund
from trueup.canon.returns import Return, ReturnLine, ReturnState
from trueup.canon.shipment import Shipment
from trueup.decisions.rule import Look
from trueup.kernel.money import Money
from trueup.ledger.cases import Case, Entity, Known, cases_of
from trueup.ledger.kits import Kits
from trueup.own import learn_kits
from trueup.records.returned import Key, entity_of_record, records_of_entities
from trueup.records.sendback import entities_told_back

_KINDS: Final = tuple(kind.kind for kind in (Order, Shipment, Return, Refund, Inspection, Payment))


class LineSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line of an order in a return.

    Attributes:
        asked: units that were to come back, by this return.
        good, quarantine, scrap: of these, as the dock graded them.
        restocked, quarantined: of these, are on the shelf or set aside, as the channel says.
        absent: of these, do not come, as the channel says.
        settled: of these, paid back with this return, or since it was asked for without naming one.
        refunded: of the whole line, in all refunds of the order.
        sold: units of the whole line.
        worth: of the whole line, discounts off and taxes in it.
        is_kit: it stands for units of other SKUs.
    """

    line_ref: str
    sku: str | None
    asked: int
    sold: int
    worth: Money
    reason: str | None = None
    good: int = 0
    quarantine: int = 0
    scrap: int = 0
    restocked: int = 0
    quarantined: int = 0
    absent: int = 0
    settled: int = 0
    refunded: int = 0
    is_kit: bool = False

    @property
    def came(self) -> int:
        """Units that came back, as the dock tells or the channel, whoever knows of more."""
        graded = self.good + self.quarantine + self.scrap
        return max(graded, self.restocked + self.quarantined)

    def worth_of(self, first: int, units: int) -> Money:
        """Return what the units after the first so many are worth; all come to the whole."""
        return self._share(first + units) - self._share(first)

    def _share(self, units: int) -> Money:
        amount = self.worth.amount * units / self.sold if self.sold else Decimal(0)
        return Money(amount, self.worth.currency).rounded()


class ReturnSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One return of one order at the channel that sold it.

    Attributes:
        number: what people call the order; `name` the return.
        total: of the order.
        left: of what the order came to, not paid back yet.
        came_at: when the first unit came, as the dock or the channel tells; None: nothing came.
        graded_at: when units were graded last, at `site`.
        paid: what went back with it in all; `paid_last` of it at last, at `paid_at`.
        waiting: a refund of it is under way, and nothing of it has succeeded.
    """

    record_id: int
    connection_id: int
    channel: str
    order_ref: str
    return_ref: str
    number: str
    name: str
    state: ReturnState
    asked_at: datetime
    placed_at: datetime
    total: Money
    left: Money
    lines: tuple[LineSeen, ...]
    came_at: datetime | None = None
    graded_at: datetime | None = None
    site: str | None = None
    paid: Money | None = None
    paid_last: Money | None = None
    paid_at: datetime | None = None
    waiting: bool = False
    cancelled: bool = False

    @property
    def subject(self) -> str:
        """What a decision about it is about."""
        return f"return/{self.record_id}"

    @property
    def order(self) -> str:
        """The order, as a notice names whom it is to, and as decisions about it are called."""
        return order_subject(self.connection_id, self.order_ref)

    @property
    def key(self) -> str:
        """What is done to the order is done in turn."""
        return order_key(self.order_ref)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What it was read from."""
        return (
            f"{self.channel}/return/{self.return_ref}",
            f"{self.channel}/order/{self.order_ref}",
        )

    @property
    def goods(self) -> Money:
        """What the units that were asked for are worth."""
        parts = [line.worth_of(line.sold - line.asked, line.asked) for line in self.lines]
        return sum(parts, Money(Decimal(0), self.total.currency))


def order_subject(connection_id: int, order_ref: str) -> str:
    """Return how an order is called as a subject, and whom a notice about it is to."""
    return f"connection/{connection_id}/order/{order_ref}"


def order_key(order_ref: str) -> str:
    """Return under which key things are done to an order in turn."""
    return f"order/{order_ref}"


async def read_returns(
    look: Look,
    since: datetime,
    subject: str | None = None,
    states: Collection[ReturnState] | None = None,
) -> list[ReturnSeen]:
    """Return the returns of orders of which something was told as coming or paid back.

    Args:
        look: what is read with.
        since: when something was told of it.
        subject: "return/77", or that of an order: only these, whenever they were told.
        states: only of orders with a return in one of these; None: all.
    """
    if subject is None:
        keys = await entities_told_back(look.conn, look.hub.sellers(), since, states)
    else:
        keys = await _key_of(look, subject)
    found = await returns_of(look, keys)
    if subject is None or not subject.startswith("return/"):
        return found
    return [each for each in found if each.subject == subject]


async def _key_of(look: Look, subject: str) -> list[Key]:
    if subject.startswith("return/"):
        number = subject.removeprefix("return/")
        key = await entity_of_record(look.conn, int(number)) if number.isdecimal() else None
    else:
        key = key_of_order(subject)
    return [key] if key is not None and key[0] in look.hub.sellers() else []


def key_of_order(subject: str) -> Key:
    """Return by which key the records of an order are read, from what it is called as a subject."""
    _, connection_id, kind, ref = subject.split("/", 3)
    return int(connection_id), f"{kind}/{ref}"


async def returns_of(look: Look, keys: Sequence[Key]) -> list[ReturnSeen]:
    """Return the returns of some orders, the oldest of each first."""
    if not keys:
        return []
    await learn_kits(look.conn, look.hub)
    known: dict[Key, list[Known]] = defaultdict(list)
    for row in await records_of_entities(look.conn, keys, _KINDS):
        record = decode(row["kind"], row["body"])
        key = (row["connection_id"], row["entity"])
        known[key].append(Known(record, row["record_id"], row["event_id"]))
    names = look.hub.names()
    return [
        seen
        for key, told in known.items()
        for seen in seen_of(
            Entity(known=tuple(told)), key[0], names.get(key[0], "removed"), look.hub.kits
        )
    ]


def seen_of(entity: Entity, connection_id: int, channel: str, kits: Kits) -> Iterable[ReturnSeen]:
    """Return the returns of one order; none where nobody has told of the order. Pure."""
    order = entity.order
    if order is None:
        return []
    refunds = [k.record for k in entity.known if isinstance(k.record, Refund)]
    graded = [k.record for k in entity.known if isinstance(k.record, Inspection)]
    cases = [case for case in cases_of(entity, kits) if case.told is not None]
    return [_seen(case, order, (refunds, graded), (connection_id, channel), kits) for case in cases]


def _seen(
    case: Case,
    order: Order,
    beside: tuple[Sequence[Refund], Sequence[Inspection]],
    whose: tuple[int, str],
    kits: Kits,
) -> ReturnSeen:
    told, (refunds, graded) = msgspec.convert(case.told, Return), beside
    own = [each for each in refunds if each.return_ref == told.ref]
    currency = order.currency
    dock = [each for each in case.came if each.grades]
    back = _sum((_money(each) for each in refunds), currency)
    paid = _sum((_money(each) for each in own), currency)
    paid_at = max((_paid_at(each) for each in own if _money(each)), default=None)
    last = _sum((_money(each) for each in own if _paid_at(each) == paid_at), currency)
    graded_at = max((each.at for each in dock), default=None)
    total = (order.totals.current_total or order.totals.total).booked
    return ReturnSeen(
        record_id=case.record_id,
        connection_id=whose[0],
        channel=whose[1],
        order_ref=order.ref,
        return_ref=told.ref,
        number=order.number,
        name=told.name or told.ref,
        state=told.state,
        asked_at=told.created_at or told.updated_at,
        placed_at=order.placed_at,
        total=total,
        left=order.totals.total.booked - back,
        lines=tuple(_lines(case, told, order, refunds, kits)),
        came_at=min((each.at for each in case.came), default=None),
        graded_at=graded_at,
        site=next((each.site for each in graded if each.occurred_at == graded_at), None),
        paid=paid or None,
        paid_last=last or None,
        paid_at=paid_at,
        waiting=any(each.waiting for each in case.paid),
        cancelled=order.cancelled_at is not None,
    )


def _lines(
    case: Case, told: Return, order: Order, refunds: Sequence[Refund], kits: Kits
) -> Iterable[LineSeen]:
    sold = {line.ref: line for line in order.lines}
    asked: dict[str, list[ReturnLine]] = defaultdict(list)
    for part in told.lines:
        asked[part.line_ref or ""].append(part)
    graded: Counter[tuple[str, Grade]] = Counter()
    for came in case.came:
        graded.update(came.grades)
    since = told.created_at or told.updated_at
    for ref, parts in asked.items():
        line = sold.get(ref)
        if line is None:
            continue
        units = sum(part.quantity for part in parts)
        parts_of = kits.parts_of(line.sku or "", order.placed_at)
        yield LineSeen(
            line_ref=ref,
            sku=line.sku,
            asked=units,
            sold=line.quantity,
            worth=worth_of(line, order),
            reason=parts[0].reason,
            restocked=sum(part.restocked for part in parts),
            quarantined=sum(part.quarantined for part in parts),
            absent=sum(part.absent for part in parts),
            settled=_units(ref, [each for each in refunds if _is_of(each, told, since)]),
            refunded=_units(ref, refunds),
            is_kit=bool(parts_of),
            **_take(graded, line.sku or "", units),
        )


def _take(graded: Counter[tuple[str, Grade]], sku: str, units: int) -> dict[str, int]:
    """Take up to so many units of a SKU; returns how many of each grade, the good first."""
    found = {}
    for grade in Grade:
        count = min(units, graded[sku, grade])
        graded[sku, grade] -= count
        units -= count
        found[grade.name.lower()] = count
    return found


def _is_of(refund: Refund, told: Return, since: datetime) -> bool:
    """Whether a refund may have paid for this return: it names it, or none and came after it."""
    if refund.return_ref is not None:
        return refund.return_ref == told.ref
    return _paid_at(refund) >= since


def _paid_at(refund: Refund) -> datetime:
    return refund.created_at or refund.updated_at


def _units(line_ref: str, refunds: Iterable[Refund]) -> int:
    lines = (line for each in refunds for line in each.lines)
    return sum(line.quantity for line in lines if line.line_ref == line_ref)


def worth_of(line: OrderLine, order: Order) -> Money:
    """Return what a line was sold for: discounts off, taxes in it. Exact."""
    worth = Money(line.price.booked.amount * line.quantity, order.currency)
    if line.discount is not None:
        worth -= line.discount.booked
    for tax in () if order.taxes_included else line.taxes:
        worth += tax.price.booked
    return worth


def _money(refund: Refund) -> Money | None:
    return None if refund.refunded is None else refund.refunded.booked


def _sum(parts: Iterable[Money | None], currency: str) -> Money:
    known = (each for each in parts if each is not None and each.currency == currency)
    return sum(known, Money(Decimal(0), currency))
