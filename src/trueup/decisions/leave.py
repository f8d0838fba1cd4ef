"""How far each rule may go: said by people, and not further than what was shown of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.model import Mode, to_json
from trueup.decisions.rule import Replay, Rule, Settings
from trueup.errors import ConfigError

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

ALL = "*"
"""The rule of this name is the switch that stops all others."""

FIRST_MODE = Mode.SHADOW

_BEYOND_SHADOW = frozenset((Mode.ASK, Mode.AUTO))


class Leaves(msgspec.Struct, frozen=True, kw_only=True):
    """How far each rule may go now.

    Attributes:
        modes: by rule, each no further than what was shown of it.
        stale: rules that might go further once they were played as they are now.
        stopped: all are.
    """

    modes: Mapping[str, Mode]
    stale: frozenset[str]
    stopped: bool

    def mode_of(self, rule: str) -> Mode:
        """Return how far a rule may go; one of which nobody spoke is a shadow."""
        return Mode.OFF if self.stopped else self.modes.get(rule, FIRST_MODE)


async def read_leaves(
    conn: Conn, rules: Mapping[str, Rule], settings: Mapping[str, Settings]
) -> Leaves:
    """Return how far each rule may go: of one that changed since it was played, a shadow again."""
    said = {row["rule"]: Mode(row["mode"]) for row in await list_leaves(conn)}
    replays = await list_replays(conn)
    stale = frozenset(
        name
        for name, mode in said.items()
        if mode in _BEYOND_SHADOW
        and name in rules
        and not is_played(rules[name], settings[name], replays.get(name))
    )
    return Leaves(
        modes={name: Mode.SHADOW if name in stale else mode for name, mode in said.items()},
        stale=stale,
        stopped=said.get(ALL) is Mode.OFF,
    )


async def list_leaves(conn: Conn) -> list[Row]:
    """Return the newest word on each rule, with who said it and why."""
    return await fetch_rows(conn, _queries.newest_leaves)


async def list_replays(conn: Conn) -> dict[str, Row]:
    """Return the newest replay of each rule, by its name."""
    return {row["rule"]: row for row in await fetch_rows(conn, _queries.newest_replays)}


async def keep_replay(
    conn: Conn, rule: Rule, settings: Settings, replay: Replay, now: datetime
) -> None:
    """Keep what a rule would have done."""
    await conn.execute(
        _queries.keep_replay,
        {
            "rule": rule.name,
            "version": rule.version,
            "settings": to_json(settings),
            "since": replay.since,
            "until": replay.until,
            "figures": to_json(
                replay.figures
                | {"sentence": replay.sentence, "beside": replay.beside, "drawn": replay.drawn}
            ),
            "now": now,
        },
    )


async def give_leave(
    conn: Conn, rule: Rule, settings: Settings, mode: Mode, *, by: str, why: str, now: datetime
) -> None:
    """Say how far a rule may go.

    Raises:
        ConfigError: it was not played on the brand's own past as it is now.
    """
    if mode in _BEYOND_SHADOW:
        _check_replay(rule, settings, (await list_replays(conn)).get(rule.name))
    await _note(conn, rule.name, mode, by=by, why=why, now=now)


async def stop_all(conn: Conn, *, by: str, why: str, now: datetime) -> None:
    """Stop every rule: nothing is proposed, approved or carried out."""
    await _note(conn, ALL, Mode.OFF, by=by, why=why, now=now)


async def resume_all(conn: Conn, *, by: str, why: str, now: datetime) -> None:
    """Let every rule go on as far as it might before."""
    await _note(conn, ALL, Mode.AUTO, by=by, why=why, now=now)


def _check_replay(rule: Rule, settings: Settings, replay: Row | None) -> None:
    if rule.play is None:
        raise ConfigError(
            f"The rule {rule.name} can not be played on the past, and stays a shadow."
        )
    if not is_played(rule, settings, replay):
        changed = "" if replay is None else " with its settings of now"
        raise ConfigError(
            f"The rule {rule.name} was not played on your own past{changed}; first: "
            f"trueup decisions replay {rule.name}"
        )


def is_played(rule: Rule, settings: Settings, replay: Row | None) -> bool:
    """Whether a rule was played on the past in the version and with the settings of now."""
    return (
        replay is not None
        and replay["version"] == rule.version
        and replay["settings"] == msgspec.json.decode(to_json(settings))
    )


async def _note(conn: Conn, rule: str, mode: Mode, *, by: str, why: str, now: datetime) -> None:
    await conn.execute(
        _queries.give_leave,
        {"rule": rule, "mode": mode.value, "by": by, "why": why, "now": now.astimezone(UTC)},
    )
