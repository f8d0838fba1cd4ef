"""Whose the records and the bodies of a batch are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from trueup.canon.customer import Customer
from trueup.canon.order import Order
from trueup.govern.persons import Persona
from trueup.govern.vault import Vault
from trueup.records.model import Stored
from trueup.records.named import contact_named
from trueup.records.person import persona_of, persona_of_entity, root_of
from trueup.records.store import EntityKey, RecordKey
from trueup.records.understand import Understood

Personas = dict[tuple[int, str, str], Persona]
"""By event, kind and ref; kind and ref are empty where the event's body alone is somebody's."""

PathsOf = Callable[[int], Sequence[str]]


def personas_of(
    vault: Vault,
    understood: Sequence[Understood],
    entities: Mapping[EntityKey, Mapping[RecordKey, Stored]],
    paths_of: PathsOf,
) -> Personas:
    """Return whose each arriving record is, and whose each body without a record.

    Args:
        vault: makes the keyed digests.
        understood: the events of the batch, in order.
        entities: what is stored of the entities that they speak of.
        paths_of: the personal paths in bodies of a connection, out of its manifest.
    """
    personas: Personas = {}
    of_roots: dict[EntityKey, Persona] = {}
    for u in understood:
        connection_id, whose_known = u.event.connection_id, False
        for record in u.mapped.records:
            entity = record.entity()
            persona = persona_of(vault, connection_id, record, entities[connection_id, entity])
            if root_of(entity) != (record.kind, record.ref):
                persona = of_roots.get((connection_id, entity), persona)
            elif persona is not None:
                of_roots[connection_id, entity] = persona
            if persona is not None:
                personas[u.event.event_id, record.kind, record.ref] = persona
                whose_known = True
        if not whose_known:
            persona = _of_body(vault, u, paths_of)
            if persona is not None:
                personas[u.event.event_id, "", ""] = persona
    return personas


def last_seen(understood: Sequence[Understood], personas: Personas) -> dict[bytes, datetime]:
    """Return when each person was last taken in."""
    received = {u.event.event_id: u.event.received_at for u in understood}
    seen: dict[bytes, datetime] = {}
    for (event_id, _, _), persona in personas.items():
        at = received[event_id]
        seen[persona.person] = max(at, seen.get(persona.person, at))
    return seen


def _of_body(vault: Vault, understood: Understood, paths_of: PathsOf) -> Persona | None:
    """Return whose a body is that made no record: nobody reads it, and it may name people."""
    event = understood.event
    of_entity = persona_of_entity(vault, event.connection_id, event.entity)
    found_by_request = event.entity.startswith((f"{Order.kind}/", f"{Customer.kind}/"))
    if understood.mapped.records or understood.event_key is None or found_by_request:
        return of_entity
    email, phone = contact_named(understood.source.body, tuple(paths_of(event.connection_id)))
    if not email and not phone:
        return of_entity
    # Of this connection alone, so that a shop that leaves takes along no other shop's people.
    return Persona(
        person=vault.index("named", f"{event.connection_id}\x1f{email or phone}"),
        email_index=vault.index("email", email) if email else None,
        phone_index=vault.index("phone", phone) if phone else None,
    )
