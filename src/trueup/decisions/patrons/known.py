"""What was worked out of customers, as people read it."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.models.value.rfm import Tier

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What was worked out of one customer, on `worked_on`.

    Attributes:
        person: the first of their persons, which was the customer's id.
        connection_id, order_ref: of their newest order.
        interval_days, next_on: from one purchase to the next, and when it is due; None below three.
        alive: the chance that they still buy.
        worth: what is expected of them in a year; `spend` on a purchase; both in `currency`.
        told_by: a model, or the rule below it.
    """

    person: bytes
    connection_id: int
    order_ref: str
    currency: str
    purchases: int
    last_on: date
    interval_days: int | None
    next_on: date | None
    alive: Decimal
    worth: Decimal
    spend: Decimal
    tier: Tier
    told_by: str
    worked_on: date


async def page_known(conn: Conn, tier: Tier | None, *, skip: int, count: int) -> list[Known]:
    """Return one page of customers of a tier (None: of any), who is worth most first.

    Amounts of several currencies are put in order by their number alone.
    """
    value = None if tier is None else tier.value
    rows = await fetch_rows(conn, _queries.page_patrons, tier=value, skip=skip, count=count)
    return [msgspec.convert(row, Known) for row in rows]


async def known_of(conn: Conn, persons: Collection[bytes]) -> Known | None:
    """Return what was worked out of a customer; None: nothing yet.

    Args:
        conn: any session.
        persons: all of theirs.
    """
    rows = await fetch_rows(conn, _queries.patron_of_persons, persons=sorted(persons))
    return msgspec.convert(rows[0], Known) if rows else None
