"""Payouts one by one: what each is made of, which lines of the bank it is, and what might be.

Nothing is judged here: `bank` says what belongs together and `payouts` what entries come to.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.bank import BankLine
from trueup.canon.match import BankMatch
from trueup.canon.payout import BalanceEntry, Payout
from trueup.canon.record import decode
from trueup.ledger.cleared import Cleared, entries_of_payout, money_cleared
from trueup.ledger.money import EXACT
from trueup.reconcile.bank import (
    IN_TRANSIT,
    BankCheck,
    BankLook,
    Explained,
    judge_bank,
    look_at_bank,
)
from trueup.reconcile.matches import called
from trueup.reconcile.money.matching import Ambiguous, Row
from trueup.records.payouts import list_entries, sum_entries
from trueup.records.reads import seek_record

Conn = psycopg.AsyncConnection[Any]

ENTRIES_MAX: Final = 100
CANDIDATES_MAX: Final = 20
_DIGITS_MAX: Final = 9


class Standing(StrEnum):
    """How far a payout's way to the bank is known, what a person has to look at first."""

    AMBIGUOUS = "ambiguous"
    NOT_ARRIVED = "not_arrived"
    FOUND = "found"  # which line it is, and not booked yet
    IN_TRANSIT = "in_transit"
    BOOKED = "booked"


class PaidRow(msgspec.Struct, frozen=True, kw_only=True):
    """One payout beside its entries and beside the bank.

    Attributes:
        name: as people call it, such as `stripe/payout/po_1`.
        on: when it reaches the bank; once it is booked the day of its lines.
        lines: of the bank: those that it is, or might be.
        together: other payouts that these lines are or might be as well.
        why: what joins them; None where nothing does.
        match_ref, by, told_at: of the match that is booked.
        entries: how many there are; `off` is what they come to less the payout, None without any.
    """

    name: str
    connection: str
    ref: str
    standing: Standing
    amount: Decimal
    currency: str
    on: date
    lines: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    why: str | None = None
    evidence: str = ""
    match_ref: str | None = None
    by: str | None = None
    told_at: datetime | None = None
    entries: int = 0
    off: Decimal | None = None


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """All payouts, what a person has to look at first; `values` say how much is explained."""

    rows: tuple[PaidRow, ...]
    values: tuple[Explained, ...]


class EntrySum(msgspec.Struct, frozen=True, kw_only=True):
    """What entries of one kind come to: `gross` less `fee` is `net`."""

    entry: str
    currency: str
    entries: int
    gross: Decimal
    fee: Decimal
    net: Decimal


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a provider's account."""

    ref: str
    entry: str
    event_id: int
    occurred_at: datetime
    gross: Decimal
    fee: Decimal
    net: Decimal
    currency: str
    payment_ref: str | None
    description: str | None


