"""Payment transactions: authorisations, captures, sales, refunds and voids."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from trueup.canon.price import Price
from trueup.canon.record import Record, register


class PaymentKind(StrEnum):
    """What a transaction does."""

    AUTHORISATION = "authorisation"
    CAPTURE = "capture"
    SALE = "sale"
    REFUND = "refund"
    VOID = "void"
    CHANGE = "change"  # cash handed back at a till
    UNKNOWN = "unknown"


class PaymentState(StrEnum):
    """What came of a transaction."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    AWAITING = "awaiting"
    UNKNOWN = "unknown"


@register
class Payment(Record, frozen=True, kw_only=True):
    """One payment transaction of one order.

    Attributes:
        gift_card_ref: it was paid by a gift card or by credit, and no provider has it; empty where
            the source does not say by which.
    """

    kind: ClassVar[str] = "payment"

    payment_kind: PaymentKind
    state: PaymentState
    price: Price
    gateway: str | None = None
    processed_at: datetime | None = None
    parent_ref: str | None = None
    authorisation_code: str | None = None
    error_code: str | None = None
    test: bool = False
    gift_card_ref: str | None = None
