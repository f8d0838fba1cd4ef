"""The dock's page: scan and book, from a phone or with a keyboard scanner, with plain forms."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any
from uuid import uuid4

import msgspec
import psycopg
import structlog
from litestar import Request, Response, get, post
from litestar.params import QueryParameter, URLEncodedBody
from litestar.types import ControllerRouterHandler

from trueup.api.guard import visitor_of
from trueup.api.reading import write_session
from trueup.api.security import HEADERS
from trueup.canon.dock import ArrivalLine, ArrivalSource, TransferLine
from trueup.canon.inspection import Grade, InspectionLine
from trueup.canon.serial import PackLine, typed, wrong_serials
from trueup.console.forms import TEXT_CHARS_MAX, read_form
from trueup.console.render import answer
from trueup.console.words import mark
from trueup.errors import HubError
from trueup.hub import Hub
from trueup.kernel.limits import UNITS_MAX
from trueup.ledger.holds import known_skus
from trueup.ledger.serials import serials_called, tracked_skus
from trueup.records.barcodes import skus_of_label
from trueup.records.label import Label, read_label
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.counting import Counting, Said
from trueup.warehouse.dock import Dock, arrival_of, transfer_of
from trueup.warehouse.inspecting import Inspecting, inspection_of
from trueup.warehouse.packing import Packing, pack_of

_log = structlog.get_logger("trueup.console")

Conn = psycopg.AsyncConnection[Any]
Req = Request[Any, Any, Any]

TASKS = {
    "receive": mark("Receive"),
    "send": mark("Send"),
    "take": mark("Take in"),
    "pack": mark("Pack"),
    "back": mark("Came back"),
    "count": mark("Count"),
}
GRADES = {
    Grade.GOOD.value: mark("Can be sold"),
    Grade.QUARANTINE.value: mark("Set aside"),
    Grade.SCRAP.value: mark("Scrap"),
}
SERIALS_CHARS_MAX = 100_000

# This page alone may use the camera, where a browser reads barcodes by itself.
_CAMERA = {
    name.decode(): value.decode().replace("camera=()", "camera=(self)")
    for name, value in HEADERS
    if name == b"permissions-policy"
}
_Text = Annotated[str, QueryParameter(max_length=TEXT_CHARS_MAX, required=False)]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is being done: it stays the same from scan to scan.

    Attributes:
        against: number of the purchase order or of the order that is packed or came back, ref of
            the transfer or of the count sheet.
        channel: whose order it is, where several go by one number.
    """

    do: str = "receive"
    site: str = "main"
    by: str = ""
    against: str = ""
    to: str = ""
    channel: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a scan.

    Attributes:
        severity: "good", "warning" or "error".
        undo: what names it, so that it can be taken back.
        choices: SKUs that all go by this barcode.
        asks: the serials of these units are asked for.
    """

    severity: str
    text: str
    more: tuple[str, ...] = ()
    undo: str = ""
    choices: tuple[str, ...] = ()
    asks: bool = False


class DockPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page: what is done, the next scan's key, and what came of the last."""

    work: Work
    key: str
    code: str = ""
    quantity: str = "1"
    grade: str = Grade.GOOD.value
    note: str = ""
    serials: str = ""
    result: Result | None = None


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One scan that is to be booked; `serials` name its units, as far as they were read."""

    key: str
    sku: str
    units: int
    damaged: bool
    label: Label
    grade: str = ""
    note: str = ""
    serials: tuple[str, ...] = ()


@get(["/dock", "/dock.json"], right="stock.book")
async def show_dock(
    request: Req,
    do: _Text = "receive",
    site: _Text = "main",
    against: _Text = "",
    to: _Text = "",
    channel: _Text = "",
) -> Response[Any]:
    """Show the form in which something is scanned."""
    work = Work(
        do=do, site=site, by=visitor_of(request).name, against=against, to=to, channel=channel
    )
    return _page(request, DockPage(work=_plain(work), key=_key()))


@post("/dock", status_code=200, right="stock.book")
async def book_scan(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Book one scan, or ask what it is."""
    form = read_form(data, {"serials": SERIALS_CHARS_MAX})
    work = _work(form, visitor_of(request).name)
    code, key = form.get("code", "").strip(), form.get("key") or _key()
    quantity = form.get("quantity", "").strip() or "1"
    async with write_session(request.app.state) as conn:
        result = await _guarded(
            lambda: _scanned(conn, request.app.state.hub, work, form | {"key": key})
        )
    asked = result.choices or result.asks
    if result.severity == "good" or (result.severity == "warning" and not asked):
        return _page(request, DockPage(work=work, key=_key(), result=result))
    page = DockPage(
        work=work,
        key=key,
        code=code,
        quantity=quantity,
        grade=form.get("grade", ""),
        note=form.get("note", ""),
        serials=form.get("serials", ""),
        result=result,
    )
    return _page(request, page)


