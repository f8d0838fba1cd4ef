"""The pages of serials: which SKUs are tracked, what lies where, and the story of one unit."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.canon.order import Order
from trueup.canon.purchase import PurchaseOrder
from trueup.console.readings import Session
from trueup.console.render import answer, link_order
from trueup.console.today import read_names
from trueup.ledger.model import Place
from trueup.ledger.serial import ORDER, PURCHASE, Serial, SerialLine
from trueup.ledger.serials import (
    page_serials,
    serials_called,
    serials_of,
    serials_with,
    spots_of_skus,
    tracked_skus,
    uneven_serials,
)
from trueup.records import reads as records

Req = Request[Any, Any, Any]

TEXT_CHARS_MAX = 255
ROWS_MAX = 500
VERSIONS_MAX = 1000

_Text = Annotated[str, QueryParameter(max_length=TEXT_CHARS_MAX, required=False)]


class SerialRow(msgspec.Struct, frozen=True, kw_only=True):
    """A serial where it is, in words; `clash` is the last thing that does not fit."""

    sku: str
    serial: str
    place: str
    site: str
    standing: str
    clash: str | None


class Tracked(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that is tracked by serial: how many are where.

    Attributes:
        required: a person said that each unit must have one.
        uneven: places with more serials than units, or units without one, in words.
    """

    sku: str
    required: bool
    places: dict[str, int]
    uneven: tuple[str, ...]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says of a serial; it led `start` to `end`, both in words.

    Attributes:
        event_id: the newest that told the record; None where it was just told.
        source: what it went with, in words, and the page about it where there is one.
        clash: what it contradicts.
    """

    at: datetime
    kind: str
    ref: str
    event_id: int | None
    start: str
    end: str
    source: str
    source_page: str
    clash: str | None


class SerialsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is tracked, or what was looked for.

    Attributes:
        find: what somebody looked for.
        sku: whose serials are shown.
        more: there are further ones.
    """

    find: str
    sku: str
    tracked: tuple[Tracked, ...]
    rows: tuple[SerialRow, ...]
    more: bool


class SerialPage(msgspec.Struct, frozen=True, kw_only=True):
    """One serial and its story, oldest first."""

    sku: str
    serial: str
    standing: str
    page: str
    steps: tuple[Step, ...]


class _Source(NamedTuple):
    """What a serial went with, in words, and the page about it; empty where there is none yet."""

    name: str
    page: str


@get(["/serials", "/serials.json"], right="serials.read")
async def show_serials(
    request: Req,
    session: NamedDependency[Session],
    find: _Text = "",
    sku: _Text = "",
    serial: _Text = "",
) -> Response[Any]:
    """Show what is tracked by serial, what was looked for, or the story of one."""
    find, sku, serial = (_plain(text) for text in (find, sku, serial))
    if serial:
        found = await serials_of(session, [sku], [serial])
        if not found:
            raise NotFoundException("Nobody told of such a serial.")
        return await _story(request, session, found[0])
    if find:
        found = await serials_called(session, find)
        if len(found) == 1:
            return await _story(request, session, found[0])
        page = SerialsPage(find=find, sku="", tracked=(), rows=_rows(found), more=False)
        return answer(request, "serials.html", page)
    tracked = await tracked_skus(session, [sku] if sku else None)
    shown = await page_serials(session, sku, count=ROWS_MAX + 1) if sku else []
    page = SerialsPage(
        find="",
        sku=sku,
        tracked=await _tracked(session, tracked),
        rows=_rows(shown[:ROWS_MAX]),
        more=len(shown) > ROWS_MAX,
    )
    return answer(request, "serials.html", page)


