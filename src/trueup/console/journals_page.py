"""The pages of journals: what waits, what was posted where, what failed and why, and taking back.

Nothing is posted from here: that locks days, and is a command. What stands is taken back in two
steps: the first shows the counter-journal and the call that would leave.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.api.guard import visitor_of
from trueup.api.reading import write_session
from trueup.api.v1_journals import JournalLineView, JournalView, journal_view, line_view
from trueup.canon.issue import Issue
from trueup.canon.journal import Journal as BooksJournal
from trueup.config import JournalsConfig
from trueup.console.forms import (
    comment_of,
    day_in,
    read_form,
)
from trueup.console.readings import Readings, Session
from trueup.console.render import answer
from trueup.console.today import read_names
from trueup.console.words import mark
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.journals.build import name_of
from trueup.journals.model import Draft, JournalState, Line, Plan
from trueup.journals.post import Said, plan_journals
from trueup.journals.reads import WITHDRAWN, list_journals, numbers_in, seek_journal
from trueup.journals.undo import is_reversible, is_withdrawable, reverse_journal, withdraw_journal
from trueup.kernel.clock import SystemClock
from trueup.outbox.model import CommandState
from trueup.own import learn_connections
from trueup.records.reads import seek_record

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 100
WAITING_MAX: Final = 50
COMMANDS_MAX: Final = 10_000
REASON_CHARS_MAX: Final = 500
NUMBER_MAX: Final = 2**63 - 1

_FAILED: Final = (CommandState.REFUSED, CommandState.DEAD, CommandState.UNKNOWN)
_UNDER_WAY: Final = (CommandState.DUE, CommandState.SENDING, CommandState.SUBMITTED)
_STATES: Final = {"failed": _FAILED, "under_way": _UNDER_WAY, "done": (CommandState.DONE,)}
_WHY: Final = {
    CommandState.REFUSED.value: mark(
        "The books refused it. Put right what the code says, withdraw it "
        "here, and post its day again."
    ),
    CommandState.DEAD.value: mark(
        "It was given up after many tries. Try again: trueup dead retry; or withdraw it."
    ),
    CommandState.UNKNOWN.value: mark(
        "Nobody knows whether it stands there. The hub finds out where the "
        "system tells; else look there, and withdraw it if it does not."
    ),
    CommandState.DUE.value: mark("It leaves as soon as the accounting system is ready."),
    CommandState.SENDING.value: mark("It is on its way just now."),
    CommandState.SUBMITTED.value: mark("The books took it in, and have yet to say that it stands."),
    CommandState.DONE.value: mark("It stands in the books."),
    CommandState.DISCARDED.value: mark("It was given up; a person says what stands there."),
    WITHDRAWN: mark("It surely does not stand in the books; its day is to be posted anew."),
}
_DONE: Final = {
    "reverse": mark(
        "The counter-journal is ordered. The day of the journal that it takes back is to be "
        "posted anew: trueup journals preview."
    ),
    "withdraw": mark(
        "It is withdrawn. What it came to is to be posted anew: trueup journals preview."
    ),
}
_LONGEST: Final = {"reason": REASON_CHARS_MAX, "on": 10}

_Text = Annotated[str, QueryParameter(max_length=20, required=False)]


class JournalDesk:
    """What the pages of journals of one process share.

    Args:
        settings: of the configuration.
    """

    def __init__(self, settings: JournalsConfig) -> None:
        self.settings = settings
        self.readings = Readings()


class WaitingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A journal that is still to be posted; `issue` says why the books can not take it as it is."""

    day: date
    currency: str
    told_by: str | None
    order_ref: str | None
    total: Decimal
    issue: Issue | None = None


class JournalsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to be posted, and what was, newest first.

    Attributes:
        target: the connection at whose system journals are posted; None: nowhere yet.
        until: the last day that is over; `waiting` are the journals of the days up to it that are
            not posted, the oldest first, `waiting_count` all of them, `waiting_days` their days.
        problem: why nothing could be planned; empty where it could.
        failed: how many of the newest need somebody.
        state, since, until_day: which were asked for.
        next_before: where the next page begins; None: there is none.
    """

    target: str | None
    until: date
    waiting: tuple[WaitingRow, ...]
    waiting_count: int
    waiting_days: int
    problem: str
    failed: int
    state: str | None
    since: date | None
    until_day: date | None
    rows: tuple[JournalView, ...]
    next_before: int | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A journal as the accounting system told it last; `total` is the sum of its debits there."""

    event_id: int
    posted_on: date
    posted: bool
    deleted: bool
    total: Decimal


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """The journal that would take another back, and the call that would leave for it."""

    number: str
    posted_on: date
    lines: tuple[JournalLineView, ...]
    method: str
    path: str
    body: str


