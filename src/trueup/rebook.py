"""Kits that a batch defines: kept, and the orders of them booked again by what is known now."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import psycopg

from trueup.canon.issue import Issue
from trueup.canon.kit import Kit
from trueup.govern.vault import Vault
from trueup.intake.append import append_events
from trueup.intake.model import REBOOK_TOPIC, Event, Lane, NewEvent, Origin
from trueup.kernel.limits import COMMIT_EVENTS_MAX
from trueup.ledger.kits import Definition, Kits
from trueup.ledger.kitting import circular_kit, define_kits, records_of_kits
from trueup.records.reads import entities_of_records
from trueup.records.understand import Understood

Conn = psycopg.AsyncConnection[Any]


class KitNews:
    """The definitions of one batch.

    Attributes:
        known: the kits before it.
        told: the codes that are defined, with when the hub took that in.
        issues: what is wrong with some of them.
    """

    def __init__(self, known: Kits) -> None:
        self.known = known
        self._definitions: list[tuple[Event, Definition]] = []
        self.told: dict[str, datetime] = {}
        self.issues: list[tuple[int | None, int | None, Issue]] = []

    @staticmethod
    def arriving(understood: Iterable[Understood]) -> bool:
        """Whether events define kits."""
        return any(isinstance(record, Kit) for u in understood for record in u.mapped.records)

    def tell(self, event: Event, kit: Kit) -> None:
        """Take a definition; also an older one counts, for what was sold in its time."""
        parts = {part.sku: part.units for part in kit.parts}
        self._definitions.append((event, Definition(kit.ref, kit.updated_at, parts)))
        self.told[kit.ref] = event.received_at

    def beside(self, codes: Iterable[str], understood: Iterable[Understood]) -> set[str]:
        """Return every SKU whose number the batch may need because of kits.

        What some codes are or were made of, and the kits that these parts are in: a part that moves
        changes the number of each. Where a kit is defined, also the kits that it was ever in.
        """
        defined = {r.ref for u in understood for r in u.mapped.records if isinstance(r, Kit)}
        wide = {*codes, *(kit for code in defined for kit in self.known.ever_containing(code))}
        parts = self.known.ever_parts(wide)
        return wide | parts | self.known.containing(wide | parts)

    async def define(self, conn: Conn, vault: Vault, numbers: Mapping[str, int]) -> Kits:
        """Keep the definitions in the batch's transaction; returns the kits as they are after it.

        One that would make a kit a part of itself is left out, with an issue.
        """
        kits = self.known
        kept: list[tuple[Event, Definition]] = []
        for event, definition in self._definitions:
            extended = kits.extended([definition])
            if extended.is_circular(definition.code):
                issue = circular_kit(definition.code)
                self.issues.append((event.event_id, event.connection_id, issue))
                continue
            kits = extended
            kept.append((event, definition))
        await define_kits(conn, [definition for _, definition in kept], numbers)
        for event, definition in kept:
            await _book_again(conn, vault, event, kits.ever_containing(definition.code))
        return kits


async def _book_again(conn: Conn, vault: Vault, cause: Event, codes: set[str]) -> None:
    """Put everything that was booked under some codes on the queue once more."""
    record_ids = await records_of_kits(conn, codes)
    entities = await entities_of_records(conn, record_ids)
    again = rebookings(entities, f"rebook/{cause.event_id}", cause.received_at)
    for start in range(0, len(again), COMMIT_EVENTS_MAX):
        await append_events(conn, vault, again[start : start + COMMIT_EVENTS_MAX])


def rebookings(entities: Iterable[tuple[int, str]], name: str, at: datetime) -> list[NewEvent]:
    """Return an event for each entity that asks that it be booked again; once for each name."""
    return [
        NewEvent(
            connection_id=connection_id,
            external_id=f"{name}/{entity}",
            topic=REBOOK_TOPIC,
            entity=entity,
            origin=Origin.OWN,
            received_at=at,
            body=b"{}",
            lane=Lane.BACKFILL,
        )
        for connection_id, entity in entities
    ]
