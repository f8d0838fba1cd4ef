"""Commands as they are stored: claimed, settled, confirmed, revived."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import dict_row

from trueup.canon.command import decode_content
from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Command
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.intake.issues import close_issues, open_issues
from trueup.outbox.model import ClaimedCommand, CommandState

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

OUTCOME_UNKNOWN = "outbox.outcome_unknown"
COMMAND_REFUSED = "outbox.command_refused"


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one try.

    Attributes:
        delay_s: when it is tried, or asked about, again.
        failed: it counts as a failed try.
        given_up: the hub does nothing more about it by itself; a person is asked.
    """

    state: CommandState
    delay_s: float = 0.0
    failed: bool = False
    given_up: bool = False
    vendor_ref: str | None = None
    code: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says of the command that made it.

    Attributes:
        ref: our own name of the command, where the vendor gives it back.
        state: done or refused.
    """

    connection_id: int
    vendor_ref: str
    state: CommandState
    ref: str | None = None
    code: str | None = None


def command_identity(ref: str) -> bytes:
    """Return what ties a sealed content to its command."""
    return b"command\x1f" + ref.encode()


async def claim_command(
    conn: Conn,
    vault: Vault,
    connection_id: int,
    settings: Mapping[str, str],
    *,
    now: datetime | None = None,
) -> ClaimedCommand | None:
    """Take the next due command; durable as `sending` when this returns. None: nothing is due."""
    found = await _read(
        conn,
        vault,
        settings,
        _queries.claim_command,
        {"connection_id": connection_id, "now": now},
    )
    return found[0] if found else None


async def open_commands(
    conn: Conn,
    vault: Vault,
    connection_id: int,
    settings: Mapping[str, str],
    states: Sequence[CommandState],
    *,
    now: datetime | None = None,
) -> list[ClaimedCommand]:
    """Return commands whose outcome is to be found out now, oldest first."""
    parameters = {
        "connection_id": connection_id,
        "now": now,
        "states": [state.value for state in states],
    }
    return await _read(conn, vault, settings, _queries.open_commands, parameters)


async def resend_command(conn: Conn, command_id: int, *, now: datetime | None = None) -> bool:
    """Count one more sending of the same command under the same key.

    Returns:
        Whether it may be sent: not where somebody gave it up, or a record told its end, meanwhile.
    """
    rows = await fetch_rows(conn, _queries.resend_command, command_id=command_id, now=now)
    return bool(rows)


async def settle_command(
    conn: Conn,
    claimed: ClaimedCommand,
    settled: Settled,
    *,
    reply_event_id: int | None = None,
    now: datetime | None = None,
) -> None:
    """Write down what came of a command; a refusal, and what nobody knows, becomes an issue."""
    async with conn.transaction():
        await conn.execute(
            _queries.settle_command,
            {
                "command_id": claimed.command_id,
                "state": settled.state.value,
                "delay_s": settled.delay_s,
                "failed": settled.failed,
                "vendor_ref": settled.vendor_ref,
                "code": settled.code,
                "reply_event_id": reply_event_id,
                "now": now,
            },
        )
        await _note(conn, claimed.connection_id, claimed.kind, claimed.ref, settled)


async def confirm_commands(
    conn: Conn, told: Sequence[Told], *, now: datetime | None = None
) -> list[Row]:
    """Carry over what records say of the commands that made them, in the caller's transaction."""
    if not told:
        return []
    rows = await fetch_rows(
        conn,
        _queries.confirm_commands,
        connection_ids=[each.connection_id for each in told],
        vendor_refs=[each.vendor_ref for each in told],
        refs=[each.ref for each in told],
        states=[each.state.value for each in told],
        codes=[each.code for each in told],
        now=now,
    )
    for row in rows:
        settled = Settled(state=CommandState(row["state"]))
        await _note(conn, row["connection_id"], row["kind"], row["ref"], settled)
    return rows


async def list_commands(
    conn: Conn,
    *,
    states: Sequence[str] | None = None,
    ref: str | None = None,
    key: str | None = None,
    count: int = 100,
) -> list[Row]:
    """Return commands without what they say, newest first."""
    return await fetch_rows(
        conn,
        _queries.list_commands,
        states=None if states is None else list(states),
        ref=ref,
        key=key,
        count=count,
    )


async def find_commands(conn: Conn, refs: Sequence[str]) -> dict[str, Row]:
    """Return how far commands have come, by their refs; refs of none are left out."""
    rows = await fetch_rows(conn, _queries.find_commands, refs=list(refs))
    return {row["ref"]: row for row in rows}


