"""Read one of our own bodies strictly: the record it tells, or what is wrong with it. Pure."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.record import Record
from trueup.canon.serial import SERIALS_MAX, trimmed, wrong_serials
from trueup.contract.connector import Mapped

ShapeT = TypeVar("ShapeT")

LOT_CHARS_MAX = 100

AMOUNT_MAX = Decimal(10) ** 12
AMOUNT_DIGITS_MAX = 6
CURRENCY = re.compile(r"[A-Z]{3}")

Faults = Iterable[tuple[bool, str, str]]
"""What might be wrong: whether it is, where, and what was expected."""


def amount_is_wrong(amount: Decimal) -> bool:
    """Whether an amount is no sum of money: endless, too large or of too many digits."""
    if not amount.is_finite() or abs(amount) >= AMOUNT_MAX:
        return True
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and -exponent > AMOUNT_DIGITS_MAX


def lot_is_wrong(lot: str | None) -> bool:
    """Whether a lot's code can not be one."""
    return lot is not None and (not 0 < len(lot) <= LOT_CHARS_MAX or "\x00" in lot)


def serial_fault(
    told: Iterable[tuple[str, Iterable[str], int]], pointer: str
) -> tuple[bool, str, str]:
    """Return what is wrong with the serials of a body, if anything.

    Args:
        told: (SKU, serials, units) of each of its lines.
        pointer: where they stand.
    """
    by_sku: dict[str, list[str]] = {}
    for sku, serials, units in told:
        kept = trimmed(serials)
        if expected := wrong_serials(kept, units):
            return (True, pointer, expected)
        by_sku.setdefault(sku, []).extend(kept)
    if any(len(set(serials)) < len(serials) for serials in by_sku.values()):
        return (True, pointer, "each serial of a SKU once")
    count = sum(len(serials) for serials in by_sku.values())
    return (count > SERIALS_MAX, pointer, f"at most {SERIALS_MAX} serials")


def read_shape(
    body: bytes,
    decoder: msgspec.json.Decoder[ShapeT],
    faults_of: Callable[[ShapeT], Faults],
    record_of: Callable[[ShapeT], Record],
    *,
    code: str,
    how_to_fix: str,
) -> Mapped:
    """Return the record that a body tells.

    Args:
        body: as handed in.
        decoder: of the form that it must have.
        faults_of: what a body of this form can still have wrong.
        record_of: called where nothing is wrong.
        code: of the issue.
        how_to_fix: what a person may do.
    """
    try:
        shape = decoder.decode(body)
    except msgspec.ValidationError as fault:
        text, _, place = str(fault).partition(" - at `")
        found = (place.rstrip("`").removeprefix("$").replace(".", "/"), text, "other content")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = ("", "one JSON object", "other bytes")
    else:
        faults = [fault for fault in faults_of(shape) if fault[0]]
        if not faults:
            return Mapped(records=(record_of(shape),))
        found = (*faults[0][1:], "other content")
    issue = Issue(
        code=code,
        severity=Severity.ERROR,
        pointer=found[0],
        expected=found[1],
        found=found[2],
        how_to_fix=how_to_fix,
    )
    return Mapped(issues=(issue,))
