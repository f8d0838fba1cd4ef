"""Proposals: matches that were found and are booked by a person who looked, or by the schedule.

The schedule books only what nothing that is still to come can change: what a reference joins, and
what day and amount join once everything of those days must have been told. The rest is a person's.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Final

import structlog

from trueup.canon.match import BankMatch
from trueup.errors import ConfigError
from trueup.reconcile.bank import LAG, BankLook, look_at_bank
from trueup.reconcile.matches import (
    Conn,
    book_found,
    book_match,
    called,
    list_matches,
    match_found,
    read_open,
)
from trueup.reconcile.money.matching import Match, Why
from trueup.warehouse.book import Booked, Desk

_log = structlog.get_logger("trueup.reconcile")

SCHEDULE: Final = "schedule"
"""Who books at night."""

_BY_NAME: Final = (Why.KEY, Why.TEXT)


async def accept_match(
    conn: Conn,
    desk: Desk,
    names: Mapping[int, str],
    wanted: tuple[Collection[str], Collection[str]],
    *,
    by: str,
) -> Booked[BankMatch]:
    """Book a match that was proposed, if it still is; the same again changes nothing.

    Args:
        conn: in autocommit.
        desk: where it is booked.
        names: of the connections, by which rows are called.
        wanted: its payouts and its lines, as they were shown.
        by: who accepts it.

    Raises:
        ConfigError: it is proposed no longer: a row is matched otherwise, or fits another as well.
    """
    sides = ({*wanted[0]}, {*wanted[1]})
    for held in await list_matches(conn):
        if called(held, names) == sides:
            return Booked(record=held, repeated=True)
    look = await look_at_bank(conn, names)
    for each in look.found.matches:
        if ({*each.left}, {*each.right}) == sides:
            [booked] = await book_found(conn, desk, [each], names, by=by)
            return booked
    raise ConfigError(
        "This match is not proposed any more: somebody matched one of its rows, or another row "
        "came that fits as well. Look again, then decide.",
        field="match",
    )


def is_proven(look: BankLook, found: Match, today: date, lag: timedelta = LAG) -> bool:
    """Say whether nothing that may still be told can make a match another one.

    A reference that both sides carry stays; an amount and a day are the only ones of their kind
    once everything that is near enough to them must have been told.
    """
    if found.amount:
        return False
    if found.why in _BY_NAME:
        return True
    rows = [look.payouts[ref] for ref in found.left] + [look.lines[ref] for ref in found.right]
    return all(row.on + 2 * lag < today for row in rows)


async def book_proven(
    conn: Conn, desk: Desk, names: Mapping[int, str], *, today: date
) -> list[Booked[BankMatch]]:
    """Book by schedule what is proven; each stands for itself.

    What somebody undid is not booked again, and what somebody matches meanwhile is theirs.

    Args:
        conn: in autocommit.
        desk: where it is booked.
        names: of the connections, by which rows are called.
        today: by which it is judged what may still be told.
    """
    look = await look_at_bank(conn, names)
    rows = await read_open(conn, names)
    booked = []
    for each in look.found.matches:
        if not is_proven(look, each, today):
            continue
        try:
            match = match_found(rows, each, by=SCHEDULE)
            if await desk.find(conn, BankMatch, match.ref) is None:
                booked.append(await book_match(conn, desk, match))
        except ConfigError as error:
            _log.info("match_taken", reason=error.message)
    return booked
