"""BigCommerce's bodies, as far as Trueup reads them; fields that are not named are skipped."""

from datetime import datetime
from typing import Annotated

import msgspec

from trueup.contract.amount import Currency
from trueup.kernel.limits import UNITS_MAX

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Pointer = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An id, or 0 for none."""
Units = Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=UNITS_MAX)]
Word = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=2_000)]
Sku = Annotated[str, msgspec.Meta(max_length=255)]
Amount = msgspec.Raw
NOTHING = msgspec.Raw(b"null")


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class AddressShape(Shape, frozen=True, kw_only=True):
    """A postal address of an order."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    street_1: str | None = None
    street_2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | int | None = None
    country_iso2: str | None = None
    phone: str | None = None
    email: str | None = None


class DiscountShape(Shape, frozen=True, kw_only=True):
    """One discount that fell on a line."""

    amount: Amount = NOTHING
    name: Text | None = None
    code: Text | None = None


class LineShape(Shape, frozen=True, kw_only=True):
    """One line of an order; its amounts are for all units."""

    id: Id
    product_id: Pointer | None = None
    variant_id: Pointer | None = None
    name: Text | None = None
    sku: Sku | None = None
    type: Word | None = None
    quantity: Count
    quantity_refunded: Count | None = None
    total_inc_tax: Amount = NOTHING
    total_tax: Amount = NOTHING
    discounted_total_inc_tax: Amount = NOTHING
    applied_discounts: list[DiscountShape] | None = None
    parent_order_product_id: Pointer | None = None


class ConsignmentShape(AddressShape, frozen=True, kw_only=True):
    """Lines that go one way: to an address, to a counter, or by e-mail."""

    id: Pointer | None = None
    shipping_method: Text | None = None
    cost_inc_tax: Amount = NOTHING
    line_items: list[LineShape] | LineShape | None = None


class ByMailShape(Shape, frozen=True, kw_only=True):
    """Gift certificates that go by e-mail."""

    gift_certificates: list[ConsignmentShape] | None = None


class ConsignmentsShape(Shape, frozen=True, kw_only=True):
    """All lines of an order, by the way they go."""

    shipping: list[ConsignmentShape] | None = None
    pickups: list[ConsignmentShape] | None = None
    downloads: list[ConsignmentShape] | None = None
    email: ByMailShape | None = None


class FeeShape(Shape, frozen=True, kw_only=True):
    """One fee."""

    cost_inc_tax: Amount = NOTHING


class OrderShape(Shape, frozen=True, kw_only=True):
    """One order with its lines."""

    id: Id
    customer_id: Pointer | None = None
    date_created: Word | None = None
    date_modified: Word | None = None
    date_shipped: Word | None = None
    status_id: int
    subtotal_inc_tax: Amount = NOTHING
    shipping_cost_inc_tax: Amount = NOTHING
    handling_cost_inc_tax: Amount = NOTHING
    wrapping_cost_inc_tax: Amount = NOTHING
    total_inc_tax: Amount = NOTHING
    total_tax: Amount = NOTHING
    discount_amount: Amount = NOTHING
    coupon_discount: Amount = NOTHING
    payment_status: Word | None = None
    payment_provider_id: Text | int | None = None
    currency_code: Currency | None = None
    default_currency_code: Currency | None = None
    ip_address: str | None = None
    customer_message: str | None = None
    staff_notes: str | None = None
    billing_address: AddressShape | None = None
    order_source: Word | None = None
    external_id: Text | int | None = None
    external_order_id: Text | int | None = None
    is_deleted: bool | None = None
    fees: list[FeeShape] | None = None
    consignments: ConsignmentsShape


class TaxShape(Shape, frozen=True, kw_only=True):
    """One tax of an order; `rate` is in percent."""

    name: Text | None = None
    rate: Amount = NOTHING
    line_amount: Amount = NOTHING


class WholeOrderShape(Shape, frozen=True, kw_only=True):
    """An order with its taxes; put together by `pull.fetched`."""

    order: OrderShape
    taxes: list[TaxShape]


class ShippedShape(Shape, frozen=True, kw_only=True):
    """Units of a line in a shipment."""

    order_product_id: Id
    quantity: Count