async def withdraw_commands(
    conn: Conn, refs: Sequence[str], code: str, *, now: datetime | None = None
) -> list[str]:
    """Take commands back, all or none: none where one of them has left, or may have.

    Returns:
        The refs of those that were taken back; they are never sent.
    """
    rows = await fetch_rows(conn, _queries.withdraw_commands, refs=list(refs), code=code, now=now)
    await _close(conn, [row["ref"] for row in rows])
    return [row["ref"] for row in rows]


async def revive_commands(conn: Conn, refs: Sequence[str] | None) -> list[Row]:
    """Put commands back to work; all that are dead where `refs` is None."""
    given = None if refs is None else list(refs)
    rows = await fetch_rows(conn, _queries.revive_commands, refs=given, now=None)
    await _close(conn, [row["ref"] for row in rows])
    return rows


async def discard_commands(conn: Conn, refs: Sequence[str], *, by: str) -> list[Row]:
    """Give commands up for good, in the name of whoever says so."""
    rows = await fetch_rows(conn, _queries.discard_commands, refs=list(refs), by=by, now=None)
    await _close(conn, [row["ref"] for row in rows])
    return rows


async def leave_telling(conn: Conn, refs: Sequence[str]) -> None:
    """Tell no more of commands that were refused: whoever ordered them tells it better."""
    await close_issues(conn, COMMAND_REFUSED, [f"command/{ref}" for ref in refs])


async def _read(
    conn: Conn,
    vault: Vault,
    settings: Mapping[str, str],
    query: LiteralString,
    parameters: Mapping[str, Any],
) -> list[ClaimedCommand]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, parameters, prepare=True)
        rows = await cursor.fetchall()
    persons = {bytes(row["person"]) for row in rows if row["person"] is not None}
    keys = await read_keys(conn, vault, persons) if persons else {}
    return [_claimed(vault, row, keys, settings) for row in rows]


def _claimed(
    vault: Vault, row: Row, keys: Mapping[bytes, bytes], settings: Mapping[str, str]
) -> ClaimedCommand:
    person = None if row["person"] is None else bytes(row["person"])
    dark = person is not None and person not in keys
    key = None
    if not dark:
        person_key = None if person is None else keys[person]
        key = vault.open_event_key(bytes(row["wrapped"]), person_key)
    command = None
    if key is not None:
        body = vault.open_body(bytes(row["content"]), key, command_identity(row["ref"]))
        command = Command(
            kind=row["kind"],
            key=row["key"],
            ref=row["ref"],
            content=decode_content(row["kind"], body),
            wanted_at=row["wanted_at"],
            sent_at=row["started_at"],
            target=settings,
        )
    return ClaimedCommand(
        command_id=row["command_id"],
        connection_id=row["connection_id"],
        ref=row["ref"],
        kind=row["kind"],
        idempotency_key=row["idempotency_key"],
        sends=row["sends"],
        attempts=row["attempts"],
        vendor_ref=row["vendor_ref"],
        wanted_at=row["wanted_at"],
        command=command,
        person=person,
        not_after=row["not_after"],
    )


async def _note(conn: Conn, connection_id: int, kind: str, ref: str, settled: Settled) -> None:
    place = f"command/{ref}"
    if settled.state in {CommandState.DONE, CommandState.SUBMITTED, CommandState.WITHDRAWN}:
        await _close(conn, [ref])
    elif settled.state is CommandState.UNKNOWN and settled.given_up:
        issue = Issue(
            code=OUTCOME_UNKNOWN,
            severity=Severity.ERROR,
            pointer=kind,
            expected="an answer that says whether it was done",
            found=settled.code or "no answer",
            how_to_fix=(
                f"Look at the vendor. Done there: trueup dead discard --command {ref}. "
                f"Not done: trueup dead retry --command {ref}."
            ),
            ref=place,
        )
        await open_issues(conn, [(None, connection_id, issue)])
    elif settled.state in {CommandState.REFUSED, CommandState.DEAD}:
        issue = Issue(
            code=COMMAND_REFUSED,
            severity=Severity.WARNING,
            pointer=kind,
            expected="the vendor carries it out",
            found=settled.code or settled.state.value,
            how_to_fix=f"Put right what the vendor names, then: trueup dead retry --command {ref}.",
            ref=place,
        )
        await open_issues(conn, [(None, connection_id, issue)])


async def _close(conn: Conn, refs: Sequence[str]) -> None:
    places = [f"command/{ref}" for ref in refs]
    await close_issues(conn, OUTCOME_UNKNOWN, places)
    await close_issues(conn, COMMAND_REFUSED, places)
