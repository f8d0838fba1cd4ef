"""`/api/v1/decisions` and `/decision-rules`: what was proposed and why, and what people answer."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.cursor import cursor_number, cursor_of
from trueup.api.guard import deed_of_somebody
from trueup.api.reading import write_session
from trueup.api.v1_model import After, Count, Page
from trueup.decisions.carry import approve, left_to_a_person, refuse
from trueup.decisions.explain import explain
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import list_decisions, seek_decision
from trueup.decisions.standing import RuleStanding, rule_standings
from trueup.decisions.written.store import read_rulebook
from trueup.kernel.clock import SystemClock

Session = psycopg.AsyncConnection[Any]

_NO_NUL = "^[^\\x00]*$"
_Id = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
_State = Annotated[
    State | None,
    QueryParameter(required=False, description="Only in this state."),
]
_Rule = Annotated[
    str | None,
    QueryParameter(
        required=False, max_length=60, pattern=_NO_NUL, description="Only of this rule."
    ),
]


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """One command that a decision asks for; `what` says it in words."""

    kind: str
    what: str
    amount: dict[str, str] | None


class EffectView(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a measure `without` the decision and `within` it."""

    measure: str
    without: Decimal
    within: Decimal
    measured_at: datetime


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One decision.

    Attributes:
        due_at: it is not looked at before; `waits` says why.
        outcome: what came of the effect's measure, once it can be known.
    """

    decision_id: int
    rule: str
    version: int
    mode: Mode
    subject: str
    episode: str
    state: State
    reason: str
    actions: list[ActionView]
    effect: EffectView | None
    proposed_at: datetime
    lapses_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    due_at: datetime | None
    waits: str | None
    ordered_at: datetime | None
    ended_at: datetime | None
    outcome: Decimal | None


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a decision."""

    at: datetime
    did: str
    done_by: str
    why: str


class DecisionDetail(DecisionView, frozen=True, kw_only=True):
    """One decision with what was known, what happened to it, and all of it as a sentence."""

    facts: dict[str, Any]
    digest: str
    evidence: list[str]
    alternatives: list[dict[str, str]]
    steps: list[StepView]
    sentence: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answers a proposal, where the token does not say it, and why."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_NO_NUL)] | None = None
    why: Annotated[str, msgspec.Meta(max_length=500, pattern=_NO_NUL)] = ""


@get("/decisions", right="decisions.read")
async def list_made(
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
    in_state: _State = None,
    rule: _Rule = None,
) -> Page[DecisionView]:
    """List decisions, the newest first."""
    before = None if cursor is None else cursor_number(cursor)
    rows = await list_decisions(session, state=in_state, rule=rule, before=before, count=count + 1)
    shown = rows[:count]
    following = cursor_of(shown[-1]["decision_id"]) if len(rows) > count else None
    return Page(items=[msgspec.convert(row, DecisionView) for row in shown], next_cursor=following)


@get("/decisions/{decision_id:int}", right="decisions.read")
async def show_made(
    request: Request[Any, Any, Any], session: NamedDependency[Session], decision_id: _Id
) -> DecisionDetail:
    """Show one decision: what was known, why, what is expected, and what came of it."""
    return await _detail(request, session, decision_id)


@post("/decisions/{decision_id:int}/approve", status_code=200, right="decisions.decide")
async def approve_made(
    request: Request[Any, Any, Any], decision_id: _Id, data: JSONBody[Answer]
) -> DecisionDetail:
    """Agree to a proposal; it is ordered within a minute, if its facts still ask for it."""
    return await _answer(request, approve, decision_id, data)


@post("/decisions/{decision_id:int}/refuse", status_code=200, right="decisions.decide")
async def refuse_made(
    request: Request[Any, Any, Any], decision_id: _Id, data: JSONBody[Answer]
) -> DecisionDetail:
    """Turn a proposal down; the same is not proposed again."""
    return await _answer(request, refuse, decision_id, data)


@get("/decision-rules", right="decisions.read")
async def list_rules(
    request: Request[Any, Any, Any], session: NamedDependency[Session]
) -> list[RuleStanding]:
    """List the rules, how far each may go, and how right each was."""
    return await rule_standings(session, await read_rulebook(session, _tables(request)))


async def _answer(
    request: Request[Any, Any, Any],
    act: Callable[..., Awaitable[None]],
    decision_id: int,
    said: Answer,
) -> DecisionDetail:
    async with write_session(request.app.state) as session:
        await act(
            session,
            decision_id,
            by=deed_of_somebody(request, said.by),
            why=said.why,
            now=SystemClock().now(),
        )
        return await _detail(request, session, decision_id)


async def _detail(
    request: Request[Any, Any, Any], session: Session, decision_id: int
) -> DecisionDetail:
    found = await seek_decision(session, decision_id)
    if found is None:
        raise NotFoundException(f"There is no decision {decision_id}.")
    row, steps = found
    book = await read_rulebook(session, _tables(request))
    waits = await left_to_a_person(session, row, book.settings, SystemClock().now())
    more = {"digest": row["digest"].hex(), "steps": steps}
    return msgspec.convert(
        row | more | {"sentence": explain(row, steps, waits=waits)}, DecisionDetail
    )


def _tables(request: Request[Any, Any, Any]) -> Mapping[str, object]:
    tables: Mapping[str, object] = request.app.state.hub.rule_tables
    return tables


def decision_routes() -> list[ControllerRouterHandler]:
    """Return the routes of decisions, below `/api/v1`."""
    return [list_made, show_made, approve_made, refuse_made, list_rules]
