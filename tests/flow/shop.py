"""A simulated shop over loopback sockets, and a hub that is connected to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.ingest import apply_events
from trueup.intake.connections import Account, create_connection, find_account, load_accounts
from trueup.intake.reads import count_events
from trueup.kernel.clock import ManualClock
from trueup.outbox.budget import Budgets
from trueup.pull.access import Access, open_access
from trueup.records.reads import count_records
from trueup.sandbox.clock import ScaledClock
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import Shop, ShopSettings

KEY = bytes(range(32))
PUBLIC_URL = "http://127.0.0.1:9"


@dataclass
class Connected:
    """A hub beside a simulated shop named `north`."""

    sandbox: Sandbox
    hub: Hub
    conninfo: str
    base_url: str
    slept: list[float] = field(default_factory=list)

    @property
    def shop(self) -> Shop:
        return self.sandbox.shop("north")

    @asynccontextmanager
    async def conn(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with await connect(self.conninfo, application_name="test") as conn:
            yield conn

    async def account(self, name: str = "north") -> Account:
        async with self.conn() as conn:
            return await find_account(conn, self.hub.vault, name)

    @asynccontextmanager
    async def access(self, name: str = "north") -> AsyncIterator[Access]:
        """Open the account; waits between tries are noted and not waited for.

        The one who had it last may have closed its session, and the server not noticed yet.
        """

        clock = ManualClock(datetime.now(UTC))

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            clock.advance(seconds=seconds)

        async def pass_time(seconds: float) -> None:
            clock.advance(seconds=seconds)

        budgets = Budgets(self.conninfo, now=clock, sleep=pass_time)
        async with aclosing(budgets):
            account = await self.account(name)
            async with open_access(
                self.conninfo, self.hub, account, sleep=sleep, budgets=budgets, wait_s=5
            ) as access:
                yield access

    async def connect_shop(self, name: str = "north", **settings: str) -> int:
        given = {"shop_domain": "north.myshopify.com", "api_base": f"{self.base_url}/north"}
        async with self.conn() as conn:
            number = await create_connection(
                conn,
                self.hub.vault,
                name=name,
                connector="shopify",
                settings=given | settings,
                secrets={
                    "access_token": self.shop.settings.access_token,
                    "client_secret": self.shop.settings.client_secret,
                },
            )
            accounts = await load_accounts(conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)
        return number

    def buy(self, count: int = 1, sku: str = "TEE") -> list[str]:
        """Let people buy; returns the orders' ids."""
        return [
            str(
                self.sandbox.do(
                    "north",
                    Checkout(
                        cart=Cart(
                            lines=[CartLine(sku=sku, quantity=1)],
                            customer=CustomerSeed(email=f"buyer{n}@buyers.example"),
                        )
                    ),
                ).order_id
            )
            for n in range(count)
        ]

    def fail(self, **fault: Any) -> None:
        self.shop.faults.rules = [ApiFault(**fault)]

    def heal(self) -> None:
        self.shop.faults.rules = []

    async def apply(self) -> None:
        """Apply everything that waits."""
        async with self.conn() as conn:
            cursor = await conn.execute("SELECT event_id FROM intake.queue")
            event_ids = [number for (number,) in await cursor.fetchall()]
        assert await apply_events(self.conninfo, self.hub, event_ids)

    async def counts(self) -> dict[str, int]:
        async with self.conn() as conn:
            return {row["kind"]: row["records"] for row in await count_records(conn)}

    async def events(self) -> int:
        async with self.conn() as conn:
            return int((await count_events(conn))["events"])

    async def issues(self) -> dict[str, str]:
        """Return the open issues: code -> what was found."""
        return dict(await self.rows("SELECT code, found FROM intake.issue WHERE closed_at IS NULL"))

    async def rows(self, query: str) -> list[Any]:
        async with self.conn() as conn:
            return await (await conn.execute(query.encode())).fetchall()


Open = Callable[..., Any]


@asynccontextmanager
async def open_shop(
    conninfo: str, *, available: int = 500, **settings: Any
) -> AsyncIterator[Connected]:
    """Serve a shop that sells TEE and MUG, and a hub that knows nothing of it yet."""
    sandbox = Sandbox(ScaledClock())
    sandbox.open_shop(
        ShopSettings(**({"handle": "north", "points_per_s": 2000, "bulk_delay_s": 0.0} | settings))
    )
    sandbox.seed(
        [
            SkuSeed(sku="TEE", title="Tee", price="20.00", available=available),
            SkuSeed(sku="MUG", title="Mug", price="9.95", available=available),
        ]
    )
    async with sandbox.serve(deliver=False) as base_url:
        hub = Hub(Vault(KEY), find_connectors())
        yield Connected(sandbox=sandbox, hub=hub, conninfo=conninfo, base_url=base_url)


SAMPLES = Path(__file__).parents[2] / "src" / "trueup" / "connectors" / "shopify" / "samples"
