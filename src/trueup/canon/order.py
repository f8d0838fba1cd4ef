"""Orders: what was sold, to be paid and to be handed over."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.customer import Address
from trueup.canon.price import Price
from trueup.canon.record import Record, register


class OrderOrigin(StrEnum):
    """Where an order was born."""

    WEB = "web"
    POS = "pos"
    DRAFT = "draft"
    SUBSCRIPTION = "subscription"
    MARKETPLACE = "marketplace"
    API = "api"
    UNKNOWN = "unknown"


class PaymentStatus(StrEnum):
    """How far an order is paid."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class TaxLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tax on a line, on shipping or on the whole order; rate as a fraction, text-exact."""

    title: str
    rate: str | None
    price: Price
    collected_by_channel: bool = False


class Discount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One discount on an order, by code or automatic."""

    title: str
    code: str | None = None
    price: Price | None = None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an order.

    Attributes:
        quantity: units ordered, edits that add included.
        quantity_current: units still wanted after removals and refunds; None if not told.
        discount: the sum of all discounts allocated to this line.
        price: of one unit, before discounts (tax included where the order says so).
        stocked: the source counts stock for it; custom items and services are not stocked.
        bundle_ref: lines that were sold as one bundle share it.
    """

    ref: str
    title: str
    quantity: int
    price: Price
    quantity_current: int | None = None
    sku: str | None = None
    variant_ref: str | None = None
    product_ref: str | None = None
    discount: Price | None = None
    taxes: tuple[TaxLine, ...] = ()
    duties: tuple[Price, ...] = ()
    requires_shipping: bool = True
    gift_card: bool = False
    stocked: bool = True
    tip: bool = False
    bundle_ref: str | None = None


class ShippingLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way of shipping that was charged; `discounted` is after its discounts."""

    ref: str
    title: str
    price: Price
    discounted: Price | None = None
    taxes: tuple[TaxLine, ...] = ()
    removed: bool = False


class OrderTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The totals as the source states them (at ordering; `current_total` after edits)."""

    total: Price
    subtotal: Price | None = None
    discounts: Price | None = None
    shipping: Price | None = None
    tax: Price | None = None
    duties: Price | None = None
    tips: Price | None = None
    fees: Price | None = None
    current_total: Price | None = None
    refunded: Price | None = None
    outstanding: Price | None = None


class OrderPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in an order; `tags` are free words, which may name people."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
    billing: Address | None = None
    shipping: Address | None = None
    note: str | None = None
    ip: str | None = None
    tags: tuple[str, ...] = ()


@register
class Order(Record, frozen=True, kw_only=True):
    """One order.

    Attributes:
        number: what people call it ("#1001").
        placed_on: the day of the order where the shop stands.
        origin_code: the source's own word for where it was born.
        payment_code, fulfilment_code: the source's own words; unknown ones raise an issue.
        test: made to try out the shop: recorded, never in stock or money.
        presented_currency: the customer's currency where it differs from `currency`.
    """

    kind: ClassVar[str] = "order"

    number: str
    placed_at: datetime
    currency: str
    lines: tuple[OrderLine, ...]
    totals: OrderTotals
    placed_on: date | None = None
    presented_currency: str | None = None
    taxes_included: bool = False
    origin: OrderOrigin = OrderOrigin.UNKNOWN
    origin_code: str | None = None
    payment_status: PaymentStatus = PaymentStatus.UNKNOWN
    payment_code: str | None = None
    fulfilment_code: str | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    closed_at: datetime | None = None
    test: bool = False
    shipping: tuple[ShippingLine, ...] = ()
    taxes: tuple[TaxLine, ...] = ()
    discounts: tuple[Discount, ...] = ()
    customer_ref: str | None = None
    location_ref: str | None = None
    person: OrderPerson | None = None
