"""Money in minor units, each currency as Stripe counts it, and back.

Stripe's own counting differs from ISO 4217: MGA has no decimals, ISK and UGX are written with two
though only whole units can be charged, and the last digit of three decimals is always 0.
Source: https://docs.stripe.com/currencies, read 2026-11-21.
"""

from decimal import Decimal

from trueup.errors import Refused
from trueup.kernel.money import Money

_WHOLE = frozenset(
    (
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    )
)
_THREE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_STEP = {"ISK": 100, "UGX": 100}


def digits_of(currency: str) -> int:
    """Return how many decimals the smallest unit has at Stripe; `currency` in upper case."""
    if currency in _WHOLE:
        return 0
    return 3 if currency in _THREE else 2


def money_of(minor: int, currency: str) -> Money:
    """Return the exact amount of so many of a currency's smallest units."""
    code = currency.upper()
    return Money(Decimal(minor).scaleb(-digits_of(code)), code)


def minor_of(money: Money) -> int:
    """Return an amount in the smallest units that Stripe takes.

    Raises:
        Refused: the amount has more decimals than Stripe can move.
    """
    step = 10 if money.currency in _THREE else _STEP.get(money.currency, 1)
    scaled = money.amount.scaleb(digits_of(money.currency))
    if scaled != scaled.to_integral_value() or int(scaled) % step:
        least = Decimal(step).scaleb(-digits_of(money.currency))
        raise Refused(
            f"Stripe moves {money.currency} in steps of {least}; give another amount.",
            currency=money.currency,
        )
    return int(scaled)
