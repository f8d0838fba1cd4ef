"""`/rules`: one rule and how far it may go; and rules of one's own, shown on the past first."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.api.guard import visitor_of
from trueup.api.reading import write_session
from trueup.console.draw import Bar, draw_bars_page
from trueup.console.forms import (
    COMMENT_CHARS_MAX,
    comment_of,
    read_form,
)
from trueup.console.readings import Session
from trueup.console.render import answer, wants_json
from trueup.console.words import mark
from trueup.db.rows import snapshot
from trueup.decisions.leave import give_leave
from trueup.decisions.model import Mode
from trueup.decisions.replaying import replay_rule
from trueup.decisions.rule import Look
from trueup.decisions.standing import RuleStanding, rule_standings
from trueup.decisions.written.condition import Op
from trueup.decisions.written.deeds import DEEDS, TEXT_CHARS_MAX
from trueup.decisions.written.fields import Field, fields_of
from trueup.decisions.written.model import KINDS, WrittenRule
from trueup.decisions.written.read import read_written, show_written
from trueup.decisions.written.rule import preview
from trueup.decisions.written.store import (
    RuleBook,
    keep_written,
    read_rulebook,
    remove_written,
)
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.intake.connections import load_accounts
from trueup.kernel.clock import SystemClock

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

CONDITIONS: Final = 5
PREVIEW_DAYS: Final = 90
SHOWN_MAX: Final = 50
_LONGEST: Final = {"why": COMMENT_CHARS_MAX, "text": TEXT_CHARS_MAX}
_DONE: Final = {
    "replay": mark("It was played on your own past."),
    "mode": mark("It may go as far as you said."),
    "keep": mark(
        "It is kept, as a shadow: nothing is sent. Play it on your own past to let it ask."
    ),
}

_Text = Annotated[str, QueryParameter(max_length=60, pattern="^[^\\x00]*$", required=False)]


class RulePage(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        written: as a person wrote it; None: it comes with Trueup.
        told: what came of the reader's last wish; `refused` why nothing did.
    """

    rule: RuleStanding
    written: dict[str, Any] | None
    told: str = ""
    refused: str = ""


