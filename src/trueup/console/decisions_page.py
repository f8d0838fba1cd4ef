"""The pages of decisions: what is proposed and why, what is expected of it, and who answers."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
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
from trueup.canon.command import DraftPurchase
from trueup.console.forms import (
    COMMENT_CHARS_MAX,
    comment_of,
    read_form,
    whole,
)
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.words import mark
from trueup.decisions.carry import approve, left_to_a_person, refuse
from trueup.decisions.explain import explain, in_words
from trueup.decisions.model import State
from trueup.decisions.reads import list_decisions, seek_decision
from trueup.decisions.rules import find_rules
from trueup.decisions.standing import RuleStanding, rule_standings
from trueup.decisions.written.store import RuleBook, read_rulebook
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.kernel.money import Money

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 100
_LONGEST: Final = {"why": COMMENT_CHARS_MAX}
_ANSWERS: Final = {
    "approve": (approve, State.APPROVED),
    "refuse": (refuse, State.REFUSED),
}
_DONE: Final = {
    "approve": mark("It is ordered within a minute, if its facts still ask for it."),
    "refuse": mark("It is turned down, and not proposed again."),
}

_Text = Annotated[str, QueryParameter(max_length=60, pattern="^[^\\x00]*$", required=False)]


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision in a list.

    Attributes:
        whats: what it would do, action by action.
        due_at: it waits until then; `waits` says why.
    """

    decision_id: int
    rule: str
    subject: str
    state: State
    reason: str
    whats: list[str]
    proposed_at: datetime
    due_at: datetime | None
    waits: str | None


class DecisionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that were asked for, the newest first, and the rules that made them."""

    state: State | None
    rule: str | None
    rows: tuple[DecisionRow, ...]
    following: int | None
    rules: tuple[RuleStanding, ...]
    stopped: bool


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a decision."""

    at: datetime
    did: str
    done_by: str
    why: str


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a purchase order that is drafted, with what was known of its SKU.

    Attributes:
        cost, money: of one unit and of the line; None where nobody told.
        known: what was known: names and figures as people read them.
    """

    sku: str
    units: int
    cost: Money | None
    money: Money | None
    known: tuple[tuple[str, str], ...]


class PurchaseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase order that is drafted, line by line."""

    number: str
    lines: tuple[OrderLine, ...]
    money: Money | None


class DecisionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: what was known, why, what is expected, and what came of it.

    Attributes:
        orders: purchase orders that it drafts.
        sentence: all that follows its reason, as a person would tell it.
        known: what was known, name by name.
        told: what came of the reader's last wish; `refused` why nothing did.
    """

    row: DecisionRow
    version: int
    sentence: str
    effect: dict[str, Any] | None
    outcome: Decimal | None
    known: tuple[tuple[str, str], ...]
    orders: tuple[PurchaseOrder, ...]
    evidence: list[str]
    alternatives: list[dict[str, str]]
    steps: tuple[StepRow, ...]
    lapses_at: datetime
    told: str = ""
    refused: str = ""


@get(["/decisions", "/decisions.json"], right="decisions.read")
async def show_decisions(
    request: Req,
    session: NamedDependency[Session],
    standing: Annotated[str, QueryParameter(name="state", max_length=20, required=False)] = "",
    rule: _Text = "",
    before: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1, required=False)] = None,
) -> Response[Any]:
    """Show what was proposed, the newest first, and how far each rule may go."""
    try:
        state = State(standing) if standing else None
    except ValueError as error:
        raise ValidationException(str(error)) from error
    found = await list_decisions(
        session, state=state, rule=rule or None, before=before, count=ROWS_MAX + 1
    )
    shown = found[:ROWS_MAX]
    rules = await rule_standings(session, await _book(request, session))
    page = DecisionsPage(
        state=state,
        rule=rule or None,
        rows=tuple(_row(row) for row in shown),
        following=shown[-1]["decision_id"] if len(found) > ROWS_MAX else None,
        rules=tuple(rules),
        stopped=any(each.stopped for each in rules),
    )
    twin = f"/decisions.json?{request.url.query}".removesuffix("?")
    return answer(request, "decisions.html", page, states=[each.value for each in State], twin=twin)


@get("/decisions/{number:str}", right="decisions.read")
async def show_decision(
    request: Req, session: NamedDependency[Session], number: FromPath[str], done: _Text = ""
) -> Response[Any]:
    """Show one decision, and the form that answers it."""
    decision_id = whole(number.removesuffix(".json"))
    page = await _find(request, session, decision_id, told=_DONE.get(done, ""))
    return _answer(request, page, {})


@post("/decisions/{number:str}", status_code=303, right="decisions.decide")
async def answer_decision(
    request: Req, number: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Agree to a proposal or turn it down; the same answer again changes nothing."""
    form = read_form(data, _LONGEST)
    decision_id, do = whole(number), form.get("do", "")
    async with write_session(request.app.state) as session:
        page = await _find(request, session, decision_id)
        number_of = page.row.decision_id
        by = visitor_of(request).name
        try:
            act, wanted = _chosen(do)
            if not _is_answered(page, wanted, by):
                now = SystemClock().now()
                await act(session, number_of, by=by, why=comment_of(form, "why"), now=now)
        except ConfigError as error:
            page = await _find(request, session, number_of, refused=error.message)
            return _answer(request, page, form, status=409)
    _log.info("decision_answered", decision_id=number_of, do=do)
    return Redirect(f"/decisions/{number_of}?done={do}", status_code=303)


