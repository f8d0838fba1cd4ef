"""Let rules look, and keep what they propose. One snapshot a rule; nothing is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows, snapshot
from trueup.decisions.leave import Leaves
from trueup.decisions.memo import Memo
from trueup.decisions.model import (
    Facts,
    Mode,
    Proposal,
    State,
    action_to_json,
    digest_of,
    to_json,
    urgency_of,
)
from trueup.decisions.retract import retract
from trueup.decisions.rule import Look, Rule, Settings
from trueup.decisions.steps import note_steps
from trueup.errors import invariant
from trueup.hub import Hub

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]


class Proposed(NamedTuple):
    """What a rule says about one subject, and on what facts."""

    facts: Facts[Any]
    proposal: Proposal


async def look(
    conn: Conn,
    hub: Hub,
    rule: Rule,
    settings: Settings,
    now: datetime,
    subject: str | None = None,
    *,
    memo: Memo | None = None,
) -> list[Proposed]:
    """Return what a rule proposes, of one subject or of all; nothing is kept.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        rule: which.
        settings: of it.
        now: of the look.
        subject: only this one; None: all.
        memo: of the turn; None: all is read anew.
    """
    look_ = Look(conn=conn, hub=hub, now=now, memo=memo or Memo())
    async with snapshot(conn):
        facts = await rule.read(look_, settings, subject)
    return [
        Proposed(each, proposal)
        for each in facts
        if (proposal := _checked(rule, rule.propose(each, settings))) is not None
    ]


async def note_proposals(
    conn: Conn,
    rule: Rule,
    settings: Settings,
    mode: Mode,
    found: Sequence[Proposed],
    now: datetime,
) -> list[int]:
    """Keep proposals, and take back what is open and the rule would not propose any more.

    Returns:
        The numbers of the new decisions.
    """
    state = State.SHADOW if mode is Mode.SHADOW else State.PROPOSED
    async with conn.transaction():
        new = await fetch_rows(
            conn,
            _queries.note_decisions,
            now=now,
            **_columns(rule, settings, mode, state, found, now),
        )
        numbers = [row["decision_id"] for row in new]
        await note_steps(conn, [(number, "proposed", rule.name, "") for number in numbers], now)
        await retract(conn, rule.name, {(f.subject, f.episode) for f, _ in found}, now)
    return numbers


async def propose_all(
    conn: Conn,
    hub: Hub,
    rules: Mapping[str, Rule],
    settings: Mapping[str, Settings],
    leaves: Leaves,
    now: datetime,
    *,
    memo: Memo | None = None,
) -> dict[str, list[int]]:
    """Let every rule look that may; returns the new decisions by rule."""
    found: dict[str, list[int]] = {}
    for name, rule in rules.items():
        mode = leaves.mode_of(name)
        if mode is Mode.OFF:
            continue
        proposed = await look(conn, hub, rule, settings[name], now, memo=memo)
        found[name] = await note_proposals(conn, rule, settings[name], mode, proposed, now)
    return found


def _checked(rule: Rule, proposal: Proposal | None) -> Proposal | None:
    """Refuse a rule that asks for what it may not; that is a bug of the rule."""
    for action in proposal.actions if proposal is not None else ():
        kind = action.content.command
        invariant(kind in rule.kinds, f"the rule {rule.name} may not ask for {kind}")
    return proposal


def _columns(
    rule: Rule,
    settings: Settings,
    mode: Mode,
    state: State,
    found: Sequence[Proposed],
    now: datetime,
) -> dict[str, list[Any]]:
    count = len(found)
    proposals = [proposal for _, proposal in found]
    return {
        "rules": [rule.name] * count,
        "versions": [rule.version] * count,
        "modes": [mode.value] * count,
        "subjects": [facts.subject for facts, _ in found],
        "episodes": [facts.episode for facts, _ in found],
        "facts": [to_json(facts.values) for facts, _ in found],
        "digests": [digest_of(rule.name, rule.version, settings, facts) for facts, _ in found],
        "evidences": [to_json(facts.evidence) for facts, _ in found],
        "reasons": [each.reason for each in proposals],
        "actions": [to_json([action_to_json(a) for a in each.actions]) for each in proposals],
        "effects": [to_json(each.effect) if each.effect else None for each in proposals],
        "alternatives": [to_json(each.alternatives) for each in proposals],
        "states": [state.value] * count,
        "lapses_ats": [now + settings.lapse] * count,
        "due_ats": [each.due_at for each in proposals],
        "urgencies": [urgency_of(each) for each in proposals],
    }
