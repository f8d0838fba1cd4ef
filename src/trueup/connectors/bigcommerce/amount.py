"""Money as BigCommerce writes it: text in orders, JSON numbers elsewhere; from the raw bytes."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated

import msgspec

from trueup.canon.price import Price
from trueup.kernel.money import Money, minor_digits

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": catalogue prices come without one; they are the store's."""

ZERO = Decimal(0)
_AMOUNT_CHARS_MAX = 40
_POWER_MAX = 15
_PLACES_MAX = 12
_UNIT_PLACES = Decimal("1E-8")
_EXPECTED = "an amount below 10^15 with at most 12 decimals"


class Unsound(Exception):
    """A value in a body can not become canonical; caught where the body is mapped."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(expected)
        self.found = found
        self.expected = expected


def amount_of(raw: msgspec.Raw) -> Decimal | None:
    """Return the amount that stands in the body; None where there is none.

    Raises:
        Unsound: it is not a finite decimal of a sensible size.
    """
    text = bytes(raw)
    if text in {b"null", b'""', b""}:
        return None
    if len(text) > _AMOUNT_CHARS_MAX:
        raise Unsound("a long value", _EXPECTED)
    return _amount(text)


def needed_amount(raw: msgspec.Raw, name: str) -> Decimal:
    """Return the amount that stands in the body.

    Raises:
        Unsound: there is none, or it is unsound.
    """
    amount = amount_of(raw)
    if amount is None:
        raise Unsound("nothing", f"an amount in {name}")
    return amount


def price(amount: Decimal, currency: str) -> Price:
    """Return the amount with its currency, written with at least the currency's decimals."""
    digits = 2 if currency == NO_CURRENCY else minor_digits(currency)
    least = amount.quantize(Decimal(1).scaleb(-digits))
    return Price(Money(least + 0 if least == amount else amount.normalize(), currency))


def sum_of(raws: Iterable[msgspec.Raw]) -> Decimal:
    """Return the sum; what is not told counts nothing."""
    return sum((amount_of(raw) or ZERO for raw in raws), ZERO)


def unit_price(goods: Decimal, units: int) -> Decimal:
    """Return the price of one unit so that units times it is never below the goods' amount.

    BigCommerce rounds a unit and its line each by themselves; the line counts. What is over is
    taken off again with the line's discount.
    """
    if units == 0:
        return goods
    each = goods / units
    return each if each * units == goods else each.quantize(_UNIT_PLACES, rounding=ROUND_CEILING)


@lru_cache(maxsize=16384)
def _amount(text: bytes) -> Decimal:
    try:
        amount = Decimal(text.decode().strip('"').strip())
    except (InvalidOperation, ValueError) as fault:
        raise Unsound("another value", _EXPECTED) from fault
    if not amount.is_finite() or amount.adjusted() >= _POWER_MAX:
        raise Unsound("a number beyond all bounds", _EXPECTED)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_PLACES_MAX:
        raise Unsound("a number with more decimals", _EXPECTED)
    return amount
