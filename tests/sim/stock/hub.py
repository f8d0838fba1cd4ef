"""The hub of one seed: connections in a database that seeds share, each with names of its own."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.sim.stock.database import Conn, set_time
from tests.sim.stock.shop import Delivery
from trueup.contract.loader import ConnectorFolder, find_connectors
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events
from trueup.intake.connections import Account, create_connection
from trueup.intake.model import Appended, Connection, Event, NewEvent, Origin
from trueup.kernel.limits import PARTITIONS
from trueup.outbox.tuner import Tuner
from trueup.pipeline import Applier
from trueup.reserve import Reservations

BEGINNING = datetime(2040, 1, 1, 9, tzinfo=UTC)
"""After every clock that runs today: what a statement takes from its own machine is long ago."""

SETTINGS = {
    "shop_domain": "world.myshopify.com",
    "stock_location": "1",
    "location_sites": "1=main,2=store",
    "api_base": "http://world.example",
    "access_token": "t",
    "consumer_key": "k",
    "consumer_secret": "s",
    "seller_id": "S",
    "marketplace_ids": "A1PA6795UKMFR9",
    "region": "eu",
    "store_hash": "w",
}
KINDS = ("shopify", "woocommerce", "bigcommerce", "amazon")


def world_connectors() -> dict[str, ConnectorFolder]:
    """Return the connectors; all shops tell of orders in one form and are written to in their own."""
    found = dict(find_connectors())
    shared = {name: found["shopify"].modules[name] for name in ("webhook", "mapping")}
    for kind in KINDS:
        modules = {**found[kind].modules, **shared}
        found[kind] = msgspec.structs.replace(found[kind], modules=modules)
    return found


ENTITY_OF = {"stock/movement": "stock_movement", "stock/kit": "kit", "stock/rule": "channel_rule"}


class HubClock:
    """The clock of the hub's machine, which may be wrong."""

    def __init__(self) -> None:
        self.true = BEGINNING
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return self.true + self.skew


class WorldHub:
    """The real hub over one session.

    Args:
        conn: to a database of the world.
        connectors: as `world_connectors` gives them.
        prefix: of every name.
    """

    def __init__(self, conn: Conn, connectors: dict[str, ConnectorFolder], prefix: str) -> None:
        self.conn, self.prefix = conn, prefix
        self.clock = HubClock()
        self.hub = Hub(Vault(bytes(range(32))), connectors)
        self.numbers: dict[str, int] = {}
        self.applier = Applier(conn, self.hub)
        self.room = Reservations(self.hub, clock=self.clock)
        self._tuner = Tuner(clock=self.clock)
        self._known: list[Connection] = []

    async def connect(self, name: str, connector: str, settings: dict[str, str]) -> Account:
        """Make a connection."""
        full = f"{self.prefix}-{name}"
        number = await create_connection(
            self.conn,
            self.hub.vault,
            name=full,
            connector=connector,
            settings=settings,
            secrets={},
        )
        self.numbers[name] = number
        connection = Connection(
            connection_id=number, name=full, connector=connector, settings=settings, state="active"
        )
        self._known.append(connection)
        self.hub.use_connections(self._known)
        return Account(connection=connection, secrets=())

    async def tick(self) -> None:
        """Let the database know the time."""
        await set_time(self.conn, self.clock.now())

    def event(self, delivery: Delivery) -> NewEvent:
        """Return a delivery as the door would append it."""
        headers = {"x-shopify-topic": delivery.topic, "x-shopify-webhook-id": delivery.external_id}
        headers["x-shopify-triggered-at"] = delivery.raised_at.isoformat()
        webhook = self.hub.connectors["shopify"].webhook
        known = webhook.identify(headers, delivery.body)
        return NewEvent(
            connection_id=self.numbers[delivery.shop],
            external_id=known.external_id,
            topic=known.topic,
            entity=known.entity,
            origin=Origin(delivery.origin),
            raised_at=known.raised_at,
            received_at=self.clock.now(),
            body=delivery.body,
        )

    def own_event(self, topic: str, ref: str, body: dict[str, Any]) -> NewEvent:
        """Return an event of our own."""
        return NewEvent(
            connection_id=self.numbers["own"],
            external_id=f"{topic}/{ref}",
            topic=topic,
            entity=f"{ENTITY_OF[topic]}/{ref}",
            origin=Origin.OWN,
            received_at=self.clock.now(),
            body=msgspec.json.encode(body),
        )

    async def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """Take deliveries into the log, as one commit of the door."""
        return await append_events(self.conn, self.hub.vault, events)

    async def apply(self, count: int, share: random.Random | None = None) -> int:
        """Apply what waits, as one batch of a worker; returns how many events it was.

        `share`: the worker holds half of the entities, as where there are two.
        """
        events = await claim_events(self.conn, range(PARTITIONS), count)
        if share is not None:
            held = {e: share.random() < 0.5 for e in dict.fromkeys(map(_entity, events))}
            events = [event for event in events if held[_entity(event)]]
        if events:
            await self.applier.apply(events)
        return len(events)

    async def tune(self, codes: Sequence[str]) -> int:
        """Set what is kept back from channels, as the scheduler's process does; returns of how many."""
        return await self._tuner.tune(self.conn, codes)

    def reborn(self) -> None:
        """A worker died; another begins with what the database holds."""
        self.applier = Applier(self.conn, self.hub)
        self.room = Reservations(self.hub, clock=self.clock)


def _entity(event: Event) -> tuple[int, str]:
    return event.connection_id, event.entity
