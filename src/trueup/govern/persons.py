"""Persons: one key each, made on first sight, destroyed on request."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.govern.vault import Vault

_queries = load_queries("trueup.govern")


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """A person as look-ups know them: keyed digests, nothing that can be read back."""

    person: bytes
    email_index: bytes | None = None
    phone_index: bytes | None = None


async def open_keys(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    personas: Iterable[Persona],
    *,
    seen_at: Mapping[bytes, datetime],
) -> dict[bytes, bytes]:
    """Return each person's key, making keys for those seen for the first time.

    In the caller's transaction. A person whose key was destroyed gets a new one where they were
    seen after that: what was sealed before stays dark, and so does what came in before and is only
    applied now; then there is no key for them here.

    Args:
        conn: in the transaction of the batch.
        vault: makes and opens keys.
        personas: whose keys are wanted.
        seen_at: when each was last taken in.
    """
    wanted: dict[bytes, Persona] = {}
    for persona in personas:
        known = wanted.get(persona.person)
        if known is None or (known.email_index is None and persona.email_index is not None):
            wanted[persona.person] = persona
    if not wanted:
        return {}
    keys = await read_keys(conn, vault, wanted)
    missing = sorted(wanted.keys() - keys.keys())
    if missing:
        keys |= await _make_keys(conn, vault, [wanted[person] for person in missing], seen_at)
    return keys


async def read_keys(
    conn: psycopg.AsyncConnection[Any], vault: Vault, persons: Iterable[bytes]
) -> dict[bytes, bytes]:
    """Return the keys of the persons that have one."""
    cursor = await conn.execute(
        _queries.read_persons, {"persons": list(persons)}, prepare=True, binary=True
    )
    return {
        bytes(person): vault.open_person_key(bytes(wrapped))
        for person, wrapped in await cursor.fetchall()
    }


async def _make_keys(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    personas: Sequence[Persona],
    seen_at: Mapping[bytes, datetime],
) -> dict[bytes, bytes]:
    made = {persona.person: vault.new_person_key() for persona in personas}
    cursor = await conn.execute(
        _queries.make_persons,
        {
            "persons": [persona.person for persona in personas],
            "wrapped": [made[persona.person][1] for persona in personas],
            "emails": [persona.email_index for persona in personas],
            "phones": [persona.phone_index for persona in personas],
            "seen_ats": [seen_at[persona.person] for persona in personas],
        },
        prepare=True,
        binary=True,
    )
    ours = {bytes(person) for (person,) in await cursor.fetchall()}
    if len(ours) < len(personas):
        # Another worker made the same person first and has committed: its key counts. Who is not
        # there either was erased after they were seen.
        others = await read_keys(conn, vault, made.keys() - ours)
        return {person: made[person][0] for person in ours} | others
    return {person: key for person, (key, _) in made.items()}


async def destroy_keys(
    conn: psycopg.AsyncConnection[Any],
    *,
    persons: Sequence[bytes] = (),
    email_index: bytes | None = None,
    phone_index: bytes | None = None,
) -> list[bytes]:
    """Destroy the keys of some persons and of all with the same contact; returns whose."""
    cursor = await conn.execute(
        _queries.destroy_persons,
        {"persons": list(persons), "email_index": email_index, "phone_index": phone_index},
    )
    return [bytes(person) for (person,) in await cursor.fetchall()]


async def note_erasure(
    conn: psycopg.AsyncConnection[Any], *, event_id: int, request: str, persons: int
) -> None:
    """Keep the proof that a request was carried out, without anything personal."""
    await conn.execute(
        _queries.note_erasure, {"event_id": event_id, "request": request, "persons": persons}
    )


async def find_by_contact(
    conn: psycopg.AsyncConnection[Any],
    *,
    email_index: bytes | None = None,
    phone_index: bytes | None = None,
) -> list[bytes]:
    """Return the persons who have this contact."""
    cursor = await conn.execute(
        _queries.find_by_contact, {"email_index": email_index, "phone_index": phone_index}
    )
    return [bytes(person) for (person,) in await cursor.fetchall()]
