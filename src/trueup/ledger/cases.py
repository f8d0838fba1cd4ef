"""What is told of each return of an order: units asked for, units that came, refunds. Pure.

Only refunds name their return, and not always. Units that were graded, and refunds that name none,
go to the returns that ask for such units, the oldest first; what no return asks for stands by
itself. So an order has a case for each of its returns, and at most one more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from trueup.canon.inspection import Grade, Inspection
from trueup.canon.order import Order
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.payment import Payment
from trueup.canon.payout import BalanceEntry, EntryKind
from trueup.canon.record import Record
from trueup.canon.refund import Refund, Restock
from trueup.canon.returns import Return, ReturnState
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.kernel.money import Money
from trueup.ledger.kits import NO_KITS, Kits

DOCK: Final = "dock"
CARRIER: Final = "carrier"
RETURN: Final = "return"
REFUND: Final = "refund"

Units = Counter[str]
"""Whole units by SKU; kits by their parts."""

_ANY: Final = ""
"""The code of all units where the order, and so what its lines are, is not known."""


class Known(NamedTuple):
    """A record as it stands now, with its number and the event of its current version."""

    record: Record
    record_id: int
    event_id: int

    @property
    def evidence(self) -> str:
        """What it is called where it shows something."""
        return f"{self.record.kind} {self.record.ref}: event/{self.event_id}"


class Came(NamedTuple):
    """Units that came back, as one record tells of them.

    Attributes:
        source: who tells; several tell of the same units, so the one that knows of most counts.
        placed: it also says what became of them.
        grades: of units that the dock graded, as how many of each SKU and grade.
    """

    at: datetime
    units: Units
    source: str
    placed: bool
    evidence: str
    grades: Mapping[tuple[str, Grade], int] = {}


class Paid(NamedTuple):
    """A refund: of units that had left, and of money.

    Attributes:
        waiting: no transaction of it has succeeded yet.
        record_ids: any of which may be posted in the money ledger: itself, its transactions.
    """

    at: datetime
    units: Units
    money: Money | None
    waiting: bool
    record_ids: tuple[int, ...]
    evidence: str


class Case(msgspec.Struct, kw_only=True):
    """What is told of one return, or of what no return of the order asks for (`told` is None).

    `absent` of what is wanted does not come, as the channel says.
    """

    record_id: int
    told: Return | None = None
    evidence: str = ""
    wanted: Units = msgspec.field(default_factory=Counter)
    absent: Units = msgspec.field(default_factory=Counter)
    came: list[Came] = msgspec.field(default_factory=list)
    paid: list[Paid] = msgspec.field(default_factory=list)

    @property
    def asked_at(self) -> datetime | None:
        """When it was asked for."""
        return None if self.told is None else self.told.created_at or self.told.updated_at


class Entity(NamedTuple):
    """Everything that is known of one order's returns.

    Attributes:
        known: current records of the order's entity that are not deleted, in any order.
        returned: parcels that are back at the sender, each with the ref of its shipment.
    """

    known: tuple[Known, ...]
    returned: tuple[tuple[str, Known], ...] = ()

    @property
    def order(self) -> Order | None:
        """The order; None where nobody has told of it."""
        return next((k.record for k in self.known if isinstance(k.record, Order)), None)


def cases_of(entity: Entity, kits: Kits = NO_KITS) -> list[Case]:
    """Return the returns of an order, oldest first, and last what none of them asks for.

    An order that tries a shop out has none, nor has what was taken off an order before it left.

    Args:
        entity: what is known of the order.
        kits: what codes that are sold stand for.
    """
    if entity.order is not None and entity.order.test:
        return []
    goods = _Goods(entity, kits)
    returns = [each for each in entity.known if isinstance(each.record, Return)]
    cases = [_case_of(each, goods) for each in sorted(returns, key=_when)]
    rest = Case(record_id=0)
    _add_refunds(entity, goods, cases, rest)
    _add_parcels(entity, goods, rest)
    _add_inspections(entity, goods, cases, rest)
    if rest.came or rest.paid:
        rest.record_id = _number_of(entity, rest)
        cases.append(rest)
    return cases


def units_of(came: Iterable[Came]) -> Units:
    """Return how many units came back: of each code as many as the source that knows of most."""
    by_source: dict[str, Units] = {}
    for each in came:
        by_source.setdefault(each.source, Counter()).update(each.units)
    units: Units = Counter()
    for told in by_source.values():
        units |= told
    return units


class _Goods:
    """What the lines of an order are, and how much of each has left."""

    def __init__(self, entity: Entity, kits: Kits) -> None:
        order = entity.order
        self._kits = kits
        self._placed_at = None if order is None else order.placed_at
        self.order = order
        self._sku_of = {} if order is None else {line.ref: line.sku for line in order.lines}
        self.shipments = {
            each.record.ref: each.record
            for each in entity.known
            if isinstance(each.record, Shipment) and each.record.state is ShipmentState.SHIPPED
        }
        self.left: Counter[str] = Counter()
        for shipment in self.shipments.values():
            for line in shipment.lines:
                self.left[line.line_ref] += line.quantity

    def of_line(self, line_ref: str | None, quantity: int) -> Units:
        """Return the units of a line of the order."""
        if self.order is None or line_ref is None:
            return Counter({_ANY: quantity}) if quantity > 0 else Counter()
        sku = self._sku_of.get(line_ref)
        return self.of_sku(sku or f"line {line_ref}", quantity)

    def of_sku(self, sku: str, quantity: int) -> Units:
        """Return units of a code, a kit as its parts."""
        if self.order is None:
            return Counter({_ANY: quantity}) if quantity > 0 else Counter()
        parts = self._kits.parts_of(sku, self._placed_at) or {sku: 1}
        return +Counter({part: each * quantity for part, each in parts.items()})


def _when(known: Known) -> tuple[datetime, str]:
    record = known.record
    created_at = getattr(record, "created_at", None) or getattr(record, "occurred_at", None)
    return created_at or record.updated_at, record.ref


def _case_of(known: Known, goods: _Goods) -> Case:
    told = msgspec.convert(known.record, Return)
    case = Case(record_id=known.record_id, told=told, evidence=known.evidence)
    came: Units = Counter()
    for line in told.lines:
        case.wanted += goods.of_line(line.line_ref, line.quantity)
        came += goods.of_line(line.line_ref, line.restocked + line.quarantined)
        case.absent += goods.of_line(line.line_ref, line.absent)
    if came:
        at = told.closed_at or told.updated_at
        case.came.append(Came(at, came, RETURN, placed=True, evidence=known.evidence))
    return case


def _alive(cases: Iterable[Case]) -> list[Case]:
    dead = (ReturnState.CANCELLED, ReturnState.DECLINED)
    return [each for each in cases if each.told is not None and each.told.state not in dead]


def _add_refunds(entity: Entity, goods: _Goods, cases: list[Case], rest: Case) -> None:
    alive = _alive(cases)
    by_ref = {each.told.ref: each for each in alive if each.told is not None}
    left = Counter(goods.left)
    refunds = [each for each in entity.known if isinstance(each.record, Refund)]
    for known in sorted(refunds, key=_when):
        refund = msgspec.convert(known.record, Refund)
        named = by_ref.get(refund.return_ref or "")
        case = named or _asking(alive, _back(refund, goods, None))
        units = _back(refund, goods, None if case else left)
        if case is None and not _comes_after_leaving(refund, units, goods):
            continue
        target = case or rest
        target.paid.append(_paid(entity, known, refund, units))
        put_back = _put_back(refund, goods)
        if put_back:
            at = refund.created_at or refund.updated_at
            came = Came(at, put_back, REFUND, placed=True, evidence=known.evidence)
            target.came.append(came)
    if not refunds:
        _add_entries(entity, goods, alive, rest)


def _back(refund: Refund, goods: _Goods, left: Counter[str] | None) -> Units:
    """Return the units of a refund that had left: of those not put back what `left` says."""
    units: Units = Counter()
    for line in refund.lines:
        if line.restock is Restock.CANCEL:
            continue
        count = line.quantity
        if left is not None and goods.order is not None and line.restock is not Restock.RETURN:
            count = min(count, left[line.line_ref])
            left[line.line_ref] -= count
        units += goods.of_line(line.line_ref, count)
    return units


def _comes_after_leaving(refund: Refund, units: Units, goods: _Goods) -> bool:
    """Whether a refund that no return asks for is about a return at all.

    What was cancelled before it left is none; a bare amount is, once something had left.
    """
    return bool(units) or (not refund.lines and (bool(goods.left) or goods.order is None))


def _put_back(refund: Refund, goods: _Goods) -> Units:
    units: Units = Counter()
    for line in refund.lines:
        if line.restock is Restock.RETURN:
            units += goods.of_line(line.line_ref, line.quantity)
    return units


def _paid(entity: Entity, known: Known, refund: Refund, units: Units) -> Paid:
    money = None if refund.refunded is None else refund.refunded.booked
    payments = (
        each.record_id
        for each in entity.known
        if isinstance(each.record, Payment) and each.record.ref in refund.transaction_refs
    )
    return Paid(
        at=refund.created_at or refund.updated_at,
        units=units,
        money=money or None,
        waiting=refund.refunded is None and bool(refund.transaction_refs),
        record_ids=(known.record_id, *payments),
        evidence=known.evidence,
    )


def _add_entries(entity: Entity, goods: _Goods, alive: list[Case], rest: Case) -> None:
    """Take refunds from a marketplace's own account, where it tells of them in no other way."""
    counted: set[tuple[str | None, str | None]] = set()
    for known in sorted(entity.known, key=_when):
        entry = known.record
        if not isinstance(entry, BalanceEntry) or entry.entry is not EntryKind.REFUND:
            continue
        # Price, tax and shipping of the same units are lines of their own, with the same number.
        key = (entry.payment_ref, entry.sku)
        quantity = 0 if key in counted else entry.quantity or 0
        units = goods.of_sku(entry.sku or "", quantity)
        counted |= {key} if units else set()
        paid = Paid(
            at=entry.occurred_at,
            units=units,
            money=-entry.gross or None,
            waiting=False,
            record_ids=(known.record_id,),
            evidence=known.evidence,
        )
        case = _asking(alive, units) or (alive[0] if alive and not units else rest)
        case.paid.append(paid)


