"""Orders, payments and entries copied out whole, as books that can be held beside each other."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import psycopg

from trueup.canon.journal import Invoice
from trueup.canon.order import Order
from trueup.canon.parcel import Parcel
from trueup.canon.payment import Payment
from trueup.canon.payout import BalanceEntry
from trueup.canon.record import Record
from trueup.canon.shipment import Shipment
from trueup.db.queries import load_queries
from trueup.db.rows import Row, copy_rows, fetch_rows

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books of money lie, as CSV files with a header.

    Attributes:
        names: which names orders, payments and entries have in other systems, as digests.
        sellers: names of the connections whose orders are held beside their payments.
        left_out: names of those that tell orders and no payment: nothing can be held beside them.
    """

    orders: Path
    payments: Path
    entries: Path
    names: Path
    sellers: tuple[str, ...]
    left_out: tuple[str, ...]


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Which connections tell of money, and as whose word it counts.

    Attributes:
        sellers: sell themselves; the orders of others are copies.
        in_orders: of these, those whose orders say that they are paid, and no more.
        markets: of these, those whose own account tells what their orders were paid.
        paying: pay out what others sold: of them the entries count alone.
    """

    sellers: frozenset[int] = frozenset()
    in_orders: frozenset[int] = frozenset()
    markets: frozenset[int] = frozenset()
    paying: frozenset[int] = frozenset()


async def copy_money(conn: Conn, folder: Path, names: Mapping[int, str], sides: Sides) -> Copied:
    """Copy out what moved money, as it stands in one moment.

    Args:
        conn: in a transaction that sees one moment, or nothing else may write.
        folder: exists; four files are written into it.
        names: of all connections, by number.
        sides: whose word counts for what.
    """
    told = await _tellers(conn, sorted(names), (Order.kind, Payment.kind, BalanceEntry.kind))
    selling = told[Order.kind] & sides.sellers
    owed = selling & told[Payment.kind] - sides.in_orders
    paid = (told[Payment.kind] & sides.sellers) | (selling & sides.in_orders)
    accounts = told[BalanceEntry.kind] & (sides.sellers | sides.paying)
    copied = Copied(
        orders=folder / "orders.csv",
        payments=folder / "payments.csv",
        entries=folder / "entries.csv",
        names=folder / "names.csv",
        sellers=tuple(names[each] for each in sorted(owed)),
        left_out=tuple(names[each] for each in sorted(selling - owed)),
    )
    paying = {"paying_ids": sorted(sides.paying)}
    steps: tuple[tuple[LiteralString, Path, dict[str, Any]], ...] = (
        (_queries.copy_orders, copied.orders, _named(owed, names)),
        (
            _queries.copy_payments,
            copied.payments,
            _named(paid, names)
            | {"in_order_ids": sorted(paid & sides.in_orders), "owed_ids": sorted(owed)},
        ),
        (
            _queries.copy_entries,
            copied.entries,
            _named(accounts, names) | paying | {"market_ids": sorted(sides.markets)},
        ),
        (
            _queries.copy_names,
            copied.names,
            _named(selling | paid | accounts | sides.paying, names)
            | paying
            | _of_kinds(("order", "payment"), Order, Payment, BalanceEntry),
        ),
    )
    for query, path, parameters in steps:
        await copy_rows(conn, query, path, **parameters)
    return copied


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books of what was ordered and sent lie, as CSV files with a header.

    Attributes:
        aside: orders that are held beside nothing: tests, and those that are gone.
        names: which names orders, shipments and parcels have in common, as digests.
        tellers: names of the sellers that tell shipments themselves.
    """

    ordered: Path
    aside: Path
    sent: Path
    delivered: Path
    names: Path
    skus: Path
    tellers: tuple[str, ...]


