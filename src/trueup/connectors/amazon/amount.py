"""Amounts as Amazon writes them: text with its currency, exact to the last digit."""

from decimal import Decimal

import msgspec

from trueup.canon.price import Price
from trueup.contract.amount import AMOUNT, AMOUNT_CHARS_MAX, Currency, bounded, trimmed
from trueup.contract.fault import Unsound
from trueup.kernel.money import Money


class MoneyShape(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One amount."""

    amount: Decimal
    currency_code: Currency


def exact(amount: Decimal, currency: str) -> Decimal:
    """Return the amount with at least its currency's decimals, so that equal amounts look it.

    Raises:
        Unsound: it is not a finite decimal of a sensible size.
    """
    if len(amount.as_tuple().digits) > AMOUNT_CHARS_MAX:
        raise Unsound("another number", AMOUNT)
    return trimmed(bounded(amount), currency)


def price_of(amount: Decimal, currency: str) -> Price:
    """Return the amount as a price; raises `Unsound`."""
    return Price(Money(exact(amount, currency), currency))
