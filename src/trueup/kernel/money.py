"""Money: an exact decimal amount with its currency."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

import msgspec

# Number of decimals of the minor unit where it is not 2. Source: ISO 4217.
_MINOR_DIGITS = dict.fromkeys(
    (
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    ),
    0,
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


def minor_digits(currency: str) -> int:
    """Return how many decimals the smallest unit of a currency has (2 unless ISO 4217 differs)."""
    return _MINOR_DIGITS.get(currency, 2)


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of one currency.

    Attributes:
        amount: exact decimal, as many digits as the source gave.
        currency: ISO 4217 code, upper case.
    """

    amount: Decimal
    currency: str

    def __add__(self, other: Self) -> Self:
        return type(self)(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.amount, self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def rounded(self) -> Self:
        """Return the amount rounded half up to the currency's minor unit."""
        unit = Decimal(1).scaleb(-minor_digits(self.currency))
        return type(self)(self.amount.quantize(unit, rounding=ROUND_HALF_UP), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"can not combine {self.currency} with {other.currency}")
        return other.amount


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Return the sum; zero of `currency` where there are none."""
    result = Decimal(0)
    for money in amounts:
        if money.currency != currency:
            raise ValueError(f"can not combine {currency} with {money.currency}")
        result += money.amount
    return Money(result, currency)
