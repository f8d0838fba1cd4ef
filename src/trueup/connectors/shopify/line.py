"""The lines of an order: goods, shipping, taxes and discounts."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from trueup.canon.order import Discount, OrderLine, ShippingLine, TaxLine
from trueup.canon.price import Price
from trueup.connectors.shopify.amount import BagShape, is_told, money_of, price_of
from trueup.connectors.shopify.refs import ref_of
from trueup.connectors.shopify.shape import (
    AllocationShape,
    DutyShape,
    LineShape,
    OrderShape,
    ShippingShape,
    TaxShape,
)
from trueup.connectors.shopify.unsound import Unsound
from trueup.kernel.money import Money

Allocated = list[tuple[int | None, Price]]
"""What fell on lines so far: the index of the discount and its part."""


def line_of(shape: LineShape, currency: str, allocated: Allocated) -> OrderLine:
    """Return one line; notes in `allocated` which discounts fell on it."""
    price = price_of(shape.price_set, shape.price, currency)
    if price is None:
        raise Unsound(b"", f"a price of line {shape.id}")
    if shape.quantity < 0:
        raise Unsound(str(shape.quantity).encode(), "a quantity of 0 or more")
    variant_ref = ref_of(shape.variant_id)
    discount = _allocate(shape.discount_allocations, currency, allocated)
    if discount is None and shape.discount_allocations is None:
        discount = price_of(shape.total_discount_set, shape.total_discount, currency)
    bundle = shape.line_item_group.id if shape.line_item_group else shape.sales_line_item_group_id
    return OrderLine(
        ref=str(ref_of(shape.id)),
        title=shape.title or shape.name or "",
        quantity=shape.quantity,
        quantity_current=shape.current_quantity,
        price=price,
        sku=shape.sku or None,
        variant_ref=variant_ref,
        product_ref=ref_of(shape.product_id),
        discount=discount,
        taxes=taxes_of(shape.tax_lines, currency) if shape.tax_lines else (),
        duties=_duties_of(shape.duties) if shape.duties else (),
        requires_shipping=shape.requires_shipping is not False,
        gift_card=bool(shape.gift_card),
        stocked=_is_stocked(shape),
        tip=shape.tip is not None or shape.tip_payment_gateway is not None,
        bundle_ref=ref_of(bundle),
    )


def _is_stocked(shape: LineShape) -> bool:
    """Tell whether the source counts stock for the line; what is no variant has none."""
    if shape.variant_inventory_management is msgspec.UNSET:
        return shape.variant_id is not None
    return bool(shape.variant_inventory_management)


def shipping_of(
    shape: ShippingShape, currency: str, allocated: Allocated, index: int
) -> ShippingLine:
    """Return one shipping line; `index` names it where Shopify gives it no id."""
    price = price_of(shape.price_set, shape.price, currency)
    if price is None:
        raise Unsound(b"", f"a price of shipping line {index}")
    discount = _allocate(shape.discount_allocations, currency, allocated)
    discounted = price_of(shape.discounted_price_set, shape.discounted_price, currency)
    if discount is not None and discounted in {None, price}:
        discounted = _less(price, discount)
    return ShippingLine(
        ref=ref_of(shape.id) or str(index),
        title=shape.title or "",
        price=price,
        discounted=discounted,
        taxes=taxes_of(shape.tax_lines, currency),
        removed=bool(shape.is_removed),
    )


def taxes_of(shapes: Iterable[TaxShape] | None, currency: str) -> tuple[TaxLine, ...]:
    """Return the tax lines; one without an amount is left out: it says nothing."""
    taxes = []
    for shape in shapes or ():
        price = price_of(shape.price_set, shape.price, currency)
        if price is not None:
            taxes.append(
                TaxLine(
                    title=shape.title or "",
                    rate=_rate_of(shape.rate),
                    price=price,
                    collected_by_channel=bool(shape.channel_liable),
                )
            )
    return tuple(taxes)


def _rate_of(raw: msgspec.Raw) -> str | None:
    """Return the fraction as text: 0.0800 and 0.08 are the same rate."""
    if not is_told(raw):
        return None
    amount = money_of(raw, None).amount
    return format(amount.normalize(), "f") if amount else "0"


def _duties_of(shapes: Iterable[DutyShape]) -> tuple[Price, ...]:
    found = []
    for shape in shapes:
        bag = shape.price
        if bag is None and shape.shop_money is not None:
            bag = BagShape(shape.shop_money, shape.presentment_money)
        if (price := price_of(bag)) is not None:
            found.append(price)
    return tuple(found)


def _allocate(
    shapes: list[AllocationShape] | None, currency: str, allocated: Allocated
) -> Price | None:
    total: Price | None = None
    for shape in shapes or ():
        price = price_of(shape.amount_set, shape.amount, currency)
        if price is not None:
            allocated.append((shape.discount_application_index, price))
            total = price if total is None else sum_of(total, price)
    return total


def discounts_of(shape: OrderShape, currency: str, allocated: Allocated) -> tuple[Discount, ...]:
    """Return the order's discounts with what each took off; older bodies name only codes."""
    if not shape.discount_applications:
        return tuple(
            Discount(title=c.code or "", code=c.code, price=price_of(None, c.amount, currency))
            for c in shape.discount_codes or ()
        )
    parts: dict[int, Price] = {}
    for index, price in allocated:
        if index is not None:
            parts[index] = sum_of(parts[index], price) if index in parts else price
    return tuple(
        Discount(
            title=applied.title or applied.code or applied.description or "",
            code=applied.code,
            price=parts.get(index),
        )
        for index, applied in enumerate(shape.discount_applications)
    )


def sum_of(left: Price, right: Price) -> Price:
    """Return the sum; in the customer's currency only where both tell it."""
    return _joined(left, right, 1)


def _less(left: Price, right: Price) -> Price:
    return _joined(left, right, -1)


def _joined(left: Price, right: Price, sign: int) -> Price:
    if left.booked.currency != right.booked.currency:
        text = f'"{right.booked.currency}"'.encode()
        raise Unsound(text, f"the currency {left.booked.currency}")
    booked = _added(left.booked, right.booked, sign)
    if left.presented is None or right.presented is None:
        return Price(booked)
    if left.presented.currency != right.presented.currency:
        text = f'"{right.presented.currency}"'.encode()
        raise Unsound(text, f"the currency {left.presented.currency}")
    return Price(booked, _added(left.presented, right.presented, sign))


def _added(left: Money, right: Money, sign: int) -> Money:
    return Money(left.amount + Decimal(sign) * right.amount, left.currency)
