"""Work customers out as patrons, once a day: no rule reads everybody's orders each minute."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows, snapshot
from trueup.decisions.patrons.history import Habit, History, Patron, Told
from trueup.hub import Hub
from trueup.records.bought import first_of_persons, orders_bought

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

HISTORY: Final = timedelta(days=730)
"""Older orders say little of how somebody buys now."""

READ_TIMEOUT_S: Final = 600
_PAGE: Final = 5_000
_ENCODE = msgspec.json.Encoder().encode


async def refresh_patrons(conn: Conn, hub: Hub, now: datetime) -> int | None:
    """Work all customers out, where nobody did so today.

    Args:
        conn: in autocommit; all is written in one transaction.
        hub: with the connections as they are now.
        now: of the look.

    Returns:
        How many customers there are; None where it was done already.
    """
    today = now.astimezone(UTC).date()
    if await fetch_rows(conn, _queries.patrons_worked_out, day=today):
        return None
    # SciPy takes a second to load, which only the one turn of a day pays that needs it.
    from trueup.decisions.patrons.learned import read_learned  # noqa: PLC0415

    async with snapshot(conn):
        # Whole histories are read.
        await conn.execute(f"SET LOCAL statement_timeout = '{READ_TIMEOUT_S}s'".encode())
        learned = await read_learned(conn, hub, now)
        spaces = {space.value for space in hub.keys.spaces}
        history = History(await first_of_persons(conn, spaces))
        async for order in orders_bought(conn, hub.sellers(), now - HISTORY, now):
            history.add(order)
    # What takes long is thought outside of any transaction, and beside whatever else goes on.
    told = {} if learned is None else await asyncio.to_thread(learned.told)
    patrons, habits = await asyncio.to_thread(_work_out, history, told, today)
    async with conn.transaction():
        if not await fetch_rows(conn, _queries.take_patrons_day, day=today, now=now):
            return None
        await _note_patrons(conn, patrons, today)
        await _note_habits(conn, habits, today)
        parameters = {"day": today, "customers": len(patrons)}
        await conn.execute(_queries.note_patrons_day, parameters)
    return len(patrons)


def _work_out(
    history: History, told: Mapping[bytes, Told], today: date
) -> tuple[list[Patron], list[Habit]]:
    return history.patrons(today, told), list(history.habits(told))


async def _note_patrons(conn: Conn, patrons: Sequence[Patron], today: date) -> None:
    left = iter(patrons)
    while page := list(islice(left, _PAGE)):
        columns: dict[str, list[Any]] = {
            "people": [each.person for each in page],
            "persons": [
                _ENCODE([person.hex() for person in each.persons]).decode() for each in page
            ],
            "connection_ids": [each.connection_id for each in page],
            "order_refs": [each.order_ref for each in page],
            "currencies": [each.currency for each in page],
            "purchases": [each.purchases for each in page],
            "last_ons": [each.last_on for each in page],
            "intervals": [each.interval.days if each.interval else None for each in page],
            "next_ons": [
                each.interval.next_on(each.last_on) if each.interval else None for each in page
            ],
            "late_ons": [each.late_on for each in page],
            "alives": [each.alive for each in page],
            "worths": [each.worth for each in page],
            "spends": [each.spend for each in page],
            "tiers": [each.tier for each in page],
            "told_bys": [each.told_by for each in page],
        }
        await conn.execute(_queries.note_patrons, {"day": today, **columns})


async def _note_habits(conn: Conn, habits: Iterable[Habit], today: date) -> None:
    left = iter(habits)
    while page := list(islice(left, _PAGE)):
        columns: dict[str, list[Any]] = {
            "people": [each.person for each in page],
            "skus": [each.sku for each in page],
            "purchases": [each.purchases for each in page],
            "last_ons": [each.last_on for each in page],
            "intervals": [each.interval.days for each in page],
            "spreads": [round(each.interval.spread, 4) for each in page],
            "next_ons": [each.interval.next_on(each.last_on) for each in page],
            "connection_ids": [each.last.connection_id for each in page],
            "order_refs": [each.last.ref for each in page],
            "numbers": [each.last.number for each in page],
            "lines": [_ENCODE(each.lines).decode() for each in page],
        }
        await conn.execute(_queries.note_habits, {"day": today, **columns})
