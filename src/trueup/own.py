"""Our own events: appended and applied in one transaction, so that an answer follows the books.

A fact from outside waits in the queue. What one of us decides or reports is told to the log and
applied before the answer leaves; where that is undone, nothing of it was ever there.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg

from trueup.errors import ConfigError, invariant
from trueup.hub import OWN_CONNECTOR, Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events, load_events
from trueup.intake.connections import create_connection
from trueup.intake.model import NewEvent
from trueup.intake.partitions import hold_partition
from trueup.intake.reads import fates_of_events, name_connections
from trueup.kernel.limits import BATCH_EVENTS_MAX, COMMIT_EVENTS_MAX
from trueup.ledger.kitting import newer_kits
from trueup.pipeline import Applier
from trueup.records.store import RecordNumbers
from trueup.worker import refresh_connections

Conn = psycopg.AsyncConnection[Any]

WAIT_S_MAX = 10.0
"""How long a person waits for a worker to apply what they told."""

_IDLE_S = 0.02


def check_commits(conn: Conn) -> None:
    """Make sure that a transaction here ends with its block: the answer follows the commit."""
    invariant(conn.autocommit, "our own events need a session in autocommit")


def refuse_owned(hub: Hub, connection_id: int, *, ref: str, sku: str, site: str) -> None:
    """Refuse what moves units by hand where somebody else's word counts.

    Args:
        hub: knows who owns what.
        connection_id: by which it is told.
        ref: of what is told.
        sku: that moves.
        site: where it moves.

    Raises:
        ConfigError: names the master.
    """
    master = hub.masters.owner(sku, site)
    if master is None or master.connection_id == connection_id:
        return
    name = hub.names().get(master.connection_id, "a connection that does not exist")
    raise ConfigError(
        f"{ref}: the stock of {sku} at {site} is owned by {name}, so it is not moved by hand; "
        f"move it there, and its count brings it here. "
        f"trueup.toml, [[stock.master]], says who owns what.",
        ref=ref,
        sku=sku,
        site=site,
        master=name,
    )


async def tell_own(
    conn: Conn, hub: Hub, events: Sequence[NewEvent], record_numbers: RecordNumbers
) -> list[int] | None:
    """Append events of our own and apply them, in the caller's transaction.

    Returns:
        Their numbers; None where the log has one already: the caller undoes everything then.
    """
    numbers: list[int] = []
    for start in range(0, len(events), COMMIT_EVENTS_MAX):
        batch = events[start : start + COMMIT_EVENTS_MAX]
        appended = await append_events(conn, hub.vault, batch)
        if any(each.repeated or each.conflicting for each in appended):
            return None
        for connection_id in {event.connection_id for event in batch}:
            await _know(conn, hub, connection_id)
        told = [each.event_id for each in appended]
        loaded = await load_events(conn, told)
        await Applier(conn, hub, record_numbers=record_numbers).apply_now(loaded)
        numbers += told
    return numbers


async def apply_told(
    conn: Conn, hub: Hub, event_id: int, partition: int, *, wait_s_max: float = WAIT_S_MAX
) -> bool:
    """Have an event applied that was told of a vendor's thing; False where it still waits.

    It has its turn among everything that is told of that thing, so it takes the way of all events:
    the worker that holds the partition applies it. Where nobody holds it, this session does.

    Args:
        conn: in autocommit; the event is committed.
        hub: vault, connectors and connections.
        event_id: of the event.
        partition: where it is on the queue.
        wait_s_max: how long it is waited for.
    """
    check_commits(conn)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + wait_s_max
    while (await fates_of_events(conn, [event_id]) or [{"queued": False}])[0]["queued"]:
        if loop.time() > ends_at:
            return False
        async with hold_partition(conn, partition) as held:
            events = await claim_events(conn, {partition}, BATCH_EVENTS_MAX) if held else []
            for connection_id in {event.connection_id for event in events}:
                if connection_id not in hub.connections:
                    await refresh_connections(conn, hub)
            if events:
                await Applier(conn, hub).apply(events)
        if not events:
            await asyncio.sleep(_IDLE_S)
    return True


async def own_connection(conn: Conn, hub: Hub) -> int:
    """Return the connection of our own events; it is made where there is none."""
    if (known := _known_connection(hub)) is not None:
        return known
    await refresh_connections(conn, hub)
    if (known := _known_connection(hub)) is not None:
        return known
    with suppress(ConfigError):  # another process has just made it, or the name is another's
        await create_connection(
            conn,
            hub.vault,
            name=OWN_CONNECTOR,
            connector=OWN_CONNECTOR,
            settings={},
            secrets={},
        )
    await refresh_connections(conn, hub)
    known = _known_connection(hub)
    if known is None:
        raise ConfigError(f"The name {OWN_CONNECTOR!r} is taken by a connection of another kind.")
    return known


def _known_connection(hub: Hub) -> int | None:
    own = [c for c in hub.connections.values() if c.connector == OWN_CONNECTOR]
    own.sort(key=lambda c: (c.name != OWN_CONNECTOR, c.connection_id))
    return own[0].connection_id if own else None


async def _know(conn: Conn, hub: Hub, connection_id: int) -> None:
    """Make sure that the hub knows the connection, which another process may have made."""
    if connection_id not in hub.connections:
        await refresh_connections(conn, hub)
    if connection_id not in hub.connections:
        raise ConfigError(
            "The connection of this event was removed, so nothing can be booked for it.",
            connection_id=connection_id,
        )


async def learn_connections(conn: Conn, hub: Hub) -> dict[int, str]:
    """Make sure that the hub knows every connection; returns their names by number."""
    names = {row["connection_id"]: row["name"] for row in await name_connections(conn)}
    if names.keys() - hub.connections.keys():
        await refresh_connections(conn, hub)
    return names


async def learn_kits(conn: Conn, hub: Hub) -> None:
    """Make sure that the hub knows the kits as they are now."""
    async with conn.transaction():
        hub.learn_kits(await newer_kits(conn, hub.kits) or hub.kits)
