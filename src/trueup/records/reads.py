"""What others may know of records."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

import psycopg

from trueup.canon.link import SPACES_OF_PEOPLE, LinkSpace
from trueup.canon.purchase import SupplierItem
from trueup.canon.record import Record, decode
from trueup.canon.reservation import Reservation
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import invariant
from trueup.govern.vault import Vault
from trueup.records.links import digests_of_name

_queries = load_queries("trueup.records")

RecordT = TypeVar("RecordT", bound=Record)

RELATED_MAX = 500
"""So many records a walk over links reaches at most."""

_WALKED = tuple(sorted(set(LinkSpace) - SPACES_OF_PEOPLE))


async def find_records(
    conn: psycopg.AsyncConnection[Any], kind: str, ref: str, *, vault: Vault | None = None
) -> list[Row]:
    """Return records of one kind by the vendor's id or by number ("#1001").

    Args:
        conn: any session.
        kind: such as "order".
        ref: what a person typed, or the vendor's id.
        vault: where it is given and nothing has this id or number, other names of records are
            looked through too, such as a tracking number.
    """
    rows = await fetch_rows(conn, _queries.find_records, kind=kind, ref=ref)
    if rows or vault is None:
        return rows
    names = digests_of_name(vault, ref)
    return await fetch_rows(
        conn,
        _queries.find_linked,
        kind=kind,
        namespaces=[namespace for namespace, _ in names],
        digests=[digest for _, digest in names],
    )


async def seek_record(
    conn: psycopg.AsyncConnection[Any], kind: type[RecordT], connection_id: int, ref: str
) -> tuple[RecordT, int] | None:
    """Return a record by who told it and its ref, with the event that told it last.

    Args:
        conn: any session.
        kind: such as `Order`.
        connection_id: who told it.
        ref: the vendor's id, whole.
    """
    for row in await find_records(conn, kind.kind, ref):
        if row["connection_id"] == connection_id and row["ref"] == ref:
            found = decode(kind.kind, row["body"])
            invariant(isinstance(found, kind), "records of a kind are of its type")
            return (found, row["event_id"]) if isinstance(found, kind) else None
    return None


async def records_linked(
    conn: psycopg.AsyncConnection[Any],
    record_ids: Collection[int],
    namespaces: Collection[str],
    *,
    count: int = RELATED_MAX,
) -> list[Row]:
    """Return the records of all connections that share a link with some records, oldest first.

    An order's number joins other records to orders, never an order to an order: two shops may
    number alike.

    Args:
        conn: any session.
        record_ids: whose links count; they themselves are not returned.
        namespaces: of `LinkSpace`.
        count: records at most.

    Returns:
        Rows of records, each with the `namespaces` that join it.
    """
    return await fetch_rows(
        conn,
        _queries.records_linked,
        record_ids=list(record_ids),
        namespaces=[str(namespace) for namespace in namespaces],
        count=count,
    )


async def related_records(
    conn: psycopg.AsyncConnection[Any], record_ids: Collection[int], *, depth: int = 3
) -> list[Row]:
    """Return what some records are about, in every system: the records themselves first.

    One step goes to all records of the same entity (an order's parcels and payments) and from
    those to all that share a link. Links of people are not walked: a customer's other orders are
    other things. At most `RELATED_MAX` records.

    Args:
        conn: any session.
        record_ids: where to begin.
        depth: steps over links at most.
    """
    found: dict[int, Row] = {}
    reached = list(dict.fromkeys(record_ids))
    for step in range(depth + 1):
        near = await fetch_rows(
            conn, _queries.records_beside, record_ids=reached, count=RELATED_MAX
        )
        for row in near:
            found.setdefault(row["record_id"], row)
        room = RELATED_MAX - len(found)
        if step == depth or room <= 0:
            break
        linked = await records_linked(conn, found, _WALKED, count=room)
        reached = [row["record_id"] for row in linked]
        if not reached:
            break
    return list(found.values())[:RELATED_MAX]


async def find_reservation(
    conn: psycopg.AsyncConnection[Any], ref: str
) -> tuple[int, Reservation] | None:
    """Return a reservation with the number of its connection, as the last commit left it."""
    for row in await fetch_rows(conn, _queries.find_reservation, ref=ref):
        found = decode(Reservation.kind, row["body"])
        if isinstance(found, Reservation):
            return row["connection_id"], found
    return None


async def records_named(
    conn: psycopg.AsyncConnection[Any], kind: str, places: Collection[tuple[int, str]]
) -> list[Row]:
    """Return records of one kind by (connection_id, ref), without what is personal."""
    return await fetch_rows(
        conn,
        _queries.records_named,
        kind=kind,
        connection_ids=[number for number, _ in places],
        refs=[ref for _, ref in places],
    )


async def records_of_entity(
    conn: psycopg.AsyncConnection[Any], connection_id: int, entity: str
) -> list[Row]:
    """Return all records of one entity, oldest first."""
    return await fetch_rows(
        conn, _queries.records_of_entity, connection_id=connection_id, entity=entity
    )


async def records_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[Row]:
    """Return the records that some events made or changed."""
    return await fetch_rows(conn, _queries.records_of_events, event_ids=list(event_ids))


async def versions_of_record(conn: psycopg.AsyncConnection[Any], record_id: int) -> list[Row]:
    """Return every version of one record, oldest first."""
    return await fetch_rows(conn, _queries.versions_of_record, record_id=record_id)


async def recent_records(
    conn: psycopg.AsyncConnection[Any],
    kind: str,
    *,
    count: int = 50,
    before: datetime | None = None,
) -> list[Row]:
    """Return the newest records of a kind."""
    return await fetch_rows(conn, _queries.recent_records, kind=kind, count=count, before=before)


async def count_records(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return how many records there are of each kind, with versions and stale ones."""
    return await fetch_rows(conn, _queries.count_records)


async def page_records(
    conn: psycopg.AsyncConnection[Any],
    kind: str,
    *,
    count: int,
    connection_id: int | None = None,
    before: tuple[datetime, int] | None = None,
) -> list[Row]:
    """Return one page of the newest records of a kind.

    Args:
        conn: any session.
        kind: such as "order".
        count: records at most.
        connection_id: of one connection only.
        before: (occurred_at, record_id) of the last record of the page above.
    """
    before_at, before_id = before or (None, 0)
    return await fetch_rows(
        conn,
        _queries.page_records,
        kind=kind,
        count=count,
        connection_id=connection_id,
        before_at=before_at,
        before_id=before_id,
    )


async def version_events(
    conn: psycopg.AsyncConnection[Any], record_ids: Sequence[int], *, count: int = 1000
) -> list[Row]:
    """Return which events made versions of some records, newest first."""
    return await fetch_rows(conn, _queries.version_events, record_ids=list(record_ids), count=count)


async def records_of_persons(
    conn: psycopg.AsyncConnection[Any], persons: Sequence[bytes], kind: str | None = None
) -> list[Row]:
    """Return the records of some persons and of their orders and tickets, oldest first.

    Args:
        conn: any session.
        persons: whose.
        kind: of this kind only.
    """
    return await fetch_rows(conn, _queries.records_of_persons, persons=list(persons), kind=kind)


async def entities_of_records(
    conn: psycopg.AsyncConnection[Any], record_ids: Sequence[int]
) -> list[tuple[int, str]]:
    """Return the (connection_id, entity) of some records, each once."""
    rows = await fetch_rows(conn, _queries.entities_of_records, record_ids=list(record_ids))
    return [(row["connection_id"], row["entity"]) for row in rows]


async def old_orders(
    conn: psycopg.AsyncConnection[Any], record_ids: Collection[int], placed_before: datetime
) -> list[Row]:
    """Return the orders among some records that were placed before an instant, oldest first."""
    return await fetch_rows(
        conn,
        _queries.old_orders,
        record_ids=list(record_ids),
        placed_before=placed_before,
    )


async def lead_days_of(conn: psycopg.AsyncConnection[Any], skus: Sequence[str]) -> dict[str, int]:
    """Return how many days more of some SKUs takes to come, where a supplier says."""
    rows = await fetch_rows(conn, _queries.lead_days_of, skus=list(skus))
    return {row["sku"]: row["lead_days"] for row in rows}


async def supplier_items_of(
    conn: psycopg.AsyncConnection[Any], skus: Sequence[str] | None
) -> list[tuple[int, SupplierItem]]:
    """Return what suppliers ask for some SKUs, or for all, with whose word it is."""
    if skus is None:
        rows = await fetch_rows(conn, _queries.all_supplier_items)
    else:
        rows = await fetch_rows(conn, _queries.supplier_items_of, skus=list(skus))
    found = [(row["connection_id"], decode(SupplierItem.kind, row["body"])) for row in rows]
    return [(number, item) for number, item in found if isinstance(item, SupplierItem)]


async def records_after(
    conn: psycopg.AsyncConnection[Any], after: int, kinds: Collection[str], *, count: int
) -> list[Row]:
    """Return a page of the records of some kinds, by number.

    Args:
        conn: any session.
        after: the last number of the page before; 0 for the first.
        kinds: which.
        count: of records in a page.
    """
    return await fetch_rows(
        conn, _queries.records_after, after=after, kinds=sorted(kinds), count=count
    )
