"""Work customers out as patrons, once a day: no rule reads everybody's orders each minute."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows, snapshot
from trueup.decisions.patrons.history import Habit, History, Patron, Told
from trueup.hub import Hub
from trueup.models.artifact import unpack
from trueup.models.model import Look
from trueup.models.reads import may_use
from trueup.models.value import learn
from trueup.models.value.buys import Purchases, see
from trueup.models.value.regularity import GAPS_MIN, MIDDLE, gaps_of, quantiles
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
    async with snapshot(conn):
        # Whole histories are read.
        await conn.execute(f"SET LOCAL statement_timeout = '{READ_TIMEOUT_S}s'".encode())
        learned = await _learned(conn, hub, now)
        spaces = {space.value for space in hub.keys.spaces}
        history = History(await first_of_persons(conn, spaces))
        async for order in orders_bought(conn, hub.sellers(), now - HISTORY, now):
            history.add(order)
    # What takes long is thought outside of any transaction, and beside whatever else goes on.
    patrons, habits = await asyncio.to_thread(_work_out, history, learned, today)
    async with conn.transaction():
        if not await fetch_rows(conn, _queries.take_patrons_day, day=today, now=now):
            return None
        await _note_patrons(conn, patrons, today)
        await _note_habits(conn, habits, today)
        parameters = {"day": today, "customers": len(patrons)}
        await conn.execute(_queries.note_patrons_day, parameters)
    return len(patrons)


def _work_out(
    history: History, learned: tuple[learn.Value, Purchases] | None, today: date
) -> tuple[list[Patron], list[Habit]]:
    told = {} if learned is None else _told(*learned)
    return history.patrons(today, told), list(history.habits(told))


async def _learned(conn: Conn, hub: Hub, now: datetime) -> tuple[learn.Value, Purchases] | None:
    """Return the model of customers with what it reads, where it beats the rule below it."""
    kept = await may_use(conn, learn.MODEL)
    if kept is None:
        return None
    purchases = await learn.read(Look(conn=conn, hub=hub, now=now))
    return unpack(kept.artifact, learn.Value), purchases


def _told(value: learn.Value, purchases: Purchases) -> Mapping[bytes, Told]:
    """Return what the model tells of each customer."""
    seen = see(purchases)
    gaps = gaps_of(seen)
    fresh = gaps._replace(since=np.zeros(len(gaps.since)))  # as of the day of a purchase
    days = quantiles(value.regularity, fresh, learn.HORIZON_DAYS, MIDDLE)
    columns = zip(
        seen.customers.tolist(),
        learn.alive(value, seen).tolist(),
        learn.orders_expected(value, seen, learn.YEAR_WEEKS).tolist(),
        learn.spend_expected(value, seen, purchases.names).tolist(),
        days.tolist(),
        gaps.counts.tolist(),
        strict=True,
    )
    return {
        purchases.persons[customer]: Told(
            alive=alive,
            orders=orders,
            spend=spend,
            interval_days=round(interval) if count >= GAPS_MIN else None,
        )
        for customer, alive, orders, spend, interval, count in columns
    }


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
