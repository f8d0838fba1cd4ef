"""What was posted, and how far it has come."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from trueup.db.queries import load_queries
from trueup.db.rows import copy_rows, fetch_rows
from trueup.errors import ConfigError
from trueup.journals.build import Journaled
from trueup.journals.model import Conn, Group, JournalState, Line, Place, command_ref
from trueup.ledger.money_days import Grain
from trueup.outbox.command import find_commands, list_commands
from trueup.outbox.model import CommandState

_queries = load_queries("trueup.journals")

WITHDRAWN = "withdrawn"


async def copy_tax_journals(conn: Conn, path: Path) -> None:
    """Write what journals that stand hold as taxes, day by day, into a CSV file."""
    await copy_rows(conn, _queries.copy_tax_journals, path)


async def list_journals(
    conn: Conn,
    *,
    since: date | None = None,
    until: date | None = None,
    before: int | None = None,
    numbers: Sequence[str] | None = None,
    count: int = 100,
) -> list[JournalState]:
    """Return journals, newest first.

    Args:
        conn: any session.
        since: the first day of the ledger that they are about; None: all.
        until: the last one.
        before: journal_id of the last one that is known already.
        numbers: only these; None: all.
        count: at most so many.
    """
    asked = {"since": since, "until": until, "before": before, "count": count}
    return await _list(conn, numbers=None if numbers is None else list(numbers), **asked)


async def find_journal(conn: Conn, number: str) -> tuple[JournalState, Grain, tuple[Line, ...]]:
    """Return one journal with its grain and its lines.

    Raises:
        ConfigError: there is none of this number.
    """
    found = await seek_journal(conn, number)
    if found is None:
        raise ConfigError(
            f"There is no journal {number!r}; `trueup journals list` names them.", field="number"
        )
    return found


async def seek_journal(
    conn: Conn, number: str
) -> tuple[JournalState, Grain, tuple[Line, ...]] | None:
    """Return one journal with its grain and its lines; None where there is none of this number."""
    found = await _list(conn, numbers=[number])
    if not found:
        return None
    rows = await fetch_rows(conn, _queries.lines_of, number=number)
    grain = Grain(rows[0]["grain"])
    lines = [msgspec.convert({k: v for k, v in row.items() if k != "grain"}, Line) for row in rows]
    return found[0], grain, tuple(lines)


async def numbers_in(conn: Conn, states: Sequence[CommandState], *, count: int) -> list[str]:
    """Return the numbers of journals whose commands are in some states, newest first.

    Args:
        conn: any session.
        states: of commands.
        count: of commands of any kind at most.
    """
    commands = await list_commands(conn, states=states, count=count)
    prefix = command_ref("")
    return [row["ref"].removeprefix(prefix) for row in commands if row["ref"].startswith(prefix)]


async def sums_of_journals(conn: Conn) -> dict[str, dict[str, Decimal]]:
    """Return what each journal came to, by its number and the accounting system's account."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in await fetch_rows(conn, _queries.sums_of_journals):
        sums[row["number"]][row["account_ref"]] = row["amount"]
    return sums


async def read_journaled(
    conn: Conn, *, since: date | None, until: date
) -> tuple[Journaled, dict[tuple[date, str], Grain]]:
    """Return what stands in the books of some days, and how finely those days are told apart."""
    rows = await fetch_rows(conn, _queries.journaled, since=since, until=until)
    kept = {(row["day"], row["currency"]): Grain(row["grain"]) for row in rows}
    journaled: dict[tuple[Group, Place], Decimal] = {}
    for row in rows:
        group = Group(row["day"], row["currency"], row["told_by"], row["order_ref"])
        journaled[group, Place(row["account"], row["connection_id"])] = row["amount"]
    return journaled, kept


async def _list(conn: Conn, **wanted: Any) -> list[JournalState]:  # noqa: ANN401 - as asked
    asked = {"numbers": None, "since": None, "until": None, "before": None, "count": 1} | wanted
    rows = await fetch_rows(conn, _queries.list_journals, **asked)
    commands = await find_commands(conn, [command_ref(row["number"]) for row in rows])
    found = []
    for row in rows:
        withdrawn = row.pop("withdrawn")
        command = commands.get(command_ref(row["number"]), {})
        state = WITHDRAWN if withdrawn else command.get("state", "missing")
        told = {name: command.get(name) for name in ("vendor_ref", "code")}
        found.append(msgspec.convert(row | told | {"state": state}, JournalState))
    return found
