"""Which records of a batch move money, and because of which event."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from trueup.hub import Hub
from trueup.ledger.matches import hold_matched
from trueup.ledger.money_book import Told, post_money
from trueup.records.model import Stored
from trueup.records.store import EntityKey, RecordKey
from trueup.records.understand import Understood

Conn = psycopg.AsyncConnection[Any]
Entities = Mapping[EntityKey, Mapping[RecordKey, Stored]]


async def book_money(
    conn: Conn, hub: Hub, understood: Sequence[Understood], entities: Entities
) -> None:
    """Post the money of the entities that a batch changed or books again.

    An order and its refunds are worth what they are worth together, so the records beside a changed
    one are worked out with it.

    Args:
        conn: in the transaction of the batch, after its records were stored.
        hub: says what each connection's word is worth.
        understood: the events of the batch.
        entities: all records of the entities they speak of, as they stand now.
    """
    if not understood:
        return
    learned_at = max(each.event.received_at for each in understood)
    told = [
        Told(event_id, list(entities[key].values()))
        for key, event_id in _entities_of(understood, entities).items()
    ]
    await post_money(conn, told, hub.teller_of, learned_at)
    await hold_matched(conn, [each for entity in told for each in entity.records])


def _entities_of(understood: Sequence[Understood], entities: Entities) -> dict[EntityKey, int]:
    """Return the entities to be worked out, each with the newest event that speaks of it."""
    found: dict[EntityKey, int] = {}
    for each in understood:
        event = each.event
        keys = {(event.connection_id, record.entity()) for record in each.mapped.records}
        changed = {key for key in keys if any(stored.touched for stored in entities[key].values())}
        if each.rebooks:
            changed.add((event.connection_id, event.entity))
        for key in changed:
            found[key] = max(event.event_id, found.get(key, event.event_id))
    return found
