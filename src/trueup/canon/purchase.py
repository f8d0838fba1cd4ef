"""Purchase orders: what is on its way from suppliers, and how long they take."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class PurchaseState(StrEnum):
    """How far a purchase order has come."""

    DRAFT = "draft"
    SENT = "sent"
    CONFIRMED = "confirmed"
    PARTLY_RECEIVED = "partly_received"
    RECEIVED = "received"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class PurchaseLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: so many units of one SKU.

    Attributes:
        weight_g, volume_cm3: of one unit, as it is packed; freight may be shared out by them.
    """

    ref: str
    quantity: int
    sku: str | None = None
    quantity_received: int = 0
    cost: Money | None = None  # of one unit
    expected_on: date | None = None
    weight_g: int | None = None
    volume_cm3: int | None = None


@register
class PurchaseOrder(Record, frozen=True, kw_only=True):
    """One order at a supplier; a supplier is a company, so its name is not sealed."""

    kind: ClassVar[str] = "purchase_order"

    number: str
    state: PurchaseState
    state_code: str | None = None
    supplier_ref: str | None = None
    supplier: str | None = None
    currency: str | None = None
    lines: tuple[PurchaseLine, ...] = ()
    total: Money | None = None
    ordered_at: datetime | None = None
    expected_on: date | None = None
    received_at: datetime | None = None
    location_ref: str | None = None


@register
class SupplierItem(Record, frozen=True, kw_only=True):
    """What a supplier asks for one SKU, and how long it takes."""

    kind: ClassVar[str] = "supplier_item"

    supplier_ref: str
    supplier: str | None = None
    sku: str | None = None
    lead_days: int | None = None
    quantity_min: int | None = None
    cost: Money | None = None
