"""Quantity: whole units, signed, bounded."""

from trueup.kernel.limits import UNITS_MAX


def whole_units(value: object) -> int:
    """Return `value` as whole units.

    Raises:
        ValueError: it is not a whole number, or larger than any real stock.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a whole number of units, found {value!r}")  # noqa: TRY004 - one error for callers
    if abs(value) > UNITS_MAX:
        raise ValueError(f"expected at most {UNITS_MAX} units, found {value}")
    return value
