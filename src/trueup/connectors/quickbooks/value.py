"""QuickBooks' values as ours."""

from datetime import UTC, datetime
from decimal import Decimal

from trueup.canon.issue import Issue
from trueup.connectors.quickbooks.fault import currency_missing
from trueup.connectors.quickbooks.shape import EntityShape, Number, RefShape
from trueup.kernel.limits import UNITS_MAX
from trueup.kernel.money import Money

NO_CURRENCY = "XXX"
"""ISO 4217's code for none: such an amount is never added to one of a known currency."""

_AMOUNT_MAX = Decimal("1e15")


def number(value: Number) -> Decimal | None:
    """Return a number that can be an amount or a quantity; None for any other."""
    if value is None or not value.is_finite():
        return None
    _, digits, exponent = value.as_tuple()
    if abs(value) > _AMOUNT_MAX or not isinstance(exponent, int) or exponent < -30:
        return None
    return value if len(digits) <= 40 else None


def units(value: Number) -> int | None:
    """Return whole units; None where it is a fraction, or no number."""
    found = number(value)
    if found is None or found != found.to_integral_value() or abs(found) > UNITS_MAX:
        return None
    return int(found)


def money(value: Number, currency: str) -> Money | None:
    """Return an amount; None where none is told."""
    found = number(value)
    return None if found is None else Money(found, currency)


def currency_of(ref: RefShape | None, home: str, entity: str, issues: list[Issue]) -> str:
    """Return the currency's code; a company with one currency may not tell it.

    Args:
        ref: as the document tells it.
        home: the company's own, where the connection's settings have it.
        entity: what an issue is about.
        issues: is added to.
    """
    code = (ref.value if ref else None) or home
    if len(code) == 3 and code.isascii() and code.isupper():
        return code
    issues.append(currency_missing(entity))
    return NO_CURRENCY


def updated_at(shape: EntityShape) -> datetime | None:
    """Return when it changed last, in UTC."""
    return _utc(shape.meta_data.last_updated_time) if shape.meta_data else None


def created_at(shape: EntityShape) -> datetime | None:
    """Return when it was made, in UTC."""
    return _utc(shape.meta_data.create_time) if shape.meta_data else None


def _utc(at: datetime | None) -> datetime | None:
    try:
        return at.astimezone(UTC) if at and at.tzinfo else None
    except OverflowError:
        return None
