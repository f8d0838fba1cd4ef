"""The spine: the only file that knows the order of the stages.

    queue -> understand -> merge -> post -> enqueue          one transaction (T2 with T3)

A batch is applied whole or not at all. Where it fails, its events are tried one by one, so that one
bad event holds up nothing else; an event that keeps failing is parked with its cause.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
import structlog

from trueup.canon.inventory import InventoryLevel, MovementKind, StockMovement
from trueup.canon.issue import Issue
from trueup.canon.order import Order
from trueup.canon.privacy import PrivacyKind, PrivacyRequest
from trueup.canon.product import Product
from trueup.canon.record import Record, encode
from trueup.canon.reservation import Reservation
from trueup.errors import DatabaseUnavailable
from trueup.govern.persons import open_keys, read_keys
from trueup.hub import Hub
from trueup.intake.claim import finish_events, rewrap_keys
from trueup.intake.drift import DriftWatch
from trueup.intake.issues import open_issues
from trueup.intake.model import Event
from trueup.intake.park import (
    RETRY_DELAYS_S,
    Parking,
    darken_events,
    park_events,
    postpone_event,
)
from trueup.ledger.holds import replace_holds
from trueup.ledger.model import Place, Position, Positions, Transaction
from trueup.ledger.oversell import note_oversells
from trueup.ledger.post import (
    SkuNumbers,
    lock_balances,
    lock_sites,
    post_transactions,
    posted_of_records,
)
from trueup.ledger.reservation import positions_of_reservation
from trueup.ledger.rules import difference, positions_of_movement, positions_of_order
from trueup.outbox.channels import levels_written, tell_listings
from trueup.outbox.command import Told, confirm_commands
from trueup.outbox.enqueue import (
    change_stock,
    observe_levels,
    want_fetches,
)
from trueup.outbox.outcome import told_by_record
from trueup.records.entities import RecordId, changed_entities, claims_of
from trueup.records.erasure import find_traces, forget
from trueup.records.links import Names, digests_of, name_record
from trueup.records.listings import replace_listings
from trueup.records.merge import Outcome, merge, take_apart
from trueup.records.model import Stored, Version
from trueup.records.owners import note_differences
from trueup.records.people import people_names
from trueup.records.personas import Personas, last_seen, personas_of
from trueup.records.sealed import open_stored, seal_version
from trueup.records.store import (
    EntityKey,
    RecordKey,
    RecordNumbers,
    load_claimed,
    store_records,
)
from trueup.records.understand import Understood, understand

_log = structlog.get_logger("trueup.pipeline")

Conn = psycopg.AsyncConnection[Any]

# With these the books of a SKU begin, also where not a unit moves.
_OPENING = (MovementKind.OPENING, MovementKind.RECEIPT, MovementKind.COUNT)


class Applier:
    """Applies events over one database session, which holds their partitions.

    Args:
        conn: in autocommit; each batch is one transaction on it.
        hub: vault, connectors and connections.
        watch: looks at bodies for drift.
        record_numbers: where several appliers share a block of them.
    """

    def __init__(
        self,
        conn: Conn,
        hub: Hub,
        watch: DriftWatch | None = None,
        *,
        record_numbers: RecordNumbers | None = None,
    ) -> None:
        self._conn = conn
        self._hub = hub
        self._watch = watch
        self._skus = SkuNumbers()
        self._record_numbers = record_numbers or RecordNumbers()

    async def apply(self, events: Sequence[Event]) -> None:
        """Apply events and take them off the queue; what can not be applied is parked.

        Raises:
            DatabaseUnavailable: nothing of the batch was applied.
        """
        try:
            await self.apply_now(events)
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad event must not hold up the others
            if len(events) == 1:
                await self._fail(events[0], error)
                return
            _log.warning("batch_failed", events=len(events), error=type(error).__name__)
            for event in events:
                await self.apply([event])

    async def apply_now(self, events: Sequence[Event]) -> None:
        """Apply events in one transaction, or in the caller's; what fails is raised."""
        batch = _Batch(self._hub)
        batch.understand(events, await self._person_keys(events))
        if self._watch is not None:
            for u in batch.good:
                event = u.event
                self._watch.look(event.connection_id, event.topic, event.event_id, u.source.body)
        batch.entities, elsewhere = await load_claimed(
            self._conn, batch.entity_keys(), claims_of(batch.good)
        )
        batch.refuse_changed(elsewhere)
        batch.posted = await posted_of_records(self._conn, batch.known_record_ids())
        batch.record_ids = list(
            await self._record_numbers.reserve(self._conn, batch.record_count())
        )
        numbers = await self._skus.number(self._conn, batch.sku_codes())
        async with self._conn.transaction():
            await batch.write(self._conn, numbers)

    async def _person_keys(self, events: Sequence[Event]) -> dict[bytes, bytes]:
        persons = {event.person for event in events if event.person is not None}
        return await read_keys(self._conn, self._hub.vault, persons) if persons else {}

    async def _fail(self, event: Event, error: Exception) -> None:
        _log.error(
            "event_failed",
            event_id=event.event_id,
            topic=event.topic,
            attempts=event.attempts + 1,
            error=type(error).__name__,
        )
        if event.attempts + 1 < len(RETRY_DELAYS_S):
            await postpone_event(self._conn, event)
            return
        detail = f"{type(error).__name__}: {error}"
        async with self._conn.transaction():
            await park_events(
                self._conn, [Parking(event=event, cause="hub.failure", detail=detail)]
            )


