"""Money as Shopify writes it: text, seldom a number, in the shop's and the customer's currency.

Amounts are taken from the raw bytes, so no float is ever made of them. Most amounts of a busy day
repeat ("0.00", the prices of one catalogue), so prices are built once and shared: they are frozen.
"""

from functools import lru_cache
from typing import Annotated

import msgspec

from trueup.canon.price import Price
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.amount import AMOUNT, AMOUNT_CHARS_MAX, NO_CURRENCY, decimal_of, trimmed
from trueup.contract.fault import Unsound as NotKept
from trueup.kernel.money import Money

Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]


class MoneyShape(msgspec.Struct, frozen=True, gc=False):
    """One amount with its currency."""

    amount: msgspec.Raw
    currency_code: Currency


class BagShape(msgspec.Struct, frozen=True, gc=False):
    """One amount in both currencies."""

    shop_money: MoneyShape
    presentment_money: MoneyShape | None = None


def money_of(raw: msgspec.Raw, currency: str | None) -> Money:
    """Return the amount that stands in the body.

    Raises:
        Unsound: it is not a finite decimal of a sensible size.
    """
    return _money(_short(raw), currency or NO_CURRENCY)


def price_of(
    bag: BagShape | None, flat: msgspec.Raw | None = None, currency: str | None = None
) -> Price | None:
    """Return the price of a bag, or else of a plain amount in `currency`; None if neither is told.

    Raises:
        Unsound: an amount is not a finite decimal of a sensible size.
    """
    if bag is not None:
        shop, presented = bag.shop_money, bag.presentment_money
        if presented is None:
            return _price(_short(shop.amount), shop.currency_code)
        return _price_both(
            _short(shop.amount),
            shop.currency_code,
            _short(presented.amount),
            presented.currency_code,
        )
    if flat is None or (text := _short(flat)) == b"null":
        return None
    return _price(text, currency or NO_CURRENCY)


def is_told(raw: msgspec.Raw) -> bool:
    """Return whether an amount stands there at all."""
    return bytes(raw) != b"null"


def _short(raw: msgspec.Raw) -> bytes:
    text = bytes(raw)
    if len(text) > AMOUNT_CHARS_MAX:
        raise Unsound(text, AMOUNT)
    return text


@lru_cache(maxsize=16384)
def _price(text: bytes, currency: str) -> Price:
    return Price(_money(text, currency))


@lru_cache(maxsize=16384)
def _price_both(text: bytes, currency: str, presented: bytes, presented_currency: str) -> Price:
    if currency == presented_currency:
        return Price(_money(text, currency))
    return Price(_money(text, currency), _money(presented, presented_currency))


@lru_cache(maxsize=16384)
def _money(text: bytes, currency: str) -> Money:
    """Parse an amount; written with at least the currency's decimals, so equal amounts look it."""
    try:
        amount = decimal_of(text)
    except NotKept as fault:
        raise Unsound(text, AMOUNT) from fault
    return Money(trimmed(amount, currency), currency)
