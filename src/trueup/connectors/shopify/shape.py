"""The bodies as Shopify writes them (the REST shape of its webhooks), as far as Trueup reads them.

Unknown fields are skipped. Of a key that stands twice the last value counts, always. The nodes of
the GraphQL API are turned into the same shapes (`graphql.py`), so each noun has one mapping.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from trueup.connectors.shopify.amount import BagShape, Currency, MoneyShape
from trueup.kernel.limits import UNITS_MAX

Id = (
    Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    | Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
)
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Units = Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
Amount = msgspec.Raw
"""An amount as it stands in the body, quotes and all."""

NOTHING = msgspec.Raw(b"null")
"""An amount that is not told; a raw value can not be None."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class Ref(Shape, frozen=True, kw_only=True):
    """Something that is only pointed at."""

    id: Id | None = None


class AddressShape(Shape, frozen=True, kw_only=True):
    """A postal address."""

    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    zip: str | None = None
    country_code: str | None = None
    country: str | None = None
    phone: str | None = None


class TaxShape(Shape, frozen=True, kw_only=True):
    """One tax; `rate` is a fraction."""

    title: str | None = None
    rate: Amount = NOTHING
    price: Amount = NOTHING
    price_set: BagShape | None = None
    channel_liable: bool | None = None


class AllocationShape(Shape, frozen=True, kw_only=True):
    """What part of one discount fell on a line."""

    amount: Amount = NOTHING
    amount_set: BagShape | None = None
    discount_application_index: int | None = None


class DutyShape(Shape, frozen=True, kw_only=True):
    """One import duty; both spellings of its price are met."""

    price: BagShape | None = None
    shop_money: MoneyShape | None = None
    presentment_money: MoneyShape | None = None


class LineShape(Shape, frozen=True, kw_only=True):
    """One line of an order."""

    id: Id
    title: str | None = None
    name: str | None = None
    quantity: Units
    current_quantity: Units | None = None
    price: Amount = NOTHING
    price_set: BagShape | None = None
    sku: str | None = None
    variant_id: Id | None = None
    product_id: Id | None = None
    requires_shipping: bool | None = None
    gift_card: bool | None = None
    variant_inventory_management: str | msgspec.UnsetType | None = msgspec.UNSET
    tip: dict[str, msgspec.Raw] | None = None
    tip_payment_gateway: str | None = None
    total_discount: Amount = NOTHING
    total_discount_set: BagShape | None = None
    discount_allocations: list[AllocationShape] | None = None
    tax_lines: list[TaxShape] | None = None
    duties: list[DutyShape] | None = None
    line_item_group: Ref | None = None
    sales_line_item_group_id: Id | None = None


class ShippingShape(Shape, frozen=True, kw_only=True):
    """One way of shipping that was charged."""

    id: Id | None = None
    title: str | None = None
    price: Amount = NOTHING
    price_set: BagShape | None = None
    discounted_price: Amount = NOTHING
    discounted_price_set: BagShape | None = None
    discount_allocations: list[AllocationShape] | None = None
    tax_lines: list[TaxShape] | None = None
    is_removed: bool | None = None


class ApplicationShape(Shape, frozen=True, kw_only=True):
    """One discount that was applied, by code or not."""

    type: str | None = None
    code: str | None = None
    title: str | None = None
    description: str | None = None


class CodeShape(Shape, frozen=True, kw_only=True):
    """One discount code that was used."""

    code: str | None = None
    amount: Amount = NOTHING
    type: str | None = None


class ShippedLineShape(Shape, frozen=True, kw_only=True):
    """Units of a line in a fulfilment."""

    id: Id
    quantity: Units = 0
    sku: str | None = None


class FulfillmentShape(Shape, frozen=True, kw_only=True):
    """One fulfilment."""

    id: Id
    order_id: Id | None = None
    status: str | None = None
    shipment_status: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    location_id: Id | None = None
    service: str | None = None
    tracking_company: str | None = None
    tracking_number: str | None = None
    tracking_numbers: list[str | None] | None = None
    tracking_url: str | None = None
    tracking_urls: list[str | None] | None = None
    email: str | None = None
    destination: AddressShape | None = None
    line_items: list[ShippedLineShape] | None = None


