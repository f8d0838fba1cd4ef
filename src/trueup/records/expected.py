"""What is to come and what came of it: lines of purchase orders, transfers and arrivals.

Written where their records are stored, and read by whoever asks what comes next: `incoming_of`.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
import psycopg

from trueup.canon.dock import Arrival, ArrivalSource, Transfer
from trueup.canon.purchase import PurchaseOrder, PurchaseState
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.records.barcodes import note_barcodes
from trueup.records.match import Arrived, Expected, Match, match_lines
from trueup.records.model import Stored

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

SiteOfLocation = Callable[[int, str | None], str]
"""The site of a connection's location."""

EXPECTED_MAX = 5000
"""So many purchase orders and transfers are held beside what came at once."""

_OPEN = frozenset((PurchaseState.SENT, PurchaseState.CONFIRMED, PurchaseState.PARTLY_RECEIVED))


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU that are still to come, by one line.

    Attributes:
        expected_on: None where nobody said when; a day that is over means: late.
        source: "purchase" or "transfer".
        ref: of the purchase order or transfer; `connection_id` is whose it is.
    """

    sku: str
    units: int
    expected_on: date | None
    site: str
    source: str
    ref: str
    number: str
    line_ref: str
    connection_id: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase order or transfer, line by line, beside what came of it."""

    source: str
    connection_id: int
    ref: str
    number: str
    site: str
    is_open: bool
    match: Match


async def incoming_of(
    conn: Conn, skus: Collection[str] | None, until: date | None = None
) -> list[Incoming]:
    """Return what is still to come, the earliest first.

    Of purchase orders that were sent and are neither cancelled nor done, and of transfers on their
    way, what has not arrived yet.

    Args:
        conn: any session.
        skus: whose; None: of all.
        until: what is expected by this day, late ones included; lines without a day are left out
            then.
    """
    wanted = None if skus is None else sorted(set(skus))
    rows = await fetch_rows(conn, _queries.open_expected, skus=wanted, count=EXPECTED_MAX)
    found: list[Incoming] = []
    for source in {row["source"] for row in rows}:
        names = {row[part] for row in rows if row["source"] == source for part in ("ref", "number")}
        for document in await documents_named(conn, source, names):
            found += _incoming(document, wanted, until)
    return sorted(found, key=lambda i: (i.expected_on is None, i.expected_on or date.min, i.ref))


def _incoming(
    document: Document, skus: Collection[str] | None, until: date | None
) -> Iterable[Incoming]:
    for line in document.match.lines if document.is_open else ():
        late = until is not None and (line.expected_on is None or line.expected_on > until)
        if line.sku is None or not line.left or late or (skus is not None and line.sku not in skus):
            continue
        yield Incoming(
            sku=line.sku,
            units=line.left,
            expected_on=line.expected_on,
            site=document.site,
            source=document.source,
            ref=document.ref,
            number=document.number,
            line_ref=line.line_ref,
            connection_id=document.connection_id,
        )


async def documents_named(
    conn: Conn,
    source: str,
    names: Collection[str],
    *,
    connection_numbers: dict[str, int] | None = None,
) -> list[Document]:
    """Return the purchase orders or transfers that go by some refs or numbers.

    What came belongs to the one whose connection was named, else to the first of its name.

    Args:
        conn: any session.
        source: "purchase" or "transfer".
        names: refs or numbers.
        connection_numbers: of connections by name; without it names of connections do not count.
    """
    listed = sorted(names)
    expected = await fetch_rows(conn, _queries.expected_named, source=source, names=listed)
    known = {row[part] for row in expected for part in ("ref", "number")} | set(listed)
    arrived = await fetch_rows(conn, _queries.arrived_of, source=source, names=sorted(known))
    lines: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in expected:
        lines[row["connection_id"], row["ref"]].append(row)
    came: dict[tuple[int, str], list[Arrived]] = defaultdict(list)
    for row in arrived:
        number = (connection_numbers or {}).get(row["source_connection"] or "")
        key = _whose(row["source_ref"], number, lines)
        if key is not None:
            units = row["quantity"] + row["damaged"]
            came[key].append(Arrived(sku=row["sku"], units=units, line_ref=row["line_ref"]))
    return [_document(rows, came[key]) for key, rows in lines.items()]


def _whose(
    name: str, connection_id: int | None, lines: dict[tuple[int, str], list[Row]]
) -> tuple[int, str] | None:
    fitting = sorted(
        key
        for key, rows in lines.items()
        if name in (rows[0]["ref"], rows[0]["number"])
        and (connection_id is None or key[0] == connection_id)
    )
    return fitting[0] if fitting else None