def decision_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of decisions."""
    find_rules()  # read before anybody asks: a first request would hold its session meanwhile
    return [show_decisions, show_decision, answer_decision]


def _chosen(do: str) -> tuple[Callable[..., Awaitable[None]], State]:
    """Return how an answer is given, and what a proposal is after it.

    Raises:
        ConfigError: it is none.
    """
    if do not in _ANSWERS:
        raise ConfigError("Say what shall be done.", field="do")
    return _ANSWERS[do]


def _is_answered(page: DecisionPage, wanted: State, by: str) -> bool:
    """Whether somebody gave this very answer already: a form that was sent twice."""
    return page.row.state is wanted and any(
        step.did == wanted.value and step.done_by == by for step in page.steps
    )


def _answer(
    request: Req, page: DecisionPage, form: Mapping[str, str], *, status: int = 200
) -> Response[Any]:
    return answer(request, "decision.html", page, status=status, why=form.get("why", ""))


async def _book(request: Req, session: Session) -> RuleBook:
    return await read_rulebook(session, request.app.state.hub.rule_tables)


async def _find(
    request: Req,
    session: Session,
    decision_id: int | None,
    *,
    told: str = "",
    refused: str = "",
) -> DecisionPage:
    found = await seek_decision(session, decision_id or 0)
    if found is None:
        raise NotFoundException("There is no such decision.")
    row, steps = found
    now = SystemClock().now()
    book = await _book(request, session)
    waits = await left_to_a_person(session, row, book.settings, now)
    orders = tuple(_orders(row))
    return DecisionPage(
        row=_row(row),
        version=row["version"],
        sentence=explain(row, steps, waits=waits).removeprefix(row["reason"]).strip(),
        effect=row["effect"],
        outcome=row["outcome"],
        known=tuple(_named("", _apart(row["facts"]) if orders else row["facts"])),
        orders=orders,
        evidence=row["evidence"],
        alternatives=row["alternatives"],
        steps=tuple(msgspec.convert(step, StepRow) for step in steps),
        lapses_at=row["lapses_at"],
        told=told,
        refused=refused,
    )


def _apart(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was known without what the lines of an order tell."""
    return {name: value for name, value in facts.items() if name != "items"}


def _orders(row: Mapping[str, Any]) -> Iterator[PurchaseOrder]:
    """Give the purchase orders of a decision, each line with what was known of its SKU."""
    drafts = [each for each in row["actions"] if each["kind"] == DraftPurchase.command]
    items = {each["sku"]: each for each in row["facts"].get("items", ())} if drafts else {}
    for action in drafts:
        content = msgspec.convert(action["content"], DraftPurchase, strict=False)
        yield PurchaseOrder(
            number=content.number,
            lines=tuple(
                OrderLine(
                    sku=sku,
                    units=units,
                    cost=cost,
                    money=None if cost is None else Money(cost.amount * units, cost.currency),
                    known=_of_item(items.get(sku, {})),
                )
                for sku, units, cost in content.lines
            ),
            money=msgspec.convert(action["amount"], Money | None, strict=False),
        )


def _of_item(item: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what was known of one SKU: what is there, how fast it is sold, when it is gone."""
    if not item:
        return ()
    coming = sum(units for _, units in item["arrivals"])
    return (
        ("Left", str(item["available"])),
        ("On the way", str(coming)),
        ("Sold a day", f"{item['demand']['per_day']:.2g}"),
        ("Sold out", item["sold_out_on"] or "later"),
        ("More takes", f"{item['lead_days']} days"),
    )


def _named(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Return what was known, name by name, as people read it."""
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        yield name, f"{value['amount']} {value['currency']}"
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _named(f"{name} {key.replace('_', ' ')}".strip(), each)
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        for each in value:
            yield from _named(name, each)
    elif isinstance(value, list):
        shown = [
            " ".join(map(str, each)) if isinstance(each, list) else str(each) for each in value
        ]
        yield name, ", ".join(shown) or "none"
    else:
        yield name, "unknown" if value is None else str(value)


def _row(row: Mapping[str, Any]) -> DecisionRow:
    return DecisionRow(
        decision_id=row["decision_id"],
        rule=row["rule"],
        subject=row["subject"],
        state=State(row["state"]),
        reason=row["reason"],
        whats=in_words(row["actions"]),
        proposed_at=row["proposed_at"],
        due_at=row["due_at"] if row["state"] == State.APPROVED else None,
        waits=row["waits"],
    )
