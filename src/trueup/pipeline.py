"""The spine: the only file that knows the order of the stages.

    queue -> understand -> merge -> post -> enqueue          one transaction (T2 with T3)

A batch is applied whole or not at all. Where it fails, its events are tried one by one, so that one
bad event holds up nothing else; an event that keeps failing is parked with its cause.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import structlog

from trueup.bridge import Bridge
from trueup.canon.inventory import InventoryLevel, StockMovement
from trueup.canon.issue import Issue
from trueup.canon.kit import Kit
from trueup.canon.product import Product
from trueup.canon.record import Record, encode
from trueup.canon.reservation import Reservation
from trueup.canon.rule import ChannelRule
from trueup.counting import hold_counts
from trueup.errors import DatabaseUnavailable
from trueup.govern.persons import open_keys, read_keys
from trueup.hub import Hub
from trueup.intake.claim import finish_events
from trueup.intake.drift import DriftWatch
from trueup.intake.issues import open_issues
from trueup.intake.model import Event
from trueup.intake.park import RETRY_DELAYS_S, Parking, park_events, postpone_event
from trueup.ledger.counts import Recount, is_count, recount_of
from trueup.ledger.holds import replace_holds
from trueup.ledger.kitting import kit_changes, newer_kits
from trueup.ledger.model import Positions, Transaction
from trueup.ledger.named import note_named
from trueup.ledger.oversell import note_oversells
from trueup.ledger.placing import MOVING_KINDS, place, skus_of
from trueup.ledger.post import (
    SkuNumbers,
    lock_balances,
    post_transactions,
    posted_of_records,
    recount,
)
from trueup.ledger.rules import difference
from trueup.money import book_money
from trueup.outbox.ahead import change_ahead
from trueup.outbox.channels import at_selling_sites, levels_written, tell_listings
from trueup.outbox.command import Told, confirm_commands
from trueup.outbox.enqueue import change_stock, observe_levels, want_fetches
from trueup.outbox.outcome import told_by_record
from trueup.outbox.reach import ReachWatch, is_live
from trueup.outbox.rules import PlacedRule, set_rules, unknown_channel
from trueup.rebook import KitNews
from trueup.records.entities import RecordId, changed_entities, claims_of
from trueup.records.expected import note_lines
from trueup.records.links import Names, digests_of, name_record
from trueup.records.listings import replace_listings
from trueup.records.merge import Outcome, merge, take_apart
from trueup.records.model import Stored, Version
from trueup.records.owners import note_differences
from trueup.records.people import people_names
from trueup.records.personas import Personas, last_seen, personas_of
from trueup.records.persons import erase_persons, put_keys_under_persons
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


class Applier:
    """Applies events over one database session, which holds their partitions.

    Args:
        conn: in autocommit; each batch is one transaction on it.
        hub: vault, connectors and connections.
        watch: looks at bodies for drift.
        reach: gathers how old sales are when they are taken in.
        record_numbers: where several appliers share a block of them.
    """

    def __init__(
        self,
        conn: Conn,
        hub: Hub,
        watch: DriftWatch | None = None,
        *,
        reach: ReachWatch | None = None,
        record_numbers: RecordNumbers | None = None,
    ) -> None:
        self._conn = conn
        self._hub = hub
        self._watch = watch
        self._reach = reach
        self._skus = SkuNumbers()
        self._record_numbers = record_numbers or RecordNumbers()

    async def apply(self, events: Sequence[Event]) -> set[int]:
        """Apply events and take them off the queue; what can not be applied is parked.

        Returns the connections at which something else shall stand now.

        Raises:
            DatabaseUnavailable: nothing of the batch was applied.
        """
        try:
            return await self.apply_now(events)
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad event must not hold up the others
            if len(events) == 1:
                await self._fail(events[0], error)
                return set()
            _log.warning("batch_failed", events=len(events), error=type(error).__name__)
            return set().union(*[await self.apply([event]) for event in events])

    async def apply_now(self, events: Sequence[Event]) -> set[int]:
        """Apply events in one transaction, or in the caller's; what fails is raised."""
        while (due := await self._apply_known(events)) is None:
            pass  # a kit was defined meanwhile; each turn knows more of them
        return due

    async def _apply_known(self, events: Sequence[Event]) -> set[int] | None:
        """Apply events by the kits that are known; None where there are newer ones."""
        batch = _Batch(self._hub)
        batch.understand(events, await self._person_keys(events))
        if self._watch is not None:
            for event, u in ((u.event, u) for u in batch.good if not u.rebooks):
                self._watch.look(event.connection_id, event.topic, event.event_id, u.source.body)
        batch.entities, elsewhere = await load_claimed(
            self._conn, batch.entity_keys(), claims_of(batch.good)
        )
        batch.refuse_changed(elsewhere)
        batch.note_counted()
        batch.posted = await posted_of_records(self._conn, batch.known_record_ids())
        batch.record_ids = list(
            await self._record_numbers.reserve(self._conn, batch.record_count())
        )
        codes = batch.sku_codes()
        if self._hub.masters:
            others = await batch.bridge.prepare(self._conn, batch.good)
            codes |= others | batch.kits.beside(others, batch.good)
        numbers = await self._skus.number(self._conn, codes)
        # No pipeline: in one nothing bounds how long a process that hangs may hold its locks.
        async with self._conn.transaction():
            kits = batch.kits
            newer = await newer_kits(self._conn, kits.known, alone=kits.arriving(batch.good))
            if newer is None:
                await batch.write(self._conn, numbers)
        if newer is not None:
            self._hub.learn_kits(newer)
            return None
        if self._reach is not None:
            self._reach.note_sales(batch.transactions)
        return batch.due

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
        self.bridge = Bridge(hub)
        self.counted: set[int] = set()
        self.recounts: dict[int, Recount] = {}
        self.told: list[Told] = []
        self.rules: dict[int, PlacedRule] = {}
        self.kits = KitNews(hub.kits)
        self.due: set[int] = set()

    # -- reading -------------------------------------------------------------------------------

    def understand(self, events: Sequence[Event], person_keys: Mapping[bytes, bytes]) -> None:
        """Open and map every event; those with a fault are to be parked."""
        for event in events:
            folder = self.hub.reader_of(event.connection_id, event.topic)
            if folder is None:
                detail = "the connection or its connector no longer exists"
                self.parkings.append(Parking(event=event, cause="connection.gone", detail=detail))
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
            *((u.event.connection_id, u.event.entity) for u in self.good if u.rebooks),
            *(
                (u.event.connection_id, record.entity())
                for u in self.good
                for record in u.mapped.records
            ),
        ]

    def known_record_ids(self) -> list[int]:
        """Return the orders and movements that may have posted before."""
        return [
            stored.record_id
            for records in self.entities.values()
            for stored in records.values()
            if stored.kind in MOVING_KINDS
        ]

    def note_counted(self) -> None:
        """Keep which records counted something when the batch began."""
        self.counted = {
            stored.record_id
            for records in self.entities.values()
            for stored in records.values()
            if is_count(stored.body)
        }

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
                codes.update(skus_of(record))
        return codes | self.kits.beside(codes, self.good)

    # -- writing -------------------------------------------------------------------------------

    async def write(self, conn: Conn, numbers: dict[str, int]) -> None:
        """Do everything that the batch means, in the caller's transaction.

        The order of the writes is the same in every batch, and so is the order of the locks:
        persons, records, balances, intents. What can be done before the balances are locked is,
        as others wait for these.
        """
        self.good, held = await hold_counts(conn, self.hub, self.good, self.bridge.counts_of)
        self.parkings += held
        personas = personas_of(self.hub.vault, self.good, self.entities, self.hub.personal_paths)
        keys = await open_keys(
            conn, self.hub.vault, personas.values(), seen_at=last_seen(self.good, personas)
        )
        for understood in self.good:
            self._merge_event(understood, personas, keys)
        changed = [s for records in self.entities.values() for s in records.values() if s.touched]
        await store_records(conn, changed=changed, versions=self.versions, beside=self.entities)
        await put_keys_under_persons(conn, self.hub.vault, self.good, personas, keys)
        await book_money(conn, self.hub, self.good, self.entities)
        await self._post(conn, numbers, await note_lines(conn, changed, self.hub.site_of_line))
        await note_named(conn, changed, numbers)
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
        await erase_persons(conn, self.hub.vault, self.good)
        await open_issues(conn, [*self.issues, *self.kits.issues, *self.bridge.issues])
        await park_events(conn, self.parkings)
        await finish_events(conn, [u.event.event_id for u in self.good])

    def _merge_event(
        self,
        understood: Understood,
        personas: Personas,
        keys: Mapping[bytes, bytes],
    ) -> None:
        event = understood.event
        moved: dict[EntityKey, dict[RecordKey, Stored]] = {}
        if understood.rebooks:
            entity = (event.connection_id, event.entity)
            moved[entity] = self.entities[entity]
        for record in understood.mapped.records:
            entity = (event.connection_id, record.entity())
            persona = personas.get((event.event_id, record.kind, record.ref))
            person = None if persona is None else persona.person
            stored, outcome, links = self._merge_record(understood, record, person, keys)
            has_news = outcome in {Outcome.CREATED, Outcome.CHANGED}
            if isinstance(record, Kit) and outcome is not Outcome.SAME:
                self.kits.tell(event, record)
            if has_news or record.unites:
                whose = persona or personas.get((event.event_id, "", ""))
                # Of a person who was erased meanwhile no name is kept.
                named = whose is None or whose.person in keys
                links += people_names(record, self.hub.keys)
                digests = digests_of(self.hub.vault, sorted({*links})) if named else ()
                name_record(stored, digests)
            if has_news:
                moved[entity] = self.entities[entity]
                self._note_news(event, stored)
                self.bridge.take_news(event, stored)
        for (connection_id, _), records in moved.items():
            self._book(understood, connection_id, records)

    def _note_news(self, event: Event, stored: Stored) -> None:
        """Keep what is to be done about a record besides booking it."""
        if isinstance(stored.body, Product):
            self.products[event.connection_id, stored.ref] = stored.body
        elif isinstance(stored.body, InventoryLevel):
            self.levels.append((event.connection_id, stored.body))
        elif isinstance(stored.body, ChannelRule):
            self._rule(event, stored.record_id, stored.body)
        told = told_by_record(event.connection_id, stored.body)
        if told is not None:
            self.told.append(told)

    def _rule(self, event: Event, record_id: int, rule: ChannelRule) -> None:
        connection_id = {name: n for n, name in self.hub.names().items()}.get(rule.channel)
        self.rules[record_id] = PlacedRule(
            record_id=record_id, connection_id=connection_id, rule=rule
        )
        if connection_id is None and not rule.deleted:
            self.issues.append((event.event_id, event.connection_id, unknown_channel(rule)))

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
    ) -> None:
        """Post the difference between what an entity's records say and what was posted."""
        event, bodies = understood.event, [each.body for each in records.values()]
        site_of, known = self.hub.site_of(connection_id), self.kits.known
        for stored in records.values():
            if self.bridge.take_order(event, stored, records):
                continue
            first = stored.began_with(event.event_id)
            if (placed := place(stored.body, lambda: bodies, site_of, known, first=first)) is None:
                continue
            posted = self.posted.get(stored.record_id, {})
            wanted, opens = placed.positions, placed.opens
            if isinstance(stored.body, Reservation):
                self.reservations[stored.record_id] = stored.body
            elif isinstance(stored.body, StockMovement) and (
                is_count(stored.body) or stored.record_id in self.counted
            ):
                self.counted.add(stored.record_id)
                self.recounts[stored.record_id] = recount_of(stored.body, event, stored.record_id)
                wanted = posted  # what a count posts is found under the locks
            moves = difference(wanted, posted)
            if not (moves or opens or placed.own_back):
                continue
            self.posted[stored.record_id] = wanted
            self.transactions.append(
                Transaction(
                    event_id=event.event_id,
                    record_id=stored.record_id,
                    connection_id=placed.told_by(connection_id),
                    reason=placed.reason,
                    occurred_at=placed.occurred_at or stored.stamp.updated_at,
                    own_at=None if posted else placed.own_at,
                    own_back=placed.own_back,
                    variants=placed.variants,
                    seen_at=event.received_at,
                    moves=moves,
                    opens=opens,
                    live=is_live(understood.event, placed.occurred_at or stored.stamp.updated_at),
                )
            )

    async def _post(self, conn: Conn, numbers: dict[str, int], expected: set[str]) -> None:
        listings = await replace_listings(
            conn,
            [(connection_id, product) for (connection_id, _), product in self.products.items()],
        )
        skus = {listing.sku for listing in listings if listing.active}
        if skus:
            skus |= {p.sku for t in self.transactions for p in t.moves}
            await lock_balances(conn, {sku: numbers[sku] for sku in skus})
        bridged, levels = await self.bridge.post(conn, numbers, self.kits.known)
        recounts = [*self.recounts.values(), *levels]
        self.transactions += [*bridged, *await recount(conn, recounts, numbers, self.transactions)]
        changes = await post_transactions(conn, self.transactions, numbers, recounts)
        await replace_holds(conn, self.reservations, numbers, self.kits.known)
        await set_rules(conn, list(self.rules.values()))
        kits = await self.kits.define(conn, self.hub.vault, numbers)
        listed = {listing.sku for listing in listings}
        with_kits = await kit_changes(conn, kits, changes, numbers, (listed, self.kits.told))
        await tell_listings(conn, self.hub, listings, numbers, kits)
        at_sites = await at_selling_sites(conn, self.hub, with_kits, kits)
        if self.rules or expected or listed:
            now = max(u.event.received_at for u in self.good)
            told = None if self.rules else expected | listed
            await change_ahead(conn, self.hub.sell_sites, told, now=now, beside=with_kits)
        self.due = await change_stock(conn, with_kits, at_sites)
        await note_oversells(conn, changes, self.transactions)
        if listings:
            event_id = max(u.event.event_id for u in self.good)
            await note_differences(conn, listed, self.hub.owners(), self.hub.names(), event_id)