class _Batch:
    """The working state of one batch, between what was read and what is written."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.good: list[Understood] = []
        self.parkings: list[Parking] = []
        self.issues: list[tuple[int | None, int | None, Issue]] = []
        self.entities: dict[EntityKey, dict[RecordKey, Stored]] = {}
        self.posted: dict[int, Positions] = {}
        self.record_ids: list[int] = []
        self.versions: list[Version] = []
        self.transactions: list[Transaction] = []
        self.products: dict[tuple[int, str], Product] = {}
        self.levels: list[tuple[int, InventoryLevel]] = []
        self.reservations: dict[int, Reservation] = {}
        self.told: list[Told] = []

    # -- reading -------------------------------------------------------------------------------

    def understand(self, events: Sequence[Event], person_keys: Mapping[bytes, bytes]) -> None:
        """Open and map every event; those with a fault are to be parked."""
        for event in events:
            folder = self.hub.folder_of(event.connection_id)
            if folder is None:
                self.parkings.append(
                    Parking(
                        event=event,
                        cause="connection.gone",
                        detail="the connection or its connector no longer exists",
                    )
                )
                continue
            understood = understand(
                self.hub.vault,
                folder,
                event,
                person_keys,
                settings=self.hub.settings_of(event.connection_id),
            )
            for issue in understood.mapped.issues:
                self.issues.append((event.event_id, event.connection_id, issue))
            if understood.fault is None:
                self.good.append(understood)
            else:
                self._park(event, understood.fault)

    def refuse_changed(self, elsewhere: dict[RecordId, str]) -> None:
        """Take out the events that tell a record under another entity than before."""
        faults = changed_entities(self.good, elsewhere)
        for event in [u.event for u in self.good if u.event.event_id in faults]:
            self.issues.append((event.event_id, event.connection_id, faults[event.event_id]))
            self._park(event, faults[event.event_id])
        if faults:
            self.good = [u for u in self.good if u.event.event_id not in faults]

    def _park(self, event: Event, fault: Issue) -> None:
        detail = f"{fault.pointer}: expected {fault.expected}, found {fault.found}"
        self.parkings.append(Parking(event=event, cause=fault.code, detail=detail))

    def entity_keys(self) -> list[EntityKey]:
        """Return the entities that the batch speaks of."""
        return [
            (u.event.connection_id, record.entity())
            for u in self.good
            for record in u.mapped.records
        ]

    def known_record_ids(self) -> list[int]:
        """Return the orders and movements that may have posted before."""
        return [
            stored.record_id
            for records in self.entities.values()
            for stored in records.values()
            if stored.kind in {Order.kind, StockMovement.kind, Reservation.kind}
        ]

    def record_count(self) -> int:
        """Return how many records the batch may make."""
        return sum(len(u.mapped.records) for u in self.good)

    def sku_codes(self) -> set[str]:
        """Return every SKU that the batch may move or list."""
        codes = {position.sku for positions in self.posted.values() for position in positions}
        stored = (s.body for records in self.entities.values() for s in records.values())
        arrived = (record for u in self.good for record in u.mapped.records)
        for source in (stored, arrived):
            for record in source:
                codes.update(_skus_of(record))
        return codes

    # -- writing -------------------------------------------------------------------------------

    async def write(self, conn: Conn, numbers: dict[str, int]) -> None:
        """Do everything that the batch means, in the caller's transaction.

        The order of the writes is the same in every batch, and so is the order of the locks:
        persons, records, balances, intents.
        """
        personas = personas_of(self.hub.vault, self.good, self.entities, self.hub.personal_paths)
        keys = await open_keys(
            conn, self.hub.vault, personas.values(), seen_at=last_seen(self.good, personas)
        )
        sites = await self._locked_sites(conn, numbers)
        for understood in self.good:
            self._merge_event(understood, personas, keys, sites)
        changed = [s for records in self.entities.values() for s in records.values() if s.touched]
        await store_records(conn, changed=changed, versions=self.versions)
        await self._post(conn, numbers)
        await observe_levels(conn, await levels_written(conn, self.hub, self.levels))
        await want_fetches(
            conn,
            [
                (u.event.connection_id, u.event.event_id, fetch)
                for u in self.good
                for fetch in u.mapped.fetch
            ],
        )
        await confirm_commands(conn, self.told)
        await self._put_keys_under_persons(conn, personas, keys)
        await self._erase(conn)
        await open_issues(conn, self.issues)
        await park_events(conn, self.parkings)
        await finish_events(conn, [u.event.event_id for u in self.good])

    async def _locked_sites(
        self, conn: Conn, numbers: dict[str, int]
    ) -> dict[tuple[str, str], int]:
        counts = [
            (record.sku, record.site)
            for u in self.good
            for record in u.mapped.records
            if isinstance(record, StockMovement) and record.movement is MovementKind.COUNT
        ]
        if not counts:
            return {}
        # The balances first, as in every batch; whoever moves a unit waits for them.
        await lock_balances(conn, numbers)
        return await lock_sites(conn, counts)

    def _merge_event(
        self,
        understood: Understood,
        personas: Personas,
        keys: Mapping[bytes, bytes],
        sites: dict[tuple[str, str], int],
    ) -> None:
        event = understood.event
        moved: dict[EntityKey, dict[RecordKey, Stored]] = {}
        for record in understood.mapped.records:
            entity = (event.connection_id, record.entity())
            persona = personas.get((event.event_id, record.kind, record.ref))
            person = None if persona is None else persona.person
            stored, outcome, links = self._merge_record(understood, record, person, keys)
            has_news = outcome in {Outcome.CREATED, Outcome.CHANGED}
            if has_news or record.unites:
                whose = persona or personas.get((event.event_id, "", ""))
                # Of a person who was erased meanwhile no name is kept.
                named = whose is None or whose.person in keys
                links += people_names(record, self.hub.keys)
                digests = digests_of(self.hub.vault, sorted({*links})) if named else ()
                name_record(stored, digests)
            if has_news:
                moved[entity] = self.entities[entity]
                if isinstance(stored.body, Product):
                    self.products[event.connection_id, record.ref] = stored.body
                elif isinstance(stored.body, InventoryLevel):
                    self.levels.append((event.connection_id, stored.body))
                told = told_by_record(event.connection_id, stored.body)
                if told is not None:
                    self.told.append(told)
        for (connection_id, _), records in moved.items():
            self._book(understood, connection_id, records, sites)

    def _merge_record(
        self,
        understood: Understood,
        record: Record,
        person: bytes | None,
        keys: Mapping[bytes, bytes],
    ) -> tuple[Stored, Outcome, Names]:
        event = understood.event
        records = self.entities[event.connection_id, record.entity()]
        parts = take_apart(record, understood.source)
        current = records.get((record.kind, record.ref))
        if current is not None and current.sealed is not None:
            open_stored(self.hub.vault, current, keys)
        stored, outcome = merge(
            current,
            parts,
            record_id=self.record_ids[-1],
            connection_id=event.connection_id,
            event_id=event.event_id,
            person=person,
        )
        if outcome is Outcome.CREATED:
            self.record_ids.pop()
            records[record.kind, record.ref] = stored
        if outcome is not Outcome.SAME:
            body, personal = parts.body, parts.personal
            if record.unites:
                body, personal = encode(stored.body), stored.personal
            self.versions.append(
                Version(
                    record_id=stored.record_id,
                    event_id=event.event_id,
                    stale=outcome is Outcome.STALE,
                    body=body,
                    personal=seal_version(self.hub.vault, stored, personal, person, keys),
                )
            )
        return stored, outcome, parts.links

    def _book(
        self,
        understood: Understood,
        connection_id: int,
        records: Mapping[RecordKey, Stored],
        sites: dict[tuple[str, str], int],
    ) -> None:
        """Post the difference between what an entity's records say and what was posted."""
        for stored in records.values():
            opens: frozenset[str] = frozenset()
            occurred_at = stored.stamp.updated_at
            posted = self.posted.get(stored.record_id, {})
            if isinstance(stored.body, Order):
                bodies = (other.body for other in records.values())
                wanted = positions_of_order(bodies, self.hub.site_of(connection_id))
                reason = "order"
            elif isinstance(stored.body, StockMovement):
                movement = stored.body
                here = Position(movement.sku, Place.ON_HAND, movement.site)
                without = sites.get((movement.sku, movement.site), 0) - posted.get(here, 0)
                wanted = positions_of_movement(movement, without)
                if movement.movement in _OPENING:
                    opens = frozenset((movement.sku,))
                reason = movement.movement.value
            elif isinstance(stored.body, Reservation):
                wanted = positions_of_reservation(stored.body, self.hub.site_of(connection_id))
                reason = stored.body.kind
                self.reservations[stored.record_id] = stored.body
            else:
                continue
            moves = difference(wanted, posted)
            if not moves and not opens:
                continue
            self.posted[stored.record_id] = wanted
            for position, units in moves.items():
                if position.place is Place.ON_HAND:
                    site = (position.sku, position.site)
                    sites[site] = sites.get(site, 0) + units
            self.transactions.append(
                Transaction(
                    event_id=understood.event.event_id,
                    record_id=stored.record_id,
                    connection_id=connection_id,
                    reason=reason,
                    occurred_at=occurred_at,
                    seen_at=understood.event.received_at,
                    moves=moves,
                    opens=opens,
                )
            )

    async def _post(self, conn: Conn, numbers: dict[str, int]) -> None:
        listings = await replace_listings(
            conn,
            [(connection_id, product) for (connection_id, _), product in self.products.items()],
        )
        skus = {listing.sku for listing in listings if listing.active}
        if skus:
            skus |= {p.sku for t in self.transactions for p in t.moves}
            await lock_balances(conn, {sku: numbers[sku] for sku in skus})
        changes = await post_transactions(conn, self.transactions, numbers)
        await replace_holds(conn, self.reservations, numbers)
        await tell_listings(conn, self.hub, listings, numbers)
        await change_stock(conn, changes)
        await note_oversells(conn, changes, self.transactions)
        if listings:
            event_id = max(u.event.event_id for u in self.good)
            told = {listing.sku for listing in listings}
            await note_differences(conn, told, self.hub.owners(), self.hub.names(), event_id)

    async def _put_keys_under_persons(
        self,
        conn: Conn,
        personas: Personas,
        keys: Mapping[bytes, bytes],
    ) -> None:
        whose: dict[int, bytes] = {}
        for (event_id, _, _), persona in personas.items():
            whose.setdefault(event_id, persona.person)
        rewrapped, dark = [], []
        for u in self.good:
            person = whose.get(u.event.event_id)
            if u.event_key is None or person is None or u.event.person is not None:
                continue
            if person in keys:
                wrapped = self.hub.vault.wrap_for_person(u.event_key, keys[person])
                rewrapped.append((u.event.event_id, person, wrapped))
            else:
                dark.append(u.event.event_id)  # it came in before the person was erased
        await rewrap_keys(conn, rewrapped)
        await darken_events(conn, dark)

    async def _erase(self, conn: Conn) -> None:
        """Carry out requests to be forgotten, last, when everything else of theirs is sealed."""
        for u in self.good:
            for record in u.mapped.records:
                if isinstance(record, PrivacyRequest) and record.request is not PrivacyKind.ACCESS:
                    await self._forget(conn, u.event, record)

    async def _forget(self, conn: Conn, event: Event, request: PrivacyRequest) -> None:
        connection_id, vault = event.connection_id, self.hub.vault
        traces = await find_traces(conn, vault, connection_id, request)
        await forget(conn, vault, connection_id, request, traces, event_id=event.event_id)


def _skus_of(record: Record) -> Iterable[str]:
    if isinstance(record, Order):
        return (line.sku for line in record.lines if line.sku)
    if isinstance(record, Reservation):
        # One that was refused moves nothing: what it names need not be a SKU of ours.
        return (line.sku for line in record.lines if not record.shortages)
    if isinstance(record, Product):
        return (variant.sku for variant in record.variants if variant.sku)
    return (record.sku,) if isinstance(record, StockMovement) else ()
