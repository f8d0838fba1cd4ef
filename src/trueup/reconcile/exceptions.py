"""Exceptions: differences that a check found and that wait for somebody, with whose they are.

One row stands for one difference, however often it is found again. One that a run of its check no
longer finds is closed by that run; what comes back opens anew.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError
from trueup.reconcile.report import UNEXPLAINED, Discrepancy, Report

_queries = load_queries("trueup.reconcile")

Conn = psycopg.AsyncConnection[Any]

UNDER_WAY: Final = frozenset(("timing", "in_transit"))
"""Causes that end by themselves; one that lasts too long gets another cause."""

AGES: Final = ((0, "0 days"), (1, "1-2 days"), (3, "3-6 days"), (7, "7-29 days"), (30, "30+ days"))
"""How long exceptions stand, in days: from when on, and in words."""


class State(StrEnum):
    """What is done about an exception that is still found."""

    OPEN = "open"
    WAITING = "waiting"  # for somebody else: a vendor, a bank
    ACCEPTED = "accepted"  # it is known and may stay; another amount opens it again


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which exceptions are asked for; None: whatever it is.

    Attributes:
        owner: "" asks for what is nobody's.
        currency: "" asks for what is in units.
        closed: those that are no longer found, instead of those that are.
    """

    check: str | None = None
    state: State | None = None
    owner: str | None = None
    currency: str | None = None
    closed: bool = False


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as it stood when somebody made up their mind about it.

    Attributes:
        note_id: of the newest note; 0: there was none.
        state, amount: as they were shown.
    """

    note_id: int
    state: State
    amount: Decimal


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody does or says about an exception.

    Attributes:
        owner: whose it is from now on, "" nobody's; None: as it was.
        state: what is done about it from now on; None: as it was.
        comment: what is said; its lines stay lines.
        key: of the form or the program that says it: the same key again changes nothing.
        seen: by what they decided; a decision by what is no longer so is refused.
    """

    by: str
    owner: str | None = None
    state: State | None = None
    comment: str = ""
    key: str | None = None
    seen: Seen | None = None


