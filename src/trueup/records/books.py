"""Orders, payments and entries copied out whole, as books that can be held beside each other."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import psycopg

from trueup.canon.order import Order
from trueup.canon.payment import Payment
from trueup.canon.payout import BalanceEntry
from trueup.db.queries import load_queries
from trueup.db.rows import Row, copy_rows, fetch_rows

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books of money lie, as CSV files with a header.

    Attributes:
        sellers: names of the connections whose orders and payments they hold.
        left_out: names of those that tell orders and no payment: nothing can be held beside them.
    """

    orders: Path
    payments: Path
    entries: Path
    sellers: tuple[str, ...]
    left_out: tuple[str, ...]


async def copy_money(
    conn: Conn,
    folder: Path,
    names: Mapping[int, str],
    *,
    sellers: Collection[int],
    paying: Collection[int],
) -> Copied:
    """Copy out what moved money, as it stands in one moment.

    Args:
        conn: in a transaction that sees one moment, or nothing else may write.
        folder: exists; three files are written into it.
        names: of all connections, by number.
        sellers: connections that sell themselves; the orders of others are copies.
        paying: connections that pay out what others sold: of them the entries count alone.
    """
    told = await _tellers(conn, sorted(names), (Order.kind, Payment.kind, BalanceEntry.kind))
    selling = told[Order.kind] & set(sellers)
    paid = sorted(selling & told[Payment.kind])
    tellers = sorted(told[BalanceEntry.kind] & set(paying))
    both = [*paid, *tellers]
    of_sellers = {"connection_ids": paid, "names": [names[each] for each in paid]}
    of_both = {
        "connection_ids": paid,
        "paying_ids": tellers,
        "named_ids": both,
        "names": [names[each] for each in both],
    }
    copied = Copied(
        orders=folder / "orders.csv",
        payments=folder / "payments.csv",
        entries=folder / "entries.csv",
        sellers=tuple(names[each] for each in paid),
        left_out=tuple(names[each] for each in sorted(selling - told[Payment.kind])),
    )
    steps: tuple[tuple[LiteralString, Path, dict[str, Any]], ...] = (
        (_queries.copy_orders, copied.orders, of_sellers),
        (_queries.copy_payments, copied.payments, of_sellers),
        (_queries.copy_entries, copied.entries, of_both),
    )
    for query, path, parameters in steps:
        await copy_rows(conn, query, path, **parameters)
    return copied


async def _tellers(
    conn: Conn, connection_ids: Sequence[int], kinds: Sequence[str]
) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {kind: set() for kind in kinds}
    rows = await fetch_rows(
        conn, _queries.tellers, connection_ids=list(connection_ids), kinds=list(kinds)
    )
    for row in rows:
        found[row["kind"]].add(row["connection_id"])
    return found


async def split_customers(conn: Conn, namespaces: Sequence[str], shared_max: int) -> list[Row]:
    """Return customers of one connection that share a name of a person, such as an address."""
    return await fetch_rows(
        conn, _queries.split_customers, namespaces=list(namespaces), shared_max=shared_max
    )


async def lines_without_sku(conn: Conn, connection_ids: Sequence[int], count: int) -> list[Row]:
    """Return lines of orders that take stock of a variant without a SKU, newest first."""
    return await fetch_rows(
        conn, _queries.lines_without_sku, connection_ids=list(connection_ids), count=count
    )
