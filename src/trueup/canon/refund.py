"""Refunds: money given back, and what became of the units."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.price import Price
from trueup.canon.record import Record, register


class Restock(StrEnum):
    """What became of the refunded units."""

    CANCEL = "cancel"  # they had not left: no longer wanted, free for others
    RETURN = "return"  # they had left and are back on the shelf
    NONE = "none"  # they are not put back
    UNKNOWN = "unknown"


class RefundLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one order line that were refunded."""

    line_ref: str
    quantity: int
    restock: Restock
    location_ref: str | None = None
    subtotal: Price | None = None
    tax: Price | None = None
    ref: str | None = None


@register
class Refund(Record, frozen=True, kw_only=True):
    """One refund of one order.

    Attributes:
        refunded: what really went back to the customer (sum of the successful transactions).
        adjustments: differences by kind that are not lines: shipping, rounding, restocking fee.
    """

    kind: ClassVar[str] = "refund"

    created_at: datetime | None = None
    lines: tuple[RefundLine, ...] = ()
    refunded: Price | None = None
    shipping: Price | None = None
    adjustments: tuple[tuple[str, Price], ...] = ()
    return_ref: str | None = None
    transaction_refs: tuple[str, ...] = ()
