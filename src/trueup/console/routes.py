"""The console's routes. `console_routes()` gives them to the web application."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from litestar import MediaType, Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Stream
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from trueup.access.rights import PUBLIC
from trueup.access.trail import Did, note_deed_of
from trueup.api.guard import doer_of, still_there
from trueup.api.problem import CHALLENGE
from trueup.api.reading import write_session
from trueup.config import JournalsConfig
from trueup.console.carriers_page import route_handlers
from trueup.console.connect_page import ConnectDesk, connect_handlers
from trueup.console.connection_page import connection_handlers
from trueup.console.connections_page import connections_handlers
from trueup.console.customers_page import customers_handlers
from trueup.console.decisions_page import decision_handlers
from trueup.console.dock import dock_handlers
from trueup.console.draw import draw_page, draw_png, draw_svg, draw_trade_page
from trueup.console.entry_page import ask_again, entry_handlers, stale_entry, to_sign_in
from trueup.console.event_page import read_event
from trueup.console.exceptions_page import exception_handlers
from trueup.console.fact import Chance, Chart
from trueup.console.factor_page import factor_handlers, to_second_factor
from trueup.console.find_page import find_handlers
from trueup.console.forecasts_page import forecast_handlers
from trueup.console.forms import whole
from trueup.console.issuer_page import issuer_handlers
from trueup.console.journals_page import JournalDesk, journal_handlers
from trueup.console.live import Live, live_values
from trueup.console.loops import return_handlers
from trueup.console.margin_page import margin_handlers
from trueup.console.me_page import me_handlers
from trueup.console.orders_page import orders_handlers
from trueup.console.oversold import WORDS
from trueup.console.overview_page import overview_handlers
from trueup.console.pages import read_order, read_parked, read_sku
from trueup.console.parity_page import read_parity
from trueup.console.payouts_page import payout_handlers
from trueup.console.people_page import people_handlers
from trueup.console.phantoms import phantom_handlers
from trueup.console.preview_page import preview_handlers
from trueup.console.readings import Readings, Session
from trueup.console.render import FOLDER, answer, html, wants_json
from trueup.console.rules_page import rule_handlers
from trueup.console.serials import serial_handlers
from trueup.console.series import read_chart
from trueup.console.shipments_page import shipments_handlers
from trueup.console.skus_page import Begins, list_oversold, list_skus
from trueup.console.steps import Step, draw_steps
from trueup.console.supply import chances_of, read_low
from trueup.console.tiers_page import tier_handlers
from trueup.console.today import TodayDesk
from trueup.errors import (
    AccessError,
    ConfirmFirst,
    DatabaseUnavailable,
    FormStale,
    NotSignedIn,
    SecondFactorFirst,
)
from trueup.intake.park import requeue_parked
from trueup.ledger.brakes import discard_brake, release_brake

_log = structlog.get_logger("trueup.console")

EVENT_ID_MAX = 2**63 - 1
DRAWINGS_KEPT_MAX = 64
LET_IN_EVERY_S = 10.0
"""How often the stream asks whether its reader may still read it."""

Req = Request[Any, Any, Any]
Sku = Annotated[str | None, QueryParameter(max_length=255, required=False)]


class Drawings:
    """Charts drawn already; a chart of the same points is drawn once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, str] = OrderedDict()

    async def svg(self, chart: Chart | None) -> str:
        """Return a chart as SVG; empty where there is none."""
        if chart is None:
            return ""
        key = (chart.sku, chart.points[-1].event_id, len(chart.points))
        return await self._draw(key, lambda: draw_page(chart))

    async def trade(self, chances: tuple[Chance, ...]) -> str:
        """Return a trade as SVG; empty where there is no choice."""
        return await self._draw(chances, lambda: draw_trade_page(chances)) if chances else ""

    async def _draw(self, key: Hashable, draw: Callable[[], str]) -> str:
        if key not in self._kept:
            self._kept[key] = await asyncio.to_thread(draw)
        self._kept.move_to_end(key)
        while len(self._kept) > DRAWINGS_KEPT_MAX:
            self._kept.popitem(last=False)
        return self._kept[key]