def _asking(alive: Sequence[Case], units: Units) -> Case | None:
    """Return the oldest return that asks for some of these units and is not paid for them yet."""
    for case in alive:
        paid: Units = Counter()
        for each in case.paid:
            paid += each.units
        if units & (case.wanted - paid):
            return case
    return None


def _add_parcels(entity: Entity, goods: _Goods, rest: Case) -> None:
    """A parcel that could not be delivered brings back what its shipment took along."""
    for shipment_ref, known in sorted(entity.returned, key=lambda each: each[0]):
        shipment = goods.shipments.get(shipment_ref)
        units: Units = Counter()
        for line in () if shipment is None else shipment.lines:
            units += goods.of_line(line.line_ref, line.quantity)
        if units:
            at = _returned_at(known)
            rest.came.append(Came(at, units, CARRIER, placed=False, evidence=known.evidence))


def _returned_at(known: Known) -> datetime:
    parcel = msgspec.convert(known.record, Parcel)
    scans = [s.occurred_at for s in parcel.scans if s.status is ParcelStatus.RETURNED]
    return min(scans, default=parcel.updated_at)


def _add_inspections(entity: Entity, goods: _Goods, cases: list[Case], rest: Case) -> None:
    alive = _alive(cases)
    open_units: Mapping[int, Units] = {each.record_id: Counter(each.wanted) for each in alive}
    graded = [each for each in entity.known if isinstance(each.record, Inspection)]
    for known in sorted(graded, key=_when):
        inspection = msgspec.convert(known.record, Inspection)
        units: Counter[tuple[str, Grade]] = Counter()
        for line in inspection.lines:
            for sku, count in goods.of_sku(line.sku, line.quantity).items():
                units[sku, line.grade] += count
        grades = ", ".join(sorted({line.grade.value for line in inspection.lines}))
        for case in (*alive, rest):
            taken = units if case is rest else _wanted_of(units, open_units[case.record_id])
            if not taken:
                continue
            units = units - taken
            came = _by_sku(taken)
            if case is not rest:
                open_units[case.record_id].subtract(came)
            shown = f"{known.evidence} ({grades})"
            at = inspection.occurred_at
            case.came.append(Came(at, came, DOCK, placed=True, evidence=shown, grades=dict(taken)))


def _wanted_of(
    units: Counter[tuple[str, Grade]], wanted: Mapping[str, int]
) -> Counter[tuple[str, Grade]]:
    """Return those of some graded units that are asked for, the sellable ones first."""
    left, taken = Counter(wanted), Counter[tuple[str, Grade]]()
    for grade in Grade:
        for sku, _ in [each for each in units if each[1] is grade]:
            count = min(units[sku, grade], max(left[sku], 0))
            taken[sku, grade] += count
            left[sku] -= count
    return +taken


def _by_sku(graded: Mapping[tuple[str, Grade], int]) -> Units:
    units: Units = Counter()
    for (sku, _), count in graded.items():
        units[sku] += count
    return units


def _number_of(entity: Entity, rest: Case) -> int:
    """Return the number of the first record that is about what no return asks for."""
    told = {each.evidence for each in rest.came} | {each.evidence for each in rest.paid}
    numbers = [
        each.record_id
        for each in (*entity.known, *(known for _, known in entity.returned))
        if any(text.startswith(each.evidence) for text in told)
    ]
    return min(numbers)
