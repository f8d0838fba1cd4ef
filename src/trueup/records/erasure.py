"""Erasure: everything by which a person could still be read goes dark.

What is theirs is found by their records and by the events behind them, also by those that came
before anyone knew whose they were. Parked events are read once more, because nobody understood
whom they speak of.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg

from trueup.canon.privacy import PrivacyKind, PrivacyRequest
from trueup.db.queries import load_queries
from trueup.govern.persons import destroy_keys, note_erasure
from trueup.govern.vault import Vault
from trueup.intake.claim import load_events
from trueup.intake.model import event_identity
from trueup.intake.park import (
    darken_events,
    darken_parked,
    parked_of_connection,
    persons_of_connection,
    persons_of_events,
)
from trueup.records.links import forget_links
from trueup.records.person import contact_of, persona_of_entity

_queries = load_queries("trueup.records")

_PARKED_AT_ONCE = 200
_NEEDLE_CHARS_MIN = 5
"""A shorter text would be found in bodies of everybody."""


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person was seen.

    Attributes:
        entities: those the request names; None for all of the connection.
        event_ids: of the events behind the records.
        record_ids: their records.
    """

    entities: tuple[str, ...] | None
    persons: frozenset[bytes]
    event_ids: frozenset[int]
    record_ids: frozenset[int]


async def find_traces(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    connection_id: int,
    request: PrivacyRequest,
) -> Traces:
    """Return where the person of a request was seen; everybody where the shop left."""
    entities: list[str] | None = None
    if request.request is PrivacyKind.ERASE_PERSON:
        entities = [f"order/{ref}" for ref in request.order_refs]
        if request.customer_ref:
            entities.append(f"customer/{request.customer_ref}")
        entities.append(request.entity())
    cursor = await conn.execute(
        _queries.traces_of_entities, {"connection_id": connection_id, "entities": entities}
    )
    rows = await cursor.fetchall()
    persons = {bytes(person) for *_, person, _ in rows if person is not None}
    places = {place for _, _, entity, kind, ref, *_ in rows for place in (entity, f"{kind}/{ref}")}
    places.update(entities or ())
    persons |= _own_keys(vault, [(connection_id, place) for place in places])
    if entities is None:
        # Those too whom only bodies name of which no record was made.
        persons |= set(await persons_of_connection(conn, connection_id))
    return Traces(
        entities=None if entities is None else tuple(entities),
        persons=frozenset(persons),
        event_ids=frozenset(event_id for *_, event_id in rows),
        record_ids=frozenset(record_id for record_id, *_ in rows),
    )


def _own_keys(vault: Vault, places: Iterable[tuple[int, str]]) -> set[bytes]:
    """Return the keys of (connection_id, entity) under which lies what came before its person."""
    personas = (persona_of_entity(vault, *place) for place in places)
    return {persona.person for persona in personas if persona is not None}


async def forget(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    connection_id: int,
    request: PrivacyRequest,
    traces: Traces,
    *,
    event_id: int,
) -> None:
    """Destroy the keys of what was found, in the transaction of the request; keep the proof.

    Args:
        conn: in the transaction that stored the request, after everything else of it.
        vault: opens parked bodies, to see whom they speak of.
        connection_id: where the request came from.
        request: to erase.
        traces: what `find_traces` found.
        event_id: of the request.
    """
    email, phone = contact_of(request)
    behind = sorted(traces.event_ids - {event_id})
    persons = traces.persons | set(await persons_of_events(conn, behind))
    gone = await destroy_keys(
        conn,
        persons=sorted(persons),
        email_index=vault.index("email", email) if email else None,
        phone_index=vault.index("phone", phone) if phone else None,
    )
    beside, record_ids = await _forget_beside(conn, vault, gone)
    whose, of = sorted(persons.union(gone, beside)), traces.record_ids | record_ids
    parcels, parcel_ids = await _forget_parcels(conn, whose, sorted(of))
    beside += parcels
    await forget_links(conn, persons=whose, record_ids=sorted(of | parcel_ids))
    await darken_parked(conn, connection_id, traces.entities)
    if traces.entities is not None:
        await _darken_mentions(conn, vault, connection_id, request)
    await note_erasure(
        conn, event_id=event_id, request=request.request.value, persons=len(gone) + len(beside)
    )


async def _forget_beside(
    conn: psycopg.AsyncConnection[Any], vault: Vault, gone: Sequence[bytes]
) -> tuple[list[bytes], set[int]]:
    """Destroy what stands beside the records of those who are gone, under keys of its own.

    A message that came before its ticket told whose it is, or a payment before its order, lies
    under the key of the ticket or order itself, which the request does not name.
    """
    cursor = await conn.execute(_queries.traces_of_persons, {"persons": list(gone)})
    rows = await cursor.fetchall()
    places = {(row[1], place) for row in rows for place in (row[2], f"{row[3]}/{row[4]}")}
    beside = await destroy_keys(conn, persons=sorted(_own_keys(vault, places))) if places else []
    # What is another person's by now stays theirs.
    return beside, {record_id for record_id, *_, person in rows if person is None}


async def _forget_parcels(
    conn: psycopg.AsyncConnection[Any], persons: Sequence[bytes], record_ids: Sequence[int]
) -> tuple[list[bytes], set[int]]:
    """Destroy the keys of parcels that carry their goods: no carrier is asked for them any more."""
    cursor = await conn.execute(
        _queries.parcels_named_alike, {"persons": list(persons), "record_ids": list(record_ids)}
    )
    rows = await cursor.fetchall()
    gone = await destroy_keys(conn, persons=sorted({bytes(person) for _, person in rows}))
    return gone, {record_id for record_id, _ in rows}


async def _darken_mentions(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    connection_id: int,
    request: PrivacyRequest,
) -> None:
    """Destroy the keys of parked events whose bodies name the person."""
    needles = _needles(request)
    parked = await parked_of_connection(conn, connection_id)
    for start in range(0, len(parked), _PARKED_AT_ONCE):
        mentions = []
        for event in await load_events(conn, parked[start : start + _PARKED_AT_ONCE]):
            key = vault.open_event_key(event.wrapped) if event.person is None else None
            if key is None:
                continue
            identity = event_identity(event.connection_id, event.external_id)
            body = vault.open_body(event.body, key, identity).lower()
            if any(needle in body for needle in needles):
                mentions.append(event.event_id)
        await darken_events(conn, mentions)


def _needles(request: PrivacyRequest) -> Sequence[bytes]:
    person = request.person
    email, phone = getattr(person, "email", None), getattr(person, "phone", None)
    texts = (email, phone, request.customer_ref, *request.order_refs)
    return [t.strip().lower().encode() for t in texts if t and len(t) >= _NEEDLE_CHARS_MIN]