class JournalPage(msgspec.Struct, frozen=True, kw_only=True):
    """One journal with its lines, which come to nothing, and what can be done.

    Attributes:
        why: what its state means.
        there: as its system told it last; None: nothing was read of it.
        counter: what taking it back would post; None until somebody asks.
        told: what came of the reader's last wish, `refused` why nothing did.
    """

    journal: JournalView
    lines: tuple[JournalLineView, ...]
    debits: Decimal
    credits: Decimal
    why: str
    there: Standing | None
    reversible: bool
    withdrawable: bool
    counter: Counter | None = None
    told: str = ""
    refused: str = ""


@get(["/journals", "/journals.json"], right="journals.read")
async def show_journals(
    request: Req,
    session: NamedDependency[Session],
    journal_desk: NamedDependency[JournalDesk],
    standing: Annotated[str, QueryParameter(name="state", max_length=20, required=False)] = "",
    since: _Text = "",
    until: _Text = "",
    before: Annotated[int | None, QueryParameter(ge=1, le=NUMBER_MAX, required=False)] = None,
) -> Response[Any]:
    """Show what waits to be posted, what was posted where, and what failed."""
    if standing and standing not in _STATES:
        raise ValidationException(f"There is no state {standing!r}.")
    try:
        days = day_in(since), day_in(until)
    except ValueError as error:
        raise ValidationException(str(error)) from error
    names, today = await read_names(session), SystemClock().now().date()
    last = today - timedelta(days=1)
    plan, problem = await _plan(session, journal_desk, names, last)
    failed = await numbers_in(session, _FAILED, count=COMMANDS_MAX)
    numbers = None
    if standing:
        numbers = await numbers_in(session, _STATES[standing], count=COMMANDS_MAX)
    rows = await list_journals(
        session, since=days[0], until=days[1], before=before, numbers=numbers, count=ROWS_MAX + 1
    )
    waiting = _waiting(plan, names)
    page = JournalsPage(
        target=journal_desk.settings.connection,
        until=last,
        waiting=waiting[:WAITING_MAX],
        waiting_count=len(waiting),
        waiting_days=len({row.day for row in waiting}),
        problem=problem,
        failed=len(failed),
        state=standing or None,
        since=days[0],
        until_day=days[1],
        rows=tuple(journal_view(row, names) for row in rows[:ROWS_MAX]),
        next_before=rows[ROWS_MAX - 1].journal_id if len(rows) > ROWS_MAX else None,
    )
    twin = f"/journals.json?{request.url.query}".removesuffix("?")
    return answer(request, "journals.html", page, twin=twin)


@get("/journals/{number:str}", right="journals.read")
async def show_journal(
    request: Req, session: NamedDependency[Session], number: FromPath[str], done: _Text = ""
) -> Response[Any]:
    """Show one journal: its lines, where it stands, and what can be done."""
    names = await read_names(session)
    page = await _find(session, names, number.removesuffix(".json"))
    page = msgspec.structs.replace(page, told=_DONE.get(done, ""))
    return _answer(request, page, {})


