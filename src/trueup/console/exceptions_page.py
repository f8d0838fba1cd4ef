"""The pages of exceptions: what differs and why, whose it is, and the form that decides about it.

What is no longer found is closed by the check that looked; here a person only says whose it is,
that it waits for somebody else, or that it may stay.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.access.member import NAME_CHARS_MAX
from trueup.api.guard import visitor_of
from trueup.api.reading import write_session
from trueup.console.draw import Bar, draw_bars_page
from trueup.console.forms import (
    COMMENT_CHARS_MAX,
    comment_of,
    new_key,
    read_form,
    whole,
)
from trueup.console.readings import Session
from trueup.console.render import answer, wants_json
from trueup.console.words import mark
from trueup.db.rows import Row
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.ledger.money import EXACT
from trueup.reconcile.checks import DOES, Check
from trueup.reconcile.exceptions import (
    AGES,
    Change,
    Seen,
    State,
    Wanted,
    age_days,
    change_exception,
    count_exceptions,
    find_exception,
    list_exceptions,
    list_runs,
    sum_exceptions,
)
from trueup.reconcile.meanings import meaning_of

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 100
PAGE_MAX: Final = 10_000
NOBODY: Final = "-"
"""In an address: what is nobody's, or in no currency."""

CLOSED: Final = "closed"
"""In an address, in place of a state: those that are no longer found."""

_NOTHING: Final = Decimal(0)
_LONGEST: Final = {"comment": COMMENT_CHARS_MAX, "owner": NAME_CHARS_MAX}
_DONE: Final = {
    "take": mark("It is yours."),
    "give": mark("It is given on."),
    "drop": mark("It is nobody's."),
    "wait": mark("It waits for somebody else."),
    "accept": mark("It may stay. Another amount opens it again."),
    "reopen": mark("It is open again."),
    "comment": mark("Your words are kept."),
}

_Text = Annotated[str, QueryParameter(max_length=255, pattern="^[^\\x00]*$", required=False)]


class ExceptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exception; `currency` null: its amount is in units."""

    exception_id: int
    check_name: str
    cause: str
    says: str
    to_do: str
    left_ref: str | None
    right_ref: str | None
    currency: str | None
    amount: Decimal
    evidence: list[str]
    state: str
    owner: str | None
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None
    age_days: int


class OpenValue(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a currency (null: units), up and down alike, in all or of one age."""

    currency: str | None
    standing: int
    amount: Decimal
    unexplained: int
    unexplained_amount: Decimal


class AgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for how long, in each currency."""

    age: str
    values: tuple[OpenValue, ...]


class ExceptionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Exceptions that were asked for, what nothing explains first, then the largest.

    Attributes:
        counts: how many stand by check, state, owner ("" nobody's) and currency ("" units).
        totals: of all that were asked for, `ages` the same by how long they stand.
        drawn: of which currency the picture is: the one of most rows.
        page: from 1; `more` says that another follows.
        ran_at: when checks were run last.
    """

    wanted: Wanted
    page: int
    more: bool
    rows: tuple[ExceptionRow, ...]
    counts: dict[str, dict[str, int]]
    totals: tuple[OpenValue, ...]
    ages: tuple[AgeRow, ...]
    drawn: str | None
    ran_at: datetime | None


class NoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did or said."""

    note_id: int
    noted_at: datetime
    noted_by: str
    did: str
    comment: str


class ExceptionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One exception with what was done and said about it, oldest first.

    Attributes:
        does: what its check does, in words after its name.
        told: what came of the reader's last wish; `refused` why nothing did.
    """

    row: ExceptionRow
    does: str
    notes: tuple[NoteRow, ...]
    told: str = ""
    refused: str = ""


@get(["/exceptions", "/exceptions.json"], right="exceptions.read")
async def show_exceptions(
    request: Req,
    session: NamedDependency[Session],
    check: _Text = "",
    standing: Annotated[str, QueryParameter(name="state", max_length=20, required=False)] = "",
    owner: _Text = "",
    currency: _Text = "",
    page: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, required=False)] = 1,
) -> Response[Any]:
    """Show what differs, what nothing explains first, then the largest."""
    wanted = _wanted(check, standing, owner, currency)
    facts = await _read(session, wanted, page)
    if wants_json(request):
        return answer(request, "exceptions.html", facts)
    bars = tuple(
        Bar(label=row.age, value=float(sum(each.amount for each in row.values if _is(each, facts))))
        for row in facts.ages
    )
    svg = await asyncio.to_thread(draw_bars_page, bars) if facts.rows else ""
    return answer(
        request,
        "exceptions.html",
        facts,
        svg=svg,
        checks=[check.value for check in Check],
        twin=f"/exceptions.json?{request.url.query}".removesuffix("?"),
    )


async def _read(session: Session, wanted: Wanted, page: int) -> ExceptionsPage:
    now = SystemClock().now()
    rows = await list_exceptions(session, wanted, count=ROWS_MAX + 1, skip=(page - 1) * ROWS_MAX)
    sums = await sum_exceptions(session, wanted, now)
    by_age: dict[int, list[OpenValue]] = defaultdict(list)
    for each in sums:
        by_age[each["age"]].append(_value(each))
    totals = _totals(sums)
    runs = await list_runs(session, count=1)
    return ExceptionsPage(
        wanted=wanted,
        page=page,
        more=len(rows) > ROWS_MAX,
        rows=tuple(_row(row, now) for row in rows[:ROWS_MAX]),
        counts=await count_exceptions(session),
        totals=totals,
        ages=tuple(AgeRow(age=words, values=tuple(by_age[n])) for n, (_, words) in enumerate(AGES)),
        drawn=max(totals, key=lambda each: each.standing).currency if totals else None,
        ran_at=runs[0]["ran_at"] if runs else None,
    )


