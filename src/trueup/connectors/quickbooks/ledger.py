"""Journal entries."""

from typing import Final

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.journal import Journal, JournalLine
from trueup.connectors.quickbooks.fault import invalid, unbalanced
from trueup.connectors.quickbooks.shape import DocumentShape, LineShape
from trueup.connectors.quickbooks.value import created_at, currency_of, money, updated_at
from trueup.contract.connector import Mapped
from trueup.contract.memo import links_in
from trueup.kernel.money import Money, total

_SIGNS: Final = {"Debit": 1, "Credit": -1}


def map_journal(body: bytes, home: str) -> Mapped:
    """Return the journal; a line that is neither debit nor credit leaves no journal."""
    shape = msgspec.json.decode(body, type=DocumentShape)
    at = updated_at(shape)
    if at is None or shape.txn_date is None:
        return Mapped(issues=(invalid("/TxnDate", "a day, and an instant of the last change"),))
    issues: list[Issue] = []
    code = currency_of(shape.currency_ref, home, f"journal/{shape.id}", issues)
    lines = []
    for place, line in enumerate(shape.line):
        if line.detail_type == "DescriptionOnly":
            continue
        told = _line_of(line, code)
        if told is None:
            expected = "an amount that is a debit or a credit of an account"
            return Mapped(issues=(invalid(f"/Line/{place}", expected),))
        lines.append(told)
    if total((line.amount for line in lines), code):
        issues.append(unbalanced(f"journal/{shape.id}"))
    journal = Journal(
        ref=shape.id,
        updated_at=at,
        links=links_in(shape.private_note),
        number=shape.doc_number or None,
        posted_on=shape.txn_date,
        currency=code,
        lines=tuple(lines),
        created_at=created_at(shape),
    )
    return Mapped(records=(journal,), issues=tuple(issues))


def _line_of(line: LineShape, code: str) -> JournalLine | None:
    detail, amount = line.journal_entry_line_detail, money(line.amount, code)
    account = detail.account_ref if detail else None
    sign = _SIGNS.get((detail.posting_type if detail else None) or "", 0)
    if amount is None or account is None or not account.value or not sign:
        return None
    return JournalLine(
        account_ref=account.value,
        amount=Money(amount.amount * sign, code),
        ref=line.id or None,
        account=account.name or None,
        memo=line.description or None,
    )
