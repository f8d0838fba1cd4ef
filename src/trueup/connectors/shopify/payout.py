"""Shopify Payments: payouts, the account line by line, and disputes.

Neither payouts nor lines carry a stamp of their last change, and no webhook tells of them: of two
tellings the one that was asked for later counts.
"""

from datetime import UTC, date, datetime, time

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import BalanceEntry, Dispute, DisputeState, Payout, PayoutState
from trueup.connectors.shopify.amount import Currency, money_of
from trueup.connectors.shopify.ledger import KINDS, entry_kind
from trueup.connectors.shopify.refs import code_of, ref_of, unknown_code, utc
from trueup.connectors.shopify.shape import NOTHING, Amount, Id, Instant, Shape
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.connector import Mapped, Source
from trueup.kernel.money import Money

_PAYOUT = {
    "scheduled": PayoutState.PENDING,
    "in_transit": PayoutState.IN_TRANSIT,
    "paid": PayoutState.PAID,
    "failed": PayoutState.FAILED,
    "canceled": PayoutState.CANCELLED,
}
_DISPUTE = {
    "needs_response": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
    "accepted": DisputeState.ACCEPTED,
    "charge_refunded": DisputeState.ACCEPTED,
}
# What an open one is: of an inquiry nothing was taken yet.
_DISPUTE_TYPE = {
    "chargeback": DisputeState.NEEDS_RESPONSE,
    "inquiry": DisputeState.WARNING,
}
_OPEN = frozenset((DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW))


class PayoutShape(Shape, frozen=True, kw_only=True):
    """Money on its way to the bank; `date` is a day, or an instant where the API tells it."""

    id: Id
    status: str
    date: str
    currency: Currency
    amount: Amount
    trace: str | None = None
    withdrawal: bool = False


class EntryShape(Shape, frozen=True, kw_only=True):
    """One line of the account at Shopify Payments.

    Attributes:
        order_names: the numbers of the orders that it is about, where they are told.
    """

    id: Id
    type: str
    payout_id: Id | None = None
    currency: Currency
    amount: Amount
    fee: Amount = NOTHING
    net: Amount
    source_id: Id | None = None
    source_type: str | None = None
    source_order_transaction_id: Id | None = None
    processed_at: str
    order_names: tuple[str, ...] = ()


class DisputeShape(Shape, frozen=True, kw_only=True):
    """A payment that a customer's bank asks about or wants back."""

    id: Id
    order_id: Id | None = None
    type: str | None = None
    amount: Amount
    currency: Currency
    reason: str | None = None
    status: str
    evidence_due_by: Instant | None = None
    evidence_sent_on: Instant | None = None
    finalized_on: Instant | None = None
    initiated_at: Instant | None = None


def map_payout(shape: PayoutShape, source: Source) -> Mapped:
    """Return a payout; below zero where Shopify takes money from the bank."""
    del source  # the hub's own stamp of asking tells the newer of two
    ref = str(ref_of(shape.id))
    state, issue = code_of(_PAYOUT, shape.status, "payout_status", f"payout/{ref}")
    amount = money_of(shape.amount, shape.currency)
    at = _moment(shape.date)
    payout = Payout(
        ref=ref,
        updated_at=at,
        state=state or PayoutState.UNKNOWN,
        state_code=shape.status.lower(),
        amount=Money(-abs(amount.amount), amount.currency) if shape.withdrawal else amount,
        created_at=at if len(shape.date) > len("2026-01-01") else None,
        bank_ref=shape.trace or None,
        links=tuple(Link(LinkSpace.PAYOUT, name) for name in (ref, shape.trace) if name),
    )
    return Mapped(records=(payout,), issues=(issue,) if issue else ())


def map_entry(shape: EntryShape, source: Source) -> Mapped:
    """Return one line of the account."""
    del source  # as above
    ref = str(ref_of(shape.id))
    place = f"balance_entry/{ref}"
    issues: list[Issue] = []
    gross, net = money_of(shape.amount, shape.currency), money_of(shape.net, shape.currency)
    fee = gross - net if bytes(shape.fee) == b"null" else money_of(shape.fee, shape.currency)
    kind = entry_kind(shape.type, gross.amount)
    if kind is None:
        issues.append(unknown_code("entry_type", shape.type, place, KINDS))
    if (gross - fee).amount != net.amount:
        issues.append(_mismatch(gross - fee, net, place))
    at = _moment(shape.processed_at)
    payout, payment = _named(shape.payout_id), _named(shape.source_order_transaction_id)
    links = [Link(LinkSpace.ORDER, name) for name in dict.fromkeys(shape.order_names) if name]
    links += [Link(LinkSpace.PAYMENT, payment)] if payment else []
    links += [Link(LinkSpace.PAYOUT, payout)] if payout else []
    entry = BalanceEntry(
        ref=ref,
        updated_at=at,
        entry=kind or KINDS["unknown"],
        entry_code=shape.type.lower(),
        gross=gross,
        fee=fee,
        net=net,
        occurred_at=at,
        payout_ref=payout,
        payment_ref=payment or _named(shape.source_id),
        links=tuple(links),
    )
    return Mapped(records=(entry,), issues=tuple(issues))


def map_dispute(shape: DisputeShape, source: Source) -> Mapped:
    """Return a dispute; an inquiry that is open is a warning, nothing was taken yet."""
    ref = str(ref_of(shape.id))
    state, issue = code_of(_DISPUTE, shape.status, "dispute_status", f"dispute/{ref}")
    kind, odd = code_of(_DISPUTE_TYPE, shape.type, "dispute_type", f"dispute/{ref}")
    if odd is not None and state in _OPEN:
        state = None  # whether anything was taken yet, nobody can say
    elif kind is DisputeState.WARNING and state in _OPEN:
        state = DisputeState.WARNING
    told = (shape.initiated_at, shape.evidence_sent_on, shape.finalized_on)
    stamps = [at for at in map(utc, told) if at is not None]
    dispute = Dispute(
        ref=ref,
        order_ref=_named(shape.order_id),
        updated_at=max(stamps, default=source.raised_at or source.received_at),
        state=state or DisputeState.UNKNOWN,
        state_code=shape.status.lower(),
        amount=money_of(shape.amount, shape.currency),
        reason=shape.reason.lower() if shape.reason else None,
        created_at=utc(shape.initiated_at),
        respond_by_at=utc(shape.evidence_due_by),
        closed_at=utc(shape.finalized_on),
    )
    return Mapped(records=(dispute,), issues=tuple(found for found in (issue, odd) if found))


def _named(value: Id | None) -> str | None:
    """Return an id; older bodies write 0 where there is none."""
    ref = ref_of(value)
    return None if ref in {None, "", "0"} else ref


def _moment(text: str) -> datetime:
    """Return a day, or an instant with its zone, as an instant.

    Raises:
        Unsound: it is neither.
    """
    raw = f'"{text}"'.encode(errors="replace")
    try:
        if len(text) == len("2026-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(text)
    except ValueError as fault:
        raise Unsound(raw, "a day or an instant") from fault
    if at.tzinfo is None or (told := utc(at)) is None:
        raise Unsound(raw, "an instant with its zone")
    return told


def _mismatch(expected: Money, found: Money, ref: str) -> Issue:
    return Issue(
        code="shopify.entry_mismatch",
        severity=Severity.WARNING,
        pointer="/net",
        expected=f"net {expected}",
        found=f"net {found}",
        how_to_fix="Compare with the line in Shopify's own report; the figures are kept as told.",
        ref=ref,
    )
