"""What orders, SKUs and channels earned in a span of days: read in sets, worked out in memory."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.ad_spend import AdSpend
from trueup.canon.cost import Cost
from trueup.canon.order import Order
from trueup.canon.payment import Payment
from trueup.canon.payout import BalanceEntry
from trueup.canon.record import Record, decode
from trueup.canon.refund import Refund
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.ledger.money import Teller
from trueup.margin.costs import CostBook, Key, name_of, read_costs
from trueup.margin.earned import Earned, Sale, earned_of, estimated
from trueup.margin.groups import by_channel, by_sku, split_by_line
from trueup.margin.layers import Method, Taken
from trueup.own import learn_connections, learn_kits
from trueup.records.reads import page_records
from trueup.records.returned import records_of_entities
from trueup.records.sales import entries_of_orders, orders_placed

Conn = psycopg.AsyncConnection[Any]

ORDERS_MAX: Final = 200_000
"""So many orders are worked out at once; a longer span is refused."""

_STRETCH: Final = 1_000
_ALL: Final = 2**31 - 1
_KINDS: Final = tuple(kind.kind for kind in (Order, Refund, Payment, BalanceEntry))


class By(StrEnum):
    """By what margins are told."""

    ORDERS = "orders"
    SKUS = "skus"
    CHANNELS = "channels"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days, in UTC: those of the orders that count; both are in it."""

    first: date
    last: date

    def instants(self) -> tuple[datetime, datetime]:
        """Return when it begins, and when it is over."""
        start = datetime.combine(self.first, time(), UTC)
        return start, datetime.combine(self.last, time(), UTC) + timedelta(days=1)


def span_of(first: date | None, last: date | None, today: date) -> Span:
    """Return the days that somebody named; without any, the last thirty.

    Raises:
        ConfigError: the last is before the first.
    """
    end = last or today
    start = first or end - timedelta(days=29)
    if start > end:
        raise ConfigError(f"until: expected a day from {start} on, and found {end}.", field="until")
    return Span(first=start, last=end)


async def read_margins(
    conn: Conn,
    hub: Hub,
    span: Span,
    *,
    by: By,
    method: Method = Method.FIFO,
    connection_id: int | None = None,
) -> list[Earned]:
    """Return what was earned, what is worth most first.

    Args:
        conn: any session.
        hub: who sells, kits, who owns a SKU's cost.
        span: the days on which the orders were placed.
        by: orders, SKUs at all channels, or channels.
        method: which units went.
        connection_id: only this channel's; None: all.

    Raises:
        ConfigError: there are too many orders in the span.
    """
    await learn_kits(conn, hub)
    await learn_connections(conn, hub)
    sellers = hub.sellers()
    since, until = span.instants()
    keys = await orders_placed(conn, since, until, sellers, count=ORDERS_MAX + 1)
    if len(keys) > ORDERS_MAX:
        raise ConfigError(
            f"There are more than {ORDERS_MAX:,} orders from {span.first} to {span.last}: "
            "name fewer days.",
            field="from",
        )
    book = await read_costs(conn, hub, method)
    sales = await _sales(conn, hub, keys, book)
    rows = [earned_of(sale, hub.kits, book.usual) for sale in sales]
    rows = estimated(rows, await _ads(conn))
    pairs = [
        (sale, row)
        for sale, row in zip(sales, rows, strict=True)
        if connection_id is None or sale.connection_id == connection_id
    ]
    found = [row for _, row in pairs]
    if by is By.CHANNELS:
        found = by_channel(found)
    elif by is By.SKUS:
        found = by_sku(line for sale, row in pairs for line in split_by_line(sale, row, hub.kits))
    return sorted(found, key=lambda row: (-row.margin, row.key))


async def _sales(conn: Conn, hub: Hub, keys: Sequence[Key], book: CostBook) -> list[Sale]:
    goods: dict[str, dict[str, Taken]] = defaultdict(dict)
    for sku, costed in book.costed.items():
        for name, taken in costed.gone.items():
            goods[name][sku] = taken
    names = hub.names()
    paying = [number for number in names if hub.teller_of(number) is Teller.PAYMENTS]
    sales = []
    for start in range(0, len(keys), _STRETCH):
        stretch = keys[start : start + _STRETCH]
        records = await _records(conn, stretch)
        entries = await _entries(conn, stretch, paying)
        for key in stretch:
            own = records.get(key, {})
            order = next((each for each in own.values() if isinstance(each, Order)), None)
            if order is None or order.test:
                continue
            told = [each for each in own.values() if isinstance(each, BalanceEntry)]
            name = names[key[0]]
            sales.append(
                Sale(
                    order=order,
                    connection_id=key[0],
                    connection=name,
                    teller=hub.teller_of(key[0]),
                    records={
                        number: each
                        for number, each in own.items()
                        if not isinstance(each, BalanceEntry)
                    },
                    entries=(*told, *entries.get(key, ())),
                    costs=_costs_of(order, name, book),
                    goods=goods.get(name_of(key), {}),
                )
            )
    return sales


async def _records(conn: Conn, keys: Sequence[Key]) -> dict[Key, dict[int, Record]]:
    found: dict[Key, dict[int, Record]] = defaultdict(dict)
    for row in await records_of_entities(conn, keys, _KINDS):
        key = (row["connection_id"], row["entity"])
        found[key][row["record_id"]] = decode(row["kind"], row["body"])
    return found


async def _entries(
    conn: Conn, keys: Sequence[Key], paying: Sequence[int]
) -> dict[Key, list[BalanceEntry]]:
    found: dict[Key, list[BalanceEntry]] = defaultdict(list)
    for row in await entries_of_orders(conn, keys, paying):
        entry = msgspec.convert(decode(BalanceEntry.kind, row["body"]), BalanceEntry)
        found[row["connection_id"], row["entity"]].append(entry)
    return found


def _costs_of(order: Order, connection: str, book: CostBook) -> tuple[Cost, ...]:
    """Return the costs that name an order by its ref or number, at its channel or at none."""
    told = {
        cost.ref: cost
        for called in {order.ref, order.number, order.number.removeprefix("#")}
        for cost in book.order_costs.get(called, ())
        if cost.of_connection in {None, connection}
    }
    return tuple(told.values())


async def _ads(conn: Conn) -> Mapping[tuple[date, str], Decimal]:
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for row in await page_records(conn, AdSpend.kind, count=_ALL):
        if not row["deleted"]:
            spend = msgspec.convert(decode(AdSpend.kind, row["body"]), AdSpend)
            sums[spend.spent_on, spend.spend.currency] += spend.spend.amount
    return sums


def totals_of(rows: Collection[Earned]) -> list[Earned]:
    """Return what rows come to, currency by currency."""
    whole = [msgspec.structs.replace(row, connection="all", key="all", label="all") for row in rows]
    return by_channel(whole)