class Desk:
    """What the pages of one process share."""

    def __init__(self) -> None:
        self.readings = Readings()
        self.today = TodayDesk(self.readings)
        self.live = Live(self.today)
        self.drawings = Drawings()


def console_routes(journals: JournalsConfig | None = None) -> list[ControllerRouterHandler]:
    """Return the console's routes, with shared state of their own.

    Args:
        journals: how the money ledger becomes journals; None: by default.
    """
    desk, journal_desk = Desk(), JournalDesk(journals or JournalsConfig())
    connect_desk = ConnectDesk()

    async def give_desk() -> Desk:
        return desk

    async def give_readings() -> Readings:
        return desk.readings

    async def give_journal_desk() -> JournalDesk:
        return journal_desk

    async def give_connect_desk() -> ConnectDesk:
        return connect_desk

    static = create_static_files_router(
        path="/static",
        directories=[FOLDER / "static"],
        include_in_schema=False,
        cache_control=None,
        opt={"right": PUBLIC},
    )
    pages = Router(
        path="/",
        route_handlers=_page_handlers(),
        dependencies={
            "desk": Provide(give_desk),
            "readings": Provide(give_readings),
            "journal_desk": Provide(give_journal_desk),
            "connect_desk": Provide(give_connect_desk),
        },
        exception_handlers={
            AccessError: _refused,
            DatabaseUnavailable: _database_away,
            HTTPException: _not_right,
        },
        include_in_schema=False,
    )
    return [static, pages]


def _page_handlers() -> list[ControllerRouterHandler]:
    return [
        *(show_today, stream_live, show_order, show_sku, show_event, reveal_event),
        *(show_parked, retry_parked, decide_brake, show_parity, show_low, list_oversold),
        *overview_handlers(),
        *preview_handlers(),
        *orders_handlers(),
        *shipments_handlers(),
        *customers_handlers(),
        *connections_handlers(),
        *connection_handlers(),
        *connect_handlers(),
        *dock_handlers(),
        *exception_handlers(),
        *decision_handlers(),
        *rule_handlers(),
        *payout_handlers(),
        *journal_handlers(),
        *phantom_handlers(),
        *return_handlers(),
        *margin_handlers(),
        *forecast_handlers(),
        *route_handlers(),
        *tier_handlers(),
        *serial_handlers(),
        *find_handlers(),
        *entry_handlers(),
        *people_handlers(),
        *me_handlers(),
        *factor_handlers(),
        *issuer_handlers(),
    ]


@get(["/today", "/today.json"], right="today.read")
async def show_today(
    request: Req, session: NamedDependency[Session], desk: NamedDependency[Desk], sku: Sku = None
) -> Response[Any]:
    """Show what happened, what stands where and what needs a person."""
    today = await desk.today.read(session, _clean(sku))
    if wants_json(request):
        return answer(request, "today.html", today)
    svg = await desk.drawings.svg(today.chart)
    return answer(request, "today.html", today, live=live_values(today), svg=svg)


@get("/live", right="today.read")
async def stream_live(request: Req, desk: NamedDependency[Desk]) -> Response[Any]:
    """Stream what changes on the first page."""
    if desk.live.full:
        return Response(
            "Too many readers.", status_code=503, headers={"Retry-After": "60"},
            media_type=MediaType.TEXT,
        )  # fmt: skip
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    stream = desk.live.stream(request.app.state.pool)
    return Stream(_while_let_in(request, stream), media_type="text/event-stream", headers=headers)


