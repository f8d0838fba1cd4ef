"""The shape of Stripe's objects, as far as they are read. What is not named here is skipped."""

from typing import Annotated

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.:-]+$")]
Code = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Currency = Annotated[str, Meta(pattern=r"^[A-Za-z]{3}$")]
Minor = Annotated[int, Meta(ge=-(10**15), le=10**15)]
"""An amount in the currency's smallest unit, as Stripe counts it."""
Unix = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An object of Stripe."""


class Pointed(Shape, frozen=True, kw_only=True):
    """An object that was expanded where otherwise its id stands."""

    id: Id


Ref = Id | Pointed | None
Metadata = dict[str, str | int | bool | None] | None


class Billing(Shape, frozen=True, kw_only=True):
    """Who paid, as the form asked."""

    email: str | None = None
    phone: str | None = None


class Outcome(Shape, frozen=True, kw_only=True):
    """What the card's bank said."""

    reason: Code | None = None


class ChargeShape(Shape, frozen=True, kw_only=True):
    """A charge: one try to take money."""

    id: Id
    amount: Minor
    amount_captured: Minor | None = None
    captured: bool | None = None
    refunded: bool | None = None
    created: Unix
    currency: Currency
    status: Code
    livemode: bool | None = None
    payment_intent: Ref = None
    description: str | None = None
    metadata: Metadata = None
    receipt_email: str | None = None
    billing_details: Billing | None = None
    failure_code: Code | None = None
    outcome: Outcome | None = None


class RefundShape(Shape, frozen=True, kw_only=True):
    """A refund of a charge, or of a part of it."""

    id: Id
    amount: Minor
    created: Unix
    currency: Currency
    status: Code | None = None
    charge: Ref = None
    payment_intent: Ref = None
    metadata: Metadata = None
    failure_reason: Code | None = None


class EvidenceDetails(Shape, frozen=True, kw_only=True):
    """Until when evidence counts."""

    due_by: Unix | None = None


class DisputeShape(Shape, frozen=True, kw_only=True):
    """A charge that the customer's bank questions or wants back."""

    id: Id
    amount: Minor
    created: Unix
    currency: Currency
    status: Code
    reason: Code | None = None
    charge: Ref = None
    payment_intent: Ref = None
    metadata: Metadata = None
    evidence_details: EvidenceDetails | None = None


class FeeShape(Shape, frozen=True, kw_only=True):
    """One part of a balance transaction's fee."""

    amount: Minor
    currency: Currency


class EntryShape(Shape, frozen=True, kw_only=True):
    """A balance transaction: one line of the account at Stripe."""

    id: Id
    amount: Minor
    fee: Minor
    net: Minor
    currency: Currency
    created: Unix
    available_on: Unix | None = None
    type: Code
    reporting_category: Code | None = None
    source: Ref = None
    fee_details: list[FeeShape] | None = None
    exchange_rate: msgspec.Raw = msgspec.Raw(b"null")


class PayoutEntryShape(Shape, frozen=True, kw_only=True):
    """A balance transaction with the payout whose list it came from: it does not say so itself."""

    payout: Id
    balance_transaction: EntryShape


class TraceShape(Shape, frozen=True, kw_only=True):
    """The number by which banks trace a payout."""

    value: Code | None = None


class PayoutShape(Shape, frozen=True, kw_only=True):
    """Money sent to the bank, or taken from it."""

    id: Id
    amount: Minor
    created: Unix
    arrival_date: Unix | None = None
    currency: Currency
    status: Code
    automatic: bool | None = None
    failure_code: Code | None = None
    statement_descriptor: Code | None = None
    reconciliation_status: Code | None = None
    trace_id: TraceShape | str | None = None


class EventData(Shape, frozen=True, kw_only=True):
    """What an event is about, as it was then."""

    object: msgspec.Raw


class EventShape(Shape, frozen=True, kw_only=True):
    """An event."""

    id: Id
    type: Code
    created: Unix
    data: EventData


class Named(Shape, frozen=True, kw_only=True):
    """What kind of object it is."""

    object: Code


def ref_of(ref: Ref) -> str | None:
    """Return the id, whether the object was expanded or not."""
    return ref.id if isinstance(ref, Pointed) else ref
