"""Append deliveries to the log: one statement a batch, each delivery once."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.db.queries import load_queries
from trueup.govern.vault import Vault
from trueup.intake.issues import open_issues
from trueup.intake.model import Appended, NewEvent, event_identity
from trueup.kernel.ids import partition_of, sha256

_queries = load_queries("trueup.intake")


async def append_events(
    conn: psycopg.AsyncConnection[Any], vault: Vault, events: Sequence[NewEvent]
) -> list[Appended]:
    """Take deliveries into the log, sealed, in the caller's transaction.

    Args:
        conn: in a transaction, or in autocommit for a commit of its own.
        vault: seals the bodies.
        events: up to `COMMIT_EVENTS_MAX`; the same delivery may stand in it twice.

    Returns:
        One answer per delivery, in their order.
    """
    if not events:
        return []
    events = [_storable(event) for event in events]
    rows = _columns(vault, events)
    cursor = await conn.execute(_queries.append_events, rows, prepare=True)
    fresh = {ordinal: event_id for event_id, ordinal in await cursor.fetchall()}
    if len(fresh) == len(events):
        return [Appended(event_id=fresh[n]) for n in range(len(events))]
    return await _resolve_repeats(conn, events, rows["digests"], fresh)


async def _resolve_repeats(
    conn: psycopg.AsyncConnection[Any],
    events: Sequence[NewEvent],
    digests: Sequence[bytes],
    fresh: dict[int, int],
) -> list[Appended]:
    repeats = [n for n in range(len(events)) if n not in fresh]
    cursor = await conn.execute(
        _queries.find_taken,
        {
            "connection_ids": [events[n].connection_id for n in repeats],
            "external_ids": [events[n].external_id for n in repeats],
        },
    )
    taken = {
        (connection_id, external_id): (event_id, bytes(digest))
        for connection_id, external_id, event_id, digest in await cursor.fetchall()
    }
    answers = []
    conflicts = []
    for n, event in enumerate(events):
        if n in fresh:
            answers.append(Appended(event_id=fresh[n]))
            continue
        event_id, digest = taken[event.connection_id, event.external_id]
        same = digest == digests[n]
        answers.append(Appended(event_id=event_id, repeated=same, conflicting=not same))
        if not same:
            conflicts.append((event_id, event.connection_id, _conflict(event, digests[n])))
    await open_issues(conn, conflicts)
    return answers


def _conflict(event: NewEvent, digest: bytes) -> Issue:
    return Issue(
        code="intake.id_reused",
        severity=Severity.WARNING,
        pointer=digest.hex()[:16],
        expected="the same bytes as the first delivery with this id",
        found=f"{len(event.body)} other bytes",
        how_to_fix="Compare the record with the vendor's; a poll brings the newest state.",
        ref=event.entity or None,
    )


def _columns(vault: Vault, events: Sequence[NewEvent]) -> dict[str, list[Any]]:
    sealed = [
        vault.seal_body(event.body, event_identity(event.connection_id, event.external_id))
        for event in events
    ]
    return {
        "ordinals": list(range(len(events))),
        "connection_ids": [event.connection_id for event in events],
        "external_ids": [event.external_id for event in events],
        "topics": [event.topic for event in events],
        "entities": [event.entity for event in events],
        "origins": [event.origin.value for event in events],
        "raised_ats": [event.raised_at for event in events],
        "received_ats": [event.received_at for event in events],
        "sizes": [len(event.body) for event in events],
        "digests": [sha256(event.body) for event in events],
        "headers": [event.headers for event in events],
        "bodies": [body for body, _ in sealed],
        "keys": [key for _, key in sealed],
        "partitions": [_partition(event) for event in events],
        "lanes": [int(event.lane) for event in events],
    }


def _storable(event: NewEvent) -> NewEvent:
    """Return the event with names that PostgreSQL takes; the body is kept as it is anyway.

    A sender chooses these texts. One that can not be stored must not hold up those beside it.
    """
    if all(_is_text(name) for name in (event.external_id, event.topic, event.entity)):
        return event
    digest = sha256(event.external_id.encode(errors="surrogatepass")).hex()
    return msgspec.structs.replace(
        event,
        external_id=event.external_id if _is_text(event.external_id) else f"sha256:{digest}",
        topic=event.topic if _is_text(event.topic) else "",
        entity=event.entity if _is_text(event.entity) else "",
    )


def _is_text(name: str) -> bool:
    if "\x00" in name:
        return False
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _partition(event: NewEvent) -> int:
    if not event.queued:
        return -1
    return partition_of(f"{event.connection_id}/{event.entity or event.external_id}")
