"""What an order brings in: goods, shipping, taxes, discounts and fees, to the cent.

An item's proceeds are told by category. A discount is taken off whatever sign Amazon writes it
with; what of it falls on shipping is taken off shipping.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.order import OrderTotals, ShippingLine, TaxLine
from trueup.canon.price import Price
from trueup.connectors.amazon.amount import MoneyShape, exact, price_of
from trueup.connectors.amazon.fault import unknown
from trueup.connectors.amazon.shape import ItemPartShape, ItemShape, OrderShape
from trueup.contract.fault import Unsound
from trueup.kernel.money import minor_digits

_ZERO = Decimal(0)
_FEES = frozenset(("GIFT_WRAP", "COD_FEE", "OTHER"))
_FACILITATOR = "MARKETPLACE_FACILITATOR"


class ItemMoney(msgspec.Struct, frozen=True, kw_only=True):
    """One item's money.

    Attributes:
        unit: the price of one unit; None where the order tells no prices yet.
        goods: the goods before discounts.
        discount: as Amazon tells it.
        line_discount: what units times price is more than what is charged for the goods.
        taxes: by what they are levied on.
    """

    unit: Decimal | None
    goods: Decimal
    discount: Decimal
    line_discount: Decimal
    shipping: Decimal
    shipping_discount: Decimal
    fees: Decimal
    taxes: tuple[tuple[str, Decimal], ...]
    collected: bool
    issues: tuple[Issue, ...]


def item_money(item: ItemShape, currency: str, pointer: str) -> ItemMoney:
    """Return the money of one item; raises `Unsound`."""
    parts = (item.proceeds.breakdowns if item.proceeds else None) or []
    by_type = {part.type: part for part in parts}
    issues = [
        unknown("amazon.proceeds_unknown", f"{pointer}/proceeds", _KNOWN, name)
        for name in by_type
        if name not in {"ITEM", "SHIPPING", "TAX", "DISCOUNT", *_FEES}
    ]
    discounts = _details(by_type.get("DISCOUNT"), currency)
    shipping_discount = sum((abs(v) for name, v in discounts if name == "SHIPPING"), _ZERO)
    discount = sum((abs(v) for name, v in discounts if name != "SHIPPING"), _ZERO)
    unit, goods = _unit(item, by_type.get("ITEM"), currency)
    # What units times price is more than the goods is written as a discount, so that each line adds
    # up: a price that does not split evenly, units that were cancelled since.
    apart = _ZERO if unit is None else unit * item.quantity_ordered - goods
    collections = (item.tax.tax_collections if item.tax else None) or []
    return ItemMoney(
        unit=unit,
        goods=goods,
        discount=discount,
        line_discount=discount + apart,
        shipping=_amount(by_type.get("SHIPPING"), currency),
        shipping_discount=shipping_discount,
        fees=sum((_amount(by_type.get(name), currency) for name in sorted(_FEES)), _ZERO),
        taxes=tuple(_details(by_type.get("TAX"), currency)),
        collected=any(each.model == _FACILITATOR for each in collections),
        issues=tuple(issues),
    )


_KNOWN = "ITEM, SHIPPING, GIFT_WRAP, COD_FEE, OTHER, TAX or DISCOUNT"


def _unit(
    item: ItemShape, part: ItemPartShape | None, currency: str
) -> tuple[Decimal | None, Decimal]:
    """Return what one unit costs and what all do; a price that can not be split is rounded up."""
    told = item.product.price.unit_price if item.product.price else None
    units = item.quantity_ordered
    if part is None:
        unit = None if told is None else same(told, currency)
        return unit, (unit or _ZERO) * units
    goods = same(part.subtotal, currency)
    unit = _ZERO if told is None else same(told, currency)
    if unit * units >= goods and told is not None:
        return unit, goods
    if not units:
        return _ZERO, goods
    step = Decimal(1).scaleb(-minor_digits(currency))
    unit = (goods / units).quantize(step)
    return (unit if unit * units >= goods else unit + step), goods


def _details(part: ItemPartShape | None, currency: str) -> list[tuple[str, Decimal]]:
    """Return what falls on what, as far as the details add up to the whole."""
    if part is None:
        return []
    whole = same(part.subtotal, currency)
    told = [
        (detail.subtype or "OTHER", same(detail.value, currency))
        for detail in part.detailed_breakdowns or []
        if detail.value is not None
    ]
    if told and abs(sum((value for _, value in told), _ZERO)) == abs(whole):
        return told
    return [("ITEM", whole)] if whole else []


def _amount(part: ItemPartShape | None, currency: str) -> Decimal:
    return _ZERO if part is None else same(part.subtotal, currency)


def same(money: MoneyShape, currency: str) -> Decimal:
    """Return the amount; raises `Unsound` where it is of another currency than the order."""
    if money.currency_code != currency:
        raise Unsound("another currency", f"an amount in {currency}, as the rest of the order")
    return exact(money.amount, currency)


def tax_lines(
    items: Iterable[ItemMoney], currency: str, *, shipping: bool | None = None
) -> tuple[TaxLine, ...]:
    """Return the taxes of items, one line per what they are levied on and who collects them.

    Args:
        items: of one order.
        currency: of the order.
        shipping: those on shipping alone, or all but those; None: all.
    """
    sums: dict[tuple[str, bool], Decimal] = {}
    for item in items:
        for name, value in item.taxes:
            if shipping is not None and (name == "SHIPPING") != shipping:
                continue
            key = (name, item.collected)
            sums[key] = sums.get(key, _ZERO) + value
    return tuple(
        TaxLine(
            title=f"TAX {name}",
            rate=None,
            price=price_of(value, currency),
            collected_by_channel=collected,
        )
        for (name, collected), value in sorted(sums.items())
    )


def shipping_lines(
    order: OrderShape, items: list[ItemMoney], currency: str
) -> tuple[ShippingLine, ...]:
    """Return what was charged for shipping: one line for the whole order, if anything was."""
    gross = sum((item.shipping for item in items), _ZERO)
    less = sum((item.shipping_discount for item in items), _ZERO)
    if not gross and not less:
        return ()
    level = order.fulfillment.fulfillment_service_level if order.fulfillment else None
    return (
        ShippingLine(
            ref=f"{order.order_id}/shipping",
            title=level or "shipping",
            price=price_of(gross, currency),
            discounted=price_of(gross - less, currency) if less else None,
            taxes=tax_lines(items, currency, shipping=True),
        ),
    )


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """An order's totals, and whether its prices hold the tax."""

    totals: OrderTotals
    taxes_included: bool
    known: bool