@get("/exceptions/{number:str}", right="exceptions.read")
async def show_exception(
    request: Req,
    session: NamedDependency[Session],
    number: FromPath[str],
    done: _Text = "",
) -> Response[Any]:
    """Show one exception: evidence, history, and what can be done."""
    exception_id = whole(number.removesuffix(".json"))
    page = await _find(session, exception_id, told=_DONE.get(done, ""))
    return _answer(request, page, {})


@post("/exceptions/{number:str}", status_code=303, right="exceptions.decide")
async def decide_exception(
    request: Req, number: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Take an exception, give it to somebody, say something, or decide about it."""
    form = read_form(data, _LONGEST)
    exception_id = whole(number)
    do = form.get("do", "")
    async with write_session(request.app.state) as session:
        page = await _find(session, exception_id)
        try:
            change = _change(form, do, visitor_of(request).name)
            await change_exception(session, page.row.exception_id, SystemClock().now(), change)
        except ConfigError as error:
            page = await _find(session, exception_id, refused=error.message)
            return _answer(request, page, form, status=409)
    _log.info("exception_changed", exception_id=exception_id, do=do)
    return Redirect(f"/exceptions/{exception_id}?done={do}", status_code=303)


def exception_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of exceptions."""
    return [show_exceptions, show_exception, decide_exception]


def _answer(
    request: Req, page: ExceptionPage, form: dict[str, str], *, status: int = 200
) -> Response[Any]:
    typed = {name: form.get(name, "") for name in ("comment", "owner")}
    return answer(request, "exception.html", page, status=status, key=new_key(), typed=typed)


def _change(form: dict[str, str], do: str, by: str) -> Change:
    """Return what a form asks for.

    Raises:
        ConfigError: it does not say what.
    """
    comment, owner = comment_of(form), form.get("owner", "").strip()
    if do == "comment" and not comment:
        raise ConfigError("There is nothing to keep: write a comment first.", field="comment")
    if do == "give" and not owner:
        raise ConfigError("Say to whom it is given.", field="owner")
    owners = {"take": by, "give": owner, "drop": ""}
    states = {"wait": State.WAITING, "accept": State.ACCEPTED, "reopen": State.OPEN}
    if do not in _DONE:
        raise ConfigError("Say what shall be done.", field="do")
    return Change(
        by=by,
        owner=owners.get(do),
        state=states.get(do),
        comment=comment,
        key=form.get("key") or None,
        seen=_seen(form),
    )


def _seen(form: dict[str, str]) -> Seen:
    """Return what stood on the page when somebody decided.

    Raises:
        ConfigError: the form does not say so; it is none of ours.
    """
    note_id = whole(form.get("seen_note", ""))
    try:
        amount, state = Decimal(form.get("seen_amount", "")), State(form.get("seen_state", ""))
    except (InvalidOperation, ValueError):
        note_id = None
    if note_id is None:
        raise ConfigError("This form is too old: look again, then decide.", field="seen")
    return Seen(note_id=note_id, state=state, amount=amount)


async def _find(
    session: Session, exception_id: int | None, *, told: str = "", refused: str = ""
) -> ExceptionPage:
    try:
        row, notes = await find_exception(session, exception_id or 0)
    except ConfigError as error:
        raise NotFoundException("There is no such exception.") from error
    name: str = row["check_name"]
    does = {check.value: words for check, words in DOES.items()}
    return ExceptionPage(
        row=_row(row, SystemClock().now()),
        does=does.get(name, ""),
        notes=tuple(msgspec.convert(note, NoteRow) for note in notes),
        told=told,
        refused=refused,
    )


def _row(row: Row, now: datetime) -> ExceptionRow:
    meaning = meaning_of(row["cause"])
    return ExceptionRow(**row, says=meaning.says, to_do=meaning.to_do, age_days=age_days(row, now))


def _value(row: Row) -> OpenValue:
    return OpenValue(**{name: row[name] for name in OpenValue.__struct_fields__})


def _totals(sums: list[Row]) -> tuple[OpenValue, ...]:
    """Return what stands in each currency, whatever its age."""
    by_currency: dict[str | None, list[Row]] = defaultdict(list)
    for each in sums:
        by_currency[each["currency"]].append(each)
    return tuple(
        OpenValue(
            currency=currency,
            standing=sum(row["standing"] for row in rows),
            amount=_sum(row["amount"] for row in rows),
            unexplained=sum(row["unexplained"] for row in rows),
            unexplained_amount=_sum(row["unexplained_amount"] for row in rows),
        )
        for currency, rows in by_currency.items()
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _NOTHING
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _is(value: OpenValue, page: ExceptionsPage) -> bool:
    return value.currency == page.drawn


def _wanted(check: str, state: str, owner: str, currency: str) -> Wanted:
    """Return what an address asks for; what a form leaves open is empty."""
    closed = state == CLOSED
    try:
        return Wanted(
            check=Check(check).value if check else None,
            state=State(state) if state and not closed else None,
            owner=_named(owner),
            currency=_named(currency),
            closed=closed,
        )
    except ValueError as error:
        raise ValidationException(str(error)) from error


def _named(text: str) -> str | None:
    """Return what a part of an address asks for: all of them, those without one, or one."""
    return None if not text else "" if text == NOBODY else text
