"""Exceptions: differences that a check found and that wait for somebody, with whose they are.

One row stands for one difference, however often it is found again. One that a run of its check no
longer finds is closed by that run; what comes back opens anew.
"""

from collections.abc import Mapping
from datetime import datetime
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


class State(StrEnum):
    """What is done about an exception that is still found."""

    OPEN = "open"
    WAITING = "waiting"  # for somebody else: a vendor, a bank
    ACCEPTED = "accepted"  # it is known and may stay; another amount opens it again


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
        "amounts": [each.amount for _, each in rows],
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
    conn: Conn,
    *,
    check: str | None = None,
    state: State | None = None,
    owner: str | None = None,
    closed: bool = False,
    count: int = 500,
) -> list[Row]:
    """Return exceptions, what nobody explains first, then the oldest."""
    return await fetch_rows(
        conn,
        _queries.list_exceptions,
        exception_id=None,
        check_name=check,
        state=state,
        owner=owner,
        closed=closed,
        count=count,
    )


async def find_exception(conn: Conn, exception_id: int) -> tuple[Row, list[Row]]:
    """Return an exception, closed ones too, and what was done and said about it.

    Raises:
        ConfigError: there is none with this number.
    """
    rows = await fetch_rows(
        conn,
        _queries.list_exceptions,
        exception_id=exception_id,
        check_name=None,
        state=None,
        owner=None,
        closed=False,
        count=1,
    )
    if not rows:
        raise _unknown(exception_id)
    return rows[0], await fetch_rows(conn, _queries.exception_notes, exception_id=exception_id)


async def change_exception(
    conn: Conn,
    exception_id: int,
    now: datetime,
    *,
    by: str,
    owner: str | None = None,
    state: State | None = None,
    comment: str = "",
) -> None:
    """Give an exception another owner or state, or say something about it; it is kept who did.

    Args:
        conn: in autocommit.
        exception_id: which.
        now: the instant.
        by: who does.
        owner: whose it is from now on; None: as it was.
        state: what is done about it from now on; None: as it was.
        comment: what is said.

    Raises:
        ConfigError: there is none, or it is closed: what is no longer found needs nobody.
    """
    did = [f"owner: {owner}"] if owner is not None else []
    did += [state.value] if state is not None else []
    async with conn.transaction():
        cursor = await conn.execute(
            _queries.change_exception,
            {"exception_id": exception_id, "owner": owner, "state": state},
        )
        if cursor.rowcount == 0:
            raise _unknown(exception_id)
        await conn.execute(
            _queries.add_exception_note,
            {
                "exception_id": exception_id,
                "noted_at": now,
                "noted_by": by,
                "did": ", ".join(did) or "comment",
                "comment": comment,
            },
        )


async def list_runs(conn: Conn, *, check: str | None = None, count: int = 100) -> list[Row]:
    """Return what checks came to, newest first."""
    return await fetch_rows(conn, _queries.list_runs, check_name=check, count=count)


def _unknown(exception_id: int) -> ConfigError:
    return ConfigError(
        f"There is no open exception {exception_id}: trueup exceptions list.",
        field="exception",
        expected="the number of an open exception",
    )
