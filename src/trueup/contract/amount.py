"""Amounts as vendors write them: text or numbers, taken from the raw bytes, so no float is made."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated

import msgspec

from trueup.canon.price import Price
from trueup.contract.fault import Unsound
from trueup.kernel.money import Money, minor_digits

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": some vendors give some amounts without one; they are the shop's."""

ZERO = Decimal(0)
AMOUNT_CHARS_MAX = 40
POWER_MAX = 15
PLACES_MAX = 12
AMOUNT = "an amount below 10^15 with at most 12 decimals"
"""What is expected of an amount, in words."""

_UNIT_PLACES = Decimal("1E-8")
_NOTHING = frozenset((b"null", b'""', b""))


def amount_of(raw: msgspec.Raw) -> Decimal | None:
    """Return the amount that stands in the body; None where there is none.

    Raises:
        Unsound: it is not a finite decimal of a sensible size.
    """
    text = bytes(raw)
    if text in _NOTHING:
        return None
    if len(text) > AMOUNT_CHARS_MAX:
        raise Unsound("a long value", AMOUNT)
    return decimal_of(text)


def needed_amount(raw: msgspec.Raw, name: str) -> Decimal:
    """Return the amount that stands in the body.

    Raises:
        Unsound: there is none, or it is unsound.
    """
    amount = amount_of(raw)
    if amount is None:
        raise Unsound("nothing", f"an amount in {name}")
    return amount


@lru_cache(maxsize=16384)
def decimal_of(text: bytes) -> Decimal:
    """Return the amount that is written so, as text or as a number; most of them repeat.

    Raises:
        Unsound: it is not a finite decimal of a sensible size.
    """
    try:
        amount = Decimal(text.decode().strip('"').strip())
    except (InvalidOperation, ValueError) as fault:
        raise Unsound("another value", AMOUNT) from fault
    return bounded(amount)


def bounded(amount: Decimal) -> Decimal:
    """Return an amount of a sensible size as it is.

    Raises:
        Unsound: it is not finite, too large, or has too many decimals.
    """
    if not amount.is_finite() or amount.adjusted() >= POWER_MAX:
        raise Unsound("a number beyond all bounds", AMOUNT)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -PLACES_MAX:
        raise Unsound("a number with more decimals", AMOUNT)
    return amount


def trimmed(amount: Decimal, currency: str) -> Decimal:
    """Write 5, 5.0 and 5.000 all as 5.00 where the currency has two decimals; lose nothing."""
    digits = 2 if currency == NO_CURRENCY else minor_digits(currency)
    least = amount.quantize(Decimal(1).scaleb(-digits))
    if least == amount:
        return least + 0  # turns -0.00 into 0.00
    return amount.normalize()


def price(amount: Decimal, currency: str) -> Price:
    """Return the amount with its currency, written with at least the currency's decimals."""
    return Price(Money(trimmed(amount, currency), currency))


def price_of(raw: msgspec.Raw, currency: str) -> Price | None:
    """Return the price that stands in the body; None where there is none."""
    amount = amount_of(raw)
    return None if amount is None else price(amount, currency)


def sum_of(raws: Iterable[msgspec.Raw]) -> Decimal:
    """Return the sum; what is not told counts nothing."""
    return sum((amount_of(raw) or ZERO for raw in raws), ZERO)


def unit_price(goods: Decimal, units: int) -> Decimal:
    """Return the price of one unit so that units times it is never below the goods' amount.

    Where a vendor tells an exact amount per line and rounds a unit by itself, the line counts. What
    is over is taken off again with the line's discount, so that the line stays exact.
    """
    if units == 0:
        return goods
    each = goods / units
    return each if each * units == goods else each.quantize(_UNIT_PLACES, rounding=ROUND_CEILING)
