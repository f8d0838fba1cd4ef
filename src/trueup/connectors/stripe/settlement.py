"""The account at Stripe line by line, and the payouts that it is paid out with."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.connectors.stripe.amount import money_of
from trueup.connectors.stripe.fault import mismatch, unknown
from trueup.connectors.stripe.linked import payment_links
from trueup.connectors.stripe.shape import EntryShape, PayoutShape, TraceShape, ref_of
from trueup.connectors.stripe.stamp import Told, instant
from trueup.contract.connector import Fetch
from trueup.contract.fault import Unsound

_PAYOUT = {
    "pending": PayoutState.PENDING,
    "in_transit": PayoutState.IN_TRANSIT,
    "paid": PayoutState.PAID,
    "canceled": PayoutState.CANCELLED,
    "failed": PayoutState.FAILED,  # also after it was paid
}
# Source: https://docs.stripe.com/reports/reporting-categories, read 2026-11-21.
_CATEGORY = {
    "charge": EntryKind.CHARGE,
    "charge_failure": EntryKind.CHARGE,  # a payment that was taken back before it settled
    "partial_capture_reversal": EntryKind.CHARGE,  # counts against the sale, by Stripe's page
    "refund": EntryKind.REFUND,
    "refund_failure": EntryKind.REFUND_FAILED,
    "dispute": EntryKind.DISPUTE,
    "dispute_reversal": EntryKind.DISPUTE_WON,
    "fee": EntryKind.FEE,
    "network_cost": EntryKind.FEE,
    "tax": EntryKind.TAX,
    "payout": EntryKind.PAYOUT,
    "payout_reversal": EntryKind.PAYOUT_FAILED,
    "topup": EntryKind.TOP_UP,
    "topup_reversal": EntryKind.TOP_UP,
    "transfer": EntryKind.TRANSFER,
    "transfer_reversal": EntryKind.TRANSFER,
    "connect_collection_transfer": EntryKind.TRANSFER,
    **dict.fromkeys(
        (
            *("other_adjustment", "advance", "advance_funding", "anticipation_repayment"),
            *("climate_order_purchase", "climate_order_refund", "contribution"),
            *("financing_paydown", "financing_paydown_reversal", "financing_payout"),
            *("financing_payout_reversal", "issuing_authorization_hold", "issuing_dispute"),
            *("issuing_authorization_release", "issuing_transaction", "platform_earning"),
            *("platform_earning_refund", "unreconciled_customer_funds"),
        ),
        EntryKind.ADJUSTMENT,
    ),
}
# For bodies without a reporting category. "adjustment" alone does not say what was adjusted.
_TYPE = {
    **dict.fromkeys(("charge", "payment", "payment_reversal"), EntryKind.CHARGE),
    "payment_failure_refund": EntryKind.CHARGE,
    **dict.fromkeys(("refund", "payment_refund"), EntryKind.REFUND),
    "refund_failure": EntryKind.REFUND_FAILED,
    **dict.fromkeys(("stripe_fee", "stripe_fx_fee", "application_fee"), EntryKind.FEE),
    "tax_fee": EntryKind.TAX,
    "payout": EntryKind.PAYOUT,
    **dict.fromkeys(("payout_cancel", "payout_failure"), EntryKind.PAYOUT_FAILED),
    **dict.fromkeys(("topup", "topup_reversal"), EntryKind.TOP_UP),
    **dict.fromkeys(
        ("transfer", "transfer_cancel", "transfer_failure", "transfer_refund"), EntryKind.TRANSFER
    ),
    "adjustment": EntryKind.ADJUSTMENT,
}
_RESERVES = frozenset(
    (
        *("risk_reserved_funds", "connect_reserved_funds", "reserve_transaction"),
        *("reserved_funds", "payout_minimum_balance_hold", "payout_minimum_balance_release"),
        *("payment_network_reserve_hold", "payment_network_reserve_release"),
    )
)
_RATE_CHARS_MAX = 40


def entry_of(shape: EntryShape, issues: list[Issue], payout_ref: str | None = None) -> BalanceEntry:
    """Return one line of the account; being in a payout is the later of its two states."""
    created = instant(shape.created)
    available_at = instant(shape.available_on) if shape.available_on is not None else None
    gross, fee = money_of(shape.amount, shape.currency), money_of(shape.fee, shape.currency)
    net = money_of(shape.net, shape.currency)
    place = f"balance_entry/{shape.id}"
    if (gross - fee).amount != net.amount:
        issues.append(
            mismatch(f"net {gross - fee}", f"net {net}", place, code="stripe.entry_mismatch")
        )
    if shape.fee_details is not None and sum(f.amount for f in shape.fee_details) != shape.fee:
        parts = money_of(sum(f.amount for f in shape.fee_details), shape.currency)
        issues.append(
            mismatch(f"parts of {fee}", f"parts of {parts}", place, code="stripe.fee_mismatch")
        )
    source = ref_of(shape.source)
    updated_at = created
    if payout_ref is not None:
        updated_at = max(created + timedelta(seconds=1), available_at or created)
    return BalanceEntry(
        ref=shape.id,
        updated_at=updated_at,
        entry=_entry_kind(shape, issues),
        entry_code=shape.reporting_category or shape.type,
        gross=gross,
        fee=fee,
        net=net,
        occurred_at=created,
        available_at=available_at,
        payout_ref=payout_ref,
        payment_ref=source,
        exchange_rate=_rate_of(shape.exchange_rate),
        links=_links_of(source, payout_ref),
    )


def payout_of(shape: PayoutShape, told: Told, issues: list[Issue]) -> Payout:
    """Return a payout; below zero where Stripe takes money from the bank."""
    state = _PAYOUT.get(shape.status)
    if state is None:
        issues.append(
            unknown(
                "/status", shape.status, f"payout/{shape.id}", code="stripe.payout_status_unknown"
            )
        )
    trace = shape.trace_id.value if isinstance(shape.trace_id, TraceShape) else shape.trace_id
    bank_ref = trace or shape.statement_descriptor or None
    place = tuple(_PAYOUT).index(shape.status) + 1 if state else 0
    return Payout(
        ref=shape.id,
        updated_at=told.stamp(shape.created, place),
        state=state or PayoutState.UNKNOWN,
        state_code=shape.status,
        amount=money_of(shape.amount, shape.currency),
        created_at=instant(shape.created),
        arrives_on=instant(shape.arrival_date).date() if shape.arrival_date is not None else None,
        bank_ref=bank_ref,
        automatic=shape.automatic is not False,
        failure_code=shape.failure_code,
        links=tuple(Link(LinkSpace.PAYOUT, each) for each in (shape.id, trace) if each),
    )


def entries_wanted(shape: PayoutShape) -> tuple[Fetch, ...]:
    """Return the wish to read what a payout is made of, once Stripe has settled what it is.

    Of a payout that a person ordered Stripe can not tell it.
    """
    settled = shape.reconciliation_status or (
        "completed" if shape.status in {"paid", "in_transit"} else ""
    )
    if shape.automatic is False or settled != "completed":
        return ()
    return (Fetch(resource="payout_entries", ref=shape.id),)


def _entry_kind(shape: EntryShape, issues: list[Issue]) -> EntryKind:
    word = shape.reporting_category or shape.type
    if word in _RESERVES or shape.type in _RESERVES:
        return EntryKind.RESERVE_HELD if shape.net < 0 else EntryKind.RESERVE_RELEASED
    table = _CATEGORY if shape.reporting_category else _TYPE
    kind = table.get(word)
    if kind is None:
        pointer = "/reporting_category" if shape.reporting_category else "/type"
        issues.append(
            unknown(
                pointer, word, f"balance_entry/{shape.id}", code="stripe.entry_category_unknown"
            )
        )
        return EntryKind.UNKNOWN
    if word == "adjustment" and (ref_of(shape.source) or "").startswith(("dp_", "du_")):
        return EntryKind.DISPUTE if shape.amount < 0 else EntryKind.DISPUTE_WON
    return kind


def _rate_of(raw: msgspec.Raw) -> str | None:
    """Return an exchange rate as it stands in the body, to its last digit."""
    text = bytes(raw)
    if text == b"null":
        return None
    try:
        rate = Decimal(text.decode()) if len(text) <= _RATE_CHARS_MAX else Decimal("NaN")
    except (InvalidOperation, UnicodeDecodeError) as fault:
        raise Unsound("another value", "a number", "/exchange_rate") from fault
    if not rate.is_finite() or rate <= 0 or abs(rate.adjusted()) > _RATE_CHARS_MAX:
        raise Unsound("another value", "a number above 0 of a sensible size", "/exchange_rate")
    return format(rate, "f")


def _links_of(source: str | None, payout_ref: str | None) -> tuple[Link, ...]:
    if source is not None and source.startswith("po_"):
        return tuple(
            Link(LinkSpace.PAYOUT, ref) for ref in dict.fromkeys((source, payout_ref or source))
        )
    links = payment_links(source)
    if payout_ref is not None:
        links.append(Link(LinkSpace.PAYOUT, payout_ref))
    return tuple(links)
