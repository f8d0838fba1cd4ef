"""Which returns do not come out even, and why. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from trueup.canon.order import Order
from trueup.kernel.money import Money
from trueup.ledger.cases import Case, Entity, cases_of
from trueup.ledger.kits import NO_KITS, Kits
from trueup.ledger.money import EXACT
from trueup.reconcile.loop import Beside, Fact, FactState, Step, facts_of, paid_back
from trueup.reconcile.report import Discrepancy

CAUSES: Final = {
    "refund_without_return": "money went back for units that nobody asked to send back, and that "
    "have not come",
    "refund_without_receipt": "money went back, and what was to come back has not",
    "not_received": "it was asked for, and has not come back",
    "receipt_without_request": "units came back that nobody asked to send",
    "restock_without_refund": "units came back and were put away, and their money did not go back",
    "receipt_without_refund": "units came back, and their money did not go back",
    "refund_without_restock": "money went back and the units came, and nobody says where they are",
    "not_restocked": "units came back, and nobody says where they are",
    "refund_waiting": "a refund is told, and none of its transactions has succeeded",
    "refunded_over": "more was refunded than came back, or than the order was worth",
    "not_in_books": "a refund is not posted in the money ledger",
    "not_in_value": "a refund is not taken off what its customer is worth",
}
"""What each cause says."""


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """One return with its six facts, or what an order's returns do not ask for.

    Attributes:
        record_id: of the return; of the first record that tells of it, where there is none.
        return_ref: None where nothing asks for it.
        units: asked for, or refunded, or come back, by SKU.
        refunded: what was paid back, by currency.
        facts: of `Step`, in its order.
        discrepancies: those of its causes that are later than is allowed.
    """

    record_id: int
    connection_id: int
    connection: str
    order_ref: str | None
    order_number: str | None
    return_ref: str | None
    name: str | None
    state: str | None
    units: dict[str, int]
    refunded: tuple[Money, ...]
    facts: tuple[Fact, ...]
    discrepancies: tuple[Discrepancy, ...]

    @property
    def ref(self) -> str:
        """What it is called."""
        kind = f"return/{self.return_ref}" if self.return_ref else f"order/{self.order_ref or ''}"
        return f"{self.connection}/{kind}"

    def lacks(self, step: Step) -> bool:
        """Whether a fact is missing."""
        return any(f.step is step and f.state is FactState.MISSING for f in self.facts)

    @property
    def closed(self) -> bool:
        """Whether nothing of it is missing."""
        return all(fact.state is not FactState.MISSING for fact in self.facts)


class Whose(NamedTuple):
    """A connection by its number and name."""

    connection_id: int
    connection: str


def loops_of(entity: Entity, beside: Beside, whose: Whose, kits: Kits = NO_KITS) -> list[Loop]:
    """Return every return of an order with its facts and what is wrong with it.

    Args:
        entity: what is known of the order.
        beside: what is known beside.
        whose: the order is.
        kits: what codes that are sold stand for.
    """
    order = entity.order
    order_ref = next((k.record.order_ref for k in entity.known if k.record.order_ref), None)
    order_ref = order.ref if order is not None else order_ref
    cases = cases_of(entity, kits)
    loops = []
    for case in cases:
        facts = facts_of(case, order, beside)
        sums = paid_back(case)
        loop = Loop(
            record_id=case.record_id,
            connection_id=whose.connection_id,
            connection=whose.connection,
            order_ref=order_ref,
            order_number=None if order is None else order.number,
            return_ref=None if case.told is None else case.told.ref,
            name=None if case.told is None else case.told.name,
            state=None if case.told is None else case.told.state.value,
            units=_units(case),
            refunded=tuple(Money(amount, code) for code, amount in sorted(sums.items())),
            facts=facts,
            discrepancies=(),
        )
        found = [*_causes(loop, case), *_over_paid(loop, case, order, cases)]
        loops.append(msgspec.structs.replace(loop, discrepancies=tuple(found)))
    return loops


def _units(case: Case) -> dict[str, int]:
    """Return the units that it is about."""
    units = case.wanted.copy()
    for each in case.paid:
        units |= each.units
    for came in case.came:
        units |= came.units
    return dict(sorted(units.items()))


def _causes(loop: Loop, case: Case) -> list[Discrepancy]:
    """Return what is wrong; of facts that wait for one another only the first is told."""
    fact = {each.step: each for each in loop.facts}
    refunded, received = fact[Step.REFUNDED], fact[Step.RECEIVED]
    restocked, asked = fact[Step.RESTOCKED], fact[Step.ASKED]
    paid = sum(sum(each.units.values()) for each in case.paid)
    due = paid - sum(case.absent.values())
    found = []
    if asked.late:
        found.append(_by_units(loop, "receipt_without_request", asked))
    if received.late:
        cause = "not_received"
        if paid > (received.units or 0):
            cause = "refund_without_receipt" if case.told else "refund_without_return"
        found.append(_by_units(loop, cause, received, money=loop.refunded if paid else ()))
    elif 0 < (received.units or 0) < due and received.state is not FactState.MISSING:
        found.append(_over_units(loop, received, paid))
    if refunded.late and any(each.waiting for each in case.paid):
        found.append(_by_units(loop, "refund_waiting", refunded))
    elif refunded.late and received.units:
        put_away = restocked.state is FactState.DONE
        cause = "restock_without_refund" if put_away else "receipt_without_refund"
        found.append(_by_units(loop, cause, refunded))
    if restocked.late and (restocked.units or 0) < (received.units or 0):
        cause = "refund_without_restock" if case.paid else "not_restocked"
        found.append(_by_units(loop, cause, restocked))
    for step, cause in ((Step.BOOKED, "not_in_books"), (Step.VALUED, "not_in_value")):
        if fact[step].late and loop.refunded and refunded.state is not FactState.MISSING:
            found += _by_money(loop, cause, fact[step])
    return found


def _by_units(loop: Loop, cause: str, fact: Fact, *, money: Sequence[Money] = ()) -> Discrepancy:
    """Return what is wrong in money where one sum of it is at stake, else in units."""
    lacking = (fact.of or 0) - (fact.units or 0)
    one = money[0] if len(money) == 1 and not fact.units else None
    return Discrepancy(
        cause=cause,
        amount=-lacking if one is None else -one.amount,
        currency=None if one is None else one.currency,
        left_ref=loop.ref,
        right_ref=None if loop.order_ref is None else f"{loop.connection}/order/{loop.order_ref}",
        evidence=_evidence(fact, cause),
    )


def _by_money(loop: Loop, cause: str, fact: Fact) -> list[Discrepancy]:
    return [
        Discrepancy(
            cause=cause,
            amount=-money.amount,
            currency=money.currency,
            left_ref=loop.ref,
            right_ref=None,
            evidence=_evidence(fact, cause),
        )
        for money in loop.refunded
    ]


def _evidence(fact: Fact, cause: str) -> tuple[str, ...]:
    since = "" if fact.since is None else f", since {fact.since.isoformat(timespec='seconds')}"
    return (f"{fact.why or CAUSES[cause]}{since}", *fact.evidence)


def _over_units(loop: Loop, received: Fact, paid: int) -> Discrepancy:
    came = received.units or 0
    return Discrepancy(
        cause="refunded_over",
        amount=paid - came,
        left_ref=loop.ref,
        right_ref=None,
        evidence=(f"{paid} units were refunded, and {came} came back", *received.evidence),
    )


def _over_paid(
    loop: Loop, case: Case, order: Order | None, cases: Sequence[Case]
) -> list[Discrepancy]:
    """Return by how much an order's refunds are more than its total, at the last return paid."""
    if order is None or not case.paid or case is not _last_paid(cases):
        return []
    currency, total = order.currency, order.totals.total.booked.amount
    back = Decimal(0)
    for each in cases:
        back = EXACT.add(back, paid_back(each).get(currency, Decimal(0)))
    if back <= total:
        return []
    return [
        Discrepancy(
            cause="refunded_over",
            amount=EXACT.subtract(back, total),
            currency=currency,
            left_ref=loop.ref,
            right_ref=f"{loop.connection}/order/{order.ref}",
            evidence=(
                f"{back} {currency} were refunded in all, and the order came to {total}",
                *(each.evidence for each in case.paid),
            ),
        )
    ]


def _last_paid(cases: Sequence[Case]) -> Case | None:
    paid = [each for each in cases if each.paid]
    return max(
        paid, key=lambda case: (max(each.at for each in case.paid), case.record_id), default=None
    )
