"""Expired lots: told ahead of time, and set aside on the day after their last good one."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import psycopg

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.canon.record import Record
from trueup.intake.issues import close_issues, open_refs, raise_issue
from trueup.kernel.ids import stable_uuid
from trueup.ledger.fefo import Lot, Shelf
from trueup.ledger.lots import known_lots, prove_lots, shelves_of
from trueup.own import check_commits, own_connection
from trueup.records.store import lock_name
from trueup.warehouse.book import Desk

Conn = psycopg.AsyncConnection[Any]

CODE = "stock.lot_expiring"
NOTICE_DAYS = 30
MOVEMENT_TOPIC = "stock/movement"

_Spot = tuple[str, str]


async def look_at_lots(conn: Conn, desk: Desk) -> int:
    """Set expired lots aside, and tell of those that expire soon; returns units set aside.

    Each time in one transaction, by one process at a time: what is set aside is no lot's any more
    for the next look. A lot of which more turns up later is set aside again.

    Args:
        conn: in autocommit.
        desk: where it is booked; its clock decides which day it is, in UTC.
    """
    check_commits(conn)
    now = desk.clock.now()
    if not await known_lots(conn):
        return 0
    async with conn.transaction():
        await lock_name(conn, "lots/expiry")
        shelves = await shelves_of(conn, None, now.date())
        told: list[tuple[str, Record]] = []
        for (sku, site), lot in _lots(shelves):
            if lot.expires_on is None or lot.expires_on >= now.date():
                continue
            movement = StockMovement(
                ref=stable_uuid("expired", sku, site, lot.code, now.isoformat()),
                updated_at=now,
                movement=MovementKind.QUARANTINE,
                sku=sku,
                quantity=lot.units,
                site=site,
                reason=f"lot {lot.code} expired on {lot.expires_on}",
                occurred_at=now,
                lot=lot.code,
            )
            told.append((MOVEMENT_TOPIC, movement))
        if told:
            await desk.tell(conn, await own_connection(conn, desk.hub), told)
    await prove_lots(conn, now.date())
    await _tell_soon(conn, shelves, now.date())
    return sum(each.quantity for _, each in told if isinstance(each, StockMovement))


async def _tell_soon(conn: Conn, shelves: Mapping[_Spot, Shelf], today: date) -> None:
    soon = today + timedelta(days=NOTICE_DAYS)
    near = {
        _ref(spot, lot.code): _expiring(spot, lot)
        for spot, lot in _lots(shelves)
        if lot.expires_on is not None and today <= lot.expires_on <= soon
    }
    every = [_ref((sku, site), lot) for sku, site, lot in await known_lots(conn)]
    standing = await open_refs(conn, CODE, sorted(every))
    await close_issues(conn, CODE, sorted(standing - near.keys()))
    for issue in near.values():
        await raise_issue(conn, None, issue)


def _lots(shelves: Mapping[_Spot, Shelf]) -> list[tuple[_Spot, Lot]]:
    return [(spot, lot) for spot, shelf in sorted(shelves.items()) for lot in shelf.lots]


def _ref(spot: _Spot, lot: str) -> str:
    return f"lot/{spot[0]}/{spot[1]}/{lot}"


def _expiring(spot: _Spot, lot: Lot) -> Issue:
    return Issue(
        code=CODE,
        severity=Severity.WARNING,
        pointer=f"good until {lot.expires_on}",
        expected="lots that are sold before they expire",
        found=f"{lot.units} of {spot[0]} in lot {lot.code} at {spot[1]}",
        how_to_fix="Sell or move them first. On the day after they are set aside by themselves.",
        ref=_ref(spot, lot.code),
    )
