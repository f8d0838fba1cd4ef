"""What the money ledger moved day by day: by day, by connection, or by order."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import copy_rows

_queries = load_queries("trueup.ledger")

_SPAN: Final = timedelta(days=30)


class Grain(StrEnum):
    """How finely a day's money is told apart."""

    DAY = "day"  # all of a currency together
    CONNECTION = "connection"  # by who told it
    ORDER = "order"  # by the order that it is about; the rest by who told it


class MoneySum(msgspec.Struct, frozen=True, kw_only=True):
    """What one account moved on one day.

    The sums of one (day, currency, told_by, order_ref) come to zero: they hold whole transactions.

    Attributes:
        day: of booking.
        told_by: number of the connection; 0 where several told it together, or nobody asked.
        order_ref: "" where it is about none or several, or nobody asked.
        account: of the money ledger.
        connection_id: at which the account is held.
        amount: not zero; above zero is a debit.
    """

    day: date
    currency: str
    told_by: int
    order_ref: str
    account: str
    connection_id: int
    amount: Decimal


async def sum_money_days(
    conn: psycopg.AsyncConnection[Any],
    *,
    since: date | None,
    until: date,
    grain: Grain,
    kept: Mapping[tuple[date, str], Grain],
) -> list[MoneySum]:
    """Return what every account moved on the days from `since` to `until`.

    Months are summed one by one: a statement that reads years of a large ledger at once would run
    out of time.

    Args:
        conn: any session.
        since: the first day of booking; None: the ledger's first.
        until: the last one.
        grain: how finely days are told apart.
        kept: days and currencies that are told apart otherwise.
    """
    begun = since or await _first_day(conn)
    told = {
        "grain": grain.value,
        "days": [day for day, _ in kept],
        "currencies": [currency for _, currency in kept],
        "grains": [each.value for each in kept.values()],
    }
    found: list[MoneySum] = []
    while begun is not None and begun <= until:
        ended = min(begun + _SPAN, until)
        async with conn.cursor(row_factory=class_row(MoneySum)) as cursor:
            await cursor.execute(_queries.money_days, told | {"since": begun, "until": ended})
            found += await cursor.fetchall()
        begun = ended + timedelta(days=1)
    return found


async def copy_taxes_posted(conn: psycopg.AsyncConnection[Any], records: Path, days: Path) -> None:
    """Write what was posted as taxes into CSV files: record by record, and day by day.

    Args:
        conn: in a transaction that sees one moment, or nothing else may write.
        records: by the records' numbers.
        days: by the day of booking.
    """
    await copy_rows(conn, _queries.copy_posted_taxes, records)
    await copy_rows(conn, _queries.copy_tax_days, days)


async def _first_day(conn: psycopg.AsyncConnection[Any]) -> date | None:
    [(first,)] = await (await conn.execute(_queries.first_money_day)).fetchall()
    return None if first is None else date.fromisoformat(str(first))