class TransactionShape(Shape, frozen=True, kw_only=True):
    """One payment transaction; `amount` is in `currency`, which may be the customer's."""

    id: Id
    order_id: Id | None = None
    kind: str | None = None
    status: str | None = None
    gateway: str | None = None
    amount: Amount = NOTHING
    amount_set: BagShape | None = None
    currency: Currency | None = None
    total_unsettled_set: BagShape | None = None
    created_at: Instant | None = None
    processed_at: Instant | None = None
    authorization: str | None = None
    payment_id: str | None = None
    error_code: str | None = None
    test: bool | None = None
    parent_id: Id | None = None


class RefundLineShape(Shape, frozen=True, kw_only=True):
    """Units of a line that were refunded."""

    id: Id | None = None
    line_item_id: Id | None = None
    quantity: Units = 0
    restock_type: str | None = None
    location_id: Id | None = None
    subtotal: Amount = NOTHING
    subtotal_set: BagShape | None = None
    total_tax: Amount = NOTHING
    total_tax_set: BagShape | None = None


class AdjustmentShape(Shape, frozen=True, kw_only=True):
    """A part of a refund that is not a line; below zero it lessens what the order is worth."""

    kind: str | None = None
    reason: str | None = None
    amount: Amount = NOTHING
    amount_set: BagShape | None = None
    tax_amount: Amount = NOTHING
    tax_amount_set: BagShape | None = None


class RefundShippingShape(Shape, frozen=True, kw_only=True):
    """Shipping that was refunded."""

    subtotal_amount_set: BagShape | None = None


class RefundShape(Shape, frozen=True, kw_only=True):
    """One refund."""

    id: Id
    order_id: Id | None = None
    created_at: Instant | None = None
    processed_at: Instant | None = None
    refund_line_items: list[RefundLineShape] | None = None
    order_adjustments: list[AdjustmentShape] | None = None
    refund_shipping_lines: list[RefundShippingShape] | None = None
    transactions: list[TransactionShape] | None = None
    return_: Ref | None = msgspec.field(name="return", default=None)


class OrderShape(Shape, frozen=True, kw_only=True):
    """One order."""

    id: Id
    name: str | None = None
    order_number: Id | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    processed_at: Instant | None = None
    cancelled_at: Instant | None = None
    cancel_reason: str | None = None
    closed_at: Instant | None = None
    test: bool | None = None
    currency: Currency | None = None
    presentment_currency: Currency | None = None
    taxes_included: bool | None = None
    source_name: str | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    email: str | None = None
    contact_email: str | None = None
    phone: str | None = None
    note: str | None = None
    browser_ip: str | None = None
    tags: str | list[str] | None = None
    customer: Ref | None = None
    location_id: Id | None = None
    billing_address: AddressShape | None = None
    shipping_address: AddressShape | None = None
    line_items: list[LineShape] | None = None
    shipping_lines: list[ShippingShape] | None = None
    tax_lines: list[TaxShape] | None = None
    discount_applications: list[ApplicationShape] | None = None
    discount_codes: list[CodeShape] | None = None
    fulfillments: list[FulfillmentShape] | None = None
    refunds: list[RefundShape] | None = None
    transactions: list[TransactionShape] | None = None
    total_price: Amount = NOTHING
    total_price_set: BagShape | None = None
    subtotal_price: Amount = NOTHING
    subtotal_price_set: BagShape | None = None
    total_tax: Amount = NOTHING
    total_tax_set: BagShape | None = None
    total_discounts: Amount = NOTHING
    total_discounts_set: BagShape | None = None
    total_shipping_price_set: BagShape | None = None
    original_total_duties_set: BagShape | None = None
    original_total_additional_fees_set: BagShape | None = None
    total_tip_received: Amount = NOTHING
    current_total_price: Amount = NOTHING
    current_total_price_set: BagShape | None = None
    total_outstanding: Amount = NOTHING
