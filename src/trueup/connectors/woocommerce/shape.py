"""WooCommerce's bodies, as far as Trueup reads them; fields that are not named are skipped."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from trueup.contract.amount import Currency
from trueup.contract.fault import Unsound
from trueup.kernel.limits import UNITS_MAX

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Pointer = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An id, or 0 for none."""
Units = Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
Word = Annotated[str, msgspec.Meta(max_length=100)]
Text = Annotated[str, msgspec.Meta(max_length=2_000)]
Sku = Annotated[str, msgspec.Meta(max_length=255)]
Amount = msgspec.Raw
NOTHING = msgspec.Raw(b"null")


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class MetaShape(Shape, frozen=True, kw_only=True):
    """One entry that WooCommerce or a plugin keeps beside an object."""

    key: str | None = None
    value: msgspec.Raw = NOTHING


class TaxPartShape(Shape, frozen=True, kw_only=True):
    """What one tax rate takes of a line; `total` is empty where it takes nothing."""

    id: Pointer | None = None
    total: Amount = NOTHING


class LineShape(Shape, frozen=True, kw_only=True):
    """One line of goods. Its amounts are for all units and never hold tax."""

    id: Id
    name: Text | None = None
    product_id: Pointer | None = None
    variation_id: Pointer | None = None
    quantity: Units
    subtotal: Amount = NOTHING
    total: Amount = NOTHING
    total_tax: Amount = NOTHING
    taxes: list[TaxPartShape] | None = None
    sku: Sku | None = None
    meta_data: list[MetaShape] | None = None


class ChargeShape(Shape, frozen=True, kw_only=True):
    """A way of shipping, or a fee."""

    id: Id
    method_title: Text | None = None
    name: Text | None = None
    total: Amount = NOTHING
    total_tax: Amount = NOTHING
    taxes: list[TaxPartShape] | None = None


class TaxLineShape(Shape, frozen=True, kw_only=True):
    """One tax rate over the whole order; `rate_percent` is told since WooCommerce 4."""

    rate_id: Pointer | None = None
    rate_code: Text | None = None
    label: Text | None = None
    rate_percent: Amount = NOTHING
    tax_total: Amount = NOTHING
    shipping_tax_total: Amount = NOTHING


class CouponShape(Shape, frozen=True, kw_only=True):
    """One coupon that was used."""

    code: Text | None = None
    discount: Amount = NOTHING


class RefundHeadShape(Shape, frozen=True, kw_only=True):
    """A refund as its order tells of it; `total` is below zero."""

    id: Id
    total: Amount = NOTHING


class AddressShape(Shape, frozen=True, kw_only=True):
    """A postal address."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address_1: str | None = None
    address_2: str | None = None
    city: str | None = None
    state: str | None = None
    postcode: str | None = None
    country: str | None = None
    email: str | None = None
    phone: str | None = None


class OrderShape(Shape, frozen=True, kw_only=True):
    """One order."""

    id: Id
    number: Text | int | None = None
    created_via: Word | None = None
    status: Word
    currency: Currency
    date_created: Word | None = None
    date_created_gmt: Word | None = None
    date_modified_gmt: Word | None = None
    date_paid_gmt: Word | None = None
    date_completed_gmt: Word | None = None
    discount_total: Amount = NOTHING
    shipping_total: Amount = NOTHING
    total: Amount = NOTHING
    total_tax: Amount = NOTHING
    prices_include_tax: bool | None = None
    customer_id: Pointer | None = None
    customer_ip_address: str | None = None
    customer_note: str | None = None
    billing: AddressShape | None = None
    shipping: AddressShape | None = None
    payment_method: Word | None = None
    transaction_id: Text | None = None
    line_items: list[LineShape]
    tax_lines: list[TaxLineShape] | None = None
    shipping_lines: list[ChargeShape] | None = None
    fee_lines: list[ChargeShape] | None = None
    coupon_lines: list[CouponShape] | None = None
    refunds: list[RefundHeadShape] | None = None


class RefundShape(Shape, frozen=True, kw_only=True):
    """One refund; quantities and totals are below zero, `amount` is above."""

    id: Id
    date_created_gmt: Word | None = None
    amount: Amount = NOTHING
    line_items: list[LineShape] | None = None
    shipping_lines: list[ChargeShape] | None = None


class RefundedShape(Shape, frozen=True, kw_only=True):
    """A refund with what only its order knows; put together by `pull.fetched`.

    Attributes:
        left: the order was completed at some time, so its units had left.
        restocked: units put back on the shelf, per order line, over all refunds.
        refunded: units refunded, per order line, over all refunds.
    """

    order_id: Id
    currency: Currency
    left: bool
    restocked: dict[str, int]
    refunded: dict[str, int]
    refund: RefundShape


class VariantShape(Shape, frozen=True, kw_only=True):
    """What a product and a variation have in common."""

    id: Id
    name: Text | None = None
    sku: Sku | None = None
    global_unique_id: Word | None = None
    price: Amount = NOTHING
    regular_price: Amount = NOTHING
    manage_stock: bool | Word | None = None
    stock_quantity: msgspec.Raw = NOTHING
    backorders: Word | None = None
    virtual: bool | None = None
    date_created_gmt: Word | None = None
    date_modified_gmt: Word | None = None


class TagShape(Shape, frozen=True, kw_only=True):
    """A word that products are sorted by."""

    name: Text | None = None


class ProductShape(VariantShape, frozen=True, kw_only=True):
    """One product; the variations of a variable one are only pointed at."""

    slug: Text | None = None
    type: Word | None = None
    status: Word | None = None
    parent_id: Pointer | None = None
    variations: list[Id] | None = None
    tags: list[TagShape] | None = None


class WholeShape(Shape, frozen=True, kw_only=True):
    """A variable product with its variations; put together by `pull.fetched`."""

    product: ProductShape
    variations: list[VariantShape]


class LevelShape(Shape, frozen=True, kw_only=True):
    """What the stock report says of a product or a variation."""

    id: Id
    sku: Sku | None = None
    manage_stock: bool | Word | None = None
    stock_quantity: msgspec.Raw = NOTHING


class CountedShape(Shape, frozen=True, kw_only=True):
    """A level with when it was read; put together by `pull.page`."""

    read_at: datetime | None = None
    level: LevelShape


class CustomerShape(Shape, frozen=True, kw_only=True):
    """One customer with an account."""

    id: Id
    date_created_gmt: Word | None = None
    date_modified_gmt: Word | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    is_paying_customer: bool | None = None
    billing: AddressShape | None = None
    shipping: AddressShape | None = None


class GoneShape(Shape, frozen=True, kw_only=True):
    """A deletion: only the id is told."""

    id: Id


def instant_of(text: str | None) -> datetime | None:
    """Return the instant; what has no zone is in UTC, as the fields that end in _gmt are.

    Raises:
        Unsound: it is no time.
    """
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise Unsound("another value", "a time such as 2026-11-21T10:00:00") from fault


def needed_instant(*texts: str | None) -> datetime:
    """Return the first instant that is told.

    Raises:
        Unsound: none is.
    """
    for text in texts:
        if (instant := instant_of(text)) is not None:
            return instant
    raise Unsound("nothing", "a time in date_modified_gmt or date_created_gmt")
