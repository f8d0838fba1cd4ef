"""Matches of payouts and lines of a bank, booked and taken back: told to the log, applied at once.

A row is matched once: the database holds it, also where two people match at the same time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg
from psycopg.errors import UniqueViolation

from trueup.canon.match import BankMatch, DifferenceAccount, MatchedRow, MatchReason
from trueup.canon.record import BEGINNING, decode
from trueup.errors import ConfigError, KeyReused, invariant
from trueup.kernel.ids import sha256
from trueup.kernel.money import Money
from trueup.ledger.matches import matched_items, rows_of
from trueup.ledger.money import EXACT, MoneyAccount
from trueup.ledger.money_book import MoneyItem, money_items
from trueup.reconcile.money.matching import Match
from trueup.records.reads import page_records
from trueup.warehouse.book import Booked, Desk

Conn = psycopg.AsyncConnection[Any]

TOPIC: Final = "money/match"
HUB: Final = "hub"
"""Who books what was found, where no person is named."""

KINDS: Final = {MoneyAccount.TRANSIT: "payout", MoneyAccount.UNMATCHED: "bank_line"}
"""What an open item of an account is called in the refs that people read and write."""

_ALL: Final = 10_000_000
_REF_CHARS: Final = 16


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says to belong together.

    Attributes:
        payouts, lines: refs such as `stripe/payout/po_1` and `bank/bank_line/7f3a`.
        difference: where what the lines are off goes to.
        reason: in their words.
    """

    payouts: tuple[str, ...]
    lines: tuple[str, ...]
    by: str
    difference: DifferenceAccount | None = None
    reason: str = ""


class OpenRows:
    """What is open of payouts and of lines, as it was when it was read.

    Args:
        names: of the connections, by number.
        items: of the accounts `transit` and `unmatched`.
    """

    def __init__(self, names: Mapping[int, str], items: Iterable[MoneyItem]) -> None:
        self._items: dict[str, MoneyItem] = {}
        for item in items:
            if item.item and item.amount:
                self._items[row_ref(names, MoneyAccount(item.account), item)] = item

    def rows(self, account: MoneyAccount, refs: Collection[str]) -> tuple[MatchedRow, ...]:
        """Return rows by the refs that people write, such as `stripe/payout/po_1`.

        Raises:
            ConfigError: one of them is not open; it names those that look like it.
        """
        found = []
        for ref in sorted(set(refs)):
            item = self._items.get(ref)
            if item is None or item.account != account:
                raise ConfigError(self._unknown(account, ref), field=KINDS[account], ref=ref)
            # A line that came in stands on its account with a minus.
            sign = 1 if account is MoneyAccount.TRANSIT else -1
            money = Money(EXACT.multiply(item.amount, Decimal(sign)), item.currency)
            found.append(MatchedRow(connection_id=item.connection_id, ref=item.item, amount=money))
        return tuple(found)

    def last_on(self, refs: Iterable[str]) -> date:
        """Return the newest day on which rows moved."""
        return max(self._items[ref].first_on for ref in refs)

    def _unknown(self, account: MoneyAccount, ref: str) -> str:
        kind = KINDS[account]
        known = [each for each, item in self._items.items() if item.account == account]
        told = ", ".join(sorted(known)[:5]) or "none"
        return (
            f"No {kind.replace('_', ' ')} {ref!r} is open: expected one as `trueup reconcile "
            f"bank` names it, such as {told}. `trueup money matches` lists what is matched."
        )


def row_ref(names: Mapping[int, str], account: MoneyAccount, item: MoneyItem) -> str:
    """Return how people call an open item: connection, what it is, and its own ref."""
    name = names.get(item.connection_id, str(item.connection_id))
    return f"{name}/{KINDS[account]}/{item.item}"


async def read_open(conn: Conn, names: Mapping[int, str]) -> OpenRows:
    """Return what is open now."""
    return OpenRows(names, await money_items(conn, sorted(KINDS)))


def match_of(
    rows: OpenRows,
    payouts: Collection[str],
    lines: Collection[str],
    *,
    reason: MatchReason = MatchReason.PERSON,
    evidence: str = "",
    by: str,
    difference: DifferenceAccount | None = None,
) -> BankMatch:
    """Return a match of open rows.

    Args:
        rows: what is open.
        payouts: refs as people read them.
        lines: likewise.
        reason: what joins them.
        evidence: in words.
        by: who says so.
        difference: where what the lines are off goes to.

    Raises:
        ConfigError: a side has no row, a row is not open, or the sides differ and nobody says
            where that goes.
    """
    for field, side in (("payout", payouts), ("line", lines)):
        if not side:
            raise ConfigError(f"Name at least one {field}.", field=field)
    left = rows.rows(MoneyAccount.TRANSIT, payouts)
    right = rows.rows(MoneyAccount.UNMATCHED, lines)
    off = {currency: amount for currency, amount in _off(left, right).items() if amount}
    if off and difference is None:
        told = ", ".join(f"{amount:+f} {currency}" for currency, amount in sorted(off.items()))
        accounts = ", ".join(DifferenceAccount)
        raise ConfigError(
            f"The lines are off by {told}: say where that goes, by one of {accounts}.",
            field="difference",
            expected=accounts,
        )
    return BankMatch(
        ref=_named(left, right),
        updated_at=BEGINNING,
        payouts=left,
        lines=right,
        booked_on=rows.last_on(lines),
        reason=reason,
        evidence=evidence,
        by=by,
        difference=difference if off else None,
    )