async def _while_let_in(request: Req, stream: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """Pass a stream on until whoever reads it may no longer."""
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    async with aclosing(stream):
        async for part in stream:
            if loop.time() - asked_at >= LET_IN_EVERY_S:
                if not await still_there(request):
                    return
                asked_at = loop.time()
            yield part


@get("/orders/{connection:str}/{ref:path}", right="orders.read")
async def show_order(
    request: Req, session: NamedDependency[Session], connection: FromPath[str], ref: FromPath[str]
) -> Response[Any]:
    """Show one order and how it came to be as it is."""
    page = await read_order(session, connection, _clean(ref.removeprefix("/")) or "")
    if page is None and ref.endswith(".json"):
        bare = ref.removeprefix("/").removesuffix(".json")
        page = await read_order(session, connection, _clean(bare) or "")
    if page is None:
        raise NotFoundException("There is no such order.")
    return answer(request, "order.html", page)


_SKUS = ("/skus", "/skus.json", "/skus.csv", "/skus.svg", "/skus.png", "/skus/{path:path}")


@get([*_SKUS], right="stock.read")
async def show_sku(
    request: Req,
    session: NamedDependency[Session],
    desk: NamedDependency[Desk],
    path: FromPath[str] = "",
    sku: Sku = None,
    begins: Begins = "",
    after: Sku = None,
) -> Response[Any]:
    """Show one SKU: places, movements, what the channels were told, its chart; or list them."""
    whole = _clean(sku or path.removeprefix("/")) or ""
    if sku is None and not path.strip("/") and not request.url.path.endswith((".svg", ".png")):
        return await list_skus(request, session, begins, _clean(after) or "")
    bare, _, ending = whole.rpartition(".")
    if sku is not None:
        bare, ending = whole, request.url.path.rpartition(".")[2]
    if ending in {"svg", "png"}:
        return await _draw(session, bare, ending)
    page = await read_sku(session, whole)
    if page is None and ending == "json":
        page = await read_sku(session, bare)
    if page is None:
        raise NotFoundException("There is no such SKU.")
    if wants_json(request):
        return answer(request, "sku.html", page)
    svg = await desk.drawings.svg(page.chart)
    trade = await desk.drawings.trade(chances_of(page.offers))
    return answer(request, "sku.html", page, svg=svg, trade=trade, beyond_words=WORDS)


@get(["/low-stock", "/low-stock.json"], right="stock.read")
async def show_low(request: Req, session: NamedDependency[Session]) -> Response[Any]:
    """Show the SKUs that will be sold out before more could come."""
    return answer(request, "low.html", await read_low(session))


async def _draw(session: Session, sku: str, ending: str) -> Response[Any]:
    chart = await read_chart(session, sku)
    if chart is None:
        raise NotFoundException("There is no chart of this SKU.")
    if ending == "png":
        png = await asyncio.to_thread(draw_png, chart)
        return Response(png, media_type="image/png")
    return Response(await asyncio.to_thread(draw_svg, chart), media_type="image/svg+xml")


@get("/events/{number:str}", right="events.read")
async def show_event(
    request: Req, session: NamedDependency[Session], number: FromPath[str]
) -> Response[Any]:
    """Show one event with what is personal left out."""
    return await _event(request, session, number, reveal=False)


@post("/events/{number:str}/reveal", status_code=200, right="events.personal.reveal")
async def reveal_event(
    request: Req, session: NamedDependency[Session], number: FromPath[str]
) -> Response[Any]:
    """Show one event whole; that it was shown stands in the trail before it is."""
    _log.warning("body_revealed", event_id=number[:20])
    async with write_session(request.app.state) as conn:
        about, doer = f"event/{number[:20]}", doer_of(request)
        await note_deed_of(conn, doer, Did.REVEALED, at=datetime.now(UTC), about=about)
    return await _event(request, session, number, reveal=True)


async def _event(request: Req, session: Session, number: str, *, reveal: bool) -> Response[Any]:
    digits = number.removesuffix(".json")
    known = digits.isascii() and digits.isdigit() and len(digits) < 20
    event_id = int(digits) if known else 0
    page = None
    if 1 <= event_id <= EVENT_ID_MAX:
        page = await read_event(session, request.app.state.hub, event_id, reveal=reveal)
    if page is None:
        raise NotFoundException("There is no such event.")
    return answer(request, "event.html", page)


@get(["/parked", "/parked.json"], right="events.read")
async def show_parked(
    request: Req,
    session: NamedDependency[Session],
    cluster: Annotated[str | None, QueryParameter(max_length=500, required=False)] = None,
    requeued: Annotated[int | None, QueryParameter(ge=0, le=10**9, required=False)] = None,
) -> Response[Any]:
    """Show what could not be applied, by cause."""
    page = await read_parked(session, cluster=_clean(cluster), requeued=requeued)
    return answer(request, "parked.html", page, cluster=_clean(cluster))


@post("/parked", status_code=303, right="events.retry")
async def retry_parked(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Put the parked events of one cause back on the queue."""
    cluster = _clean(str(data.get("cluster", "")))
    if not cluster:
        raise NotFoundException("There is no such cause.")
    async with write_session(request.app.state) as session, session.transaction():
        back = await requeue_parked(session, cluster=cluster)
        # The cause alone: the rest of a cluster is made of what was wrong in the events.
        about = f"{len(back)} for {cluster.partition(' · ')[0]}"
        await note_deed_of(
            session, doer_of(request), Did.RETRIED, at=datetime.now(UTC), about=about
        )
    _log.info("parked_retried", events=len(back))
    return Redirect(f"/parked?requeued={len(back)}", status_code=303)


@post("/brakes", status_code=303, right="stock.decide")
async def decide_brake(
    session: NamedDependency[Session],
    data: URLEncodedBody[dict[str, Any]],
) -> Response[Any]:
    """Release a group of held counts, or give it up."""
    number, wish = whole(str(data.get("brake", ""))), str(data.get("wish", ""))
    decide = {"release": release_brake, "discard": discard_brake}.get(wish)
    if decide is None or number is None:
        raise NotFoundException("There is no such group of counts.")
    events = await decide(session, number, datetime.now(UTC))
    if events is None:
        raise NotFoundException("This group of counts is not held any more.")
    await session.commit()  # before the answer leaves
    _log.info("brake_decided", brake_id=number, wish=wish, events=events)
    told = f"?requeued={events}" if wish == "release" else ""
    return Redirect(f"/parked{told}", status_code=303)


@get(["/parity", "/parity.json"], right="stock.read")
async def show_parity(request: Req, session: NamedDependency[Session]) -> Response[Any]:
    """Show where channels do not show what shall stand there, and why."""
    page = await read_parity(session)
    steps = [Step(at=p.at, all=p.differing, part=p.unexplained) for p in page.over_time]
    return answer(request, "parity.html", page, svg=draw_steps(steps))


def _clean(text: str | None) -> str | None:
    """Return text that can be looked up; what the database can not hold is nothing it knows."""
    return None if not text or "\x00" in text else text


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong."""

    code: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is not the one asked for."""

    error: Fault


def _refused(request: Req, error: AccessError) -> Response[Any]:
    """Send strangers to where people come in; tell the others what they may not do."""
    page = "text/html" in request.headers.get("accept", "")
    if isinstance(error, NotSignedIn) and page:
        return to_sign_in(request)
    if isinstance(error, SecondFactorFirst) and page:
        return to_second_factor(request)
    if isinstance(error, FormStale) and request.url.path == "/sign-in":
        return stale_entry(request, error)
    if isinstance(error, ConfirmFirst) and page:
        return ask_again(request, error)
    headers = {"WWW-Authenticate": CHALLENGE} if isinstance(error, NotSignedIn) else {}
    return _problem(request, error.status, error.code, error.message, headers)


def _database_away(request: Req, error: DatabaseUnavailable) -> Response[Any]:
    sentence = "The database does not answer. Deliveries wait at their senders; nothing is lost."
    return _problem(request, 503, error.code, sentence, {"Retry-After": "5", "Refresh": "5"})


def _not_right(request: Req, error: HTTPException) -> Response[Any]:
    status = error.status_code
    sentence = "The address holds a value that is not right." if status == 400 else error.detail
    return _problem(request, status, f"http.{status}", sentence, {})


def _problem(
    request: Req, status: int, code: str, message: str, headers: dict[str, str]
) -> Response[Any]:
    problem = Problem(error=Fault(code=code, message=message))
    if wants_json(request):
        response: Response[Any] = Response(problem, status_code=status, media_type=MediaType.JSON)
    else:
        response = html(request, "problem.html", status=status, page=problem)
    response.headers.update(headers)
    return response