class ShipmentShape(Shape, frozen=True, kw_only=True):
    """One shipment."""

    id: Id
    order_id: Id
    date_created: Word | None = None
    tracking_number: str | None = None
    tracking_link: str | None = None
    shipping_method: Word | None = None
    shipping_provider: Word | None = None
    tracking_carrier: Word | None = None
    shipping_address: AddressShape | None = None
    items: list[ShippedShape] | None = None


class RefundItemShape(Shape, frozen=True, kw_only=True):
    """One thing that was refunded."""

    item_type: Word
    item_id: Pointer | None = None
    quantity: Count | None = None
    requested_amount: Amount = NOTHING


class RefundPaymentShape(Shape, frozen=True, kw_only=True):
    """Money that went back one way."""

    amount: Amount = NOTHING
    is_declined: bool | None = None
    transaction_id: Word | int | None = None


class RefundShape(Shape, frozen=True, kw_only=True):
    """One refund."""

    id: Id
    order_id: Id
    created: Word | None = None
    total_amount: Amount = NOTHING
    items: list[RefundItemShape] | None = None
    payments: list[RefundPaymentShape] | None = None


class RefundedShape(Shape, frozen=True, kw_only=True):
    """A refund with its order's currency, which it does not tell; made by `pull.fetched`."""

    currency: Currency
    refund: RefundShape


class TransactionShape(Shape, frozen=True, kw_only=True):
    """One payment transaction; its order's number is text."""

    id: Id
    order_id: Word | int
    event: Word
    amount: Amount = NOTHING
    currency: Currency
    gateway: Word | None = None
    gateway_transaction_id: Text | None = None
    status: Word | None = None
    date_created: Word | None = None
    reference_transaction_id: Pointer | None = None
    test: bool | None = None


class OptionShape(Shape, frozen=True, kw_only=True):
    """What makes a variant this one."""

    label: Text | None = None


class VariantShape(Shape, frozen=True, kw_only=True):
    """One variant; a product without options has one, too."""

    id: Id
    sku: Sku | None = None
    upc: Word | None = None
    gtin: Word | None = None
    price: Amount = NOTHING
    cost_price: Amount = NOTHING
    option_values: list[OptionShape] | None = None


class ProductShape(Shape, frozen=True, kw_only=True):
    """One product with its variants."""

    id: Id
    name: Text | None = None
    type: Word | None = None
    sku: Sku | None = None
    price: Amount = NOTHING
    retail_price: Amount = NOTHING
    inventory_tracking: Word | None = None
    availability: Word | None = None
    is_visible: bool | None = None
    date_created: Word | None = None
    date_modified: Word | None = None
    variants: list[VariantShape] | None = None


class IdentityShape(Shape, frozen=True, kw_only=True):
    """Which item a level is of."""

    variant_id: Id
    product_id: Pointer | None = None
    sku: Sku | None = None


class StandingShape(Shape, frozen=True, kw_only=True):
    """What lies of an item at one location."""

    location_id: Id
    available_to_sell: Units | None = None
    total_inventory_onhand: Units | None = None


class LevelShape(Shape, frozen=True, kw_only=True):
    """A level with when it was read; put together by `pull`."""

    identity: IdentityShape
    location: StandingShape
    read_at: datetime | None = None


class LocationShape(Shape, frozen=True, kw_only=True):
    """One place at which stock lies."""

    id: Id
    label: Text | None = None
    enabled: bool | None = None
    storefront_visibility: bool | None = None
    updated_at: Word | None = None
    created_at: Word | None = None


class PostalShape(Shape, frozen=True, kw_only=True):
    """A postal address of a customer."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state_or_province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class CustomerShape(Shape, frozen=True, kw_only=True):
    """One customer."""

    id: Id
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    notes: str | None = None
    date_created: Word | None = None
    date_modified: Word | None = None
    addresses: list[PostalShape] | None = None


class AboutShape(Shape, frozen=True, kw_only=True):
    """What a hint is about, under the many names that hints have for it."""

    id: Pointer | None = None
    order_id: Pointer | None = msgspec.field(default=None, name="orderId")
    sku: dict[str, msgspec.Raw] | None = None
    inventory: dict[str, msgspec.Raw] | None = None
    address: dict[str, msgspec.Raw] | None = None


class HintShape(Shape, frozen=True, kw_only=True):
    """A webhook: something happened to something."""

    scope: Word
    created_at: int | None = None
    data: AboutShape
