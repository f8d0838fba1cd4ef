"""Names that last: of an account, of a statement and of each line, out of what they tell.

Two files that overlap must name the same line once, and two lines that look alike must not become
one. The README says how, and where it can not.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from trueup.connectors.bank.balances import opening_and_closing
from trueup.connectors.bank.told import LineTold, PartTold, Read, StatementTold
from trueup.contract.amount import trimmed
from trueup.kernel.ids import sha256

_DIGITS = 20
_SHOWN = 4


def account_ref(account: str) -> str:
    """Return what stands for an account everywhere; signs and blanks in its number do not count."""
    return _digest("account", _plain(account))


def account_shown(account: str) -> str:
    """Return the end of an account's number, for people."""
    plain = _plain(account)
    return f"…{plain[-_SHOWN:]}" if len(plain) > _SHOWN else "…"


def named(read: Sequence[Read]) -> Iterator[Read]:
    """Yield the statements of one file with the names of accounts, statements and lines."""
    seen: Counter[str] = Counter()
    before: StatementTold | None = None
    for each in read:
        told = each.statement
        account = account_ref(told.account)
        statement = msgspec.structs.replace(
            told,
            account_ref=account,
            account_shown=account_shown(told.account),
            ref=f"{account}-{_statement_digest(told)}",
        )
        if before is None or not _goes_on(before, statement):
            seen.clear()
        before = statement
        yield Read(statement=statement, lines=tuple(_lines(each.lines, statement, seen)))


def _lines(
    lines: Iterable[LineTold], statement: StatementTold, seen: Counter[str]
) -> Iterator[LineTold]:
    for line in lines:
        name = _line_digest(line)
        number = seen[name]
        seen[name] += 1
        yield msgspec.structs.replace(
            line,
            ref=f"{statement.account_ref}-{name}" + (f"-{number + 1}" if number else ""),
            statement_ref=statement.ref,
            account=statement.account,
            account_ref=statement.account_ref,
            account_shown=statement.account_shown,
            told_at=statement.told_at,
        )


def _goes_on(before: StatementTold, now: StatementTold) -> bool:
    """Tell whether a statement begins where the one before it ended, so that none is told twice."""
    if before.account_ref != now.account_ref or before.statement != now.statement:
        return False
    if before.number == now.number and before.page != now.page:
        return True
    _, closing = opening_and_closing(before.balances)
    opening, _ = opening_and_closing(now.balances)
    return closing is not None and opening is not None and closing.amount == opening.amount


def _statement_digest(told: StatementTold) -> str:
    days = [str(each.on) for each in told.balances] or [str(told.told_at.date())]
    period = (str(told.from_at), str(told.to_at))
    return _digest(
        *(told.statement, told.ident or "", told.number or "", str(told.page), *period),
        *sorted(set(days)),
    )


def _line_digest(line: LineTold) -> str:
    amount = f"{trimmed(line.amount.amount, line.amount.currency)} {line.amount.currency}"
    day = line.value_on or line.booked_on
    if line.bank_id is not None:
        return _digest("bank", line.bank_id, amount, str(day) if line.day_counts else "")
    words = " ".join(_words(line))
    return _digest("content", str(day), amount, str(line.reversal), _plain(words))


def _words(line: LineTold) -> Iterator[str]:
    for part in line.parts:
        yield from _words_of(part)
    yield from _references(line)


def _words_of(part: PartTold) -> Iterator[str]:
    yield from _references(part)
    yield from part.remittance
    for party in part.parties:
        yield from filter(None, (party.name, party.account))


def _references(told: LineTold | PartTold) -> Iterator[str]:
    names = told.references
    for each in (names.end_to_end, names.customer, names.mandate, names.cheque, names.bank):
        if each:
            yield each


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).upper()


def _digest(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode(errors="surrogatepass")).hex()[:_DIGITS]
