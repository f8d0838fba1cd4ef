"""Enqueue: what shall stand at the vendors. The only door of the outbox for other rooms."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.command import encode_content
from trueup.contract.connector import Fetch
from trueup.contract.throttle import JITTER, RETRY_AFTER_S_MAX
from trueup.db.queries import load_queries
from trueup.errors import OutcomeUnknown, Resting, Unavailable, invariant
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.kernel.limits import UNITS_MAX
from trueup.ledger.model import StockChange
from trueup.outbox.command import command_identity
from trueup.outbox.model import Wanted, WantedCommand
from trueup.outbox.rules import OVERSELL_CHANCE

_queries = load_queries("trueup.outbox")

RATE_HALF_LIFE_S = 60.0
"""How fast what a listing sold is forgotten: short, because buffers are about the next seconds."""

PACE_HALF_LIFE_S = 3 * 86_400.0
"""How fast it is forgotten over days: what is sold now and then has no rate in between."""


async def change_stock(
    conn: psycopg.AsyncConnection[Any],
    changes: Sequence[StockChange],
    at_sites: Sequence[tuple[str, int, int]] = (),
) -> set[int]:
    """Set what shall stand at every channel that lists a SKU; returns who has something due now.

    Call last in the batch's transaction, while it holds the balances: so the newest sequence is
    written last, and an older one never overwrites it.

    Args:
        conn: in the transaction of the batch.
        changes: each SKU once.
        at_sites: (sku, connection_id, available) for channels that sell from some sites only.
    """
    if not changes:
        return set()
    own = [
        (change.sku, *whose, down, up, change.own_at[whose], change.own_live.get(whose, 0))
        for change in changes
        for whose, (down, up) in change.own.items()
    ]
    cursor = await conn.execute(
        _queries.change_stock,
        {
            "skus": [change.sku for change in changes],
            "values": [max(-UNITS_MAX, change.available) for change in changes],
            "sequences": [change.sequence for change in changes],
            "counted": [change.counted for change in changes],
            "seen_ats": [change.seen_at for change in changes],
            "own_skus": [row[0] for row in own],
            "own_connections": [row[1] for row in own],
            "own_variants": [row[2] for row in own],
            "own_down": [row[3] for row in own],
            "own_up": [row[4] for row in own],
            "own_ats": [row[5] for row in own],
            "own_live": [row[6] for row in own],
            "site_skus": [sku for sku, _, _ in at_sites],
            "site_connections": [connection_id for _, connection_id, _ in at_sites],
            "site_values": [max(-UNITS_MAX, units) for _, _, units in at_sites],
            "half_life_s": RATE_HALF_LIFE_S,
            "pace_half_life_s": PACE_HALF_LIFE_S,
        },
        prepare=True,
    )
    return {connection_id for connection_id, state in await cursor.fetchall() if state == "due"}


async def want_listings(conn: psycopg.AsyncConnection[Any], wanted: Sequence[Wanted]) -> None:
    """Begin to tell channels of listings; the caller holds the SKUs' balances."""
    if not wanted:
        return
    listed = {
        "connection_ids": [w.connection_id for w in wanted],
        "keys": [w.key for w in wanted],
    }
    items = [w.target.get("item_ref", "") for w in wanted]
    await conn.execute(_queries.forget_items, {**listed, "items": items})
    await conn.execute(
        _queries.want_listings,
        {
            **listed,
            "skus": [w.sku for w in wanted],
            "targets": [msgspec.json.encode(w.target).decode() for w in wanted],
            "available": [w.available for w in wanted],
            "sequences": [w.sequence for w in wanted],
            "counted": [w.counted for w in wanted],
            "oversell_chance": OVERSELL_CHANCE,
        },
    )


async def drop_listings(
    conn: psycopg.AsyncConnection[Any],
    touched: Sequence[tuple[int, str]],
    kept: Sequence[tuple[int, str]],
) -> None:
    """Forget listings that ended.

    Args:
        conn: in the transaction of the batch.
        touched: (connection_id, sku) of which listings were set or ended.
        kept: (connection_id, key) of their listings that are told.
    """
    if touched:
        await conn.execute(
            _queries.drop_listings,
            {
                "connection_ids": [connection_id for connection_id, _ in touched],
                "skus": [sku for _, sku in touched],
                "kept_connections": [connection_id for connection_id, _ in kept],
                "kept_keys": [key for _, key in kept],
            },
        )


