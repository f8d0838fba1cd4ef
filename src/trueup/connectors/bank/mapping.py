"""Say what the pieces of a statement mean. Pure."""

from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

import msgspec

from trueup.canon.bank import BalanceKind, BankBalance, BankStatement, BankStatementPerson
from trueup.canon.issue import Issue, Severity
from trueup.connectors.bank.balances import opening_and_closing
from trueup.connectors.bank.fault import FAULTS, unknown
from trueup.connectors.bank.line import map_line
from trueup.connectors.bank.told import (
    LINE_TOPIC,
    STATEMENT_TOPIC,
    BalanceTold,
    LineTold,
    StatementTold,
)
from trueup.connectors.bank.word import balance_kind
from trueup.contract.connector import Mapped, Source
from trueup.contract.fault import Unsound
from trueup.kernel.money import Money


def map_source(source: Source) -> Mapped:
    """Return the statement or the line of one body, and what is wrong with it."""
    reader = _READERS.get(source.topic)
    if reader is None:
        return Mapped(ignored="not a topic of this connector")
    decoder, map_body = reader
    nul = FAULTS.null_character(source.body)
    if nul is not None:
        return Mapped(issues=(nul,))
    try:
        return map_body(decoder.decode(source.body))
    except msgspec.ValidationError as fault:
        return Mapped(issues=(FAULTS.misshapen(fault),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return Mapped(issues=(FAULTS.malformed(fault),))
    except Unsound as fault:
        return Mapped(issues=(FAULTS.unsound(fault),))


def map_statement(told: StatementTold) -> Mapped:
    """Return the statement, and an issue for each total that its lines do not come to."""
    issues = [_total_differs(told, each.of, each.expected, each.found) for each in told.faults]
    issues += [
        unknown("bank.balance_unknown", "/balances", each.code, f"bank_statement/{told.ref}")
        for each in told.balances
        if balance_kind(each.code) is None
    ]
    issues += [_skipped(told, each) for each in told.skipped]
    opening, closing = opening_and_closing(told.balances)
    record = BankStatement(
        ref=told.ref,
        updated_at=told.told_at.astimezone(UTC),
        statement=told.statement,
        statement_code=told.code,
        account_ref=told.account_ref,
        account_shown=told.account_shown,
        currency=told.currency,
        number=told.number or told.ident,
        page=told.page,
        last_page=told.last_page,
        from_at=told.from_at and told.from_at.astimezone(UTC),
        to_at=told.to_at and told.to_at.astimezone(UTC),
        opening=None if opening is None else _balance(opening),
        closing=None if closing is None else _balance(closing),
        balances=tuple(_balance(each) for each in told.balances),
        line_count=told.line_count,
        line_sum=Money(told.line_sum, told.currency),
        bank=told.bank,
        person=BankStatementPerson(account=told.account, owner=told.owner),
    )
    return Mapped(records=(record,), issues=tuple(issues))


def _balance(told: BalanceTold) -> BankBalance:
    kind = balance_kind(told.code) or BalanceKind.UNKNOWN
    return BankBalance(balance=kind, amount=told.amount, on=told.on, code=told.code)


def _total_differs(told: StatementTold, of: str, expected: str, found: str) -> Issue:
    return Issue(
        code="bank.statement_sum_differs",
        severity=Severity.WARNING,
        pointer=f"/{of}",
        expected=f"{expected}, as the statement says",
        found=f"{found}, by its lines",
        how_to_fix="Look at the statement beside the bank's own page; ask the bank for it again.",
        ref=f"bank_statement/{told.ref}",
    )


def _skipped(told: StatementTold, what: str) -> Issue:
    return Issue(
        code="bank.line_skipped",
        severity=Severity.WARNING,
        expected="lines that move the account's money",
        found=what,
        how_to_fix="Nothing in the hub reads these; book them by hand where they matter.",
        ref=f"bank_statement/{told.ref}",
    )


_Reader = tuple[msgspec.json.Decoder[Any], Callable[[Any], Mapped]]
_READERS: Final[dict[str, _Reader]] = {
    STATEMENT_TOPIC: (msgspec.json.Decoder(StatementTold), map_statement),
    LINE_TOPIC: (msgspec.json.Decoder(LineTold), map_line),
}
