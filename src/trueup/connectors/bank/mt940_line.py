"""Field `:61:` of MT940 and MT942: one line, in SWIFT's words with the banks' own liberties."""

import re
from calendar import monthrange
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.bank import BankReferences
from trueup.connectors.bank.told import LineTold
from trueup.connectors.bank.value import reference
from trueup.contract.fault import file_fault
from trueup.errors import ConfigError
from trueup.kernel.money import Money

_CENTURY = 80
_LINE: Final = re.compile(
    r"(?P<value>[0-9]{6})"
    r"(?P<entry>[0-9]{4}|\ {4})?"
    r"(?P<mark>RC|RD|EC|ED|C|D)"
    r"(?P<funds>[A-Z])?"
    r"[\n ]?"  # some banks break the line here
    r"(?P<amount>[0-9.,]{1,22})"
    r" ?(?P<code>[A-Z][A-Z0-9 ]{3})?"
    r"(?P<customer>(?:(?!//)[^\n])*)"
    r"(?://(?P<bank>[^\n]*))?"
    r"(?:\n(?P<more>.*))?",
    re.DOTALL,
)
_AMOUNT: Final = re.compile(r"0*[0-9]{1,15}(?:[.,][0-9]{0,6})?")
_CUSTOMER_CHARS = 16
_BANK_CHARS = 16


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a message: its tag, its first line in the file, and what stands in it."""

    tag: str
    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        """Give the whole content; blank lines at its end do not count."""
        return "\n".join(self.lines).rstrip()

    def fault(self, expected: str, found: str) -> ConfigError:
        """Return the error for this field."""
        return file_fault(self.line, f":{self.tag}:", expected, found)


def line_of(field: Field, currency: str) -> LineTold:
    """Return what a field `:61:` tells, without the details that may follow.

    A reversal of a credit takes money, one of a debit gives it back; `EC` and `ED` of MT942 are
    expected, so they are pending.

    Raises:
        ConfigError: it has another form.
    """
    match = _LINE.fullmatch(field.text)
    if match is None:
        raise field.fault("a line such as 2601310131C12,50NTRFNONREF", "other text")
    value_on = day_of(match["value"], field)
    mark, amount = match["mark"], mt_amount(match["amount"], field)
    taken = mark in {"D", "RC", "ED"}
    customer, spare = _split(match["customer"], _CUSTOMER_CHARS)
    more = "\n".join(filter(None, (spare, (match["more"] or "").strip())))
    return LineTold(
        amount=Money(-amount if taken else amount, currency),
        value_on=value_on,
        booked_on=_booked_on(value_on, (match["entry"] or "").strip(), field),
        state="PDNG" if mark in {"EC", "ED"} else None,
        reversal=mark in {"RC", "RD"},
        code=(match["code"] or "").strip() or None,
        references=BankReferences(customer=reference(customer), bank=reference(match["bank"])),
        bank_id=reference(match["bank"]),
        note=more or None,
    )


def _split(text: str, chars: int) -> tuple[str, str]:
    """Return a reference of SWIFT's length, and what a bank wrote behind it after blanks."""
    word, gap, rest = text.partition("  ")
    if gap and len(text) > chars:
        return word.strip(), rest.strip()
    return text.strip(), ""


def mt_amount(text: str, field: Field) -> Decimal:
    """Return an amount: its comma is the decimal mark, and may stand at its end."""
    if not _AMOUNT.fullmatch(text):
        raise field.fault("an amount such as 12,50", "other text")
    whole, _, part = text.replace(",", ".").partition(".")
    return Decimal(f"{whole}.{part}" if part else whole)


def day_of(text: str, field: Field) -> date:
    """Return a day YYMMDD; banks that count 30 days a month write 30 February for its last day."""
    year = int(text[:2])
    return _day(year + (1900 if year >= _CENTURY else 2000), text[2:], field)


def _day(year: int, month_day: str, field: Field) -> date:
    month, day = int(month_day[:2]), int(month_day[2:])
    if not 1 <= month <= 12:
        raise field.fault("a day such as 260131", "a month that there is not")
    last = monthrange(year, month)[1]
    if month == 2 and last < day <= 30:
        day = last
    if not 1 <= day <= last:
        raise field.fault("a day such as 260131", "a day that there is not")
    return date(year, month, day)


def _booked_on(value_on: date, month_day: str, field: Field) -> date | None:
    """Return the day of booking: its year is the one in which it lies nearest to the value day."""
    if not month_day:
        return None
    years = [value_on.year, value_on.year - 1, value_on.year + 1]
    return min((_day(year, month_day, field) for year in years), key=lambda d: abs(d - value_on))