async def keys_told(
    conn: psycopg.AsyncConnection[Any], pairs: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], dict[str, str]]:
    """Return under which keys listings are told: (connection_id, sku) -> variant_ref -> key."""
    cursor = await conn.execute(
        _queries.keys_told,
        {
            "connection_ids": [connection_id for connection_id, _ in pairs],
            "skus": [sku for _, sku in pairs],
        },
    )
    found: dict[tuple[int, str], dict[str, str]] = {}
    for connection_id, sku, variant_ref, key in await cursor.fetchall():
        found.setdefault((connection_id, sku), {})[variant_ref] = key
    return found


async def observe_levels(
    conn: psycopg.AsyncConnection[Any], levels: Sequence[tuple[int, str, str, int]]
) -> list[tuple[int, str, bool]]:
    """Take note of what channels say stands there: (connection_id, sku, item_ref, units).

    Returns (connection_id, key, echo) per intent: an echo is what we sent or know of already, and
    makes no new intent.
    """
    if not levels:
        return []
    cursor = await conn.execute(
        _queries.observe_levels,
        {
            "connection_ids": [connection_id for connection_id, *_ in levels],
            "skus": [sku for _, sku, _, _ in levels],
            "item_refs": [item_ref for _, _, item_ref, _ in levels],
            "levels": [units for *_, units in levels],
        },
    )
    return [(row[0], row[1], bool(row[4])) for row in await cursor.fetchall()]


async def want_fetches(
    conn: psycopg.AsyncConnection[Any], fetches: Sequence[tuple[int, int, Fetch]]
) -> None:
    """Note records that must be read from the vendor: (connection_id, event_id, fetch)."""
    if fetches:
        await conn.execute(
            _queries.want_fetches,
            {
                "connection_ids": [connection_id for connection_id, _, _ in fetches],
                "resources": [fetch.resource for _, _, fetch in fetches],
                "refs": [fetch.ref for _, _, fetch in fetches],
                "event_ids": [event_id for _, event_id, _ in fetches],
            },
        )


async def want_commands(
    conn: psycopg.AsyncConnection[Any], vault: Vault, wanted: Sequence[WantedCommand]
) -> list[str]:
    """Note commands to be carried out; returns the refs of those that are new.

    In the caller's transaction. What is about a person who was erased is not noted.
    """
    if not wanted:
        return []
    keys = await read_keys(conn, vault, {w.person for w in wanted if w.person is not None})
    rows = []
    for each in wanted:
        if each.person is not None and each.person not in keys:
            continue
        sealed, wrapped = vault.seal_body(encode_content(each.content), command_identity(each.ref))
        if each.person is not None:
            event_key = vault.open_event_key(wrapped)
            invariant(event_key is not None, "a key that was just made opens")
            wrapped = vault.wrap_for_person(event_key or b"", keys[each.person])
        rows.append((each, sealed, wrapped))
    cursor = await conn.execute(
        _queries.want_commands,
        {
            "connection_ids": [each.connection_id for each, _, _ in rows],
            "kinds": [each.kind for each, _, _ in rows],
            "keys": [each.key for each, _, _ in rows],
            "refs": [each.ref for each, _, _ in rows],
            "contents": [sealed for _, sealed, _ in rows],
            "wrapped": [wrapped for _, _, wrapped in rows],
            "persons": [each.person for each, _, _ in rows],
            "wanted_ats": [each.wanted_at for each, _, _ in rows],
            "due_ats": [each.due_at or each.wanted_at for each, _, _ in rows],
            "not_afters": [each.not_after for each, _, _ in rows],
        },
    )
    return [ref for (ref,) in await cursor.fetchall()]


async def hasten(
    conn: psycopg.AsyncConnection[Any], connection_id: int, now: datetime | None = None
) -> None:
    """Let what waits after failed tries be tried now: the connection's vendor answers again.

    Args:
        conn: in autocommit, or in the caller's transaction.
        connection_id: whose vendor it is.
        now: by the caller's clock; None: the database's.
    """
    await conn.execute(
        _queries.hasten,
        {
            "connection_id": connection_id,
            "now": now,
            "codes": [Unavailable.code, Resting.code, OutcomeUnknown.code],
            "wait_s_max": RETRY_AFTER_S_MAX * (1 + JITTER),
        },
    )
