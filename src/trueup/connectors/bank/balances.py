"""Which balances a statement begins and ends with, and whether its lines lead from one to other."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from trueup.connectors.bank.told import (
    BOOKED,
    BalanceTold,
    LineTold,
    StatementTold,
    TotalFault,
    TotalTold,
)
from trueup.contract.amount import trimmed

_ZERO = Decimal(0)


def opening_and_closing(
    balances: Sequence[BalanceTold],
) -> tuple[BalanceTold | None, BalanceTold | None]:
    """Return the booked balances before the first line and after the last, as far as told.

    A page in the middle of a statement, and a report in the middle of a day, has interim ones.
    """
    interim = [each for each in balances if each.code == "ITBD"]
    opening = _first(balances, "OPBD") or _first(balances, "PRCD")
    closing = _first(balances, "CLBD")
    if opening is None and interim and (closing is not None or len(interim) > 1):
        opening = interim[0]
    if closing is None and interim and opening is not None and interim[-1] is not opening:
        closing = interim[-1]
    return opening, closing


def _first(balances: Sequence[BalanceTold], code: str) -> BalanceTold | None:
    return next((each for each in balances if each.code == code), None)


def is_booked(line: LineTold) -> bool:
    """Tell whether a line counts in booked balances."""
    return line.state in {None, BOOKED}


def line_sum(lines: Sequence[LineTold], currency: str) -> Decimal:
    """Return what the booked lines of a currency come to."""
    booked = (line.amount for line in lines if is_booked(line))
    return sum((money.amount for money in booked if money.currency == currency), _ZERO)


def faults_of(statement: StatementTold, lines: Sequence[LineTold]) -> Iterator[TotalFault]:
    """Yield each total of the file's own that the lines do not come to."""
    opening, closing = opening_and_closing(statement.balances)
    if opening is not None and closing is not None:
        found = opening.amount.amount + line_sum(lines, opening.amount.currency)
        currencies = {m.currency for m in (opening.amount, closing.amount)}
        currencies.update(line.amount.currency for line in lines if is_booked(line))
        shown = trimmed(found, closing.amount.currency)
        if len(currencies) > 1:
            told = ", ".join(sorted(currencies))
            yield TotalFault(of="currency", expected="one currency", found=told)
        elif found != closing.amount.amount:
            yield TotalFault(of="closing balance", expected=f"{closing.amount}", found=f"{shown}")
    for total in statement.totals:
        yield from _faults_of_total(total, lines)


def _faults_of_total(total: TotalTold, lines: Sequence[LineTold]) -> Iterator[TotalFault]:
    signs = {"credit": (1,), "debit": (-1,)}.get(total.of, (1, -1))
    meant = [line for line in lines if (-1 if line.amount.amount < 0 else 1) in signs]
    if total.count is not None and total.count != len(meant):
        found, of = f"{len(meant)} lines", f"number of lines ({total.of})"
        yield TotalFault(of=of, expected=f"{total.count} lines", found=found)
    values = (line.amount.amount for line in meant)
    amount = sum(values if total.of == "net" else map(abs, values), _ZERO)
    if total.sum is not None and total.sum != amount:
        yield TotalFault(of=f"sum ({total.of})", expected=f"{total.sum}", found=f"{amount}")