class LineTold(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the bank as it was told; `references` by what kind each is."""

    name: str
    amount: Decimal
    currency: str
    on: date | None
    account: str
    references: dict[str, str]
    event_id: int | None


class PaidWhole(msgspec.Struct, frozen=True, kw_only=True):
    """One payout with all that is told of it.

    Attributes:
        row: None where nothing of it is or was on its way, such as of one that failed.
        payout: as its provider tells it; None where it did not.
        sums, entries: what it is made of; of the entries the newest.
        entered: what the entries come to.
        lines: that it is, or might be; `others` are open lines that are near to it.
        payouts: open payouts of the same provider, which may have arrived with it.
    """

    name: str
    connection: str
    ref: str
    row: PaidRow | None
    payout: Payout | None
    event_id: int | None
    sums: tuple[EntrySum, ...]
    entries: tuple[Entry, ...]
    entered: Decimal | None
    lines: tuple[LineTold, ...]
    others: tuple[LineTold, ...]
    payouts: tuple[PaidRow, ...]


async def read_paid(conn: Conn, names: Mapping[int, str], *, today: date) -> Paid:
    """Return all payouts that were on their way, and how much of them is explained."""
    look = await look_at_bank(conn, names)
    check = judge_bank(look, today=today)
    cleared = {_name(each, names): each for each in await money_cleared(conn)}
    rows = [_with_entries(row, cleared.get(row.name)) for row in _rows(look, check, names)]
    return Paid(rows=tuple(sorted(rows, key=_urgency)), values=check.values)


async def find_paid(
    conn: Conn, names: Mapping[int, str], connection: str, ref: str, *, today: date
) -> PaidWhole | None:
    """Return one payout with all that is told of it; None where nobody tells of it."""
    connection_id = _number(connection, names)
    if connection_id is None:
        return None
    look = await look_at_bank(conn, names)
    rows = list(_rows(look, judge_bank(look, today=today), names))
    name = f"{connection}/payout/{ref}"
    row = next((each for each in rows if each.name == name), None)
    told = await seek_record(conn, Payout, connection_id, ref)
    cleared = {
        _name(each, names): each for each in await money_cleared(conn, connection_id=connection_id)
    }.get(name)
    if row is None and told is None and cleared is None:
        return None
    record_ids = await entries_of_payout(conn, connection_id, ref)
    candidates = () if row is None or row.match_ref else _near(row, look)
    return PaidWhole(
        name=name,
        connection=connection,
        ref=ref,
        row=None if row is None else _with_entries(row, cleared),
        payout=told[0] if told else None,
        event_id=told[1] if told else None,
        sums=tuple(EntrySum(**each) for each in await sum_entries(conn, record_ids)),
        entries=tuple(
            _entry(each) for each in await list_entries(conn, record_ids, count=ENTRIES_MAX)
        ),
        entered=cleared.entered if cleared is not None and cleared.entries else None,
        lines=await _lines(conn, names, row.lines if row else (), look),
        others=await _lines(conn, names, candidates, look),
        payouts=() if row is None or row.match_ref else _beside(row, rows),
    )


def _rows(look: BankLook, check: BankCheck, names: Mapping[int, str]) -> Iterable[PaidRow]:
    for match in look.held:
        yield from _booked(match, names)
    for found in look.found.matches:
        for name in found.left:
            yield _open(
                look.payouts[name],
                Standing.FOUND,
                found.right,
                found.left,
                found.why,
                found.evidence,
            )
    for group in look.found.ambiguous:
        yield from _ambiguous(group, look)
    causes = {each.left_ref: each for each in check.report.discrepancies}
    for name in look.found.left_over:
        told = causes[name]
        late = Standing.IN_TRANSIT if told.cause == IN_TRANSIT else Standing.NOT_ARRIVED
        yield _open(look.payouts[name], late, (), (), None, told.evidence[0])


def _booked(match: BankMatch, names: Mapping[int, str]) -> Iterable[PaidRow]:
    payouts, lines = called(match, names)
    for row in match.payouts:
        name = f"{names.get(row.connection_id, row.connection_id)}/payout/{row.ref}"
        yield PaidRow(
            name=name,
            connection=names.get(row.connection_id, str(row.connection_id)),
            ref=row.ref,
            standing=Standing.BOOKED,
            amount=row.amount.amount,
            currency=row.amount.currency,
            on=match.booked_on,
            lines=tuple(sorted(lines)),
            together=tuple(sorted(payouts - {name})),
            why=match.reason.value,
            evidence=match.evidence,
            match_ref=match.ref,
            by=match.by,
            told_at=match.updated_at,
        )


def _ambiguous(group: Ambiguous, look: BankLook) -> Iterable[PaidRow]:
    for name in group.left:
        yield _open(
            look.payouts[name],
            Standing.AMBIGUOUS,
            group.right,
            group.left,
            group.why,
            group.evidence,
        )


def _open(
    row: Row,
    standing: Standing,
    lines: tuple[str, ...],
    payouts: tuple[str, ...],
    why: str | None,
    evidence: str,
) -> PaidRow:
    connection, _, ref = row.ref.split("/", 2)
    return PaidRow(
        name=row.ref,
        connection=connection,
        ref=ref,
        standing=standing,
        amount=row.amount,
        currency=row.currency,
        on=row.on,
        lines=lines,
        together=tuple(each for each in payouts if each != row.ref),
        why=None if why is None else str(why),
        evidence=evidence,
    )


def _with_entries(row: PaidRow, cleared: Cleared | None) -> PaidRow:
    if cleared is None or not cleared.entries:
        return row
    off = EXACT.subtract(cleared.entered, cleared.paid)
    return msgspec.structs.replace(row, entries=cleared.entries, off=off)


def _urgency(row: PaidRow) -> tuple[int, Decimal, int, str]:
    order = list(Standing).index(row.standing)
    by_value = row.standing in {Standing.AMBIGUOUS, Standing.NOT_ARRIVED}
    return order, -abs(row.amount) if by_value else Decimal(0), -row.on.toordinal(), row.name


def _near(row: PaidRow, look: BankLook) -> tuple[str, ...]:
    """Return the open lines that nobody takes for another payout, the nearest first."""
    taken = {line for each in look.found.matches for line in each.right} | {*row.lines}
    rows = [each for name, each in look.lines.items() if name not in taken]
    rows.sort(key=lambda each: _distance(row, each))
    return tuple(each.ref for each in rows[:CANDIDATES_MAX])


def _distance(row: PaidRow, line: Row) -> tuple[bool, Decimal, int, str]:
    off = abs(EXACT.subtract(line.amount, row.amount))
    return line.currency != row.currency, off, abs((line.on - row.on).days), line.ref


def _beside(row: PaidRow, rows: Iterable[PaidRow]) -> tuple[PaidRow, ...]:
    near = [
        each
        for each in rows
        if each.connection == row.connection
        and each.name != row.name
        and each.standing in {Standing.AMBIGUOUS, Standing.NOT_ARRIVED, Standing.IN_TRANSIT}
    ]
    near.sort(key=lambda each: (abs((each.on - row.on).days), each.name))
    return tuple(near[:CANDIDATES_MAX])


async def _lines(
    conn: Conn, names: Mapping[int, str], wanted: Iterable[str], look: BankLook
) -> tuple[LineTold, ...]:
    found = []
    for name in wanted:
        connection, _, ref = name.split("/", 2)
        told = await seek_record(conn, BankLine, _number(connection, names) or 0, ref)
        found.append(_line(name, told, look.lines.get(name)))
    return tuple(found)


def _line(name: str, told: tuple[BankLine, int] | None, row: Row | None) -> LineTold:
    if told is None:
        amount, currency = (row.amount, row.currency) if row else (Decimal(0), "")
        return LineTold(
            name=name,
            amount=amount,
            currency=currency,
            on=row.on if row else None,
            account="",
            references={},
            event_id=None,
        )
    line, event_id = told
    references = msgspec.structs.asdict(line.references)
    own = references.pop("own")
    shown = {kind.replace("_", " "): text for kind, text in references.items() if text}
    return LineTold(
        name=name,
        amount=line.amount.amount,
        currency=line.amount.currency,
        on=line.booked_on or line.value_on,
        account=line.account_shown,
        references=shown | ({"own": ", ".join(own)} if own else {}),
        event_id=event_id,
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    body = msgspec.convert(decode(BalanceEntry.kind, row["body"]), BalanceEntry)
    return Entry(
        ref=body.ref,
        entry=body.entry.value,
        event_id=row["event_id"],
        occurred_at=body.occurred_at,
        gross=body.gross.amount,
        fee=body.fee.amount,
        net=body.net.amount,
        currency=body.net.currency,
        payment_ref=body.payment_ref,
        description=body.description,
    )


def _name(each: Cleared, names: Mapping[int, str]) -> str:
    return f"{names.get(each.connection_id, str(each.connection_id))}/payout/{each.item}"


def _number(connection: str, names: Mapping[int, str]) -> int | None:
    """Return the number of a connection; one that was removed is called by its number."""
    known = next((number for number, name in names.items() if name == connection), None)
    gone = connection.isascii() and connection.isdecimal() and len(connection) <= _DIGITS_MAX
    return int(connection) if known is None and gone else known