@post("/dock/undo", status_code=200, right="stock.book")
async def undo_scan(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Take back what was just booked; refused where its units are gone already."""
    form = read_form(data, {"serials": SERIALS_CHARS_MAX})
    work, ref = _work(form, visitor_of(request).name), form.get("ref", "")
    async with write_session(request.app.state) as conn:
        result = await _guarded(lambda: _undone(conn, request.app.state.hub, work, ref))
    return _page(request, DockPage(work=work, key=_key(), result=result))


def dock_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the dock's page."""
    return [show_dock, book_scan, undo_scan]


async def _guarded(do: Callable[[], Awaitable[Result]]) -> Result:
    try:
        return await do()
    except HubError as error:
        _log.info("scan_refused", code=error.code)
        return Result(severity="error", text=error.message)


async def _scanned(conn: Conn, hub: Hub, work: Work, form: dict[str, str]) -> Result:
    code = form.get("code", "").strip()
    if not code:
        return Result(severity="error", text="Scan or type a code.")
    units = form.get("quantity", "").strip() or "1"
    if not (units.isascii() and units.isdigit() and int(units) <= UNITS_MAX):
        return Result(severity="error", text="The quantity is a whole number.")
    label = read_label(code)
    chosen = form.get("sku", "")
    known = await skus_of_label(conn, label) or list(await known_skus(conn, [label.text]))
    by_serial: dict[str, str] = {}
    if not known and work.do in _NAMED:
        called = await serials_called(conn, label.text)
        by_serial = {each.sku: each.serial for each in reversed(called)}
        known = sorted(by_serial)
    if chosen and chosen in known:
        known = [chosen]
    if not known:
        why = "Its check digit is wrong: scan it again." if label.misread else (
            "No product has this barcode, and no SKU or serial is called so."
        )  # fmt: skip
        return Result(severity="error", text=f"Nobody knows {code}.", more=(why,))
    if len(known) > 1:
        text = f"Several SKUs have this {'serial' if by_serial else 'barcode'}. Which is it?"
        return Result(severity="warning", text=text, choices=tuple(known))
    sku = known[0]
    on_label = [each for each in (by_serial.get(sku), label.serial) if each]
    serials = tuple(dict.fromkeys((*on_label, *typed(form.get("serials", "")))))
    if refusal := await _unread(conn, work, form, sku, int(units), serials):
        return refusal
    scan = Scan(
        key=form["key"],
        sku=sku,
        units=int(units),
        damaged=bool(form.get("damaged")),
        label=label,
        grade=form.get("grade", ""),
        note=form.get("note", "").strip(),
        serials=serials if work.do in _NAMED else (),
    )
    return await _BOOK[work.do](conn, Desk(hub), work, scan)


async def _unread(
    conn: Conn, work: Work, form: dict[str, str], sku: str, units: int, serials: tuple[str, ...]
) -> Result | None:
    """Return what is wrong with the serials of a scan, or ask for them where a SKU has some."""
    if work.do not in _NAMED:
        return None
    packs = work.do == "pack"
    if expected := wrong_serials(serials, len(serials) if packs else units):
        return Result(severity="error", text=f"Serials: expected {expected}.", asks=True)
    if serials or form.get("unread") or not units:
        return None
    if not packs and not await tracked_skus(conn, [sku]):
        return None
    text = f"Which {'unit' if units == 1 else 'units'} of {sku}? Scan the serials."
    return Result(severity="warning", text=text, asks=True)


async def _receive(conn: Conn, desk: Desk, work: Work, scan: Scan) -> Result:
    return await _arrive(conn, desk, work, scan, ArrivalSource.PURCHASE)


async def _take(conn: Conn, desk: Desk, work: Work, scan: Scan) -> Result:
    if not work.against:
        return Result(severity="error", text="Say which transfer it is of.")
    return await _arrive(conn, desk, work, scan, ArrivalSource.TRANSFER)


async def _arrive(conn: Conn, desk: Desk, work: Work, scan: Scan, source: ArrivalSource) -> Result:
    if not scan.units:
        return Result(severity="error", text="At least one unit comes.")
    good = 0 if scan.damaged else scan.units
    line = ArrivalLine(
        sku=scan.sku,
        quantity=good,
        damaged=scan.units - good,
        lot=scan.label.lot,
        expires_on=scan.label.expires_on if scan.label.lot else None,
        serials=() if scan.damaged else scan.serials,
        damaged_serials=scan.serials if scan.damaged else (),
    )
    arrival = arrival_of(
        scan.key,
        [line],
        site=work.site,
        now=desk.clock.now(),
        source=source if work.against else None,
        source_ref=work.against or None,
        by=work.by,
        reason=_label_says(scan.label) or None,
    )
    booked = await Dock(desk).arrive(conn, arrival)
    done = "set aside, damaged," if scan.damaged else "received"
    return _told(booked, scan, f"{scan.units} of {scan.sku} {done} at {work.site}.")


async def _send(conn: Conn, desk: Desk, work: Work, scan: Scan) -> Result:
    if not work.to:
        return Result(severity="error", text="Say which site it goes to.")
    line = TransferLine(sku=scan.sku, quantity=scan.units, lot=scan.label.lot, serials=scan.serials)
    transfer = transfer_of(
        scan.key,
        [line],
        from_site=work.site,
        to_site=work.to,
        now=desk.clock.now(),
        by=work.by,
    )
    booked = await Dock(desk).send(conn, transfer)
    text = f"{scan.units} of {scan.sku} on their way from {work.site} to {work.to}."
    return _told(booked, scan, text, f"Take them in there as transfer {scan.key}.")


async def _came_back(conn: Conn, desk: Desk, work: Work, scan: Scan) -> Result:
    if not scan.units:
        return Result(severity="error", text="At least one unit comes back.")
    if scan.grade not in GRADES:
        return Result(severity="error", text="Say what becomes of it.")
    grade = Grade(scan.grade)
    line = InspectionLine(
        sku=scan.sku,
        quantity=scan.units,
        grade=grade,
        note=scan.note or None,
        serials=scan.serials,
    )
    inspection = inspection_of(
        scan.key,
        [line],
        site=work.site,
        now=desk.clock.now(),
        by=work.by,
        reason=_label_says(scan.label) or None,
    )
    booked = await Inspecting(desk).inspect(
        conn, inspection, order=work.against or None, channel=work.channel or None
    )
    done = {
        Grade.GOOD: f"back on the shelf at {work.site}",
        Grade.QUARANTINE: f"set aside at {work.site}",
        Grade.SCRAP: "thrown away",
    }[grade]
    return _told(booked, scan, f"{scan.units} of {scan.sku} came back: {done}.")


async def _pack(conn: Conn, desk: Desk, work: Work, scan: Scan) -> Result:
    if not work.against:
        return Result(severity="error", text="Say which order it is packed for.")
    pack = pack_of(
        scan.key,
        [PackLine(sku=scan.sku, serials=scan.serials)],
        site=work.site,
        now=desk.clock.now(),
        by=work.by,
    )
    booked = await Packing(desk).pack(conn, pack, order=work.against, channel=work.channel or None)
    return _told(
        booked, scan, f"{', '.join(scan.serials)} of {scan.sku} packed for {work.against}."
    )


async def _count(conn: Conn, desk: Desk, work: Work, scan: Scan) -> Result:
    if not work.against:
        return Result(severity="error", text="Say on which count sheet.")
    said = Said(sku=scan.sku, quantity=scan.units, by=work.by, key=scan.key)
    await Counting(desk).enter(conn, work.against, said)
    text = f"{scan.units} of {scan.sku} counted."
    return Result(severity="good", text=text, undo=scan.key)


_BOOK: dict[str, Callable[[Conn, Desk, Work, Scan], Awaitable[Result]]] = {
    "receive": _receive,
    "send": _send,
    "take": _take,
    "pack": _pack,
    "back": _came_back,
    "count": _count,
}


_NAMED = frozenset(("receive", "send", "take", "pack", "back"))
"""What may name serials."""


_SHOWN_MAX = 20


async def _undone(conn: Conn, hub: Hub, work: Work, ref: str) -> Result:
    desk = Desk(hub)
    if work.do == "count":
        entry = await Counting(desk).undo_entry(conn, work.against, ref)
        text = f"Taken back: {entry.quantity} of {entry.sku} counted."
    elif work.do == "send":
        await Dock(desk).undo_transfer(conn, ref)
        text = "Taken back: nothing was sent."
    elif work.do == "pack":
        packed = (await Packing(desk).undo(conn, ref)).record.lines[0]
        text = f"Taken back: {', '.join(packed.serials)} of {packed.sku} packed."
    elif work.do == "back":
        graded = (await Inspecting(desk).undo(conn, ref)).record
        units = sum(line.quantity for line in graded.lines)
        text = f"Taken back: {units} of {graded.lines[0].sku} came back."
    else:
        undone = await Dock(desk).undo_arrival(conn, ref)
        [line] = undone.record.lines
        text = f"Taken back: {line.quantity + line.damaged} of {line.sku}."
    return Result(severity="good", text=text)


def _told(booked: Booked[Any], scan: Scan, text: str, *more: str) -> Result:
    said = [f"{issue.found}; expected {issue.expected}. {issue.how_to_fix}"
            for issue in booked.issues]  # fmt: skip
    if booked.repeated:
        text = f"Booked before: {text}"
    label = _label_says(scan.label)
    if scan.serials:
        more = (f"Serials: {', '.join(scan.serials[:_SHOWN_MAX])}.", *more)
    return Result(
        severity="warning" if said else "good",
        text=text,
        more=(*((f"The label says: {label}.",) if label else ()), *more, *said),
        undo=booked.record.ref,
    )


def _label_says(label: Label) -> str:
    parts = (
        f"lot {label.lot}" if label.lot else "",
        f"good until {_day(label.expires_on)}" if label.expires_on else "",
        f"serial {label.serial}" if label.serial else "",
    )
    return ", ".join(part for part in parts if part)


def _day(day: date) -> str:
    return day.isoformat()


def _work(form: dict[str, str], by: str) -> Work:
    fields = {field.name: form.get(field.name, "") for field in msgspec.structs.fields(Work)}
    return _plain(Work(**fields | {"by": by}))


def _plain(work: Work) -> Work:
    texts = {name: text.strip().replace("\x00", "") for name, text in _fields(work).items()}
    texts["do"] = texts["do"] if texts["do"] in TASKS else "receive"
    texts["site"] = texts["site"] or "main"
    return Work(**texts)


def _fields(work: Work) -> dict[str, str]:
    return msgspec.structs.asdict(work)


def _key() -> str:
    return f"scan-{uuid4()}"


def _page(request: Req, page: DockPage) -> Response[Any]:
    response = answer(request, "dock.html", page, tasks=TASKS, grades=GRADES)
    response.headers.update(_CAMERA)
    return response
