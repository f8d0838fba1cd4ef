"""Share an amount out so that the parts come to it to the last digit. Pure."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from trueup.errors import invariant
from trueup.kernel.money import minor_digits

_WIDE: Final = Context(prec=80, rounding=ROUND_FLOOR)


def smallest_unit(amount: Decimal, currency: str) -> Decimal:
    """Return the unit in which an amount is shared out: a cent, or finer where it is finer."""
    exponent = amount.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return Decimal(1).scaleb(-max(digits, minor_digits(currency)))


def share_out(amount: Decimal, weights: Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """Return the parts of an amount by weight, by the largest remainder.

    Args:
        amount: exact; below zero too.
        weights: zero or more each; where all are zero they count the same.
        currency: of the amount; it says how small a part can be.

    Returns:
        One part for each weight, in their order; their sum is the amount. Of equal remainders the
        first gets the unit.
    """
    if not weights:
        invariant(not amount, "an amount is shared out among nothing")
        return []
    invariant(all(weight >= 0 for weight in weights), "a weight is below zero")
    given = [Decimal(weight) for weight in weights]
    if not any(given):
        given = [Decimal(1)] * len(given)
    unit = smallest_unit(amount, currency)
    count = abs(int(_WIDE.divide(amount, unit)))
    whole = sum(given, Decimal(0))
    exact = [_WIDE.divide(_WIDE.multiply(weight, Decimal(count)), whole) for weight in given]
    units = [int(each) for each in exact]
    order = sorted(range(len(given)), key=lambda n: (units[n] - exact[n], n))
    for n in order[: count - sum(units)]:
        units[n] += 1
    sign = -1 if amount < 0 else 1
    return [_WIDE.multiply(unit, Decimal(sign * each)) for each in units]


def part_upto(amount: Decimal, count: int, of: int, currency: str) -> Decimal:
    """Return what the first `count` of `of` equal units come to, rounded down to a smallest unit.

    So what units `a` to `b` come to is the difference of two of these, and all come to the amount.
    """
    if count >= of:
        return amount
    unit = smallest_unit(amount, currency)
    units = int(_WIDE.divide(amount, unit)) * count // of
    return _WIDE.multiply(unit, Decimal(units))
