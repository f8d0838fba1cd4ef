"""Rules of channels: kept beside the intents they decide, and carried over to them at once."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.canon.rule import ChannelRule
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

OVERSELL_CHANCE = 0.001
"""How likely a measured buffer may be too small, where no rule says otherwise."""

EVERY_SKU = ""
"""The key of the rule for all SKUs of a channel."""


class PlacedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with the record that tells it and the connection it is about.

    Attributes:
        connection_id: None where no connection has the channel's name: the rule decides nothing.
    """

    record_id: int
    connection_id: int | None
    rule: ChannelRule


async def set_rules(conn: Conn, rules: Sequence[PlacedRule]) -> int:
    """Keep rules and decide anew what shall stand where they count.

    In the caller's transaction; intents are locked in their order. A deleted rule is forgotten.

    Returns:
        For how many listings something was decided anew.
    """
    if not rules:
        return 0
    kept = [r for r in rules if r.connection_id is not None and not r.rule.deleted]
    cursor = await conn.execute(
        _queries.replace_rules,
        {
            "record_ids": [r.record_id for r in rules],
            "kept_records": [r.record_id for r in kept],
            "connection_ids": [r.connection_id for r in kept],
            "keys": [r.rule.sku or EVERY_SKU for r in kept],
            "buffers": [r.rule.buffer for r in kept],
            "caps": [r.rule.cap for r in kept],
            "shares": [r.rule.share_percent for r in kept],
            "aheads": [r.rule.ahead for r in kept],
            "ahead_incomings": [r.rule.ahead_incoming for r in kept],
            "ahead_days": [r.rule.ahead_days for r in kept],
            "adaptive": [r.rule.adaptive for r in kept],
            "chances": [_chance(r.rule) for r in kept],
        },
    )
    touched = await cursor.fetchall()
    cursor = await conn.execute(
        _queries.apply_rules,
        {
            "connection_ids": [connection_id for connection_id, _ in touched],
            "keys": [key for _, key in touched],
            "oversell_chance": OVERSELL_CHANCE,
        },
    )
    return cursor.rowcount


def _chance(rule: ChannelRule) -> float | None:
    wanted = rule.oversells_per_million
    return None if wanted is None else wanted / 1_000_000


async def list_rules(conn: Conn) -> list[Row]:
    """Return every rule that counts."""
    return await fetch_rows(conn, _queries.list_rules)


def unknown_channel(rule: ChannelRule) -> Issue:
    """Return the issue of a rule for a channel that there is not."""
    return Issue(
        code="stock.rule_channel_unknown",
        severity=Severity.WARNING,
        pointer="/channel",
        expected="the name of a connection",
        found=f"{rule.channel[:60]!r}, which no connection has",
        how_to_fix="Set the rule for one of `trueup connections`, or connect the channel and set "
        "the rule again.",
        ref=f"channel_rule/{rule.ref}",
    )
