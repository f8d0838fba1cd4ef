"""Serials: what records say of them is kept, and where each is, is worked out when somebody asks.

The write costs nothing where no record names a serial. The read takes the lines of the serials that
are asked for, never the postings.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.dock import Arrival, ArrivalSource, Transfer
from trueup.canon.inspection import Grade, Inspection
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.canon.serial import Pack, SerialRule
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.errors import SerialElsewhere
from trueup.ledger.model import Place
from trueup.ledger.serial import (
    ORDER,
    SHELVES,
    TRANSFER,
    Clash,
    Serial,
    SerialLine,
    Spot,
    Uneven,
    serial_of,
    spots_of,
    uneven_of,
)
from trueup.records.model import Stored
from trueup.records.store import lock_name

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]

CALLED_MAX = 20
"""So many serials are found by one text."""

PACKING_TIME = timedelta(days=1)
"""How far apart the word of the dock and of the channel may be that a unit has left."""

_NEVER = datetime.max.replace(tzinfo=UTC)

_BACK = {
    Grade.GOOD: Place.ON_HAND,
    Grade.QUARANTINE: Place.QUARANTINE,
    Grade.SCRAP: Place.LOSS,
}


class _Way(NamedTuple):
    """From where to where serials went."""

    start: Place | None
    from_site: str
    target: Place
    to_site: str


class Evenness(NamedTuple):
    """What came of holding serials beside units: places compared, and those that differ."""

    places: int
    uneven: tuple[Uneven, ...]


def lines_of_record(record: Record, connection_id: int, record_id: int = 0) -> list[SerialLine]:
    """Return what a record says of serials."""
    if record.deleted:
        return []
    ways: list[tuple[str, Sequence[str], _Way]] = []
    source: str | None = None
    source_ref: str | None = None
    at = getattr(record, "occurred_at", None) or record.updated_at
    if isinstance(record, Arrival):
        source = None if record.source is None else record.source.value
        source_ref = record.source_ref
        came = Place.SUPPLIER
        if record.source is ArrivalSource.TRANSFER:
            came = Place.IN_TRANSIT
        shelf, aside = Place.ON_HAND, Place.QUARANTINE
        for line in record.lines:
            ways.append((line.sku, line.serials, _Way(came, "", shelf, record.site)))
            ways.append((line.sku, line.damaged_serials, _Way(came, "", aside, record.site)))
    elif isinstance(record, Transfer):
        source, source_ref = TRANSFER, record.ref
        way = _Way(Place.ON_HAND, record.from_site, Place.IN_TRANSIT, record.to_site)
        ways = [(line.sku, line.serials, way) for line in record.lines]
    elif isinstance(record, Inspection):
        source, source_ref = ORDER, record.order_ref
        ways = [
            (line.sku, line.serials, _Way(Place.CUSTOMER, "", *_graded(line.grade, record.site)))
            for line in record.lines
        ]
    elif isinstance(record, Pack):
        source, source_ref = ORDER, record.order_ref
        way = _Way(Place.ON_HAND, record.site, Place.CUSTOMER, "")
        ways = [(line.sku, line.serials, way) for line in record.lines]
    elif isinstance(record, StockMovement) and record.serials:
        ways = [(record.sku, record.serials, _moved(record))]
    found = [
        SerialLine(
            sku=sku,
            serial=serial,
            at=at,
            record_id=record_id,
            kind=record.kind,
            ref=record.ref,
            connection_id=connection_id,
            source=source,
            source_ref=source_ref,
            **way._asdict(),
        )
        for sku, serials, way in ways
        for serial in serials
    ]
    if isinstance(record, Transfer) and record.closed:
        ended = {"at": record.updated_at, "start": Place.IN_TRANSIT, "target": Place.LOSS}
        places = {"from_site": "", "to_site": ""}
        found += [msgspec.structs.replace(each, **ended, **places) for each in found]
    return found


def _graded(grade: Grade, site: str) -> tuple[Place, str]:
    place = _BACK[grade]
    return place, "" if place is Place.LOSS else site


def _moved(movement: StockMovement) -> _Way:
    site, shelf, aside = movement.site, Place.ON_HAND, Place.QUARANTINE
    leaves = movement.quantity < 0
    match movement.movement:
        case MovementKind.OPENING | MovementKind.RECEIPT:
            return _Way(Place.SUPPLIER, "", shelf, site)
        case MovementKind.ADJUSTMENT:
            lost = _Way(shelf, site, Place.LOSS, "")
            return lost if leaves else _Way(Place.LOSS, "", shelf, site)
        case MovementKind.QUARANTINE:
            released = _Way(aside, site, shelf, site)
            return released if leaves else _Way(shelf, site, aside, site)
        case MovementKind.TRANSFER:
            return _Way(shelf, site, shelf, movement.to_site or site)
        case MovementKind.COUNT:
            return _Way(None, "", shelf, site)


_NAMING = (Arrival, Transfer, Inspection, Pack, StockMovement)


async def note_serials(conn: Conn, changed: Sequence[Stored], numbers: Mapping[str, int]) -> None:
    """Keep what the records of a batch say of serials, and forget what they said before.

    Args:
        conn: in the transaction of the batch.
        changed: records as they stand after it.
        numbers: of all their SKUs.
    """
    await _note_rules(conn, changed, numbers)
    told = [
        (each, lines_of_record(each.body, each.connection_id, each.record_id))
        for each in changed
        if isinstance(each.body, _NAMING)
    ]
    touched = [(each, lines) for each, lines in told if lines or not each.fresh]
    if not touched:
        return
    rows = [
        (
            *(line.record_id, n, numbers[line.sku], line.serial, line.at, line.kind, line.ref),
            *(line.start, line.from_site, line.target, line.to_site),
            *(line.connection_id, line.source, line.source_ref),
        )
        for _, lines in touched
        for n, line in enumerate(lines)
    ]
    names = (
        *("record_ids", "ordinals", "sku_ids", "serials", "moved_ats", "kinds", "refs"),
        *("from_places", "from_sites", "to_places", "to_sites"),
        *("connection_ids", "sources", "source_refs"),
    )
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    replaced = [each.record_id for each, _ in touched]
    await conn.execute(_queries.replace_serials, {"replaced": replaced, **columns})


async def _note_rules(conn: Conn, changed: Sequence[Stored], numbers: Mapping[str, int]) -> None:
    told = [(each.record_id, each.body) for each in changed if isinstance(each.body, SerialRule)]
    if not told:
        return
    standing = [(number, rule) for number, rule in told if not rule.deleted]
    await conn.execute(
        _queries.set_serial_rules,
        {
            "gone": [number for number, rule in told if rule.deleted],
            "record_ids": [number for number, _ in standing],
            "sku_ids": [numbers[rule.ref] for _, rule in standing],
            "requireds": [rule.required for _, rule in standing],
        },
    )


async def tracked_skus(conn: Conn, skus: Collection[str] | None = None) -> dict[str, bool]:
    """Return the SKUs that are tracked by serial: those that have any, or must have them.

    Args:
        conn: any session.
        skus: of these; None: of all.

    Returns:
        SKU -> whether a person said that each of its units must have a serial.
    """
    codes = None if skus is None else sorted(set(skus))
    rows = await fetch_rows(conn, _queries.tracked_skus, codes=codes)
    return {row["code"]: row["required"] for row in rows}


async def serials_of(
    conn: Conn, skus: Collection[str], serials: Collection[str] | None = None
) -> list[Serial]:
    """Return the serials of some SKUs, each where it is and with its story, by SKU and serial.

    Args:
        conn: any session.
        skus: whose.
        serials: only these, as they are written; None: all of theirs.
    """
    by_name: dict[tuple[str, str], list[SerialLine]] = defaultdict(list)
    for line in await _lines(conn, skus, serials):
        by_name[line.sku, line.serial].append(line)
    return [serial_of(lines) for _, lines in sorted(by_name.items())]


async def serials_called(conn: Conn, text: str, *, sku: str | None = None) -> list[Serial]:
    """Return the serials that are written so, in whatever case; those written just so first.

    Args:
        conn: any session.
        text: as somebody typed it.
        sku: only of this SKU.
    """
    found: list[Serial] = []
    called = await fetch_rows(conn, _queries.serials_called, serial=text.strip(), count=CALLED_MAX)
    for row in called:
        if sku in {None, row["sku"]}:
            found += await serials_of(conn, [row["sku"]], [row["serial"]])
    return sorted(found, key=lambda each: (each.serial != text.strip(), each.sku, each.serial))


async def serials_with(conn: Conn, connection_id: int, source: str, ref: str) -> list[Serial]:
    """Return the serials that went with an order, a purchase order or a transfer.

    Args:
        conn: any session.
        connection_id: in whose log it is told.
        source: `ORDER`, `PURCHASE` or `TRANSFER`.
        ref: of the order or transfer; of a purchase order the name that arrivals call it by.
    """
    rows = await fetch_rows(
        conn,
        _queries.serials_of_source,
        connection_id=connection_id,
        source=source,
        source_ref=ref,
    )
    names = {(row["sku"], row["serial"]) for row in rows}
    found = await serials_of(conn, {sku for sku, _ in names}, {serial for _, serial in names})
    return [each for each in found if (each.sku, each.serial) in names]


async def _lines(
    conn: Conn, skus: Collection[str], serials: Collection[str] | None
) -> list[SerialLine]:
    rows = await fetch_rows(
        conn,
        _queries.serial_lines,
        codes=sorted(set(skus)),
        serials=None if serials is None else sorted(set(serials)),
    )
    return [msgspec.convert(row, SerialLine) for row in rows]


async def refuse_elsewhere(conn: Conn, record: Record, connection_id: int) -> None:
    """Make sure that the serials that a command names are where it takes them from.

    One that nobody told of is taken: it may be older than the first word about serials. Others wait
    that name serials of these SKUs, until the caller's transaction ends.

    Args:
        conn: in a transaction.
        record: the command, as it is to be told.
        connection_id: in whose log.

    Raises:
        SerialElsewhere: says of each what is known, and what to do.
    """
    own = lines_of_record(record, connection_id)
    if not own:
        return
    for sku in sorted({line.sku for line in own}):
        await lock_name(conn, f"serials/{sku}")
    named = {(line.sku, line.serial) for line in own}
    known = [
        line
        for line in await _lines(conn, {s for s, _ in named}, {s for _, s in named})
        if (line.sku, line.serial) in named
        and (line.kind, line.ref, line.connection_id) != (record.kind, record.ref, connection_id)
    ]
    wrong: list[str] = []
    for sku, serial in sorted(named):
        before = [each for each in known if (each.sku, each.serial) == (sku, serial)]
        after = [*before, *(each for each in own if (each.sku, each.serial) == (sku, serial))]
        stood = serial_of(before) if before else None
        clashed = {(clash.code, clash.line) for clash in stood.clashes} if stood else set()
        # Of two commands of one instant it may be the other one's line that does not fit now.
        for clash in serial_of(after).clashes:
            if (clash.code, clash.line) not in clashed:
                wrong += await _wrong(conn, clash, stood)
    if wrong:
        more = f" And {len(wrong) - _TOLD_MAX} more." if len(wrong) > _TOLD_MAX else ""
        raise SerialElsewhere(" ".join(wrong[:_TOLD_MAX]) + more, ref=record.ref)


_TOLD_MAX = 5


async def _wrong(conn: Conn, clash: Clash, stood: Serial | None) -> list[str]:
    sku, serial = clash.line.sku, clash.line.serial
    if stood is not None:
        known = f"Serial {serial} of {sku} is {stood.standing} (trueup serials show {sku} {serial})"
        fix = f"correct what was told of it, or count {sku} by its serials"
        return [f"{known}. If it was read rightly and is here, {fix}."]
    alike = await serials_called(conn, serial, sku=sku)
    return [
        f"Nobody told of serial {serial} of {sku}; write it {each.serial}, {each.standing}."
        for each in alike[:1]
    ]


async def spots_of_skus(conn: Conn, skus: Collection[str]) -> Counter[Spot]:
    """Return how many serials of some SKUs are where.

    Only those are read line by line of which the newest line does not say it by itself.
    """
    rows = await fetch_rows(conn, _queries.places_of_serials, codes=sorted(set(skus)))
    spots: Counter[Spot] = Counter()
    uncertain: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["serial"] is None:
            spots[row["code"], row["site"], Place(row["place"])] += row["serials"]
        else:
            uncertain[row["code"]].append(row["serial"])
    for sku, serials in uncertain.items():
        spots.update(spots_of(await serials_of(conn, [sku], serials)))
    return spots


async def page_serials(
    conn: Conn, sku: str, *, count: int, after: str = "", here: bool = False
) -> list[Serial]:
    """Return one page of a SKU's serials, by their text.

    Args:
        conn: any session.
        sku: whose.
        count: serials at most.
        after: the last one of the page before.
        here: only those that lie at a site or are on their way, as far as their newest line says.
    """
    rows = await fetch_rows(
        conn, _queries.serial_names, code=sku, after=after, count=count, here=here
    )
    return await serials_of(conn, [sku], [row["serial"] for row in rows]) if rows else []


async def uneven_serials(
    conn: Conn, skus: Collection[str], *, now: datetime | None = None
) -> Evenness:
    """Hold the serials of some SKUs beside their units on hand and in quarantine.

    Args:
        conn: any session; reads several times, so what it returns is of one snapshot only inside
            a transaction that has one.
        skus: that are tracked.
        now: where it is given, what left within `PACKING_TIME` may be told by the dock or by the
            channel alone.
    """
    since = _NEVER if now is None else now - PACKING_TIME
    codes = sorted(set(skus))
    if not codes:
        return Evenness(0, ())
    rows = await fetch_rows(conn, _queries.units_on_shelves, codes=codes, since=since)
    units = {
        (row["code"], row["site"], place): row[place.value] for row in rows for place in SHELVES
    }
    apart = {
        (row["code"], row["site"], Place.ON_HAND): (-row["packed"], row["taken"]) for row in rows
    }
    uneven: list[Uneven] = []
    for each in uneven_of(await spots_of_skus(conn, codes), units):
        least, most = apart.get((each.sku, each.site, each.place), (0, 0))
        if not least <= each.serials - each.units <= most:
            uneven.append(each)
    return Evenness(len(units), tuple(uneven))


async def prove_serials(conn: Conn) -> Evenness:
    """Hold all serials beside what the books call on hand and set aside, in one snapshot."""
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return await uneven_serials(conn, await tracked_skus(conn))