_ALL: Final = Wanted()


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind: differences that stand, and how many were closed by it."""

    standing: int
    closed: int


async def note_reports(conn: Conn, reports: Mapping[str, Report], now: datetime) -> Noted:
    """Keep what checks found, in one transaction: open, see again, and close.

    Args:
        conn: in autocommit.
        reports: of each check, whole, by its name.
        now: of the run; runs of one check follow each other.
    """
    rows = [
        (name, each)
        for name, report in reports.items()
        for each in report.discrepancies
        if each.cause not in UNDER_WAY
    ]
    checks = sorted(reports)
    async with conn.transaction():
        await conn.execute(_queries.note_found, {"now": now, **_columns(rows)})
        cursor = await conn.execute(_queries.close_gone, {"checks": checks, "now": now})
        closed = cursor.rowcount
        await conn.execute(_queries.note_runs, {"now": now, "checks": checks, **_sums(reports)})
    return Noted(standing=len(rows), closed=closed)


def _columns(rows: list[tuple[str, Discrepancy]]) -> dict[str, list[Any]]:
    return {
        "checks": [name for name, _ in rows],
        "causes": [each.cause for _, each in rows],
        "lefts": [each.left_ref for _, each in rows],
        "rights": [each.right_ref for _, each in rows],
        "currencies": [each.currency for _, each in rows],
        # One run tells of units and of money.
        "amounts": [Decimal(each.amount) for _, each in rows],
        "evidence": [msgspec.json.encode(each.evidence).decode() for _, each in rows],
    }


def _sums(reports: Mapping[str, Report]) -> dict[str, list[int]]:
    told = [reports[name] for name in sorted(reports)]
    return {
        "lefts": [each.left for each in told],
        "rights": [each.right for each in told],
        "matched": [each.matched for each in told],
        "differing": [len(each.discrepancies) for each in told],
        "unexplained": [
            sum(one.cause == UNEXPLAINED for one in each.discrepancies) for each in told
        ],
    }


async def list_exceptions(
    conn: Conn, wanted: Wanted = _ALL, *, count: int = 500, skip: int = 0
) -> list[Row]:
    """Return exceptions, what nobody explains first, then the largest.

    Sums of several currencies are put in order by their number alone; money stands before units.
    """
    return await _list(conn, wanted, exception_id=None, count=count, skip=skip)


async def find_exception(conn: Conn, exception_id: int) -> tuple[Row, list[Row]]:
    """Return an exception, closed ones too, and what was done and said about it.

    Raises:
        ConfigError: there is none with this number.
    """
    rows = await _list(conn, _ALL, exception_id=exception_id, count=1, skip=0)
    if not rows:
        raise _unknown(exception_id)
    return rows[0], await fetch_rows(conn, _queries.exception_notes, exception_id=exception_id)


async def sum_exceptions(conn: Conn, wanted: Wanted, now: datetime) -> list[Row]:
    """Return how many stand and what they come to, by currency (None: units) and age.

    Rows: currency, age (index into `AGES`), standing, amount, unexplained, unexplained_amount; the
    amounts are sums of what differs up or down alike.
    """
    days = [first for first, _ in AGES[1:]]
    asked = _asked(wanted)
    return await fetch_rows(conn, _queries.sum_exceptions, now=now, days=days, **asked)


async def count_exceptions(conn: Conn) -> dict[str, dict[str, int]]:
    """Return how many stand by check, cause, state, owner ("" nobody's) and currency ("" units)."""
    counts: dict[str, dict[str, int]] = {}
    for row in await fetch_rows(conn, _queries.count_exceptions):
        counts.setdefault(row["what"], {})[row["name"]] = row["standing"]
    return counts


async def change_exception(conn: Conn, exception_id: int, now: datetime, change: Change) -> bool:
    """Give an exception another owner or state, or say something about it; it is kept who did.

    Args:
        conn: in autocommit.
        exception_id: which.
        now: the instant.
        change: who does what.

    Returns:
        Whether it was done now; what was done before under the same key is not done again.

    Raises:
        ConfigError: there is none, or it is closed: what is no longer found needs nobody; or
            somebody else decided meanwhile, or its amount is another by now.
    """
    did = [f"owner: {change.owner or 'nobody'}"] if change.owner is not None else []
    did += [change.state.value] if change.state is not None else []
    about = {"exception_id": exception_id}
    async with conn.transaction():
        await conn.execute(_queries.hold_exception, about)
        rows = await fetch_rows(conn, _queries.held_exception, key=change.key, **about)
        if not rows:
            raise _unknown(exception_id)
        [row] = rows
        if row["repeated"]:
            return False
        if row["closed_at"] is not None:
            raise _unknown(exception_id)
        if change.seen is not None and did:
            _check_seen(row, change.seen)
        await conn.execute(
            _queries.change_exception, {**about, "owner": change.owner, "state": change.state}
        )
        note = {"noted_at": now, "noted_by": change.by, "did": ", ".join(did) or "comment"}
        note |= {"comment": change.comment, "key": change.key}
        await conn.execute(_queries.add_exception_note, about | note)
    return True


def age_days(row: Row, now: datetime) -> int:
    """Return for how many days an exception stands, or stood until it was closed."""
    ended: datetime = row["closed_at"] or now
    opened: datetime = row["opened_at"]
    return max(0, (ended - opened).days)


async def list_runs(conn: Conn, *, check: str | None = None, count: int = 100) -> list[Row]:
    """Return what checks came to, newest first."""
    return await fetch_rows(conn, _queries.list_runs, check_name=check, count=count)


async def last_runs(conn: Conn) -> list[Row]:
    """Return what each check came to when it last ran."""
    return await fetch_rows(conn, _queries.last_runs)


async def _list(
    conn: Conn, wanted: Wanted, *, exception_id: int | None, count: int, skip: int
) -> list[Row]:
    asked = {**_asked(wanted), "exception_id": exception_id, "count": count, "skip": skip}
    return await fetch_rows(conn, _queries.list_exceptions, **asked)


def _asked(wanted: Wanted) -> dict[str, Any]:
    return {
        "check_name": wanted.check,
        "state": wanted.state,
        "owner": wanted.owner,
        "currency": wanted.currency,
        "closed": wanted.closed,
    }


def _check_seen(row: Row, seen: Seen) -> None:
    """Make sure that an exception still is what somebody decided about."""
    changed = []
    if row["note_id"] > seen.note_id:
        changed.append(f"{row['noted_by']} was here first ({row['did']})")
    if row["amount"] != seen.amount:
        changed.append(f"it is {row['amount']:+,f} by now, and was {seen.amount:+,f}")
    if row["state"] != seen.state and not changed:
        changed.append(f"a check found it again, and it is {row['state']}")
    if changed:
        raise ConfigError(
            f"Nothing was changed: {'; '.join(changed)}. Look again, then decide.", field="seen"
        )


def _unknown(exception_id: int) -> ConfigError:
    return ConfigError(
        f"There is no open exception {exception_id}: trueup exceptions list.",
        field="exception",
        expected="the number of an open exception",
    )
