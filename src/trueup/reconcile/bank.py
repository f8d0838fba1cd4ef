"""Which line of the bank is which payout? Shared references first, then amount and day, then sums.

What two answers fit is given to neither: a person decides. Nothing is written here; what was found
is booked by `trueup.reconcile.matches`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import psycopg

from trueup.canon.bank import BankLine, BankReferences
from trueup.canon.match import BankMatch
from trueup.canon.payout import Payout
from trueup.canon.record import decode
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import MoneyItem, money_items
from trueup.reconcile.matches import list_matches, row_ref
from trueup.reconcile.money.matching import Closeness, Match, Matched, Row, match_rows
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.reads import page_records

Conn = psycopg.AsyncConnection[Any]

_BodyT = TypeVar("_BodyT", Payout, BankLine)

LAG: Final = timedelta(days=7)
"""So long after it was paid out a payout may still be on its way to the bank."""

IN_TRANSIT: Final = "in_transit"
"""The cause of what is not expected at the bank yet."""

_KEY_CHARS_MIN: Final = 6
"""A shorter reference, such as 1 or EUR, is shared by chance."""

_ALL: Final = 10_000_000


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what was paid out in a currency is explained, by value.

    Attributes:
        paid_out: all of it, without what was never sent.
        booked: matched with lines of a bank, and in the books so.
        found: matched, and not booked yet.
        in_transit: not expected at the bank yet.
        unexplained: late, or fits more than one line.
        share: of what is explained, 0 to 1; what is on its way is.
    """

    currency: str
    paid_out: Decimal
    booked: Decimal
    found: Decimal
    in_transit: Decimal
    unexplained: Decimal
    share: float


class BankCheck(NamedTuple):
    """What a look at the bank found.

    Attributes:
        report: left are payouts, right are lines; amounts are what did not arrive.
        matches: found, and not booked yet, each with why.
        values: by currency.
    """

    report: Report
    matches: tuple[Match, ...]
    values: tuple[Explained, ...]


class BankLook(NamedTuple):
    """What stands on both sides, and which of it belongs together.

    Attributes:
        payouts, lines: that are open, by how people call them.
        held: the matches that are booked.
        found: of what is open.
    """

    payouts: Mapping[str, Row]
    lines: Mapping[str, Row]
    held: Sequence[BankMatch]
    found: Matched


async def check_bank(
    conn: Conn, names: Mapping[int, str], *, today: date, lag: timedelta = LAG
) -> BankCheck:
    """Hold what was paid out beside the booked lines of the bank.

    Args:
        conn: any session.
        names: of the connections, by number.
        today: by which it is judged whether a payout is late.
        lag: how many days may lie between a payout and its line.
    """
    return judge_bank(await look_at_bank(conn, names, lag=lag), today=today, lag=lag)


async def look_at_bank(conn: Conn, names: Mapping[int, str], *, lag: timedelta = LAG) -> BankLook:
    """Return what is open on both sides, what is booked, and what belongs together."""
    payouts = await _payouts(conn, names)
    lines = await _lines(conn, names)
    held = await list_matches(conn)
    found = match_rows(payouts.values(), lines.values(), Closeness(days_max=lag.days))
    return BankLook(payouts, lines, held, found)


def judge_bank(look: BankLook, *, today: date, lag: timedelta = LAG) -> BankCheck:
    """Return what a look found, and how much of what was paid out is explained."""
    payouts, lines, held, found = look
    differing = [
        *_ambiguous(found, payouts),
        *(_missing(payouts[ref], today - lag) for ref in found.left_over),
    ]
    values = _values(payouts, found.matches, differing, held)
    value = sum((each.paid_out for each in values), Decimal(0))
    unexplained = sum((each.unexplained for each in values), Decimal(0))
    booked = sum(len(each.payouts) for each in held)
    report = Report(
        check="bank",
        left=len(payouts) + booked,
        right=len(lines) + sum(len(each.lines) for each in held),
        matched=len({ref for each in found.matches for ref in each.left}) + booked,
        discrepancies=tuple(sorted(differing, key=lambda each: (each.cause, each.left_ref or ""))),
        share=None if not value else float(round(1 - unexplained / value, 4)),
    )
    return BankCheck(report, found.matches, values)


def _values(
    payouts: Mapping[str, Row],
    matches: Iterable[Match],
    differing: Iterable[Discrepancy],
    held: Iterable[BankMatch],
) -> tuple[Explained, ...]:
    """Return how much of each currency is where; what came and what went both count."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for match in held:
        for paid in match.payouts:
            sums[paid.amount.currency]["booked"] += abs(paid.amount.amount)
    for each in matches:
        for ref in each.left:
            sums[payouts[ref].currency]["found"] += abs(payouts[ref].amount)
    for differs in differing:
        row = payouts[differs.left_ref or ""]
        where = "in_transit" if differs.cause == IN_TRANSIT else "unexplained"
        sums[row.currency][where] += abs(row.amount)
    explained = []
    for currency, parts in sorted(sums.items()):
        whole = sum(parts.values(), Decimal(0))
        told = {name: parts[name] for name in ("booked", "found", "in_transit", "unexplained")}
        share = float(round(1 - told["unexplained"] / whole, 4)) if whole else 1.0
        explained.append(Explained(currency=currency, paid_out=whole, share=share, **told))
    return tuple(explained)


async def _payouts(conn: Conn, names: Mapping[int, str]) -> dict[str, Row]:
    bodies = await _bodies(conn, Payout)
    rows = {}
    for item in await _open(conn, MoneyAccount.TRANSIT):
        payout = bodies.get((item.connection_id, item.item))
        told = (item.item, payout.bank_ref if payout is not None else None)
        day = payout.arrives_on if payout is not None else None
        ref = row_ref(names, MoneyAccount.TRANSIT, item)
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
        ref = row_ref(names, MoneyAccount.UNMATCHED, item)
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
        cause="not_arrived" if row.on < late_before else IN_TRANSIT,
        amount=-row.amount,
        currency=row.currency,
        left_ref=row.ref,
        right_ref=None,
        evidence=(f"expected at the bank on {row.on}, and no line of it matches",),
    )