async def copy_sent(
    conn: Conn, folder: Path, names: Mapping[int, str], sellers: Collection[int]
) -> Sent:
    """Copy out what was ordered and what was sent, as it stands in one moment.

    Args:
        conn: in a transaction that sees one moment, or nothing else may write.
        folder: exists; six files are written into it.
        names: of all connections, by number.
        sellers: sell themselves; the orders of others are copies.
    """
    told = await _tellers(conn, sorted(names), (Order.kind, Shipment.kind))
    selling = told[Order.kind] & set(sellers)
    sent = Sent(
        tellers=tuple(names[each] for each in sorted(selling & told[Shipment.kind])),
        **{each: folder / f"{each}.csv" for each in _SENT},
    )
    ours, every = _named(selling, names), _named(names, names)
    steps: tuple[tuple[LiteralString, Path, dict[str, Any]], ...] = (
        (_queries.copy_ordered, sent.ordered, ours),
        (_queries.copy_aside, sent.aside, ours),
        (_queries.copy_sent, sent.sent, every | {"seller_ids": sorted(selling)}),
        (_queries.copy_delivered, sent.delivered, {}),
        (
            _queries.copy_names,
            sent.names,
            every | {"paying_ids": []} | _of_kinds(("order", "tracking"), Order, Shipment, Parcel),
        ),
        (_queries.copy_skus, sent.skus, {}),
    )
    for query, path, parameters in steps:
        await copy_rows(conn, query, path, **parameters)
    return sent


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Where orders of shops and what other systems tell of them lie, as CSV files with a header.

    Attributes:
        ordered: the orders' lines.
        aside: orders that are held beside nothing: tests, and those that are gone.
        documents: invoices, receipts, credit notes and orders of systems that do not sell.
        names: which names orders and documents have in common, as digests.
        sellers: names of the connections that sell.
    """

    orders: Path
    ordered: Path
    aside: Path
    documents: Path
    lines: Path
    names: Path
    sellers: tuple[str, ...]


async def copy_carried(
    conn: Conn,
    folder: Path,
    names: Mapping[int, str],
    *,
    sellers: Collection[int],
    copies: Collection[int],
) -> Carried:
    """Copy out orders of shops, and what an ERP or an accounting system tells of them.

    Args:
        conn: in a transaction that sees one moment, or nothing else may write.
        folder: exists; six files are written into it.
        names: of all connections, by number.
        sellers: sell themselves.
        copies: tell copies of what others sold.
    """
    told = await _tellers(conn, sorted(names), (Order.kind,))
    selling = told[Order.kind] & set(sellers)
    carried = Carried(
        sellers=tuple(names[each] for each in sorted(selling)),
        **{each: folder / f"{each}.csv" for each in _CARRIED},
    )
    ours, theirs = _named(selling, names), _named(copies, names)
    both = _named(selling | set(copies), names) | {"paying_ids": []}
    steps: tuple[tuple[LiteralString, Path, dict[str, Any]], ...] = (
        (_queries.copy_orders, carried.orders, ours),
        (_queries.copy_ordered, carried.ordered, ours),
        (_queries.copy_aside, carried.aside, ours),
        (_queries.copy_documents, carried.documents, theirs),
        (_queries.copy_document_lines, carried.lines, theirs),
        (_queries.copy_names, carried.names, both | _of_kinds(("order",), Order, Invoice)),
    )
    for query, path, parameters in steps:
        await copy_rows(conn, query, path, **parameters)
    return carried


class Taxed(msgspec.Struct, frozen=True, kw_only=True):
    """Where taxes of orders lie, as CSV files with a header: what is taxed, and the tax lines."""

    taxables: Path
    taxes: Path


async def copy_taxes(
    conn: Conn, folder: Path, names: Mapping[int, str], sellers: Collection[int]
) -> Taxed:
    """Copy out what orders tell of taxes; arguments as those of `copy_sent`."""
    ours = _named(set(sellers), names)
    taxed = Taxed(taxables=folder / "taxables.csv", taxes=folder / "taxes.csv")
    await copy_rows(conn, _queries.copy_taxables, taxed.taxables, **ours)
    await copy_rows(conn, _queries.copy_taxes, taxed.taxes, **ours)
    return taxed


_CARRIED = ("orders", "ordered", "aside", "documents", "lines", "names")
_SENT = ("ordered", "aside", "sent", "delivered", "names", "skus")


def _named(connection_ids: Collection[int], names: Mapping[int, str]) -> dict[str, Any]:
    numbers = sorted(connection_ids)
    return {"connection_ids": numbers, "names": [names[each] for each in numbers]}


def _of_kinds(namespaces: Sequence[str], *kinds: type[Record]) -> dict[str, Any]:
    return {"namespaces": list(namespaces), "kinds": [kind.kind for kind in kinds]}


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
