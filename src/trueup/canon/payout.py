"""Payouts and what they are made of: each line of a payment provider's own account."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class PayoutState(StrEnum):
    """How far a payout has come."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@register
class Payout(Record, frozen=True, kw_only=True):
    """Money that a provider sends to the bank; below zero where it takes money from there.

    Attributes:
        arrives_on: the day on which it reaches the bank, in the bank's own calendar.
        period_start_at, period_end_at: what it settles, where the provider settles periods.
        bank_ref: the words or number by which it is found on the bank statement.
        opening, closing: the balance that the period began and ended with, reserves included.
    """

    kind: ClassVar[str] = "payout"

    state: PayoutState
    state_code: str | None = None
    amount: Money
    created_at: datetime | None = None
    arrives_on: date | None = None
    period_start_at: datetime | None = None
    period_end_at: datetime | None = None
    bank_ref: str | None = None
    automatic: bool = True
    failure_code: str | None = None
    opening: Money | None = None
    closing: Money | None = None


class EntryKind(StrEnum):
    """Why a provider's account changed."""

    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"  # taken back by the customer's bank
    DISPUTE_WON = "dispute_won"
    FEE = "fee"  # on its own; a fee of a charge lies in that entry's `fee`
    TAX = "tax"
    SHIPPING = "shipping"
    PROMOTION = "promotion"
    ADJUSTMENT = "adjustment"
    RESERVE_HELD = "reserve_held"
    RESERVE_RELEASED = "reserve_released"
    TRANSFER = "transfer"
    TOP_UP = "top_up"
    PAYOUT = "payout"  # to the bank
    PAYOUT_FAILED = "payout_failed"
    UNKNOWN = "unknown"


@register
class BalanceEntry(Record, frozen=True, kw_only=True):
    """One line of a provider's account. `gross - fee = net`; signs as the account sees them.

    Attributes:
        entry_code: the provider's own word for it, whole.
        payout_ref: the payout that it was paid out with; None where it waits.
        payment_ref: the provider's charge, refund or dispute behind it.
        exchange_rate: text-exact, where the provider changed the currency.
        available_at: from when it can be paid out.
    """

    kind: ClassVar[str] = "balance_entry"

    entry: EntryKind
    entry_code: str | None = None
    gross: Money
    fee: Money
    net: Money
    occurred_at: datetime
    available_at: datetime | None = None
    payout_ref: str | None = None
    payment_ref: str | None = None
    sku: str | None = None
    quantity: int | None = None
    exchange_rate: str | None = None
    description: str | None = None


class DisputeState(StrEnum):
    """How far a dispute has come."""

    WARNING = "warning"  # asked about, nothing taken yet
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


@register
class Dispute(Record, frozen=True, kw_only=True):
    """A payment that the customer's bank wants back.

    Attributes:
        payment_ref: the provider's charge.
        respond_by_at: until when evidence counts.
    """

    kind: ClassVar[str] = "dispute"

    state: DisputeState
    state_code: str | None = None
    amount: Money
    reason: str | None = None
    payment_ref: str | None = None
    created_at: datetime | None = None
    respond_by_at: datetime | None = None
    closed_at: datetime | None = None
