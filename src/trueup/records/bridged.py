"""Which orders a master's records are about, and which of a master's records an order has."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from trueup.canon.record import decode
from trueup.canon.shipment import Shipment
from trueup.db.queries import load_queries

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


class NamedOrder(NamedTuple):
    """An order that carries a name."""

    digest: bytes
    record_id: int
    connection_id: int
    entity: str


async def order_links(conn: Conn, record_ids: Collection[int]) -> dict[int, list[bytes]]:
    """Return the digests of the order numbers by which records are known."""
    found: dict[int, list[bytes]] = defaultdict(list)
    cursor = await conn.execute(_queries.order_links, {"record_ids": sorted(record_ids)})
    for record_id, digest in await cursor.fetchall():
        found[record_id].append(bytes(digest))
    return found


async def orders_of_links(conn: Conn, digests: Collection[bytes]) -> list[NamedOrder]:
    """Return the orders that carry any of some numbers."""
    if not digests:
        return []
    cursor = await conn.execute(_queries.orders_of_links, {"digests": sorted(set(digests))})
    return [
        NamedOrder(bytes(digest), record_id, connection_id, entity)
        for digest, record_id, connection_id, entity in await cursor.fetchall()
    ]


async def shipments_of_links(
    conn: Conn, digests: Collection[bytes], connection_ids: Sequence[int]
) -> list[tuple[bytes, int, int, Shipment]]:
    """Return masters' shipments: (number's digest, record_id, connection_id, shipment)."""
    if not digests or not connection_ids:
        return []
    cursor = await conn.execute(
        _queries.records_of_links,
        {
            "digests": sorted(set(digests)),
            "connection_ids": list(connection_ids),
            "kinds": [Shipment.kind],
        },
    )
    found = []
    for digest, record_id, connection_id, kind, body in await cursor.fetchall():
        shipment = decode(kind, body)
        if isinstance(shipment, Shipment) and shipment.order_ref is None:
            found.append((bytes(digest), record_id, connection_id, shipment))
    return found


async def known_orders(
    conn: Conn, record_ids: Collection[int], connection_id: int, known_at: datetime
) -> set[int]:
    """Return which of some orders a system knew of at an instant."""
    if not record_ids:
        return set()
    cursor = await conn.execute(
        _queries.known_orders,
        {
            "record_ids": sorted(record_ids),
            "connection_id": connection_id,
            "known_at": known_at,
        },
    )
    return {record_id for (record_id,) in await cursor.fetchall()}
