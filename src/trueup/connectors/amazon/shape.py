"""The bodies as Amazon's order model (v2026-01-01) writes them, as far as Trueup reads them.

Unknown fields are skipped. Of a key that stands twice the last value counts.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from trueup.connectors.amazon.amount import MoneyShape
from trueup.kernel.limits import UNITS_MAX

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Units = Annotated[int, msgspec.Meta(ge=0, le=UNITS_MAX)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One object of a body."""


class AliasShape(Shape, frozen=True, kw_only=True):
    """Another name of the order."""

    alias_id: str
    alias_type: str = ""


class AssociatedShape(Shape, frozen=True, kw_only=True):
    """An order that this one replaces or exchanges."""

    order_id: str | None = None
    association_type: str | None = None


class ChannelShape(Shape, frozen=True, kw_only=True):
    """Where it was bought."""

    channel_name: str
    marketplace_id: str | None = None
    marketplace_name: str | None = None


class BuyerShape(Shape, frozen=True, kw_only=True):
    """Who bought it."""

    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_company_name: str | None = None
    buyer_purchase_order_number: str | None = None


class AddressShape(Shape, frozen=True, kw_only=True):
    """A postal address."""

    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class RecipientShape(Shape, frozen=True, kw_only=True):
    """Where it goes."""

    delivery_address: AddressShape | None = None


class OrderPartShape(Shape, frozen=True, kw_only=True):
    """One category of an order's proceeds."""

    type: str
    subtotal: MoneyShape


class OrderProceedsShape(Shape, frozen=True, kw_only=True):
    """What an order brings in."""

    grand_total: MoneyShape | None = None
    breakdowns: list[OrderPartShape] | None = None


class DetailShape(Shape, frozen=True, kw_only=True):
    """What part of a tax or a discount falls on what."""

    subtype: str | None = None
    value: MoneyShape | None = None


class ItemPartShape(Shape, frozen=True, kw_only=True):
    """One category of an item's proceeds."""

    type: str
    subtotal: MoneyShape
    detailed_breakdowns: list[DetailShape] | None = None


class ItemProceedsShape(Shape, frozen=True, kw_only=True):
    """What an item brings in."""

    proceeds_total: MoneyShape | None = None
    breakdowns: list[ItemPartShape] | None = None


class ItemPriceShape(Shape, frozen=True, kw_only=True):
    """What one unit costs."""

    unit_price: MoneyShape | None = None
    price_designation: str | None = None


class ProductShape(Shape, frozen=True, kw_only=True):
    """What is ordered."""

    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    price: ItemPriceShape | None = None


class PromotionShape(Shape, frozen=True, kw_only=True):
    """One promotion by its id."""

    promotion_id: str | None = None


class PromotionsShape(Shape, frozen=True, kw_only=True):
    """The promotions that were applied to an item."""

    breakdowns: list[PromotionShape] | None = None


class ExecutionShape(Shape, frozen=True, kw_only=True):
    """Who cancelled an item, and why."""

    cancelled_by: str | None = None
    cancel_reason: str | None = None


class CancellationShape(Shape, frozen=True, kw_only=True):
    """What was asked and done about a cancellation."""

    cancellation_execution: ExecutionShape | None = None


class GiftShape(Shape, frozen=True, kw_only=True):
    """What the buyer writes with a gift."""

    gift_message: str | None = None


class PackingShape(Shape, frozen=True, kw_only=True):
    """How it is packed."""

    gift_option: GiftShape | None = None


class ItemFulfilmentShape(Shape, frozen=True, kw_only=True):
    """How much of an item has left."""

    quantity_fulfilled: Units | None = None
    quantity_unfulfilled: Units | None = None
    packing: PackingShape | None = None


class CollectionShape(Shape, frozen=True, kw_only=True):
    """Who pays the tax to the state."""

    model: str | None = None
    responsible_party: str | None = None


class ItemTaxShape(Shape, frozen=True, kw_only=True):
    """What is told of an item's tax besides its amount."""

    tax_collections: list[CollectionShape] | None = None


class ItemShape(Shape, frozen=True, kw_only=True):
    """One item of an order."""

    order_item_id: Ref
    quantity_ordered: Units
    product: ProductShape
    proceeds: ItemProceedsShape | None = None
    promotion: PromotionsShape | None = None
    cancellation: CancellationShape | None = None
    fulfillment: ItemFulfilmentShape | None = None
    tax: ItemTaxShape | None = None


class FulfilmentShape(Shape, frozen=True, kw_only=True):
    """How far an order is, and who sends it out."""

    fulfillment_status: str
    fulfilled_by: str | None = None
    fulfillment_service_level: str | None = None


class PackageStatusShape(Shape, frozen=True, kw_only=True):
    """Where a package is."""

    status: str
    detailed_status: str | None = None


class PackageItemShape(Shape, frozen=True, kw_only=True):
    """Units of an item in a package."""

    order_item_id: Ref
    quantity: Units


class PackageShape(Shape, frozen=True, kw_only=True):
    """One package of an order that the merchant sends out."""

    package_reference_id: Ref
    created_time: Instant | None = None
    package_status: PackageStatusShape | None = None
    carrier: str | None = None
    ship_time: Instant | None = None
    shipping_service: str | None = None
    tracking_number: str | None = None
    package_items: list[PackageItemShape] | None = None


class OrderShape(Shape, frozen=True, kw_only=True):
    """One order."""

    order_id: Ref
    created_time: Instant
    last_updated_time: Instant
    sales_channel: ChannelShape
    order_items: list[ItemShape]
    order_aliases: list[AliasShape] | None = None
    programs: list[str] | None = None
    associated_orders: list[AssociatedShape] | None = None
    buyer: BuyerShape | None = None
    recipient: RecipientShape | None = None
    proceeds: OrderProceedsShape | None = None
    fulfillment: FulfilmentShape | None = None
    packages: list[PackageShape] | None = None
