"""Costs: what was paid to get goods here, or to get an order to its customer."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class CostKind(StrEnum):
    """What it was paid for."""

    FREIGHT = "freight"
    DUTY = "duty"
    INSURANCE = "insurance"
    HANDLING = "handling"
    SHIPPING = "shipping"  # of an order's parcels, as the carrier charges it
    FULFILMENT = "fulfilment"  # picked and packed by somebody else
    OTHER = "other"


class CostOf(StrEnum):
    """What it belongs to."""

    PURCHASE = "purchase"
    ORDER = "order"


class Allocation(StrEnum):
    """By what a purchase's cost is shared out among the units that came."""

    VALUE = "value"
    WEIGHT = "weight"
    VOLUME = "volume"
    QUANTITY = "quantity"


@register
class Cost(Record, frozen=True, kw_only=True):
    """One cost of a purchase or an order; its newest version restates it.

    Attributes:
        of_ref: the number or ref of the purchase order, or of the order.
        of_connection: whose it is, by name, where that is known.
        amount: without taxes that come back; below zero is a credit.
        allocation: how a purchase's is shared out; an order's is not.
        occurred_at: when it arose; `updated_at` is when it was told.
        deleted: it was entered by mistake.
    """

    kind: ClassVar[str] = "cost"

    cost_kind: CostKind
    amount: Money
    of: CostOf
    of_ref: str
    occurred_at: datetime
    of_connection: str | None = None
    allocation: Allocation = Allocation.VALUE
    by: str | None = None
    reason: str | None = None
