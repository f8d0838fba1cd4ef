"""Counting: which of the records that arrive are counts, and those that must wait for a person."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from trueup.canon.inventory import StockMovement
from trueup.contract.connector import Mapped
from trueup.hub import Hub
from trueup.intake.model import Origin
from trueup.intake.park import Parking
from trueup.ledger.brakes import CODE, Counting, examine
from trueup.ledger.counts import Count, count_of
from trueup.records.understand import Understood

_BY_PEOPLE = frozenset((Origin.FILE, Origin.OWN))


async def hold_counts(
    conn: psycopg.AsyncConnection[Any],
    hub: Hub,
    understood: Sequence[Understood],
    levels_of: Callable[[Understood], list[Count]],
) -> tuple[list[Understood], list[Parking]]:
    """Return the events that may be applied, and those whose counts wait for a person.

    Args:
        conn: in the transaction of the batch, before it stores anything.
        hub: knows what passes.
        understood: the events of the batch.
        levels_of: what an event's levels count.
    """
    told = [
        Counting(
            event_id=u.event.event_id,
            connection_id=u.event.connection_id,
            received_at=u.event.received_at,
            count=count,
            added_up=u.event.origin not in _BY_PEOPLE,
        )
        for u in understood
        for count in (*counts_told(u.mapped), *levels_of(u))
    ]
    if not told:
        return list(understood), []
    held = await examine(conn, told, hub.limits)
    parkings = [
        Parking(event=u.event, cause=CODE, detail=group.reason, cluster=group.cluster)
        for u in understood
        if (group := held.get(u.event.event_id)) is not None
    ]
    return [u for u in understood if u.event.event_id not in held], parkings


def counts_told(mapped: Mapped) -> list[Count]:
    """Return what an event counts."""
    movements = (record for record in mapped.records if isinstance(record, StockMovement))
    return [count for each in movements if (count := count_of(each)) is not None]
