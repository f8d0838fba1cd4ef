"""Amazon on a real database: the queue is emptied only of what is durable, and settlements add up."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trueup import connectors
from trueup.contract.loader import load_connector
from trueup.db.pool import connect
from trueup.errors import Unavailable
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.ingest import apply_events
from trueup.intake.connections import Account, create_connection, find_account
from trueup.outbox.dispatch import Dispatcher
from trueup.pull.access import Access, open_access
from trueup.pull.backfill import backfill
from trueup.pull.poll import poll
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.line import Reply

pytestmark = pytest.mark.anyio


@dataclass
class Stage:
    vendor: Amazon
    hub: Hub
    conninfo: str

    async def account(self) -> Account:
        async with await connect(self.conninfo, application_name="test") as conn:
            return await find_account(conn, self.hub.vault, "river")

    @asynccontextmanager
    async def access(self) -> AsyncIterator[Access]:
        async def sleep(seconds: float) -> None:
            self.vendor.clock.advance(seconds)

        account = await self.account()
        async with open_access(
            self.conninfo, self.hub, account, clock=self.vendor.clock, sleep=sleep, wait_s=5
        ) as access:
            yield access

    async def rows(self, query: str) -> list[Any]:
        async with await connect(self.conninfo, application_name="test") as conn:
            return await (await conn.execute(query.encode())).fetchall()

    async def apply(self) -> None:
        waiting = [number for (number,) in await self.rows("SELECT event_id FROM intake.queue")]
        assert await apply_events(self.conninfo, self.hub, waiting)

    async def fetch(self) -> None:
        async with self.access() as access:
            dispatcher = Dispatcher(access.conn, self.hub.vault, access.caller)
            while await dispatcher.fetcher.step():
                pass


@asynccontextmanager
async def open_stage(conninfo: str) -> AsyncIterator[Stage]:
    vendor = Amazon(ManualClock(), seed=3)
    vendor.buckets.clear()  # time stands still here
    vendor.list_sku("LAMP", units=50, price="19.90")
    vendor.list_sku("LAMP-FBA", fba_units=50, price="12.50")
    folder = load_connector(Path(connectors.__file__).parent / "amazon")
    hub = Hub(Vault(bytes(range(32))), {"amazon": folder})
    async with vendor.serve(deliver=False) as base_url:
        async with await connect(conninfo, application_name="test") as conn:
            await create_connection(
                conn,
                hub.vault,
                name="river",
                connector="amazon",
                settings=vendor.settings(base_url),
                secrets=vendor.secrets(),
            )
        stage = Stage(vendor=vendor, hub=hub, conninfo=conninfo)
        hub.use_connections([(await stage.account()).connection])
        yield stage


async def test_a_message_leaves_the_queue_only_once_it_is_in_the_log(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        vendor = stage.vendor
        vendor.twice = 0.5
        refs = {vendor.buy({"LAMP": 1}) for _ in range(6)}
        told = vendor.notified
        broken = ApiFault(kind="status", status=503, probability=1.0, operation="queue")
        receive = vendor._receive

        def receive_once(form: Mapping[str, str]) -> Reply:
            vendor.strike(broken)  # the call that deletes never comes through
            return receive(form)

        vendor._receive = receive_once  # type: ignore[method-assign]
        async with stage.access() as access:
            with pytest.raises(Unavailable):
                await poll(access, "notifications")
        assert vendor.messages
        durable = {x for (x,) in await stage.rows("SELECT external_id FROM intake.event")}
        assert durable
        vendor.faults.rules.clear()
        vendor._receive = receive  # type: ignore[method-assign]
        vendor.clock.advance(130)
        async with stage.access() as access:
            await poll(access, "notifications")
        assert not vendor.messages
        assert len(await stage.rows("SELECT 1 FROM intake.event")) == told
        await stage.apply()
        await stage.fetch()
        await stage.apply()
        orders = await stage.rows("SELECT ref FROM records.record WHERE kind = 'order'")
        assert {ref for (ref,) in orders} == refs


async def test_orders_reserve_ours_alone_and_a_settlement_adds_up(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        vendor = stage.vendor
        vendor.buy({"LAMP": 2})
        theirs = [vendor.buy({"LAMP-FBA": n}, by_amazon=True) for n in (1, 2, 3)]
        for ref in theirs:
            vendor.send_out(ref)
        settled = vendor.settle()
        async with stage.access() as access:
            for resource in ("orders", "listings", "fba_inventory", "settlements"):
                assert (await backfill(access, resource)).complete
        await stage.apply()
        await stage.fetch()
        await stage.apply()
        counts = dict(await stage.rows("SELECT kind, count(*) FROM records.record GROUP BY kind"))
        assert counts["order"] == 4
        assert (counts["payout"], counts["balance_entry"]) == (1, 6)
        sums = await stage.rows(
            "SELECT v.body->>'payout_ref', sum((v.body->'net'->>'amount')::numeric)"
            " FROM records.record r JOIN records.version v USING (record_id, event_id)"
            " WHERE r.kind = 'balance_entry' GROUP BY 1"
        )
        assert sums == [(settled, Decimal("63.75"))]
        assert await stage.rows("SELECT code FROM intake.issue WHERE closed_at IS NULL") == []
        async with stage.access() as access:
            again = await poll(access, "orders", since_at=vendor.now().replace(day=1))
        assert (again.read, again.fresh) == (4, 0)