def serial_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of serials."""
    return [show_serials]


async def rows_of_sku(session: Session, sku: str) -> tuple[SerialRow, ...]:
    """Return the serials of a SKU that are not with customers or lost, by place."""
    here = [
        each
        for each in await page_serials(session, sku, count=ROWS_MAX, here=True)
        if each.standing.place in {Place.ON_HAND, Place.QUARANTINE, Place.IN_TRANSIT}
    ]
    return tuple(sorted(_rows(here), key=lambda row: (row.standing, row.serial)))


async def rows_of_order(session: Session, connection_id: int, ref: str) -> tuple[SerialRow, ...]:
    """Return the serials that left with an order, or came back of it."""
    return _rows(await serials_with(session, connection_id, ORDER, ref))


def _rows(found: list[Serial]) -> tuple[SerialRow, ...]:
    return tuple(
        SerialRow(
            sku=each.sku,
            serial=each.serial,
            place="" if each.standing.place is None else each.standing.place.value,
            site=each.standing.site,
            standing=str(each.standing),
            clash=each.clashes[-1].code.value if each.clashes else None,
        )
        for each in found
    )


async def _tracked(session: Session, tracked: dict[str, bool]) -> tuple[Tracked, ...]:
    places: dict[str, Counter[str]] = {sku: Counter() for sku in tracked}
    for (sku, _, place), count in (await spots_of_skus(session, tracked)).items():
        places[sku][place.value] += count
    uneven: dict[str, list[str]] = {sku: [] for sku in tracked}
    for odd in (await uneven_serials(session, tracked)).uneven:
        where = f"{odd.place.value.replace('_', ' ')} at {odd.site}"
        uneven[odd.sku].append(f"{odd.units} units, {odd.serials} serials {where}")
    return tuple(
        Tracked(sku=sku, required=required, places=dict(places[sku]), uneven=tuple(uneven[sku]))
        for sku, required in tracked.items()
    )


async def _story(request: Req, session: Session, found: Serial) -> Response[Any]:
    names = await read_names(session)
    numbers = sorted({line.record_id for line in found.lines})
    told: dict[int, int] = {}
    for row in await records.version_events(session, numbers, count=VERSIONS_MAX):
        told[row["record_id"]] = max(told.get(row["record_id"], 0), row["event_id"])
    pages: dict[tuple[str | None, int, str | None], _Source] = {
        (line.source, line.connection_id, line.source_ref): await _source_of(session, line, names)
        for line in found.lines
        if line.source_ref is not None
    }
    unknown = _Source("", "")
    steps = tuple(
        Step(
            at=line.at,
            kind=line.kind,
            ref=line.ref,
            event_id=told.get(line.record_id),
            start="seen" if line.start is None else _where(line.start, line.from_site),
            end=_where(line.target, line.to_site),
            source=went.name,
            source_page=went.page,
            clash=None if (code := found.clashing(line)) is None else code.value,
        )
        for line in found.lines
        for went in (pages.get((line.source, line.connection_id, line.source_ref), unknown),)
    )
    standing = found.standing
    key = (standing.source, standing.connection_id, standing.source_ref)
    now = pages.get(key, unknown)
    with_customer = standing.place is Place.CUSTOMER and now.name
    page = SerialPage(
        sku=found.sku,
        serial=found.serial,
        standing=f"with the customer of {now.name}" if with_customer else str(standing),
        page=now.page,
        steps=steps,
    )
    return answer(request, "serial.html", page)


async def _source_of(session: Session, line: SerialLine, names: dict[int, str]) -> _Source:
    ref = line.source_ref or ""
    if line.source == ORDER:
        rows = await records.find_records(session, Order.kind, ref)
        for row in rows:
            if (row["connection_id"], row["ref"]) == (line.connection_id, ref):
                page = link_order(names.get(line.connection_id, "removed"), ref)
                return _Source(f"order {row['number'] or ref}", page)
    if line.source == PURCHASE:
        rows = await records.find_records(session, PurchaseOrder.kind, ref)
        page = f"/events/{rows[0]['event_id']}" if rows else ""
        return _Source(f"purchase order {ref}", page)
    return _Source(f"{line.source} {ref}", "")


def _where(place: Place, site: str) -> str:
    words = {Place.QUARANTINE: "set aside", Place.CUSTOMER: "with a customer"}
    word = words.get(place, place.value.replace("_", " "))
    return f"{word} at {site}" if site and place is not Place.IN_TRANSIT else word


def _plain(text: str) -> str:
    return text.strip().replace("\x00", "")
