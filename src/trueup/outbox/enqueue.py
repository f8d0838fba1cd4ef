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

_queries = load_queries("trueup.outbox")


async def change_stock(conn: psycopg.AsyncConnection[Any], changes: Sequence[StockChange]) -> int:
    """Set what shall stand at every channel that lists a SKU; returns how many rows changed.

    Call last in the batch's transaction, while it holds the balances: so the newest sequence is
    written last, and an older one never overwrites it.
    """
    if not changes:
        return 0
    own = [
        (change.sku, connection_id, down, up, change.own_at[connection_id])
        for change in changes
        for connection_id, (down, up) in change.own.items()
    ]
    cursor = await conn.execute(
        _queries.change_stock,
        {
            "keys": [change.sku for change in changes],
            "values": [max(-UNITS_MAX, change.available) for change in changes],
            "sequences": [change.sequence for change in changes],
            "counted": [change.counted for change in changes],
            "seen_ats": [change.seen_at for change in changes],
            "own_keys": [sku for sku, *_ in own],
            "own_connections": [connection_id for _, connection_id, *_ in own],
            "own_down": [down for _, _, down, _, _ in own],
            "own_up": [up for _, _, _, up, _ in own],
            "own_ats": [at for *_, at in own],
        },
        prepare=True,
    )
    return cursor.rowcount


async def want_listings(conn: psycopg.AsyncConnection[Any], wanted: Sequence[Wanted]) -> None:
    """Begin to tell channels of listings; the caller holds the SKUs' balances."""
    if not wanted:
        return
    await conn.execute(
        _queries.want_listings,
        {
            "connection_ids": [w.connection_id for w in wanted],
            "keys": [w.sku for w in wanted],
            "targets": [msgspec.json.encode(w.target).decode() for w in wanted],
            "available": [w.available for w in wanted],
            "sequences": [w.sequence for w in wanted],
            "counted": [w.counted for w in wanted],
        },
    )


async def drop_listings(
    conn: psycopg.AsyncConnection[Any], gone: Sequence[tuple[int, str]]
) -> None:
    """Forget listings that ended: (connection_id, sku)."""
    if gone:
        await conn.execute(
            _queries.drop_listings,
            {"connection_ids": [c for c, _ in gone], "keys": [sku for _, sku in gone]},
        )


async def observe_levels(
    conn: psycopg.AsyncConnection[Any], levels: Sequence[tuple[int, str, int]]
) -> list[tuple[int, str, bool]]:
    """Take note of what channels say stands there: (connection_id, sku, units).

    Returns (connection_id, sku, echo) per intent: an echo is what we sent or know of already, and
    makes no new intent.
    """
    if not levels:
        return []
    cursor = await conn.execute(
        _queries.observe_levels,
        {
            "connection_ids": [connection_id for connection_id, _, _ in levels],
            "keys": [sku for _, sku, _ in levels],
            "levels": [units for _, _, units in levels],
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