def totals_of(order: OrderShape, items: list[ItemMoney], currency: str) -> Totals:
    """Return the totals; `known` is false where Amazon tells no prices yet."""
    tips = _order_part(order, "DELIVERY_TIP", currency)
    discount = sum((item.discount for item in items), _ZERO)
    subtotal = sum((item.goods for item in items), _ZERO) - discount
    less = sum((item.shipping_discount for item in items), _ZERO)
    shipping = sum((item.shipping for item in items), _ZERO) - less
    fees = sum((item.fees for item in items), _ZERO)
    tax = sum((value for item in items for _, value in item.taxes), _ZERO)
    parts = subtotal + shipping + fees + tips
    grand = order.proceeds.grand_total if order.proceeds else None
    total = _sum_told(order, parts + tax, currency) if grand is None else same(grand, currency)
    priced = all(item.unit is not None for item in items)
    return Totals(
        totals=OrderTotals(
            total=price_of(total, currency),
            subtotal=price_of(subtotal, currency) if priced else None,
            discounts=_some(discount + less, currency),
            shipping=_some(shipping, currency),
            tax=price_of(tax, currency) if priced else None,
            tips=_some(tips, currency),
            fees=_some(fees, currency),
        ),
        taxes_included=bool(tax) and total == parts,
        known=grand is not None or (priced and bool(items)),
    )


def _sum_told(order: OrderShape, parts: Decimal, currency: str) -> Decimal:
    """Return what the items say that they bring in; where one does not, the sum of the parts."""
    told = [item.proceeds.proceeds_total for item in order.order_items if item.proceeds]
    if not told or len(told) < len(order.order_items) or None in told:
        return parts
    return sum((same(each, currency) for each in told if each is not None), _ZERO)


def _some(amount: Decimal, currency: str) -> Price | None:
    return price_of(amount, currency) if amount else None


def _order_part(order: OrderShape, name: str, currency: str) -> Decimal:
    parts = (order.proceeds.breakdowns if order.proceeds else None) or []
    return sum((same(part.subtotal, currency) for part in parts if part.type == name), _ZERO)


def line_discount(item: ItemMoney, currency: str) -> Price | None:
    """Return what was taken off a line; None where nothing was."""
    return _some(item.line_discount, currency)
