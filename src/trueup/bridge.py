"""Bridge: orders and levels where an outside master owns the stock; in the batch's transaction.

An order of one system and a consignment of another meet here. Their events run in different
partitions, so both sides lock the balances of their SKUs first, in the order of their numbers, and
read each other and what was posted after that: whoever comes second sees what the first did.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.inventory import InventoryLevel
from trueup.canon.issue import Issue, Severity
from trueup.canon.link import LinkSpace, normal_links
from trueup.canon.order import Order
from trueup.canon.product import Product
from trueup.canon.record import Record
from trueup.canon.shipment import Shipment
from trueup.hub import Hub
from trueup.intake.model import Event
from trueup.ledger.counts import Count, Recount, promised_then
from trueup.ledger.kits import Kits
from trueup.ledger.masters import Basis, Consignment, Master, bridge, consignment_of
from trueup.ledger.model import Transaction
from trueup.ledger.placing import place
from trueup.ledger.post import lock_balances, posted_of_records
from trueup.ledger.rules import difference
from trueup.records.bridged import (
    known_orders,
    order_links,
    orders_of_links,
    shipments_of_links,
)
from trueup.records.links import digests_of
from trueup.records.listings import skus_of_items
from trueup.records.model import Stored
from trueup.records.store import EntityKey, RecordKey, load_entities, lock_name
from trueup.records.understand import Understood

Conn = psycopg.AsyncConnection[Any]
Records = Mapping[RecordKey, Stored]
Item = tuple[int, str]
"""(connection_id, item_ref)"""

UNMAPPED = "stock.level_unmapped"
AMBIGUOUS = "stock.shipment_ambiguous"
LEVEL = "level"


class ReadAgainError(Exception):
    """Facts of others arrived meanwhile, of SKUs that are not locked: the batch begins anew."""


class _Bridged(NamedTuple):
    """An order to be booked, because of which event."""

    event: Event
    connection_id: int
    record_id: int
    records: Records


class _Told(NamedTuple):
    """A level to be counted, because of which event."""

    event: Event
    stored: Stored
    level: InventoryLevel


class Bridge:
    """What a batch has to do with outside masters; nothing where there are none."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._orders: dict[int, _Bridged] = {}
        self._consignments: dict[int, Event] = {}
        self._levels: dict[int, _Told] = {}
        self._listed: dict[Item, Event] = {}
        self._skus: dict[Item, str] = {}
        self.issues: list[tuple[int | None, int | None, Issue]] = []

    # -- before the transaction ----------------------------------------------------------------

    async def prepare(self, conn: Conn, understood: Sequence[Understood]) -> set[str]:
        """Return the SKUs that others' orders and levels of this batch may move."""
        theirs = [u for u in understood if self._hub.masters.is_master(u.event.connection_id)]
        codes: set[str] = set()
        digests: set[bytes] = set()
        items: set[Item] = set()
        for u in theirs:
            for record in u.mapped.records:
                if isinstance(record, InventoryLevel):
                    codes |= {record.sku} if record.sku else set()
                    items |= set() if record.sku else {(u.event.connection_id, record.item_ref)}
                elif isinstance(record, Shipment) and record.order_ref is None:
                    codes |= {line.sku for line in record.lines if line.sku}
                    digests |= self._digests(record)
        if items:
            self._skus = await skus_of_items(conn, sorted(items))
            codes |= set(self._skus.values())
        orders = await orders_of_links(conn, digests)
        entities = await load_entities(conn, [(o.connection_id, o.entity) for o in orders])
        posted = await posted_of_records(conn, {o.record_id for o in orders})
        codes |= {position.sku for positions in posted.values() for position in positions}
        for records in entities.values():
            codes |= _skus_of_orders(stored.body for stored in records.values())
        return codes

    def _digests(self, record: Record) -> set[bytes]:
        named = [pair for pair in normal_links(record.links) if pair[0] == LinkSpace.ORDER]
        return {digest for _, digest in digests_of(self._hub.vault, named)}

    def counts_of(self, understood: Understood) -> list[Count]:
        """Return what an event's levels would count; for the brake, before they are stored.

        Of several locations at one site each tells a part; these are not judged.
        """
        connection_id = understood.event.connection_id
        found = []
        for record in understood.mapped.records:
            if isinstance(record, InventoryLevel) and not record.deleted:
                master, sku, site = self._placed(connection_id, record)
                sites = list(self._hub.mapped_sites(connection_id).values())
                units = _units_told(record, master) if master else None
                if units is not None and sites.count(site) == 1:
                    found.append(
                        Count(sku=sku, site=site, counted_at=record.updated_at, units=units)
                    )
        return found

    def _placed(self, connection_id: int, level: InventoryLevel) -> tuple[Master | None, str, str]:
        """Return the master whose word a level is, with its SKU and site; None where it is not."""
        site = self._hub.mapped_sites(connection_id).get(level.location_ref, "")
        sku = level.sku or self._skus.get((connection_id, level.item_ref), "")
        master = self._hub.masters.owner(sku, site) if sku and site else None
        if master is not None and master.connection_id != connection_id:
            master = None
        return master, sku, site

    # -- while records are merged --------------------------------------------------------------

    def take_order(self, event: Event, stored: Stored, records: Records) -> bool:
        """Whether an order is booked here, later and under the locks."""
        if not isinstance(stored.body, Order) or not self._hub.masters.bridges(stored.body):
            return False
        bridged = _Bridged(event, stored.connection_id, stored.record_id, records)
        self._orders[stored.record_id] = bridged
        return True

    def take_news(self, event: Event, stored: Stored) -> None:
        """Note what a master tells."""
        if not self._hub.masters.is_master(event.connection_id):
            return
        body = stored.body
        if isinstance(body, Shipment) and body.order_ref is None:
            self._consignments[stored.record_id] = event
        elif isinstance(body, InventoryLevel):
            self._levels[stored.record_id] = _Told(event, stored, body)
        elif isinstance(body, Product):
            for variant in body.variants:
                if variant.item_ref and variant.sku:
                    self._listed[event.connection_id, variant.item_ref] = event
                    self._skus[event.connection_id, variant.item_ref] = variant.sku

    # -- in the transaction, after the records are stored --------------------------------------

    async def post(
        self, conn: Conn, numbers: dict[str, int], kits: Kits
    ) -> tuple[list[Transaction], list[Recount]]:
        """Return what the batch posts for others' orders, and which levels count.

        Args:
            conn: in the batch's transaction; locks the balances.
            numbers: of every SKU that the batch may move.
            kits: what codes that are sold stand for.
        """
        if not (self._orders or self._consignments or self._levels or self._listed):
            return [], []
        await self._meet_listings(conn)
        await lock_balances(conn, numbers)
        transactions = await self._book(conn, numbers, kits)
        recounts = await self._count(conn, numbers)
        opens = [_opening(each) for each in recounts if each.count is not None]
        return [*transactions, *opens], recounts

    async def _meet_listings(self, conn: Conn) -> None:
        """Let a level and the listing of its item meet, whichever is first."""
        unknown = {
            (each.event.connection_id, each.level.item_ref)
            for each in self._levels.values()
            if not each.level.sku
        } - self._skus.keys()
        for connection_id in sorted({number for number, _ in (*unknown, *self._listed)}):
            await lock_name(conn, f"levels/{connection_id}")
        if await skus_of_items(conn, sorted(unknown)):
            raise ReadAgainError("a listing arrived meanwhile")

    async def _book(self, conn: Conn, numbers: dict[str, int], kits: Kits) -> list[Transaction]:
        await self._add_named_orders(conn)
        if not self._orders:
            return []
        consignments = await self._consignments_of_orders(conn)
        posted = await posted_of_records(conn, list(self._orders))
        transactions = []
        for record_id, each in self._orders.items():
            bodies = [stored.body for stored in each.records.values()]
            site_of = self._hub.site_of(each.connection_id)
            together, sites = bridge(bodies, consignments[record_id], site_of)
            order = next(s for s in each.records.values() if s.record_id == record_id)
            placed = place(order.body, lambda known=together: known, sites, kits)  # type: ignore[misc]
            if placed is None:
                continue
            before = posted.get(record_id, {})
            moves = difference(placed.positions, before)
            if not moves:
                continue
            if any(position.sku not in numbers for position in moves):
                raise ReadAgainError("an order arrived meanwhile")
            transactions.append(
                Transaction(
                    event_id=each.event.event_id,
                    record_id=record_id,
                    connection_id=each.event.connection_id,
                    reason=placed.reason,
                    occurred_at=order.stamp.updated_at,
                    own_at=None if before else placed.own_at,
                    variants=placed.variants,
                    seen_at=each.event.received_at,
                    moves=moves,
                )
            )
        return transactions

    async def _add_named_orders(self, conn: Conn) -> None:
        """Add the orders that the batch's consignments are about."""
        if not self._consignments:
            return
        links = await order_links(conn, self._consignments)
        events = {d: self._consignments[record_id] for record_id, ds in links.items() for d in ds}
        named = await orders_of_links(conn, events)
        fresh = [order for order in named if order.record_id not in self._orders]
        keys: list[EntityKey] = [(order.connection_id, order.entity) for order in fresh]
        entities = await load_entities(conn, keys)
        for order in fresh:
            records = entities[order.connection_id, order.entity]
            self._orders[order.record_id] = _Bridged(
                events[order.digest], order.connection_id, order.record_id, records
            )

    async def _consignments_of_orders(self, conn: Conn) -> dict[int, list[Consignment]]:
        """Return what masters tell to have left for each order; what may be of two is of none."""
        masters = sorted(
            number for number in self._hub.connections if self._hub.masters.is_master(number)
        )
        mine = await order_links(conn, self._orders)
        told = await shipments_of_links(
            conn, {d for digests in mine.values() for d in digests}, masters
        )
        shipments = {record_id: (number, body) for _, record_id, number, body in told}
        theirs = await order_links(conn, shipments)
        holders: dict[bytes, set[int]] = defaultdict(set)
        for order in await orders_of_links(conn, {d for ds in theirs.values() for d in ds}):
            holders[order.digest].add(order.record_id)
        found: dict[int, list[Consignment]] = defaultdict(list)
        for record_id, (number, shipment) in shipments.items():
            orders = set().union(*(holders[d] for d in theirs[record_id]))
            if len(orders) > 1:
                self._ambiguous(number, shipment, orders)
                continue
            consignment = self._owned(number, shipment)
            for order_id in orders & self._orders.keys():
                found[order_id] += [consignment] if consignment else []
        return found

    def _owned(self, connection_id: int, shipment: Shipment) -> Consignment | None:
        """Return what a master took of its own; of others' goods it has no say."""
        consignment = consignment_of(shipment, self._hub.site_of(connection_id))
        if consignment is None:
            return None
        units = {}
        for sku, quantity in consignment.units.items():
            master = self._hub.masters.owner(sku, consignment.site)
            if master is not None and master.connection_id == connection_id:
                units[sku] = quantity
        return msgspec.structs.replace(consignment, units=units)

    def _ambiguous(self, connection_id: int, shipment: Shipment, orders: set[int]) -> None:
        issue = Issue(
            code=AMBIGUOUS,
            severity=Severity.WARNING,
            expected="a consignment that is about one order",
            found=f"{len(orders)} orders carry its number",
            how_to_fix="Let one of the shops number its orders apart, with a prefix.",
            ref=f"shipment/{shipment.ref}",
        )
        event = next(iter(self._orders.values())).event
        self.issues.append((event.event_id, connection_id, issue))

    # -- levels --------------------------------------------------------------------------------

    async def _count(self, conn: Conn, numbers: dict[str, int]) -> list[Recount]:
        events = {
            (each.event.connection_id, each.level.item_ref): each.event
            for each in self._levels.values()
        } | self._listed
        found = await self._levels_of_items(conn, list(events))
        recounts = []
        for item, levels in found.items():
            by_site: dict[str, list[Stored]] = defaultdict(list)
            sites = self._hub.mapped_sites(item[0])
            for stored, level in levels:
                site = sites.get(level.location_ref, "")
                by_site[site].append(stored)
            for site, stored_levels in sorted(by_site.items()):
                recounts += await self._recount(conn, events[item], site, stored_levels, numbers)
        return recounts

    async def _levels_of_items(
        self, conn: Conn, items: Sequence[Item]
    ) -> dict[Item, list[tuple[Stored, InventoryLevel]]]:
        """Return all levels of some items at mapped locations, and those that just came."""
        keys = [
            (connection_id, f"{InventoryLevel.kind}/{item_ref}@{location}")
            for connection_id, item_ref in items
            for location in self._hub.mapped_sites(connection_id)
        ]
        found: dict[Item, dict[int, tuple[Stored, InventoryLevel]]] = defaultdict(dict)
        for (connection_id, _), records in (await load_entities(conn, keys)).items():
            for stored in records.values():
                if isinstance(stored.body, InventoryLevel):
                    level = stored.body
                    item = (connection_id, level.item_ref)
                    found[item][stored.record_id] = (stored, level)
        for record_id, told in self._levels.items():
            item = (told.event.connection_id, told.level.item_ref)
            found[item][record_id] = (told.stored, told.level)
        return {item: list(levels.values()) for item, levels in found.items()}

    async def _recount(
        self,
        conn: Conn,
        event: Event,
        site: str,
        levels: Sequence[Stored],
        numbers: dict[str, int],
    ) -> list[Recount]:
        """Return what the levels of one item at one site count: together, as of the newest."""
        ordered = sorted(levels, key=lambda stored: stored.record_id)
        told = [
            s.body for s in ordered if isinstance(s.body, InventoryLevel) and not s.body.deleted
        ]
        count = None
        if told:
            master, sku, _ = self._placed(event.connection_id, told[0])
            if master is None:
                self._unmapped(event, told[0], site, sku)
                return []
            if sku not in numbers:
                raise ReadAgainError("a level's item was listed anew meanwhile")
            parts = [_units_told(level, master) for level in told]
            whole = [units for units in parts if units is not None]
            if len(whole) < len(parts):
                self._unmapped(event, told[parts.index(None)], site, sku)
                return []
            at = max(level.updated_at for level in told)
            units = sum(whole)
            if any(_is_free(level, master) for level in told):
                units += await self._promised(conn, master, numbers[sku], at)
            count = Count(sku=sku, site=site, counted_at=at, units=units)
        return [
            Recount(
                event_id=event.event_id,
                record_id=stored.record_id,
                connection_id=event.connection_id,
                count=count if position == 0 else None,
                wanted={},
                reason=LEVEL,
                seen_at=event.received_at,
                occurred_at=stored.stamp.updated_at,
            )
            for position, stored in enumerate(ordered)
        ]

    async def _promised(self, conn: Conn, master: Master, sku_id: int, at: datetime) -> int:
        """Return the units of orders that the master knew of: they are off its free number."""
        promised = await promised_then(conn, sku_id, master.site, at)
        known = await known_orders(conn, list(promised), master.connection_id, at)
        return sum(promised[record_id] for record_id in known)

    def _unmapped(self, event: Event, level: InventoryLevel, site: str, sku: str) -> None:
        if site and sku and self._hub.masters.owner(sku, site) is not None:
            master = self._hub.masters.owner(sku, site)
            if master is not None and master.connection_id != event.connection_id:
                return  # somebody else's word counts there
        elif site and sku:
            return  # our own stock
        if not site and self._hub.stock_location(event.connection_id) in {"", level.location_ref}:
            return  # what the channel offers, no place at which anything lies
        missing = "its number of units" if site and sku else ("its SKU" if site else "its site")
        issue = Issue(
            code=UNMAPPED,
            severity=Severity.WARNING,
            pointer=level.location_ref,
            expected="a level whose SKU and site are known, and that tells units",
            found=f"{missing} is not known",
            how_to_fix=(
                "Name the location in the connection's setting location_sites, and give the item "
                "its SKU; it counts as soon as both are known."
            ),
            ref=f"{InventoryLevel.kind}/{level.ref}",
        )
        self.issues.append((event.event_id, event.connection_id, issue))


def _units_told(level: InventoryLevel, master: Master) -> int | None:
    """Return the number of a level that counts; None where it tells none."""
    if not _is_free(level, master):
        if level.on_hand is not None:
            return level.on_hand
        return (level.available or 0) + (level.committed or 0)
    return level.available


def _is_free(level: InventoryLevel, master: Master) -> bool:
    """Whether what counts has the orders taken off that the master knows of."""
    if master.basis is Basis.AVAILABLE:
        return True
    return level.on_hand is None and (level.available is None or level.committed is None)


def _opening(recount: Recount) -> Transaction:
    skus = frozenset((recount.count.sku,)) if recount.count else frozenset()
    return Transaction(
        event_id=recount.event_id,
        record_id=recount.record_id,
        connection_id=recount.connection_id,
        reason=recount.reason,
        occurred_at=recount.occurred_at,
        seen_at=recount.seen_at,
        moves={},
        opens=skus,
    )


def _skus_of_orders(records: Iterable[Record]) -> set[str]:
    return {
        line.sku
        for record in records
        if isinstance(record, Order)
        for line in record.lines
        if line.sku
    }