def _document(rows: Sequence[Row], came: Sequence[Arrived]) -> Document:
    fields = ("line_ref", "sku", "quantity", "told_arrived", "expected_on")
    expected = [Expected(**{name: row[name] for name in fields}) for row in rows]
    first = rows[0]
    return Document(
        source=first["source"],
        connection_id=first["connection_id"],
        ref=first["ref"],
        number=first["number"],
        site=first["site"],
        is_open=first["is_open"],
        match=match_lines(expected, came),
    )


async def unlooked(conn: Conn, *, count: int = 500) -> list[tuple[str, str]]:
    """Return (source, name) of what changed since ordered and arrived were compared."""
    cursor = await conn.execute(_queries.unlooked, {"count": count})
    return list(await cursor.fetchall())


async def note_looked(conn: Conn, source: str, names: Collection[str]) -> None:
    """Note that what goes by some names was compared."""
    await conn.execute(_queries.note_looked, {"source": source, "names": sorted(names)})


async def arrivals_of(conn: Conn, source: str, names: Collection[str]) -> list[Row]:
    """Return the lines of arrivals that name some purchase orders or transfers."""
    return await fetch_rows(conn, _queries.arrived_of, source=source, names=sorted(names))


async def overdue_transfers(conn: Conn, today: date, *, count: int = 500) -> list[Row]:
    """Return open transfers that should have come before today, the latest first."""
    source = ArrivalSource.TRANSFER.value
    return await fetch_rows(
        conn, _queries.overdue_expected, source=source, today=today, count=count
    )


async def note_lines(conn: Conn, changed: Sequence[Stored], site_of: SiteOfLocation) -> set[str]:
    """Keep lines and barcodes of what a batch changed; orders and their like cost nothing.

    Returns:
        The SKUs of which more or less may be to come than before.
    """
    documents = [s for s in changed if isinstance(s.body, PurchaseOrder | Transfer)]
    arrivals = [s for s in changed if isinstance(s.body, Arrival)]
    await note_barcodes(conn, changed)
    if not (documents or arrivals):
        return set()
    # What a line named before counts as much as what it names now.
    record_ids = [stored.record_id for stored in (*documents, *arrivals)]
    cursor = await conn.execute(_queries.skus_of_lines, {"record_ids": record_ids})
    skus = {sku for (sku,) in await cursor.fetchall()}
    if documents:
        rows = [row for stored in documents for row in _expected_rows(stored, site_of)]
        await conn.execute(_queries.replace_expected, _columns(documents, rows, _EXPECTED))
    if arrivals:
        rows = [row for stored in arrivals for row in _arrived_rows(stored)]
        await conn.execute(_queries.replace_arrived, _columns(arrivals, rows, _ARRIVED))
    for stored in (*documents, *arrivals):
        if isinstance(stored.body, PurchaseOrder | Transfer | Arrival):
            skus.update(line.sku for line in stored.body.lines if line.sku is not None)
    return skus


_EXPECTED = (
    *("record_ids", "ordinals", "connection_ids", "sources", "refs", "numbers", "line_refs"),
    *("skus", "sites", "quantities", "told_arriveds", "expected_ons", "is_opens"),
)
_ARRIVED = (
    *("record_ids", "ordinals", "refs", "sources", "source_refs", "source_connections"),
    *("line_refs", "skus", "quantities", "damageds"),
)


def _columns(
    stored: Sequence[Stored], rows: Sequence[tuple[Any, ...]], names: Sequence[str]
) -> dict[str, list[Any]]:
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return {"replaced": [each.record_id for each in stored], **columns}


def _expected_rows(stored: Stored, site_of: SiteOfLocation) -> Iterable[tuple[Any, ...]]:
    body = stored.body
    head = (stored.record_id, stored.connection_id)
    if isinstance(body, PurchaseOrder):
        is_open = body.state in _OPEN and not body.deleted
        site = site_of(stored.connection_id, body.location_ref)
        for n, line in enumerate(body.lines):
            at = (line.ref, line.sku, site, line.quantity, line.quantity_received)
            on = line.expected_on or body.expected_on
            name = (ArrivalSource.PURCHASE.value, body.ref, body.number)
            yield (head[0], n, head[1], *name, *at, on, is_open)
    elif isinstance(body, Transfer):
        is_open = not (body.closed or body.deleted)
        name = (ArrivalSource.TRANSFER.value, body.ref, body.ref)
        for n, sent in enumerate(body.lines):
            at = (str(n + 1), sent.sku, body.to_site, sent.quantity, 0)
            yield (head[0], n, head[1], *name, *at, body.expected_on, is_open)


def _arrived_rows(stored: Stored) -> Iterable[tuple[Any, ...]]:
    body = stored.body
    if not isinstance(body, Arrival) or body.source is None:
        return
    source = (body.source.value, body.source_ref, body.source_connection)
    for n, line in enumerate(() if body.deleted else body.lines):
        units = (line.quantity, line.damaged)
        yield (stored.record_id, n, body.ref, *source, line.line_ref, line.sku, *units)