class Would(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would have done about one record."""

    subject: str
    what: str


class WritePage(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is being written.

    Attributes:
        kind, deed: at what it looks, and what it has done; None: that is to be chosen first.
        typed: what was typed so far, by field.
        would: what it would have done; None: that was not asked for.
    """

    kind: str | None
    deed: str | None
    typed: dict[str, str]
    would: tuple[Would, ...] | None = None
    refused: str = ""


@get(["/rules/{name:str}", "/rules/{name:str}.json"], right="decisions.read")
async def show_rule(
    request: Req, session: NamedDependency[Session], name: FromPath[str], done: _Text = ""
) -> Response[Any]:
    """Show one rule: what it does, how far it may go, how right it was."""
    page = await _find(request, session, name.removesuffix(".json"), told=_DONE.get(done, ""))
    return await _answer(request, page, {})


@post("/rules/{name:str}", status_code=303, right="rules.decide")
async def change_rule(
    request: Req, name: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Play a rule on the past, say how far it may go, or take it away."""
    form = read_form(data, _LONGEST)
    async with write_session(request.app.state) as session:
        await _find(request, session, name)
        by = visitor_of(request).name
        try:
            where = await _do(request, session, name, form, by)
        except ConfigError as error:
            page = await _find(request, session, name, refused=error.message)
            return await _answer(request, page, form, status=409)
    _log.info("rule_changed", rule=name, do=form.get("do", ""))
    return Redirect(where, status_code=303)


@get(["/write-rule", "/write-rule.json"], right="rules.decide")
async def begin_rule(
    request: Req, session: NamedDependency[Session], what: _Text = "", rule: _Text = ""
) -> Response[Any]:
    """Show the form in which a rule is written; of one that is there, filled in.

    `what` is a kind of record and a deed, such as "order/tag_order".
    """
    typed: dict[str, str] = {}
    hub = await _hub(request, session)
    if rule:
        book = await _book(request, session)
        if rule not in book.written:
            raise NotFoundException("Nobody wrote such a rule.")
        typed = _typed(show_written(book.written[rule], hub.names()))
        what = what or f"{typed['kind']}/{typed['deed']}"
    return _write(request, _page(*what.partition("/")[::2], typed), changes=rule)


@post("/write-rule", status_code=303, right="rules.decide")
async def write_rule(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Show what a rule would have done, or keep it."""
    form = read_form(data, _LONGEST)
    page = _page(form.get("kind", ""), form.get("deed", ""), form)
    async with write_session(request.app.state) as session:
        try:
            hub = await _hub(request, session)
            numbers = {name: number for number, name in hub.names().items()}
            rule = read_written(_table(form), numbers, "The rule")
            if form.get("do") != "keep":
                would = await _preview(session, hub, rule)
                shown = msgspec.structs.replace(page, would=would)
                return _write(request, shown, status=200)
            by = visitor_of(request).name
            why, now = comment_of(form, "why"), SystemClock().now()
            await keep_written(session, rule, by=by, why=why, now=now)
        except ConfigError as error:
            refused = msgspec.structs.replace(page, refused=error.message)
            return _write(request, refused, status=409)
    _log.info("rule_written", rule=rule.name)
    return Redirect(f"/rules/{rule.name}?done=keep", status_code=303)


def rule_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of rules."""
    return [show_rule, change_rule, begin_rule, write_rule]


async def _do(request: Req, session: Session, name: str, form: Mapping[str, str], by: str) -> str:
    """Do what a person wished about a rule; returns where to look next.

    Raises:
        ConfigError: it can not be done, and why.
    """
    book, now, why = await _book(request, session), SystemClock().now(), comment_of(form, "why")
    match form.get("do"):
        case "replay":
            hub = await _hub(request, session)
            await replay_rule(session, hub, book, name, PREVIEW_DAYS, now)
        case "mode":
            try:
                mode = Mode(form.get("mode", ""))
            except ValueError as error:
                raise ConfigError("Say how far it may go.", field="mode") from error
            rule, settings = book.rule(name), book.settings[name]
            await give_leave(session, rule, settings, mode, by=by, why=why, now=now)
        case "remove":
            await remove_written(session, name, by=by, why=why, now=now)
            return "/decisions"
        case _:
            raise ConfigError("Say what shall be done.", field="do")
    return f"/rules/{name}?done={form['do']}"


def _page(kind: str, deed: str, typed: dict[str, str]) -> WritePage:
    known = deed in DEEDS and kind in DEEDS[deed].kinds
    return WritePage(kind=kind if known else None, deed=deed if known else None, typed=typed)


async def _preview(session: Session, hub: Hub, rule: WrittenRule) -> tuple[Would, ...]:
    now = SystemClock().now()
    look = Look(conn=session, hub=hub, now=now)
    async with snapshot(session):
        since = now - timedelta(days=PREVIEW_DAYS)
        found = await preview(look, rule, since, count=SHOWN_MAX + 1)
    return tuple(Would(subject=f.subject, what=p.actions[0].what) for f, p in found)


async def _find(
    request: Req, session: Session, name: str, *, told: str = "", refused: str = ""
) -> RulePage:
    book = await _book(request, session)
    standing = next((e for e in await rule_standings(session, book) if e.rule == name), None)
    if standing is None:
        raise NotFoundException("There is no such rule.")
    written = book.written.get(name)
    names = {} if written is None else (await _hub(request, session)).names()
    shown = None if written is None else show_written(written, names)
    return RulePage(rule=standing, written=shown, told=told, refused=refused)


async def _book(request: Req, session: Session) -> RuleBook:
    return await read_rulebook(session, request.app.state.hub.rule_tables)


async def _hub(request: Req, session: Session) -> Hub:
    """Return the hub with the connections as they are now: a rule may name one that is new."""
    hub: Hub = request.app.state.hub
    accounts = await load_accounts(session, hub.vault)
    hub.use_connections(account.connection for account in accounts)
    return hub


def _bars(replay: Mapping[str, Any]) -> list[Bar]:
    """Return the ways that were played beside each other, by the figure that says most."""
    ways, drawn = replay.get("beside", ()), replay.get("drawn", "")
    return [Bar(label=way["name"], value=float(dict(way["figures"])[drawn])) for way in ways]


async def _answer(
    request: Req, page: RulePage, form: Mapping[str, str], *, status: int = 200
) -> Response[Any]:
    svg = ""
    if not wants_json(request) and (bars := _bars(page.rule.replay or {})):
        svg = await asyncio.to_thread(draw_bars_page, bars)
    more = {"svg": svg, "why": form.get("why", "")}
    modes = [each.value for each in Mode]
    return answer(request, "rule.html", page, status=status, modes=modes, **more)


def _write(
    request: Req,
    page: WritePage,
    *,
    status: int = 200,
    changes: str = "",
) -> Response[Any]:
    fields: list[Field] = list(fields_of(page.kind).values()) if page.kind else []
    filled = [n for n in range(1, CONDITIONS + 1) if page.typed.get(f"field{n}")]
    return answer(
        request,
        "write_rule.html",
        page,
        status=status,
        typed=defaultdict(str, page.typed),
        changes=changes,
        able={kind: [each for each in DEEDS.values() if kind in each.kinds] for kind in KINDS},
        deed=DEEDS[page.deed] if page.deed else None,
        fields=fields,
        ops=[each.value for each in Op],
        connections=sorted(request.app.state.hub.names().values()),
        rows=range(1, min(CONDITIONS, max([2, *filled]) + 1) + 1),
        shown_max=SHOWN_MAX,
        days=PREVIEW_DAYS,
    )


def _table(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form says as a file would say it; empty fields say nothing."""
    conditions = [
        {
            "field": form[f"field{n}"],
            "op": form.get(f"op{n}", ""),
            "value": form.get(f"value{n}", ""),
        }
        for n in range(1, CONDITIONS + 1)
        if form.get(f"field{n}")
    ]
    deed = DEEDS.get(form.get("deed", ""))
    asked = [each.name for each in deed.inputs] if deed is not None else []
    table: dict[str, Any] = {name: form.get(name, "") for name in ("name", "title", "kind", "deed")}
    table |= {"if": conditions, "inputs": {name: form.get(name, "") for name in asked}}
    if deed is not None and deed.elsewhere:
        table["connection"] = form.get("connection", "")
    return table


def _typed(table: Mapping[str, Any]) -> dict[str, str]:
    """Return a rule as its form shows it."""
    typed = {name: str(table[name]) for name in ("name", "title", "kind", "deed")}
    for n, condition in enumerate(table["if"], 1):
        typed |= {f"{part}{n}": condition.get(part, "") for part in ("field", "op", "value")}
    return typed | dict(table["inputs"]) | {"connection": table.get("connection", "")}
