"""Keep rules that people write, and have them stand beside those that are files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.model import State, to_json
from trueup.decisions.rule import Rule, Settings
from trueup.decisions.rules import find_rules
from trueup.decisions.settings import read_settings
from trueup.decisions.steps import move, note_steps
from trueup.decisions.written.model import WrittenRule, check_written
from trueup.decisions.written.rule import make_rule
from trueup.errors import ConfigError, invariant

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

_COUNT_MAX = 10_000


class RuleBook(msgspec.Struct, frozen=True, kw_only=True):
    """All rules that there are.

    Attributes:
        rules: by name: the files, then what people wrote.
        settings: of each.
        written: what people wrote, by name.
        broken: what people wrote and can not be understood any more, with the reason.
    """

    rules: Mapping[str, Rule]
    settings: Mapping[str, Settings]
    written: Mapping[str, WrittenRule]
    broken: Mapping[str, str]

    def rule(self, name: str) -> Rule:
        """Return a rule.

        Raises:
            ConfigError: there is none of that name; says which there are.
        """
        if name not in self.rules:
            raise ConfigError(f"There is no rule {name!r}; there are: {', '.join(self.rules)}.")
        return self.rules[name]


async def read_rulebook(conn: Conn, tables: Mapping[str, object]) -> RuleBook:
    """Return all rules as they stand now.

    Args:
        conn: any session.
        tables: `[decisions]` of the configuration.

    Raises:
        ConfigError: a rule is set to what it can not be.
    """
    rules = dict(find_rules())
    settings = dict(read_settings(rules, tables))
    written: dict[str, WrittenRule] = {}
    broken: dict[str, str] = {}
    for row in await list_written(conn):
        try:
            each = msgspec.json.decode(row["body"], type=WrittenRule)
            check_written(each)
        except (msgspec.ValidationError, ConfigError) as error:
            broken[row["name"]] = str(error)
            continue
        written[each.name] = each
        rules[each.name] = make_rule(each, row["version"])
        settings[each.name] = each.settings
    return RuleBook(rules=rules, settings=settings, written=written, broken=broken)


async def list_written(conn: Conn) -> list[Row]:
    """Return the newest version of each rule that people wrote and that still is one."""
    rows = await fetch_rows(conn, _queries.newest_written)
    return [row for row in rows if row["body"] is not None]


async def keep_written(conn: Conn, rule: WrittenRule, *, by: str, why: str, now: datetime) -> int:
    """Keep a rule as a person wrote it; one of that name is replaced. Returns its version.

    Raises:
        ConfigError: names the field that can not be.
    """
    check_written(rule)
    if rule.name in find_rules():
        raise ConfigError(f"{rule.name} is a rule that comes with Trueup.", field="name")
    return await _note(conn, rule.name, to_json(rule), by=by, why=why, now=now)


async def remove_written(conn: Conn, name: str, *, by: str, why: str, now: datetime) -> None:
    """Take a rule away; what it proposed is taken back at the next turn.

    Raises:
        ConfigError: nobody wrote a rule of that name.
    """
    if name not in {row["name"] for row in await list_written(conn)}:
        raise ConfigError(f"Nobody wrote a rule {name!r}.", field="name")
    await _note(conn, name, None, by=by, why=why, now=now)


async def _note(
    conn: Conn, name: str, body: str | None, *, by: str, why: str, now: datetime
) -> int:
    """Keep a version; what waits for an answer under the one before is taken back."""
    async with conn.transaction():
        given = {"name": name, "body": body, "by": by, "why": why, "now": now}
        row = await (await conn.execute(_queries.keep_written, given)).fetchone()
        waiting = await fetch_rows(
            conn,
            _queries.open_decisions,
            states=[State.PROPOSED.value, State.APPROVED.value],
            rule=name,
            count=_COUNT_MAX,
        )
        did = "is no more" if body is None else "was written anew"
        steps = [
            (each["decision_id"], State.WITHDRAWN.value, by, f"the rule {did}") for each in waiting
        ]
        for number, *_ in steps:
            await move(conn, number, (State.PROPOSED, State.APPROVED), State.WITHDRAWN, now=now)
        await note_steps(conn, steps, now)
    invariant(row is not None, "a version that was kept has a number")
    return int(row[0]) if row is not None else 0