async def book_match(
    conn: Conn, desk: Desk, match: BankMatch, *, dry_run: bool = False
) -> Booked[BankMatch]:
    """Book a match; the same again changes nothing.

    Raises:
        ConfigError: one of the rows is matched otherwise.
    """
    known = await desk.find(conn, BankMatch, match.ref)
    if known is not None and not known.deleted:
        return Booked(record=known, repeated=True, dry_run=dry_run)
    try:
        return await desk.book(conn, TOPIC, match, restate=known is not None, dry_run=dry_run)
    except (UniqueViolation, KeyReused) as taken:
        if isinstance(taken, UniqueViolation) and taken.diag.table_name != "money_match":
            raise
        raise ConfigError(
            "One of these rows is matched already, perhaps by somebody else just now: look at "
            "`trueup money matches`, and undo that match first where it is wrong.",
            ref=match.ref,
        ) from taken


async def match_by_hand(
    conn: Conn,
    desk: Desk,
    names: Mapping[int, str],
    wish: Wish,
    *,
    dry_run: bool = False,
) -> Booked[BankMatch]:
    """Match rows because a person says so; the same rows again change nothing.

    Args:
        conn: in autocommit.
        desk: where it is booked.
        names: of the connections, by which rows are called.
        wish: what they say.
        dry_run: book nothing.

    Raises:
        ConfigError: as `match_of` and `book_match`.
    """
    wanted = ({*wish.payouts}, {*wish.lines})
    for held in await list_matches(conn):
        if called(held, names) == wanted:
            return Booked(record=held, repeated=True, dry_run=dry_run)
    rows = await read_open(conn, names)
    match = match_of(
        *(rows, wish.payouts, wish.lines),
        evidence=wish.reason,
        by=wish.by,
        difference=wish.difference,
    )
    return await book_match(conn, desk, match, dry_run=dry_run)


def called(match: BankMatch, names: Mapping[int, str]) -> tuple[set[str], set[str]]:
    """Return a match's payouts and lines as people call them."""
    payouts, lines = (
        {f"{names.get(row.connection_id, row.connection_id)}/{kind}/{row.ref}" for row in rows}
        for rows, kind in zip((match.payouts, match.lines), KINDS.values(), strict=True)
    )
    return payouts, lines


def match_plain(match: BankMatch, names: Mapping[int, str]) -> dict[str, Any]:
    """Return a match as commands and the API show it."""
    payouts, lines = called(match, names)
    return {
        "ref": match.ref,
        "payouts": sorted(payouts),
        "lines": sorted(lines),
        "booked_on": match.booked_on,
        "reason": match.reason.value,
        "evidence": match.evidence,
        "by": match.by,
        "difference": match.difference.value if match.difference else None,
        "undone": match.deleted,
    }


async def undo_match(
    conn: Conn,
    desk: Desk,
    ref: str,
    *,
    by: str,
    dry_run: bool = False,
    seen: datetime | None = None,
) -> Booked[BankMatch]:
    """Take a match back: all that it posted is posted back, and its rows are open again.

    Args:
        conn: in autocommit.
        desk: where it is booked.
        ref: of the match.
        by: who says so.
        dry_run: book nothing.
        seen: when the match that is meant was told; None: whichever stands now.

    Raises:
        ConfigError: there is no such match, or its rows were matched anew since it was seen.
    """
    known = await desk.find(conn, BankMatch, ref)
    if known is None:
        raise ConfigError(
            f"There is no match {ref!r}: `trueup money matches` lists them.", field="ref", ref=ref
        )
    if known.deleted:
        return Booked(record=known, repeated=True, dry_run=dry_run)
    if seen is not None and seen != known.updated_at:
        raise ConfigError(
            f"Nothing was taken back: {known.by} matched these rows anew meanwhile. Look again.",
            field="seen",
        )
    undone = msgspec.structs.replace(known, deleted=True, by=by)
    return await desk.book(conn, TOPIC, undone, restate=True, dry_run=dry_run)


async def book_found(
    conn: Conn, desk: Desk, found: Sequence[Match], names: Mapping[int, str], *, by: str = HUB
) -> list[Booked[BankMatch]]:
    """Book matches that were found; each stands for itself.

    Args:
        conn: in autocommit.
        desk: where they are booked.
        found: whose sums agree.
        names: of the connections, by which their rows are called.
        by: who says so.
    """
    rows = await read_open(conn, names)
    return [await book_match(conn, desk, match_found(rows, each, by=by)) for each in found]


def match_found(rows: OpenRows, found: Match, *, by: str = HUB) -> BankMatch:
    """Return what is booked of a match that was found."""
    return match_of(
        rows,
        found.left,
        found.right,
        reason=MatchReason(found.why.value),
        evidence=found.evidence,
        by=by,
    )


async def list_matches(conn: Conn) -> list[BankMatch]:
    """Return every match that holds, newest first."""
    held = await matched_items(conn)
    numbers = set(held.values())
    rows = await page_records(conn, BankMatch.kind, count=_ALL)
    found = []
    for row in rows:
        match = decode(BankMatch.kind, row["body"])
        invariant(isinstance(match, BankMatch), "records of a kind are of its type")
        if isinstance(match, BankMatch) and row["record_id"] in numbers:
            found.append(match)
    return found


def _off(payouts: Iterable[MatchedRow], lines: Iterable[MatchedRow]) -> dict[str, Decimal]:
    off: dict[str, Decimal] = defaultdict(Decimal)
    for row in lines:
        currency = row.amount.currency
        off[currency] = EXACT.add(off[currency], row.amount.amount)
    for row in payouts:
        currency = row.amount.currency
        off[currency] = EXACT.subtract(off[currency], row.amount.amount)
    return off


def _named(payouts: Iterable[MatchedRow], lines: Iterable[MatchedRow]) -> str:
    """Return a ref that is the same for the same rows, whoever matches them."""
    digest = sha256(msgspec.json.encode(sorted(rows_of(payouts, lines))))
    return f"m-{digest.hex()[:_REF_CHARS]}"
