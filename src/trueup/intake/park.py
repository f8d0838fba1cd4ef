"""Park what can not be applied, with its cause, and put it back when a person says so."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.intake.model import Event

_queries = load_queries("trueup.intake")

RETRY_DELAYS_S = (1.0, 5.0, 30.0)
"""How long an event waits after each failed try before it is parked."""


class Parking(msgspec.Struct, frozen=True, kw_only=True):
    """One event to park; `cause` is a code, `detail` says what was wrong in this one.

    With a `cluster` it is of this group, whatever its like is.
    """

    event: Event
    cause: str
    detail: str
    cluster: str | None = None


async def postpone_event(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    """Count a failed try and let the event wait."""
    delay_s = RETRY_DELAYS_S[min(event.attempts, len(RETRY_DELAYS_S) - 1)]
    await conn.execute(_queries.postpone_event, {"event_id": event.event_id, "delay_s": delay_s})


async def park_events(conn: psycopg.AsyncConnection[Any], parkings: Sequence[Parking]) -> None:
    """Park events and take them off the queue."""
    if not parkings:
        return
    await conn.execute(
        _queries.park_events,
        {
            "event_ids": [p.event.event_id for p in parkings],
            "connection_ids": [p.event.connection_id for p in parkings],
            "partitions": [p.event.partition for p in parkings],
            "causes": [p.cause for p in parkings],
            "details": [_bounded(p.detail) for p in parkings],
            "clusters": [
                p.cluster or cluster_of(p.event.topic, p.cause, p.detail) for p in parkings
            ],
            "attempts": [p.event.attempts + 1 for p in parkings],
        },
    )


async def park_queued(
    conn: psycopg.AsyncConnection[Any],
    event_ids: Sequence[int],
    *,
    cause: str,
    detail: str,
    cluster: str,
) -> None:
    """Park events before anybody applies them, as one group; in the caller's transaction."""
    await conn.execute(
        _queries.park_queued,
        {
            "event_ids": list(event_ids),
            "cause": cause,
            "detail": _bounded(detail),
            "cluster": cluster,
        },
    )


def cluster_of(topic: str, cause: str, detail: str) -> str:
    """Return what parked events of one root cause have in common: numbers and names left out."""
    shape = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "…", _bounded(detail))
    shape = re.sub(r"[0-9a-f]{8,}|\d+", "#", shape)
    return f"{cause} · {topic} · {shape[:160]}"


async def requeue_parked(
    conn: psycopg.AsyncConnection[Any],
    *,
    event_ids: Sequence[int] | None = None,
    cluster: str | None = None,
) -> list[int]:
    """Put parked events back on the queue: some, one cluster, or (both None) all."""
    cursor = await conn.execute(
        _queries.requeue_parked,
        {"event_ids": None if event_ids is None else list(event_ids), "cluster": cluster},
    )
    return [event_id for (event_id,) in await cursor.fetchall()]


async def discard_parked(
    conn: psycopg.AsyncConnection[Any],
    *,
    event_ids: Sequence[int] | None = None,
    cluster: str | None = None,
) -> list[int]:
    """Give parked events up; they stay in the log and in its issues."""
    cursor = await conn.execute(
        _queries.discard_parked,
        {"event_ids": None if event_ids is None else list(event_ids), "cluster": cluster},
    )
    return [event_id for (event_id,) in await cursor.fetchall()]


async def darken_parked(
    conn: psycopg.AsyncConnection[Any], connection_id: int, entities: Sequence[str] | None
) -> None:
    """Destroy the keys of parked events about some entities; of the whole connection if None."""
    await conn.execute(
        _queries.darken_parked,
        {
            "connection_id": connection_id,
            "entities": None if entities is None else list(entities),
        },
    )


async def darken_events(conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]) -> None:
    """Destroy the keys of some events, but of those that lie under a person's key."""
    if event_ids:
        await conn.execute(_queries.darken_events, {"event_ids": list(event_ids)})


async def persons_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[bytes]:
    """Return the persons under whose keys the bodies of some events lie."""
    if not event_ids:
        return []
    cursor = await conn.execute(_queries.persons_of_events, {"event_ids": list(event_ids)})
    return [bytes(person) for (person,) in await cursor.fetchall()]


async def persons_of_connection(
    conn: psycopg.AsyncConnection[Any], connection_id: int
) -> list[bytes]:
    """Return the persons under whose keys the bodies of one connection lie."""
    cursor = await conn.execute(_queries.persons_of_connection, {"connection_id": connection_id})
    return [bytes(person) for (person,) in await cursor.fetchall()]


async def parked_of_connection(conn: psycopg.AsyncConnection[Any], connection_id: int) -> list[int]:
    """Return the numbers of the parked events of one connection."""
    cursor = await conn.execute(_queries.parked_of_connection, {"connection_id": connection_id})
    return [event_id for (event_id,) in await cursor.fetchall()]


def _bounded(text: str) -> str:
    return text[:500].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
