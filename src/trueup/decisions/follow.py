"""Write down what came of what was ordered; what came back unsent is thought of anew."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.commands import STOPPED, action_of, is_notice, refs_of, take_back
from trueup.decisions.contact.contacts import Ended, close_contacts, contacts_of_decisions
from trueup.decisions.contact.permit import TICKET
from trueup.decisions.explain import in_words
from trueup.decisions.model import State
from trueup.decisions.steps import move, note_steps
from trueup.outbox.command import find_commands, leave_telling
from trueup.outbox.guard import TICKET_CLOSED, TOO_LATE
from trueup.outbox.model import CommandState

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

PAGE = 200
_BADLY: Final = frozenset({CommandState.REFUSED.value, CommandState.DEAD.value})
_LEFT: Final = frozenset({CommandState.DONE.value, CommandState.SUBMITTED.value})
_REFUSED: Final = CommandState.REFUSED.value
_GIVEN_UP: Final = CommandState.DISCARDED.value
_ANEW: Final = frozenset({TOO_LATE, STOPPED, TICKET_CLOSED})
_CLOCKS: Final = timedelta(minutes=2)
"""So far the clock of whoever sends may be behind that of whoever orders."""

_WITHDRAWN: Final = CommandState.WITHDRAWN.value


async def follow(conn: Conn, now: datetime) -> dict[int, State]:
    """Write down what came of what was ordered."""
    return await _page_by_page(conn, now, _follow)


async def hold_back(conn: Conn, now: datetime) -> dict[int, State]:
    """Take back every notice that has not left, while the switch stops all rules."""
    return await _page_by_page(conn, now, _hold_back)


async def _page_by_page(
    conn: Conn,
    now: datetime,
    look: Callable[[Conn, Sequence[Row], datetime], Awaitable[dict[int, State]]],
) -> dict[int, State]:
    """Look at all that is ordered, a page in a transaction."""
    found: dict[int, State] = {}
    after = 0
    while True:
        async with conn.transaction():
            rows = await fetch_rows(conn, _queries.ordered_decisions, after=after, count=PAGE)
            if not rows:
                return found
            found |= await look(conn, rows, now)
        after = rows[-1]["decision_id"]


async def _follow(conn: Conn, rows: Sequence[Row], now: datetime) -> dict[int, State]:
    refs = await refs_of(conn, rows)
    known = await find_commands(conn, [ref for each in refs.values() for ref in each])
    await _take_late(conn, known, now)
    await close_contacts(conn, [end for each in known.values() if (end := _ended(each))])
    unanswered = await _unanswered(conn, rows, known)
    found: dict[int, State] = {}
    for row in rows:
        number = row["decision_id"]
        of_it = {ref: known[ref] for ref in refs[number] if ref in known}
        codes = sorted({str(each["code"]) for each in of_it.values() if each["code"]})
        back = [each for ref, each in of_it.items() if _comes_back(each) or ref in unanswered]
        if any(_is_news(each, row) for each in back):
            if await _return(conn, row, of_it, ", ".join(codes), now):
                found[number] = State.APPROVED
            continue
        ended = _state_of({each["state"] for each in of_it.values()})
        if ended is not None:
            by, why = "outbox", ", ".join(codes)
            if ended is State.DISCARDED:
                by, why = _given_up(row, of_it)
            await move(conn, number, (State.ORDERED,), ended, now=now)
            await note_steps(conn, [(number, ended.value, by, why)], now)
            found[number] = ended
    return found


async def _hold_back(conn: Conn, rows: Sequence[Row], now: datetime) -> dict[int, State]:
    refs = await refs_of(conn, rows)
    known = await find_commands(conn, [ref for each in refs.values() for ref in each])
    found: dict[int, State] = {}
    for row in rows:
        of_it = {ref: known[ref] for ref in refs[row["decision_id"]] if ref in known}
        held = False
        for ref, command in of_it.items():
            waits = command["state"] == CommandState.DUE.value and is_notice(row, ref)
            if waits and await take_back(conn, [ref], STOPPED, now):
                command["state"], held = _WITHDRAWN, True
        if held and await _return(conn, row, of_it, "the switch stops all rules", now):
            found[row["decision_id"]] = State.APPROVED
    return found


async def _unanswered(conn: Conn, rows: Sequence[Row], known: Mapping[str, Row]) -> frozenset[str]:
    """Return the answers that no ticket took: those customers are written to by another medium."""
    refused = {ref for ref, each in known.items() if each["state"] == _REFUSED}
    if not refused:
        return frozenset()
    by_number = {row["decision_id"]: row for row in rows}
    contacts = await contacts_of_decisions(conn, list(by_number))
    found = refused & {
        each["ref"]
        for each in contacts
        if each["medium"] == TICKET and is_notice(by_number[each["decision_id"]], each["ref"])
    }
    await leave_telling(conn, sorted(found))
    return frozenset(found)


async def _take_late(conn: Conn, known: Mapping[str, Row], now: datetime) -> None:
    """Take back what waits behind something else, and may not leave any more."""
    for ref, command in known.items():
        late = command["not_after"] is not None and command["not_after"] <= now
        waits = late and command["state"] == CommandState.DUE.value
        if waits and await take_back(conn, [ref], TOO_LATE, now):
            command |= {"state": _WITHDRAWN, "code": TOO_LATE, "finished_at": now}


async def _return(conn: Conn, row: Row, of_it: Mapping[str, Row], why: str, now: datetime) -> bool:
    """Let a decision be looked at again; what else of it was ordered stays so."""
    number = row["decision_id"]
    rows = await fetch_rows(
        conn,
        _queries.return_decision,
        decision_id=number,
        began=any(each["state"] not in {_WITHDRAWN, _REFUSED} for each in of_it.values()),
    )
    if rows:
        await note_steps(conn, [(number, "came back", "outbox", why)], now)
    return bool(rows)


def _is_news(command: Row, row: Row) -> bool:
    """Whether a command ended after its decision was ordered last; what did not was judged then."""
    return bool(command["finished_at"] > row["ordered_at"] - _CLOCKS)


def _comes_back(command: Row) -> bool:
    return command["state"] == _WITHDRAWN and command["code"] in _ANEW


def _ended(command: Row) -> Ended | None:
    """Return what came of a message; None where that is not known yet."""
    if command["state"] in _LEFT:
        return Ended(command["ref"], command["started_at"], void=False)
    if command["state"] in _BADLY or command["state"] == _WITHDRAWN:
        return Ended(command["ref"], None, void=True)
    if command["state"] == _GIVEN_UP:
        # Once it was sent, it may have reached them, whatever came back.
        return Ended(command["ref"], command["started_at"], void=command["started_at"] is None)
    return None


def _given_up(row: Row, of_it: Mapping[str, Row]) -> tuple[str, str]:
    """Return who gave up commands of a decision, and which."""
    gone = {ref: each for ref, each in of_it.items() if each["state"] == _GIVEN_UP}
    by = sorted({each["discarded_by"] or "somebody" for each in gone.values()})
    what = in_words(row["actions"][action_of(ref)] for ref in sorted(gone))
    return ", ".join(by), f"its command was given up: {' and '.join(what)}"


def _state_of(states: set[str]) -> State | None:
    """Return how a decision ended; None where it has not."""
    if states & _BADLY:
        return State.FAILED
    if not states or not states <= {CommandState.DONE.value, _WITHDRAWN, _GIVEN_UP}:
        return None
    if _GIVEN_UP in states:
        return State.DISCARDED
    return State.DONE if CommandState.DONE.value in states else State.WITHDRAWN
