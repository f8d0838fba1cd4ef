"""What Xero's manual journals mean. Pure: it answers with a record, or with a reason."""

import re
from typing import Final

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.journal import Journal, JournalLine
from trueup.connectors.xero.fault import (
    currency_missing,
    invalid,
    malformed,
    misshapen,
    status_unknown,
    unbalanced,
)
from trueup.connectors.xero.shape import JournalShape, LineShape, day_of, instant_of
from trueup.contract.amount import NO_CURRENCY
from trueup.contract.connector import Mapped, Source
from trueup.contract.memo import links_in
from trueup.kernel.money import Money, total

_GONE: Final = frozenset(("DELETED", "VOIDED"))
_KNOWN: Final = _GONE | {"DRAFT", "POSTED"}
_DIGITS_MAX: Final = 30
_NUMBER: Final = re.compile(r"[A-Z][A-Z0-9]{0,7}[0-9]{6}-[0-9]{1,7}")
"""A number of our own; all other words of a narration are for people."""


def map_source(source: Source) -> Mapped:
    """Return what a manual journal means, or why it means nothing."""
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    try:
        shape = msgspec.json.decode(source.body, type=JournalShape)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))
    return _journal(shape, source.settings.get("currency", ""))


def _journal(shape: JournalShape, currency: str) -> Mapped:
    at, day = instant_of(shape.updated), day_of(shape.date)
    if at is None or day is None:
        return Mapped(issues=(invalid("/Date", "a day, and an instant of the last change"),))
    ref, status = f"journal/{shape.id}", shape.status or ""
    issues: list[Issue] = []
    if not currency and shape.journal_lines:
        issues.append(currency_missing(ref))
    lines = []
    for place, line in enumerate(shape.journal_lines):
        told = _line(line, currency or NO_CURRENCY)
        if told is None:
            expected = "an exact amount on an account"
            return Mapped(issues=(invalid(f"/JournalLines/{place}", expected),))
        lines.append(told)
    if status not in _KNOWN:
        issues.append(status_unknown(status, ref))
    if total((line.amount for line in lines), currency or NO_CURRENCY):
        issues.append(unbalanced(ref))
    journal = Journal(
        ref=shape.id,
        updated_at=at,
        deleted=status in _GONE,
        links=links_in(shape.narration),
        number=_number(shape.narration or ""),
        posted_on=day,
        currency=currency or NO_CURRENCY,
        lines=tuple(lines),
        posted=status == "POSTED",
    )
    return Mapped(records=(journal,), issues=tuple(issues))


def _number(narration: str) -> str | None:
    first = narration.partition(" ")[0]
    return first if _NUMBER.fullmatch(first) else None


def _line(line: LineShape, currency: str) -> JournalLine | None:
    account = line.account_code or line.account_id
    amount = line.line_amount
    if not account or amount is None or not amount.is_finite():
        return None
    _, digits, exponent = amount.as_tuple()
    if len(digits) > _DIGITS_MAX or not isinstance(exponent, int) or abs(exponent) > _DIGITS_MAX:
        return None
    return JournalLine(
        account_ref=account,
        amount=Money(amount, currency),
        account=line.account_id or None,
        memo=line.description or None,
    )
