"""Statements as tables: the columns are what the connection's owner says that they are."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from trueup.canon.bank import BankCharge, BankReferences, StatementKind
from trueup.connectors.bank.told import (
    BalanceTold,
    LineTold,
    PartTold,
    PartyTold,
    Read,
    StatementTold,
)
from trueup.connectors.bank.value import currency_of, end_of, reference
from trueup.contract.columns import Columns, read_columns
from trueup.contract.fault import file_fault
from trueup.contract.table import Row, rows_of
from trueup.kernel.money import Money

KNOWN: Final = (
    *("account", "currency", "booked_on", "value_on", "amount", "debit", "credit", "mark"),
    *("balance", "id", "state", "code", "name", "counterparty_account", "counterparty_bank"),
    *("remittance", "remittance_more", "end_to_end", "mandate", "creditor", "customer", "cheque"),
    *("fee", "original_amount", "original_currency", "exchange_rate", "note"),
)
_NEEDED: Final = ("account", "currency", "booked_on")
_STATES: Final = {
    "": None,
    **dict.fromkeys(("booked", "book", "completed", "posted", "gebucht"), None),
    **dict.fromkeys(("pending", "pdng", "vorgemerkt"), "PDNG"),
}


def read_statement_table(content: bytes, declared: str) -> list[Read]:
    """Return one statement per account and currency of a table.

    Args:
        content: the file.
        declared: what its columns mean, as TOML.

    Raises:
        ConfigError: the declaration or the table is at fault: line, column, expected, found.
    """
    columns = read_columns(declared, KNOWN)
    if not columns.has("amount") and not (columns.has("debit") or columns.has("credit")):
        raise file_fault(0, "amount", "a column declared for it, or for debit and credit", "none")
    groups: dict[tuple[str, str], list[tuple[Row, LineTold]]] = {}
    for row in rows_of(content, columns, _NEEDED):
        line = _line(row)
        account = row.need("account", "the number of the account")
        groups.setdefault((account, line.amount.currency), []).append((row, line))
    if not groups:
        raise file_fault(columns.skip_lines + 2, "", "at least one row", "the end of the file")
    return [_statement(account, currency, rows) for (account, currency), rows in groups.items()]


def _statement(account: str, currency: str, rows: Sequence[tuple[Row, LineTold]]) -> Read:
    days = [line.booked_on for _, line in rows if line.booked_on is not None]
    balances = tuple(_balances(rows, currency))
    told = StatementTold(
        statement=StatementKind.STATEMENT,
        code="table",
        account=account,
        currency=currency,
        told_at=end_of(max(days)),
        from_at=end_of(min(days)),
        to_at=end_of(max(days)),
        balances=balances,
    )
    return Read(statement=told, lines=tuple(line for _, line in rows))


def _balances(rows: Sequence[tuple[Row, LineTold]], currency: str) -> Iterator[BalanceTold]:
    """Yield the balances around the rows, oldest first or newest first, where each row has one."""
    booked = [(row, line) for row, line in rows if line.state is None]
    told = [(row.amount("balance"), line) for row, line in booked]
    if not told or any(balance is None for balance, _ in told):
        return
    chain = [(balance or Decimal(0), line) for balance, line in told]
    if not _follows(chain) and _follows(chain[::-1]):
        chain.reverse()
    first, last = chain[0], chain[-1]
    opening = first[0] - first[1].amount.amount
    yield BalanceTold(code="OPBD", amount=Money(opening, currency), on=first[1].booked_on)
    yield BalanceTold(code="CLBD", amount=Money(last[0], currency), on=last[1].booked_on)


def _follows(chain: Sequence[tuple[Decimal, LineTold]]) -> bool:
    return all(
        before + line.amount.amount == balance for (before, _), (balance, line) in pairwise(chain)
    )


def _line(row: Row) -> LineTold:
    booked_on = row.day("booked_on")
    if booked_on is None:
        raise row.fault("booked_on", "a day", "nothing")
    currency = currency_of(
        row.text("currency").upper(), lambda expected, found: row.fault("currency", expected, found)
    )
    state = row.text("state").lower()
    original = _original(row)
    party = PartyTold(
        role="counterparty",
        name=row.maybe("name"),
        account=row.maybe("counterparty_account"),
        bank=row.maybe("counterparty_bank"),
    )
    words = (row.maybe("remittance"), row.maybe("remittance_more"))
    names = ("end_to_end", "mandate", "creditor", "customer", "cheque")
    references = {name: reference(row.text(name)) for name in names}
    part = PartTold(
        references=BankReferences(
            **{name: value for name, value in references.items() if value}  # type: ignore[arg-type]
        ),
        parties=(party,) if party.name or party.account else (),
        remittance=tuple(word for word in words if word),
        original=original,
        rate=row.maybe("exchange_rate"),
    )
    bank_id = reference(row.text("id"))
    return LineTold(
        amount=Money(_amount(row), currency),
        booked_on=booked_on,
        value_on=row.day("value_on"),
        state=_STATES.get(state, row.text("state")),
        code=row.maybe("code"),
        references=BankReferences(bank=bank_id),
        charges=_charges(row, currency),
        note=row.maybe("note"),
        parts=(part,),
        bank_id=bank_id,
    )


def _amount(row: Row) -> Decimal:
    """Return what moved: one signed column, one with a mark beside it, or two columns."""
    columns: Columns = row.columns
    amount = row.amount("amount")
    if amount is None and (columns.has("debit") or columns.has("credit")):
        debit, credit = row.amount("debit"), row.amount("credit")
        if bool(debit) and bool(credit):
            raise row.fault("debit", "an amount in one of debit and credit", "one in both")
        if debit is None and credit is None:
            raise row.fault("debit", "an amount in debit or credit", "nothing in both")
        amount = (credit or Decimal(0)) - abs(debit or Decimal(0))
    elif amount is None:
        raise row.fault("amount", "an amount", "nothing")
    elif columns.has("mark"):
        taken = row.text("mark").lower() in {mark.lower() for mark in columns.debit_marks}
        amount = -abs(amount) if taken else abs(amount)
    fee = row.amount("fee")
    return amount if fee is None else amount - abs(fee)


def _charges(row: Row, currency: str) -> tuple[BankCharge, ...]:
    """Return a fee that stands in a column of its own; it is taken off the line's amount."""
    fee = row.amount("fee")
    return (BankCharge(amount=Money(abs(fee), currency), included=True),) if fee else ()


def _original(row: Row) -> Money | None:
    amount = row.amount("original_amount")
    if amount is None or not row.text("original_currency"):
        return None
    currency = currency_of(
        row.text("original_currency").upper(),
        lambda expected, found: row.fault("original_currency", expected, found),
    )
    return Money(amount, currency)
