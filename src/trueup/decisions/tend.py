"""One turn of the decision layer: look, agree where it may, order, write down what came."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.aside import Aside
from trueup.decisions.carry import Aids, approve_by_policy, carry_out
from trueup.decisions.contact.desk import Desk, open_desk
from trueup.decisions.follow import follow, hold_back
from trueup.decisions.lacks import tell_of_lacks
from trueup.decisions.leave import read_leaves
from trueup.decisions.measure import measure_outcomes
from trueup.decisions.memo import Memo
from trueup.decisions.model import State
from trueup.decisions.patrons.work_out import refresh_patrons
from trueup.decisions.propose import propose_all
from trueup.decisions.reads import next_due
from trueup.decisions.rule import Rule, Settings
from trueup.decisions.rules import find_rules
from trueup.decisions.settings import read_settings
from trueup.decisions.written.store import read_rulebook
from trueup.hub import Hub
from trueup.kernel.clock import Clock, SystemClock
from trueup.models.tickets.reads import sure_reader

INTERVAL_S: Final = 60.0
PAUSE_S_MIN: Final = 1.0


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn did.

    Attributes:
        proposed: new decisions, by rule.
        approved: those that were agreed to without a person.
        moved: what became of decisions that were on their way.
    """

    proposed: dict[str, list[int]]
    approved: list[int]
    moved: dict[int, State]


async def take_turn(
    conn: psycopg.AsyncConnection[Any],
    hub: Hub,
    rules: Mapping[str, Rule],
    settings: Mapping[str, Settings],
    now: datetime,
    *,
    desk: Desk | None = None,
    memo: Memo | None = None,
) -> Turn:
    """Take one turn.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        rules: by name.
        settings: of every rule.
        now: of the turn.
        desk: what customers are written to with; None: as the configuration says.
        memo: what turns before have read; None: it is read anew, once.
    """
    aids = Aids(desk or open_desk(hub), memo or Memo())
    await measure_outcomes(conn, hub, rules, now)
    leaves = await read_leaves(conn, rules, settings)
    moved = await follow(conn, now)
    await tell_of_lacks(conn, hub, rules, settings, now)
    if leaves.stopped:
        moved |= await hold_back(conn, now)
        return Turn(proposed={}, approved=[], moved=moved)
    await refresh_patrons(conn, hub, now)
    proposed = await propose_all(conn, hub, rules, settings, leaves, now, memo=aids.memo)
    approved = await approve_by_policy(conn, settings, leaves, now)
    moved |= await carry_out(conn, hub, rules, settings, leaves, now, aids=aids)
    return Turn(proposed=proposed, approved=approved, moved=moved)


class Decider:
    """Takes turns, by the rules as they stand at each; what people write counts at once.

    Args:
        hub: with the connections as whoever leads knows them.
        clock: says when it is.

    Raises:
        ConfigError: a rule, or how customers are written to, is set to what it can not be.
    """

    def __init__(self, hub: Hub, clock: Clock | None = None) -> None:
        self._hub = hub
        self._clock = clock or SystemClock()
        read_settings(find_rules(), hub.rule_tables)  # a mistake is told at the start
        self._desk = open_desk(hub)
        self._memo = Memo()
        self._pause_s = INTERVAL_S

    def aside(self) -> Aside:
        """Return it as work beside other work."""
        return Aside(name="trueup-decider", step=self.step, pause_s=self.pause_s)

    def pause_s(self) -> float:
        """Return how long it rests after a turn: a minute, or until something has waited enough."""
        return self._pause_s

    async def step(self, conn: psycopg.AsyncConnection[Any]) -> Turn:
        """Take one turn."""
        book = await read_rulebook(conn, self._hub.rule_tables)
        await sure_reader(conn)  # what it loads takes seconds, too long for a rule's snapshot
        now = self._clock.now()
        turn = await take_turn(
            conn, self._hub, book.rules, book.settings, now, desk=self._desk, memo=self._memo
        )
        now = self._clock.now()
        due_at = await next_due(conn, now)
        wait_s = INTERVAL_S if due_at is None else (due_at - now).total_seconds()
        self._pause_s = min(INTERVAL_S, max(PAUSE_S_MIN, wait_s))
        return turn
