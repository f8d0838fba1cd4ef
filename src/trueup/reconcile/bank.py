"""Which line of the bank is which payout? Shared references first, then amount and day, then sums.

What two answers fit is given to neither: a person decides. Nothing is written.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from trueup.canon.bank import BankLine, BankReferences
from trueup.canon.payout import Payout
from trueup.canon.record import decode
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import MoneyItem, money_items
from trueup.reconcile.money.matching import Closeness, Match, Matched, Row, match_rows
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.reads import page_records

Conn = psycopg.AsyncConnection[Any]

_BodyT = TypeVar("_BodyT", Payout, BankLine)

LAG: Final = timedelta(days=7)
"""So long after it was paid out a payout may still be on its way to the bank."""

_KEY_CHARS_MIN: Final = 6
"""A shorter reference, such as 1 or EUR, is shared by chance."""

_ALL: Final = 10_000_000


async def check_bank(
    conn: Conn, names: Mapping[int, str], *, today: date, lag: timedelta = LAG
) -> tuple[Report, tuple[Match, ...]]:
    """Hold what was paid out beside the booked lines of the bank.

    Args:
        conn: any session.
        names: of the connections, by number.
        today: by which it is judged whether a payout is late.
        lag: how many days may lie between a payout and its line.

    Returns:
        Left are payouts, right are lines of the bank; amounts are what did not arrive. With it what
        was matched, and why.
    """
    payouts = await _payouts(conn, names)
    lines = await _lines(conn, names)
    found = match_rows(payouts.values(), lines.values(), Closeness(days_max=lag.days))
    differing = [
        *_ambiguous(found, payouts),
        *(_missing(payouts[ref], today - lag) for ref in found.left_over),
    ]
    value = sum((abs(row.amount) for row in payouts.values()), Decimal(0))
    late = {each.left_ref for each in differing if each.cause != "in_transit"}
    open_value = sum((abs(payouts[ref].amount) for ref in late if ref), Decimal(0))
    matched = {ref for each in found.matches for ref in each.left}
    report = Report(
        check="bank",
        left=len(payouts),
        right=len(lines),
        matched=len(matched),
        discrepancies=tuple(sorted(differing, key=lambda each: (each.cause, each.left_ref or ""))),
        share=None if not value else float(round(1 - open_value / value, 4)),
    )
    return report, found.matches


async def _payouts(conn: Conn, names: Mapping[int, str]) -> dict[str, Row]:
    bodies = await _bodies(conn, Payout)
    rows = {}
    for item in await _open(conn, MoneyAccount.TRANSIT):
        payout = bodies.get((item.connection_id, item.item))
        told = (item.item, payout.bank_ref if payout is not None else None)
        day = payout.arrives_on if payout is not None else None
        ref = f"{_name(names, item)}/payout/{item.item}"
        rows[ref] = _row(ref, item, item.amount, day, told)
    return rows


async def _lines(conn: Conn, names: Mapping[int, str]) -> dict[str, Row]:
    bodies = await _bodies(conn, BankLine)
    rows = {}
    for item in await _open(conn, MoneyAccount.UNMATCHED):
        line = bodies.get((item.connection_id, item.item))
        told = [] if line is None else [*_told(line.references)]
        for part in line.parts if line is not None else ():
            told += _told(part.references)
        ref = f"{_name(names, item)}/bank_line/{item.item}"
        # A line that came in stands there with a minus: nobody has said yet what it is.
        rows[ref] = _row(ref, item, -item.amount, None, told)
    return rows


async def _open(conn: Conn, account: MoneyAccount) -> list[MoneyItem]:
    return [each for each in await money_items(conn, [account]) if each.item and each.amount]


async def _bodies(conn: Conn, kind: type[_BodyT]) -> dict[tuple[int, str], _BodyT]:
    rows = await page_records(conn, kind.kind, count=_ALL)
    return {
        (row["connection_id"], row["ref"]): msgspec.convert(decode(kind.kind, row["body"]), kind)
        for row in rows
    }


def _name(names: Mapping[int, str], item: MoneyItem) -> str:
    return names.get(item.connection_id, str(item.connection_id))


def _row(
    ref: str, item: MoneyItem, amount: Decimal, day: date | None, told: Iterable[str | None]
) -> Row:
    keys = ("".join(filter(str.isalnum, each)).upper() for each in told if each)
    return Row(
        ref=ref,
        amount=amount,
        currency=item.currency,
        on=day or item.first_on,
        keys=frozenset(key for key in keys if len(key) >= _KEY_CHARS_MIN),
    )


def _told(references: BankReferences) -> list[str]:
    """Return every reference that somebody gave a payment."""
    told = msgspec.structs.asdict(references)
    own = told.pop("own")
    # Their own kinds carry the bank's word before them.
    return [each for each in told.values() if each] + [each.rpartition(" ")[2] for each in own]


def _ambiguous(found: Matched, payouts: Mapping[str, Row]) -> list[Discrepancy]:
    return [
        Discrepancy(
            cause="ambiguous",
            amount=-payouts[ref].amount,
            currency=payouts[ref].currency,
            left_ref=ref,
            right_ref=each.right[0] if each.right else None,
            evidence=(each.evidence, *(f"perhaps {right}" for right in each.right)),
        )
        for each in found.ambiguous
        for ref in each.left
    ]


def _missing(row: Row, late_before: date) -> Discrepancy:
    return Discrepancy(
        cause="not_arrived" if row.on < late_before else "in_transit",
        amount=-row.amount,
        currency=row.currency,
        left_ref=row.ref,
        right_ref=None,
        evidence=(f"expected at the bank on {row.on}, and no line of it matches",),
    )
