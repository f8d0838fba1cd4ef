"""Agree to what was proposed, and order it: each decision once, if it still holds."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.contact.desk import Desk, open_desk
from trueup.decisions.guards import Spent, why_not
from trueup.decisions.leave import Leaves
from trueup.decisions.memo import Memo
from trueup.decisions.model import Mode, State
from trueup.decisions.order import order
from trueup.decisions.propose import look
from trueup.decisions.rule import Rule, Settings
from trueup.decisions.steps import end_approved, move, note_steps
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.kernel.money import Money

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

POLICY = "policy"
"""Who decided where a rule took it by itself."""

COUNT_MAX = 200


class Aids(NamedTuple):
    """What customers are written to with, and what looks of the turn have read."""

    desk: Desk
    memo: Memo


async def approve(conn: Conn, decision_id: int, *, by: str, why: str, now: datetime) -> None:
    """Agree to a proposal.

    Raises:
        ConfigError: there is none of that number that waits for an answer; says what became of it.
    """
    await _answer(conn, decision_id, State.APPROVED, by=by, why=why, now=now)


async def refuse(conn: Conn, decision_id: int, *, by: str, why: str, now: datetime) -> None:
    """Turn a proposal down; the same is not proposed again.

    Raises:
        ConfigError: as `approve`.
    """
    await _answer(conn, decision_id, State.REFUSED, by=by, why=why, now=now)


async def approve_by_policy(
    conn: Conn, settings: Mapping[str, Settings], leaves: Leaves, now: datetime
) -> list[int]:
    """Agree to what rules may take by themselves; what is left to a person says why.

    Returns:
        The decisions that were agreed to.
    """
    taken = []
    async with conn.transaction():
        spent = await _spent_today(conn, now)
        rows = await fetch_rows(
            conn,
            _queries.open_decisions,
            states=[State.PROPOSED.value],
            rule=None,
            count=COUNT_MAX,
        )
        for row in rows:
            may_act = row["rule"] in settings and leaves.mode_of(row["rule"]) is Mode.AUTO
            if row["mode"] != Mode.AUTO.value or not may_act:
                continue
            amounts = amounts_of(row)
            if why_not(settings[row["rule"]], spent[row["rule"]], amounts) is not None:
                continue
            number = row["decision_id"]
            spent[row["rule"]].take(amounts)
            await move(conn, number, (State.PROPOSED,), State.APPROVED, now=now, by=POLICY)
            await note_steps(conn, [(number, "approved", POLICY, "within its limits")], now)
            taken.append(number)
    return taken


async def left_to_a_person(
    conn: Conn, row: Row, settings: Mapping[str, Settings], now: datetime
) -> str | None:
    """Return why a proposal of a rule that may act by itself waits for a person."""
    waits = row["mode"] == Mode.AUTO.value and row["state"] == State.PROPOSED.value
    if not waits or row["rule"] not in settings:
        return None
    spent = await _spent_today(conn, now)
    return why_not(settings[row["rule"]], spent[row["rule"]], amounts_of(row))


async def carry_out(
    conn: Conn,
    hub: Hub,
    rules: Mapping[str, Rule],
    settings: Mapping[str, Settings],
    leaves: Leaves,
    now: datetime,
    *,
    aids: Aids | None = None,
) -> dict[int, State]:
    """Order what was agreed to, each in a transaction of its own, if its facts still ask for it.

    A decision that is ordered is a command under a name of its own, so that a crash between the
    two orders it once. The most urgent goes first, so that a customer of whom several rules want
    something hears the most urgent of it.
    """
    found: dict[int, State] = {}
    if leaves.stopped:
        return found
    desk, memo = aids or Aids(open_desk(hub), Memo())
    seen: set[int] = set()
    while True:
        rows = await fetch_rows(conn, _queries.due_decisions, now=now, count=COUNT_MAX)
        new = [row for row in rows if row["decision_id"] not in seen]
        if not new:
            return found
        for row in new:
            number = row["decision_id"]
            seen.add(number)
            rule = rules.get(row["rule"])
            why = _why_gone(rule, leaves)
            if rule is not None and why is None:
                why = await _why_not(conn, hub, rule, settings[rule.name], row, now, memo)
            if why is None:
                state = await order(conn, hub, desk, row, now)
            else:
                state = await end_approved(conn, row, why, now)
            if state is not None:
                found[number] = state


def _why_gone(rule: Rule | None, leaves: Leaves) -> str | None:
    """Return why nothing is ordered for a rule any more; None where it is."""
    if rule is None:
        return "its rule is gone"
    return "its rule was switched off" if leaves.mode_of(rule.name) is Mode.OFF else None


def amounts_of(row: Row) -> list[Money | None]:
    """Return the money that a decision's actions move or commit; None where nobody told it."""
    return [
        msgspec.convert(each["amount"], Money | None, strict=False)
        for each in row["actions"]
        if each["amount"] is not None or each["commits"]
    ]


async def _answer(
    conn: Conn, decision_id: int, state: State, *, by: str, why: str, now: datetime
) -> None:
    async with conn.transaction():
        if not await move(conn, decision_id, (State.PROPOSED,), state, now=now, by=by):
            rows = await fetch_rows(conn, _queries.find_decision, decision_id=decision_id)
            if not rows:
                raise ConfigError(
                    f"There is no decision {decision_id}; trueup decisions list tells which are."
                )
            raise ConfigError(
                f"Decision {decision_id} is {rows[0]['state']}; only one that is proposed waits "
                "for an answer.",
                state=rows[0]["state"],
            )
        await note_steps(conn, [(decision_id, state.value, by, why)], now)


async def _spent_today(conn: Conn, now: datetime) -> Mapping[str, Spent]:
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    spent: dict[str, Spent] = defaultdict(Spent)
    for row in await fetch_rows(conn, _queries.carried_out, since=midnight):
        spent[row["rule"]].take(amounts_of(row))
    return spent


async def _why_not(
    conn: Conn,
    hub: Hub,
    rule: Rule,
    settings: Settings,
    row: Row,
    now: datetime,
    memo: Memo,
) -> str | None:
    """Return why what was agreed to is not ordered: its facts ask for it no more; None: they do."""
    standing = await look(conn, hub, rule, settings, now, row["subject"], memo=memo)
    if any(facts.episode == row["episode"] for facts, _ in standing):
        return None
    return "the facts no longer asked for it when it was to be ordered"
