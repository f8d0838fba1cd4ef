"""A scene: sandbox shops connected to a hub, their catalogue known and their books opened."""

from collections.abc import Sequence

import msgspec

from trueup.canon.inventory import MovementKind
from trueup.intake.append import append_events
from trueup.intake.connections import Account, create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import SystemClock
from trueup.outbox.caller import Caller
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.shop import Shop, ShopSettings
from trueup.session import Session

SITE = "main"
OWN = "own"


async def open_shops(
    sandbox: Sandbox, session: Session, *, handles: Sequence[str], sandbox_url: str, hub_url: str
) -> list[Account]:
    """Open shops in the sandbox, connect each to the hub and subscribe its webhooks."""
    for n, handle in enumerate(handles):
        shop = sandbox.open_shop(ShopSettings(handle=handle, points_per_s=1000, seed=n + 1))
        await _connect(session, shop, sandbox_url=sandbox_url, hub_url=hub_url)
    async with session.connection() as conn:
        await create_connection(
            conn, session.hub.vault, name=OWN, connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(conn, session.hub.vault)
    session.hub.use_connections(account.connection for account in accounts)
    for account in accounts:
        if account.connection.connector == "shopify":
            await _subscribe(session, account)
    return accounts


async def _connect(session: Session, shop: Shop, *, sandbox_url: str, hub_url: str) -> None:
    handle = shop.settings.handle
    location = next(iter(shop.locations.values()))
    settings = {
        "shop_domain": f"{handle}.myshopify.com",
        "api_base": f"{sandbox_url}/{handle}",
        "public_url": hub_url,
        "stock_location": str(location.id),
        "location_sites": f"{location.id}={SITE}",
        "call_timeout_s": "2",
    }
    secrets = {
        "access_token": shop.settings.access_token,
        "client_secret": shop.settings.client_secret,
    }
    async with session.connection() as conn:
        await create_connection(
            conn,
            session.hub.vault,
            name=handle,
            connector="shopify",
            settings=settings,
            secrets=secrets,
        )


async def _subscribe(session: Session, account: Account) -> None:
    folder = session.hub.connectors[account.connection.connector]
    webhook = folder.manifest.webhook
    url = f"{account.connection.settings['public_url']}/hooks/{account.connection.name}"
    async with Caller(folder, account) as caller:
        for topic in webhook.topics if webhook else ():
            if not topic.required_for_privacy:
                reply = await caller.send(folder.hooks.create_request(topic.topic, url))
                folder.hooks.created(reply)


def own_connection(session: Session) -> int:
    """Return the number of the connection of our own movements."""
    return next(c.connection_id for c in session.hub.connections.values() if c.name == OWN)


async def open_books(session: Session, skus: Sequence[SkuSeed]) -> None:
    """Count the opening stock into the ledger: one movement per SKU, through the log."""
    own_id = own_connection(session)
    now = SystemClock().now()
    events = []
    for sku in skus:
        if sku.sku is None or not sku.tracked:
            continue
        body = msgspec.json.encode(
            {
                "ref": f"opening-{sku.sku}",
                "movement": MovementKind.OPENING.value,
                "sku": sku.sku,
                "quantity": sku.available,
                "site": SITE,
                "occurred_at": now,
            }
        )
        events.append(
            NewEvent(
                connection_id=own_id,
                external_id=f"opening-{sku.sku}",
                topic="stock/movement",
                entity=f"stock_movement/opening-{sku.sku}",
                origin=Origin.OWN,
                received_at=now,
                body=body,
            )
        )
    async with session.connection() as conn:
        await append_events(conn, session.hub.vault, events)
