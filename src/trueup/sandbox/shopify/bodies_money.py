"""Money as REST bodies carry it: text in the shop's currency, and sets in both."""

from typing import TypeAlias

import msgspec

from trueup.sandbox.shopify.model import Discount, Order, TaxLine
from trueup.sandbox.shopify.money import Pair, amount_text

__all__ = ["Body", "discount_body", "money_number", "money_set", "money_text", "tax_body"]

Body: TypeAlias = dict[str, object]


def money_text(order: Order, amount: Pair) -> str:
    """Return the shop's amount as text."""
    return amount_text(amount.shop, order.exchange.shop)


def money_number(order: Order, amount: Pair) -> msgspec.Raw:
    """Return the shop's amount as a JSON number (the vendor does so in refund lines)."""
    return msgspec.Raw(money_text(order, amount).encode())


def money_set(order: Order, amount: Pair) -> Body:
    """Return an amount in both currencies."""
    exchange = order.exchange
    return {
        "shop_money": {
            "amount": amount_text(amount.shop, exchange.shop),
            "currency_code": exchange.shop,
        },
        "presentment_money": {
            "amount": amount_text(amount.presentment, exchange.presentment),
            "currency_code": exchange.presentment,
        },
    }


def tax_body(order: Order, tax: TaxLine) -> Body:
    """Return one tax; its rate is a JSON number as at the vendor."""
    return {
        "channel_liable": False,
        "price": money_text(order, tax.price),
        "price_set": money_set(order, tax.price),
        "rate": msgspec.Raw(str(tax.rate).encode()),
        "title": tax.title,
    }


def discount_body(discount: Discount) -> Body:
    """Return one discount application."""
    body: Body = {
        "target_type": discount.target,
        "type": discount.kind,
        "value": str(discount.value),
        "value_type": discount.value_type,
        "allocation_method": discount.method,
        "target_selection": discount.selection,
    }
    if discount.kind == "discount_code":
        return body | {"code": discount.title}
    return body | {"title": discount.title, "description": discount.title}
