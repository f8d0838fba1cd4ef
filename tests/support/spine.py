"""A hub on a test's database, without processes: bytes go in, and are applied at once."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from trueup.bench.bodies import order_body
from trueup.contract.connector import Mapped
from trueup.contract.loader import ConnectorFolder, find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import Appended, Event, NewEvent, Origin
from trueup.kernel.limits import PARTITIONS
from trueup.ledger.reads import list_balances
from trueup.pipeline import Applier

KEY = bytes(range(32))
SECRET = "spine-secret"
OPENED_AT = "2026-03-01T00:00:00Z"

Conn = psycopg.AsyncConnection[Any]


class Spine:
    """A hub with Shopify connections and one of our own movements, over one session."""

    def __init__(self, conninfo: str, conn: Conn) -> None:
        self.conninfo = conninfo
        self.conn = conn
        self.hub = Hub(Vault(KEY), find_connectors())
        self.numbers: dict[str, int] = {}
        self.applier = Applier(conn, self.hub)

    @property
    def folder(self) -> ConnectorFolder:
        return self.hub.connectors["shopify"]

    async def connect(self, *names: str, **settings: str) -> None:
        """Make a Shopify connection per name, and "own" for movements."""
        for name in (*names, "own"):
            own = name == "own"
            self.numbers[name] = await create_connection(
                self.conn,
                self.hub.vault,
                name=name,
                connector="manual" if own else "shopify",
                settings={}
                if own
                else {
                    "shop_domain": f"{name}.myshopify.com",
                    "stock_location": "1",
                    **settings,
                },
                secrets={} if own else {"webhook_secret": SECRET},
            )
        accounts = await load_accounts(self.conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)

    # -- events --------------------------------------------------------------------------------

    def delivery(
        self, name: str, topic: str, body: Any, *, webhook_id: str = "", at: str = ""
    ) -> NewEvent:
        """Return a webhook of a shop as the door would append it."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": webhook_id}
        headers |= {"x-shopify-triggered-at": at} if at else {}
        identified = self.folder.webhook.identify(headers, raw)
        return NewEvent(
            connection_id=self.numbers[name],
            external_id=identified.external_id,
            topic=identified.topic,
            entity=identified.entity,
            origin=Origin.WEBHOOK,
            raised_at=identified.raised_at,
            received_at=datetime.now(UTC),
            body=raw,
        )

    def order(self, number: int, *skus: str, name: str = "north", **fields: Any) -> NewEvent:
        """Return an order of one unit of each SKU; `fields` replace those of its body."""
        body = msgspec.json.decode(order_body(number, skus=skus))
        return self.delivery(name, "orders/updated", body | fields)

    def movement(self, ref: str, movement: str, sku: str, quantity: int, **more: Any) -> NewEvent:
        """Return a movement of our own."""
        body = {"ref": ref, "movement": movement, "sku": sku, "quantity": quantity}
        body |= {"occurred_at": OPENED_AT, **more}
        return NewEvent(
            connection_id=self.numbers["own"],
            external_id=f"{ref}-{random.getrandbits(48):x}",
            topic="stock/movement",
            entity=f"stock_movement/{ref}",
            origin=Origin.OWN,
            received_at=datetime.now(UTC),
            body=msgspec.json.encode(body),
        )

    def told(self, topic: str, ref: str, **fields: Any) -> NewEvent:
        """Return an event of our own under a topic, such as a kit or a rule."""
        body = {"occurred_at": OPENED_AT, **fields}
        return NewEvent(
            connection_id=self.numbers["own"],
            external_id=f"{topic}-{random.getrandbits(48):x}",
            topic=topic,
            entity=f"{topic}/{ref}",
            origin=Origin.OWN,
            received_at=datetime.now(UTC),
            body=msgspec.json.encode(body),
        )

    def kit(self, code: str, *, at: str = OPENED_AT, **parts: int) -> NewEvent:
        """Return what a kit is made of, from an instant on."""
        rows = [{"sku": sku, "units": units} for sku, units in parts.items()]
        return self.told("stock/kit", code, kit=code, parts=rows, occurred_at=at)

    def rule(self, channel: str = "north", *, at: str = OPENED_AT, **rule: Any) -> NewEvent:
        """Return a rule of a channel."""
        ref = f"{channel}/{rule.get('sku', '*')}"
        return self.told("stock/rule", ref, channel=channel, occurred_at=at, **rule)

    def product(
        self, number: int, sku: str, *, name: str = "north", at: str = "", **variant: Any
    ) -> NewEvent:
        """Return a product with one variant, as raised `at`."""
        stamp = "2026-03-01T08:00:00-05:00"
        first = {
            "id": 1_000 + number,
            "product_id": number,
            "title": "Default Title",
            "price": "20.00",
            "sku": sku,
            "inventory_item_id": 2_000 + number,
            "inventory_management": "shopify",
        }
        body = {
            "id": number,
            "title": f"Article {sku}",
            "status": "active",
            "created_at": stamp,
            "updated_at": stamp,
            "variants": [first | variant],
        }
        return self.delivery(name, "products/update", body, at=at)

    # -- doing ---------------------------------------------------------------------------------

    async def append(self, *events: NewEvent) -> list[Appended]:
        return await append_events(self.conn, self.hub.vault, events)

    async def apply(self, applier: Applier | None = None, *, count: int = 500) -> int:
        """Apply everything that waits; returns how many events there were."""
        applied = 0
        while events := await claim_events(self.conn, range(PARTITIONS), count):
            await (applier or self.applier).apply(events)
            applied += len(events)
        return applied

    async def claimed(self, *, count: int = 500) -> list[Event]:
        """Return what waits, in its order, for a test that applies it in its own way."""
        return await claim_events(self.conn, range(PARTITIONS), count)

    async def take(self, *events: NewEvent) -> list[Appended]:
        """Append events and apply them, in one batch."""
        appended = await self.append(*events)
        await self.apply()
        return appended

    # -- looking -------------------------------------------------------------------------------

    async def rows(self, query: str, *parameters: Any) -> list[Any]:
        return await (await self.conn.execute(query.encode(), parameters or None)).fetchall()

    async def one(self, query: str, *parameters: Any) -> Any:
        rows = await self.rows(query, *parameters)
        return rows[0][0] if rows else None

    async def stock(self, sku: str) -> dict[str, int]:
        """Return the balances of one SKU that are not zero, with what is available."""
        [row] = await list_balances(self.conn, sku=sku)
        places = ("on_hand", "reserved", "customer", "quarantine", "loss", "supplier", "demand")
        return {place: row[place] for place in ("available", *places) if row[place]}

    async def open_issues(self) -> list[str]:
        rows = await self.rows("SELECT code FROM intake.issue WHERE closed_at IS NULL ORDER BY 1")
        return [code for (code,) in rows]

    async def parked(self) -> list[tuple[str, str]]:
        return await self.rows("SELECT cause, detail FROM intake.parked ORDER BY event_id")


class open_spine:  # noqa: N801 - used like a function: `async with open_spine(url) as spine`
    """Open a hub on a database; "north" and "own" exist unless other names are given."""

    def __init__(self, conninfo: str, *names: str, **settings: str) -> None:
        self._conninfo, self._names, self._settings = conninfo, names or ("north",), settings
        self._conn: Conn | None = None

    async def __aenter__(self) -> Spine:
        self._conn = await connect(self._conninfo, application_name="test")
        spine = Spine(self._conninfo, self._conn)
        await spine.connect(*self._names, **self._settings)
        return spine

    async def __aexit__(self, *_: object) -> None:
        if self._conn is not None:
            await self._conn.close()


def mapped(spine: Spine, event: NewEvent) -> Mapped:
    """Return what a delivery means."""
    from trueup.contract.connector import Source

    source = Source(
        topic=event.topic,
        body=event.body,
        raised_at=event.raised_at,
        received_at=event.received_at,
    )
    return spine.folder.mapping.map_source(source)


def shuffled(events: Sequence[NewEvent], seed: int) -> list[NewEvent]:
    """Return the events in another order."""
    mixed = list(events)
    random.Random(seed).shuffle(mixed)
    return mixed
