"""Odoo's values as ours: empty is None, instants are in UTC, money has its currency."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from trueup.connectors.odoo.shape import Named, NamedShape, Number, Text
from trueup.kernel.limits import UNITS_MAX
from trueup.kernel.money import Money

_AMOUNT_MAX = Decimal("1e15")
_DIGITS_MAX = 12


def text(value: Text) -> str | None:
    """Return a text, or None where Odoo says `false` or nothing."""
    return value if isinstance(value, str) and value else None


def named(value: Named) -> NamedShape | None:
    """Return what a many2one points at, if it points at anything."""
    return value if isinstance(value, NamedShape) else None


def ref_of(value: Named) -> str | None:
    """Return the id that a many2one points at."""
    shape = named(value)
    return str(shape.id) if shape else None


def instant(value: Text) -> datetime | None:
    """Return an instant: Odoo's have no zone and are in UTC."""
    told = text(value)
    if told is None or len(told) > 32:
        return None
    try:
        at = datetime.fromisoformat(told)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(value: Text) -> date | None:
    """Return a day; of an instant its day in UTC."""
    at = instant(value)
    return at.date() if at else None


def latest(values: Iterable[Text]) -> datetime | None:
    """Return the newest of several instants."""
    return max((at for value in values if (at := instant(value)) is not None), default=None)


def number(value: Number) -> Decimal | None:
    """Return a number that can be an amount or a quantity; None for any other."""
    if isinstance(value, bool) or value is None or not value.is_finite():
        return None
    _, digits, exponent = value.as_tuple()
    if abs(value) > _AMOUNT_MAX or not isinstance(exponent, int) or exponent < -30:
        return None
    return value if len(digits) <= 40 else None


def units(value: Number) -> int | None:
    """Return whole units; None where it is a fraction, or no number.

    Odoo keeps quantities as binary fractions, so what differs from a whole by less than the
    twelfth decimal is that whole.
    """
    found = number(value)
    if found is None:
        return None
    rounded = round(found, _DIGITS_MAX)
    whole = rounded.to_integral_value()
    return int(whole) if rounded == whole and abs(whole) <= UNITS_MAX else None


def currency(value: Named) -> str | None:
    """Return the code of a currency; Odoo names currencies by it."""
    shape = named(value)
    code = (text(shape.name) or text(shape.display_name) or "") if shape else ""
    return code if len(code) == 3 and code.isascii() and code.isupper() else None


def money(amount: Number, code: str | None) -> Money | None:
    """Return an amount; None where it or its currency is not told."""
    found = number(amount)
    return Money(found, code) if found is not None and code else None
