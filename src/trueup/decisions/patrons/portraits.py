"""Portraits: what the CRM is told of customers, and of whom it was told something else."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.patrons.history import Patron
from trueup.models.value.rfm import Tier

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

_ASKED_AGAIN: Final = timedelta(days=30)
"""After so long what a person turned down is asked for again."""


class Risk(StrEnum):
    """How likely it is that a customer left, in three bands."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """How a CRM tells customers apart.

    Attributes:
        next_on: of their next purchase; None where they have no interval.
    """

    tier: Tier
    risk: Risk
    next_on: date | None = None


class Cuts(msgspec.Struct, frozen=True, kw_only=True):
    """Where one band ends and the next begins.

    Attributes:
        stays, leaves: from which chance in percent that they still buy the risk is low, or middle.
        moved_days: a next purchase that moved by less is the same.
        apart: so long lies between two tellings of one customer.
    """

    stays: int
    leaves: int
    moved_days: int
    apart: timedelta


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One customer of whom the CRM was told something else.

    Attributes:
        person: of `patron`, in hexadecimal digits.
        order: their newest, as `trueup show` names it.
        was: as it was told; None where nothing was.
    """

    person: str
    order: str
    last_on: date
    now: Band
    was: Band | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Customers who were proposed together, and how far that came."""

    subject: str
    episode: str
    state: str
    evidence: tuple[str, ...]
    facts: dict[str, Any]


def band_of(patron: Patron, cuts: Cuts) -> Band:
    """Return the band of a customer. Pure; as `portraits_due` reads it."""
    interval, percent = patron.interval, patron.alive * 100
    risk = Risk.MIDDLE if percent >= cuts.leaves else Risk.HIGH
    return Band(
        tier=Tier(patron.tier),
        risk=Risk.LOW if percent >= cuts.stays else risk,
        next_on=None if interval is None else interval.next_on(patron.last_on),
    )


def moved(was: Band | None, now: Band, days: int = 0) -> str | None:
    """Return what of a customer is to be told anew, the first of these; None where nothing is.

    Args:
        was: as it was told.
        now: as it is.
        days: a next purchase that moved by less is the same.
    """
    if was is None:
        return "first"
    if was.tier != now.tier:
        return "tier"
    if was.risk != now.risk:
        return "risk"
    if was.next_on is None or now.next_on is None:
        return None if was.next_on == now.next_on else "next"
    return "next" if abs((was.next_on - now.next_on).days) >= days else None


async def portraits_due(
    conn: Conn,
    rule: str,
    connection_id: int,
    cuts: Cuts,
    now: datetime,
    *,
    people: Collection[bytes] | None = None,
    count: int,
) -> list[Change]:
    """Return customers of whom the CRM was told something else, or nothing yet.

    Args:
        conn: any session.
        rule: that speaks of them; whom it speaks of now, or was turned down about, is left out.
        connection_id: of the CRM.
        cuts: what counts as something else.
        now: of the look.
        people: only these, whoever speaks of them; None: all.
        count: so many at most; of those it was told already first, then by what they are worth.
    """
    rows = await fetch_rows(
        conn,
        _queries.portraits_due,
        rule=rule,
        connection_id=connection_id,
        people=None if people is None else list(people),
        stays=cuts.stays,
        leaves=cuts.leaves,
        moved_days=cuts.moved_days,
        drawn_before=now - cuts.apart,
        ended_after=now - _ASKED_AGAIN,
        count=count,
    )
    return [_change(row) for row in rows]


def _change(row: Row) -> Change:
    was = None
    if row["was_tier"] is not None:
        was = Band(
            tier=Tier(row["was_tier"]), risk=Risk(row["was_risk"]), next_on=row["was_next_on"]
        )
    return Change(
        person=bytes(row["person"]).hex(),
        order=f"connection/{row['of_connection']}/order/{row['order_ref']}",
        last_on=row["last_on"],
        now=Band(tier=Tier(row["tier"]), risk=Risk(row["risk"]), next_on=row["next_on"]),
        was=was,
    )


async def batches_of(conn: Conn, rule: str, day: str, subject: str | None) -> list[Batch]:
    """Return what a rule has open, and all that it made on a day; only `subject` where given."""
    rows = await fetch_rows(conn, _queries.portrait_batches, rule=rule, day=day, subject=subject)
    return [msgspec.convert(row, Batch) for row in rows]


async def draw(
    conn: Conn, person: str, connection_id: int, now: Band, last_on: date, at: datetime
) -> bool:
    """Keep what the CRM is told of a customer, in the transaction that orders it.

    Returns:
        Whether it is still so of them.
    """
    rows = await fetch_rows(
        conn,
        _queries.draw_portrait,
        person=bytes.fromhex(person),
        connection_id=connection_id,
        tier=now.tier.value,
        risk=now.risk.value,
        next_on=now.next_on,
        last_on=last_on,
        now=at,
    )
    return bool(rows)
