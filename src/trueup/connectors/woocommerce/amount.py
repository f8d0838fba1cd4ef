"""Money as WooCommerce rounds it."""

from decimal import ROUND_HALF_UP, Decimal

from trueup.kernel.money import minor_digits


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return the amount at the currency's smallest unit, as WooCommerce rounds totals."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_HALF_UP)
