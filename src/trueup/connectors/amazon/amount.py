"""Amounts as Amazon writes them: text with its currency, exact to the last digit."""

from decimal import Decimal
from typing import Annotated

import msgspec

from trueup.canon.price import Price
from trueup.connectors.amazon.fault import Unsound
from trueup.kernel.money import Money, minor_digits

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": a pending order of a marketplace that is not known."""

_POWER_MAX = 15
_PLACES_MAX = 12
_CHARS_MAX = 40
_EXPECTED = "an amount below 10^15 with at most 12 decimals"

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class MoneyShape(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One amount."""

    amount: Decimal
    currency_code: Currency


def exact(amount: Decimal, currency: str) -> Decimal:
    """Return the amount with at least its currency's decimals, so that equal amounts look it.

    Raises:
        Unsound: it is not a finite decimal of a sensible size.
    """
    digits = amount.as_tuple()
    places = digits.exponent
    if (
        not isinstance(places, int)
        or len(digits.digits) > _CHARS_MAX
        or amount.adjusted() >= _POWER_MAX
        or places < -_PLACES_MAX
    ):
        raise Unsound(_EXPECTED, "another number")
    least = amount.quantize(Decimal(1).scaleb(-minor_digits(currency)))
    return least + 0 if least == amount else amount.normalize()


def price_of(amount: Decimal, currency: str) -> Price:
    """Return the amount as a price; raises `Unsound`."""
    return Price(Money(exact(amount, currency), currency))
