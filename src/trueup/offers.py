"""What people say of kits and of what channels are offered: told to the log and applied at once."""

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

from trueup.canon.kit import Kit, KitPart
from trueup.canon.rule import ChannelRule
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.ledger.kits import Definition
from trueup.ledger.kitting import KitStanding, list_kits, newer_kits
from trueup.ledger.reads import list_balances
from trueup.outbox.rules import list_rules
from trueup.warehouse.book import Booked, Desk

Conn = psycopg.AsyncConnection[Any]

KIT_TOPIC = "stock/kit"
RULE_TOPIC = "stock/rule"


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as people look at it; None is decided by a wider rule, or by the default."""

    channel: str
    sku: str | None
    buffer: int | None
    cap: int | None
    share_percent: int | None
    ahead: int | None
    ahead_incoming: bool | None
    ahead_days: int | None
    adaptive: bool | None
    oversells_per_million: int | None


async def read_kits(conn: Conn, hub: Hub) -> list[KitStanding]:
    """Return every kit with its parts to the end, and how many can be put together."""
    async with conn.transaction():
        hub.learn_kits(await newer_kits(conn, hub.kits) or hub.kits)
    return await list_kits(conn, hub.kits)


async def set_kit(
    conn: Conn, desk: Desk, code: str, parts: Mapping[str, int], *, dry_run: bool = False
) -> Booked[Kit]:
    """Say what a kit is made of from now on; without parts it is no kit any more.

    What was sold before it was ever a kit counts as sold by these parts too.

    Raises:
        ConfigError: it would be a part of itself, or units of its own lie somewhere.
    """
    await read_kits(conn, desk.hub)
    now = desk.clock.now()
    if desk.hub.kits.extended([Definition(code, now, dict(parts))]).is_circular(code):
        raise ConfigError(f"{code!r} would be a part of itself: one of its parts contains it.")
    for balance in await list_balances(conn, sku=code, count=1) if parts else ():
        if balance["on_hand"]:
            raise ConfigError(
                f"{balance['on_hand']} units of {code!r} lie on hand, and a kit has none of its "
                f"own: book them as its parts first (trueup stock adjust).",
            )
    told = tuple(KitPart(sku=sku, units=units) for sku, units in sorted(parts.items()))
    kit = Kit(ref=code, updated_at=now, parts=told)
    return await desk.book(conn, KIT_TOPIC, kit, restate=True, dry_run=dry_run)


async def read_rules(conn: Conn, hub: Hub) -> list[RuleView]:
    """Return every rule that counts."""
    names = hub.names()
    views = []
    for row in await list_rules(conn):
        chance = row.pop("oversell_chance")
        views.append(
            RuleView(
                channel=names.get(row.pop("connection_id"), "removed"),
                oversells_per_million=None if chance is None else round(chance * 1_000_000),
                **row,
            )
        )
    return views


async def set_rule(
    conn: Conn, desk: Desk, rule: ChannelRule, *, dry_run: bool = False
) -> Booked[ChannelRule]:
    """Say what a channel is offered; a rule that is deleted is forgotten.

    Raises:
        ConfigError: no connection has this name, or a field can not be.
    """
    if rule.channel not in desk.hub.names().values():
        known = ", ".join(sorted(desk.hub.names().values())) or "none"
        raise ConfigError(f"There is no connection {rule.channel!r}; there are: {known}.")
    return await desk.book(conn, RULE_TOPIC, rule, restate=True, dry_run=dry_run)