@post("/journals/{number:str}", status_code=303, right="journals.decide")
async def decide_journal(
    request: Req, number: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Show what taking a journal back would post, take it back, or withdraw it."""
    form, hub = read_form(data, _LONGEST), request.app.state.hub
    do = form.get("do", "")
    async with write_session(request.app.state) as session:
        names = await learn_connections(session, hub)
        page = await _find(session, names, number)
        by = visitor_of(request).name
        try:
            if do == "withdraw":
                reason, now = comment_of(form, "reason"), SystemClock().now()
                await withdraw_journal(session, number, by=by, reason=reason, now=now)
                made = number
            else:
                said = await _reverse(session, hub, number, form, by)
                made = said.journal.number
                if do == "preview":
                    page = msgspec.structs.replace(page, counter=_counter(said, names))
                    return _answer(request, page, form)
        except ConfigError as error:
            page = msgspec.structs.replace(
                await _find(session, names, number), refused=error.message
            )
            return _answer(request, page, form, status=409)
    _log.info("journal_decided", number=number, do=do)
    return Redirect(f"/journals/{made}?done={do}", status_code=303)


def journal_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of journals."""
    return [show_journals, show_journal, decide_journal]


async def _reverse(
    session: Session, hub: Hub, number: str, form: Mapping[str, str], by: str
) -> Said:
    """Take a journal back, or only show how.

    Raises:
        ConfigError: the form does not say what, the day is none, or it can not be taken back.
    """
    do = form.get("do", "")
    if do not in {"preview", "reverse"}:
        raise ConfigError("Say what shall be done.", field="do")
    try:
        on = day_in(form.get("on", ""))
    except ValueError as error:
        raise ConfigError(f"{form['on']!r} is no day.", field="on") from error
    return await reverse_journal(
        session,
        hub,
        number,
        on=on,
        by=by,
        now=SystemClock().now(),
        dry_run=do == "preview",
    )


async def _plan(
    session: Session, desk: JournalDesk, names: Mapping[int, str], until: date
) -> tuple[Plan, str]:
    """Return what is still to be posted, and why nothing could be planned."""

    async def read(conn: Session) -> tuple[Plan, str]:
        try:
            plan = await plan_journals(conn, desk.settings, names, until=until, needs="either")
        except ConfigError as error:
            return Plan(drafts=(), held=()), error.message
        return plan, ""

    return await desk.readings.take(f"plan/{until}", session, read)


def _waiting(plan: Plan, names: Mapping[int, str]) -> tuple[WaitingRow, ...]:
    rows = [_waiting_row(each.draft, names, each.issue) for each in plan.held]
    rows += [_waiting_row(each, names, None) for each in plan.drafts]
    return tuple(sorted(rows, key=lambda row: (row.issue is None, row.day)))


def _waiting_row(draft: Draft, names: Mapping[int, str], issue: Issue | None) -> WaitingRow:
    group = draft.group
    return WaitingRow(
        day=group.day,
        currency=group.currency,
        told_by=name_of(names, group.told_by) if group.told_by else None,
        order_ref=group.order_ref or None,
        total=draft.total,
        issue=issue,
    )


async def _find(session: Session, names: dict[int, str], number: str) -> JournalPage:
    found = None if "\x00" in number else await seek_journal(session, number)
    if found is None:
        raise NotFoundException("There is no such journal.")
    told, _, lines = found
    return JournalPage(
        journal=journal_view(told, names),
        lines=tuple(line_view(line, names) for line in lines),
        debits=_side(lines, 1),
        credits=_side(lines, -1),
        why=_WHY.get(told.state, ""),
        there=await _standing(session, told),
        reversible=is_reversible(told),
        withdrawable=is_withdrawable(told),
    )


async def _standing(session: Session, told: JournalState) -> Standing | None:
    if told.vendor_ref is None:
        return None
    found = await seek_record(session, BooksJournal, told.target_id, told.vendor_ref)
    if found is None:
        return None
    journal, event_id = found
    return Standing(
        event_id=event_id,
        posted_on=journal.posted_on,
        posted=journal.posted,
        deleted=journal.deleted,
        total=sum((max(line.amount.amount, Decimal(0)) for line in journal.lines), Decimal(0)),
    )


def _counter(said: Said, names: dict[int, str]) -> Counter:
    journal, call = said.journal, said.call
    return Counter(
        number=journal.number,
        posted_on=journal.posted_on,
        lines=tuple(line_view(line, names) for line in journal.lines),
        method=call.method,
        path=call.path,
        body=call.body.decode(errors="replace"),
    )


def _side(lines: Sequence[Line], sign: int) -> Decimal:
    return sum((sign * line.amount for line in lines if sign * line.amount > 0), Decimal(0))


def _answer(
    request: Req, page: JournalPage, form: Mapping[str, str], *, status: int = 200
) -> Response[Any]:
    typed = {name: form.get(name, "") for name in ("on", "reason")}
    return answer(request, "journal.html", page, status=status, typed=typed)
