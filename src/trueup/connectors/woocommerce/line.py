"""The lines of an order: goods, shipping, fees, taxes and coupons.

WooCommerce tells a line's amounts for all its units, without tax, whether or not the shop's prices
include it; so orders of WooCommerce never have taxes included.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from html import unescape

from trueup.canon.order import Discount, OrderLine, ShippingLine, TaxLine
from trueup.connectors.woocommerce.shape import (
    ChargeShape,
    CouponShape,
    LineShape,
    TaxLineShape,
    TaxPartShape,
)
from trueup.contract.amount import ZERO, amount_of, needed_amount, price, price_of, unit_price
from trueup.contract.fault import Unsound

Rates = Mapping[int, TaxLineShape]


def rates_of(shapes: Iterable[TaxLineShape] | None) -> Rates:
    """Return the order's taxes by the id of their rate, by which lines point at them."""
    return {shape.rate_id: shape for shape in shapes or () if shape.rate_id is not None}


def line_of(shape: LineShape, currency: str, rates: Rates) -> OrderLine:
    """Return one line of goods."""
    if shape.quantity < 0:
        raise Unsound("a number below 0", "a quantity of 0 or more")
    net = needed_amount(shape.total, f"the total of line {shape.id}")
    goods = amount_of(shape.subtotal)
    each = unit_price(net if goods is None else goods, shape.quantity)
    discount = each * shape.quantity - net if shape.quantity else ZERO
    product, variation = shape.product_id or None, shape.variation_id or None
    return OrderLine(
        ref=str(shape.id),
        title=unescape(shape.name or ""),
        quantity=shape.quantity,
        price=price(each if shape.quantity else net, currency),
        sku=shape.sku or None,
        product_ref=str(product) if product else None,
        variant_ref=str(variation or product) if product else None,
        discount=price(discount, currency) if discount else None,
        taxes=_parts_of(shape.taxes, currency, rates),
    )


def shipping_of(shape: ChargeShape, currency: str, rates: Rates) -> ShippingLine:
    """Return one way of shipping."""
    return ShippingLine(
        ref=str(shape.id),
        title=unescape(shape.method_title or ""),
        price=price(amount_of(shape.total) or ZERO, currency),
        taxes=_parts_of(shape.taxes, currency, rates),
    )


def taxes_of(shapes: Iterable[TaxLineShape] | None, currency: str) -> tuple[TaxLine, ...]:
    """Return the order's taxes, on goods, fees and shipping together."""
    return tuple(
        TaxLine(
            title=_title_of(shape),
            rate=_rate_of(shape),
            price=price(
                (amount_of(shape.tax_total) or ZERO)
                + (amount_of(shape.shipping_tax_total) or ZERO),
                currency,
            ),
        )
        for shape in shapes or ()
    )


def discounts_of(shapes: Iterable[CouponShape] | None, currency: str) -> tuple[Discount, ...]:
    """Return the coupons that were used, with what each took off before tax."""
    return tuple(
        Discount(title=shape.code or "", code=shape.code, price=price_of(shape.discount, currency))
        for shape in shapes or ()
    )


def _parts_of(
    shapes: Iterable[TaxPartShape] | None, currency: str, rates: Rates
) -> tuple[TaxLine, ...]:
    parts = []
    for shape in shapes or ():
        taken = price_of(shape.total, currency)
        if taken is None:
            continue  # a rate of the order that takes nothing of this line
        rate = rates.get(shape.id or 0)
        parts.append(
            TaxLine(
                title=_title_of(rate) if rate else "",
                rate=_rate_of(rate) if rate else None,
                price=taken,
            )
        )
    return tuple(parts)


def _title_of(shape: TaxLineShape) -> str:
    return unescape(shape.label or shape.rate_code or "")


def _rate_of(shape: TaxLineShape) -> str | None:
    """Return the rate as a fraction in text: 19 percent is 0.19."""
    percent = amount_of(shape.rate_percent)
    if percent is None:
        return None
    return format((percent / Decimal(100)).normalize(), "f") if percent else "0"
