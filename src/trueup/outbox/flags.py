"""Flags at storefronts: little is left, by the day on which a SKU will be sold out.

Off unless a connection has the setting `low_stock_flag`, in days. A flag is raised once and cleared
once: it is ordered only where it is not what was ordered last, and it is cleared only once the day
lies half as far again, so that it does not come and go.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.command import FlagListing
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.hub import Hub
from trueup.ledger.outlook import (
    SKUS_MAX,
    ending_outlooks,
    outlooks_of,
    refresh_outlooks,
)
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import WantedCommand
from trueup.records.listings import listings_of_skus

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

SETTING: Final = "low_stock_flag"
KIND: Final = "listing.flag"
CLEAR_SHARE: Final = 1.5
FLAGS_MAX: Final = 1000
INTERVAL_S: Final = 60.0
PAUSE_S: Final = 2.0
"""Between pages, while there are more SKUs to work out."""


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """A flag to be raised or cleared at one listing."""

    connection_id: int
    connection: str
    sku: str
    variant_ref: str
    raised: bool
    expected_on: date | None
    number: int


async def plan_flags(conn: Conn, hub: Hub, *, now: datetime) -> list[Flag]:
    """Return the flags that are not as they were ordered last; nothing is changed."""
    days = _days_by_connection(hub)
    if not days:
        return []
    today = now.astimezone(UTC).date()
    numbers = sorted(days)
    last = {
        (row["connection_id"], row["variant_ref"]): row
        for row in await fetch_rows(
            conn, _queries.last_flags, connection_ids=numbers, kind=KIND, count=FLAGS_MAX
        )
    }
    until = today + timedelta(days=max(days.values()))
    ending = {row["sku"]: row for row in await ending_outlooks(conn, until, count=FLAGS_MAX)}
    raised = {row["sku"] for row in last.values() if row["raised"]} - ending.keys()
    ending |= {row["sku"]: row for row in await outlooks_of(conn, sorted(raised))}
    found = []
    for listing in await listings_of_skus(conn, sorted(ending), numbers):
        row = last.get((listing.connection_id, listing.variant_ref))
        was = row is not None and row["raised"]
        outlook = ending[listing.sku]
        is_low = _is_low(outlook, today, days[listing.connection_id], was_raised=was)
        if is_low != was:
            found.append(
                Flag(
                    connection_id=listing.connection_id,
                    connection=hub.names()[listing.connection_id],
                    sku=listing.sku,
                    variant_ref=listing.variant_ref,
                    raised=is_low,
                    expected_on=outlook["expected_on"],
                    number=1 if row is None else row["number"] + 1,
                )
            )
    return found


async def tend_outlooks(conn: Conn, hub: Hub, *, now: datetime) -> datetime:
    """Work out what is due of the outlooks, and order what flags follow; returns when again."""
    full = len(await refresh_outlooks(conn, now=now, lead_days=hub.lead_days)) == SKUS_MAX
    async with conn.transaction():
        await order_flags(conn, hub, now=now)
    return now + timedelta(seconds=PAUSE_S if full else INTERVAL_S)


async def order_flags(conn: Conn, hub: Hub, *, now: datetime) -> list[Flag]:
    """Order the flags that are not as they were ordered last; in the caller's transaction."""
    flags = await plan_flags(conn, hub, now=now)
    await want_commands(conn, hub.vault, [_command(flag, now) for flag in flags])
    return flags


def _days_by_connection(hub: Hub) -> Mapping[int, int]:
    days = {}
    for number, connection in hub.connections.items():
        folder = hub.folder_of(number)
        wanted = connection.settings.get(SETTING, "")
        can = folder is not None and folder.manifest.action(KIND) is not None
        if can and wanted.isascii() and wanted.isdecimal() and connection.state == "active":
            days[number] = int(wanted)
    return days


def _is_low(outlook: Row, today: date, days: int, *, was_raised: bool) -> bool:
    """Whether the flag shall stand: it will be sold out soon, and is bought at all."""
    if outlook["expected_on"] is None or outlook["per_day"] <= 0:
        return False
    reach = math.ceil(days * CLEAR_SHARE) if was_raised else days
    within: bool = outlook["expected_on"] <= today + timedelta(days=reach)
    return within


def _command(flag: Flag, now: datetime) -> WantedCommand:
    state = "on" if flag.raised else "off"
    return WantedCommand(
        connection_id=flag.connection_id,
        kind=KIND,
        key=f"variant/{flag.variant_ref}",
        ref=f"flag/{flag.connection_id}/{flag.number}/{state}/{flag.variant_ref}/{flag.sku}",
        content=FlagListing(
            sku=flag.sku,
            variant_ref=flag.variant_ref,
            raised=flag.raised,
            expected_on=flag.expected_on if flag.raised else None,
        ),
        wanted_at=now,
    )
