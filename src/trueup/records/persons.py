"""What a batch owes to the people it speaks of: its keys under theirs, and to be forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from trueup.canon.privacy import PrivacyKind, PrivacyRequest
from trueup.govern.vault import Vault
from trueup.intake.claim import rewrap_keys
from trueup.intake.park import darken_events
from trueup.records.erasure import find_traces, forget
from trueup.records.personas import Personas
from trueup.records.understand import Understood

Conn = psycopg.AsyncConnection[Any]


async def put_keys_under_persons(
    conn: Conn,
    vault: Vault,
    good: Sequence[Understood],
    personas: Personas,
    keys: Mapping[bytes, bytes],
) -> None:
    """Put the keys of events under the keys of the people they speak of.

    Args:
        conn: in the transaction of the batch.
        vault: wraps keys.
        good: the events of the batch.
        personas: whose each record is.
        keys: of the people who were not erased.
    """
    whose: dict[int, bytes] = {}
    for (event_id, _, _), persona in personas.items():
        whose.setdefault(event_id, persona.person)
    rewrapped, dark = [], []
    for u in good:
        person = whose.get(u.event.event_id)
        if u.event_key is None or person is None or u.event.person is not None:
            continue
        if person in keys:
            wrapped = vault.wrap_for_person(u.event_key, keys[person])
            rewrapped.append((u.event.event_id, person, wrapped))
        else:
            dark.append(u.event.event_id)  # it came in before the person was erased
    await rewrap_keys(conn, rewrapped)
    await darken_events(conn, dark)


async def erase_persons(conn: Conn, vault: Vault, good: Sequence[Understood]) -> None:
    """Carry out requests to be forgotten, last, when everything else of theirs is sealed."""
    for u in good:
        for record in u.mapped.records:
            if isinstance(record, PrivacyRequest) and record.request is not PrivacyKind.ACCESS:
                connection_id = u.event.connection_id
                traces = await find_traces(conn, vault, connection_id, record)
                await forget(conn, vault, connection_id, record, traces, event_id=u.event.event_id)
