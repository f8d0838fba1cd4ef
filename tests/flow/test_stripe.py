"""Stripe on a real database: its endpoint and secret are looked after, and polls repeat nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trueup import connectors
from trueup.contract.loader import load_connector
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.ingest import apply_events
from trueup.intake.connections import Account, create_connection, find_account
from trueup.outbox.dispatch import Dispatcher
from trueup.pull.access import Access, open_access
from trueup.pull.backfill import backfill
from trueup.pull.poll import poll
from trueup.pull.subscriptions import tend_hooks
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.stripe.vendor import API_KEY, StripeVendor

pytestmark = pytest.mark.anyio

PUBLIC_URL = "http://127.0.0.1:9"


@dataclass
class Stage:
    vendor: StripeVendor
    hub: Hub
    conninfo: str

    async def account(self) -> Account:
        async with await connect(self.conninfo, application_name="test") as conn:
            return await find_account(conn, self.hub.vault, "plum")

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


@asynccontextmanager
async def open_stage(conninfo: str) -> AsyncIterator[Stage]:
    vendor = StripeVendor(ManualClock(), seed=3)
    vendor.buckets.clear()  # time stands still here
    folder = load_connector(Path(connectors.__file__).parent / "stripe")
    hub = Hub(Vault(bytes(range(32))), {"stripe": folder})
    async with vendor.serve(deliver=False) as base_url:
        async with await connect(conninfo, application_name="test") as conn:
            await create_connection(
                conn,
                hub.vault,
                name="plum",
                connector="stripe",
                settings={"api_base": base_url, "public_url": PUBLIC_URL},
                secrets={"api_key": API_KEY},
            )
        stage = Stage(vendor=vendor, hub=hub, conninfo=conninfo)
        hub.use_connections([(await stage.account()).connection])
        yield stage


async def test_the_secret_that_stripe_tells_once_is_kept(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        async with stage.access() as access:
            made = await tend_hooks(access, first=True)
        assert made.healthy
        (subscription, *_) = stage.vendor.desk.subscriptions.values()
        told = stage.vendor._secrets[subscription.id]
        assert (await stage.account()).secret_values()["webhook_secret"] == told
        assert (
            len(
                await stage.rows(
                    "SELECT FROM intake.connection_secret WHERE name = 'webhook_secret'"
                )
            )
            == 1
        )
        async with stage.access() as access:
            again = await tend_hooks(access, first=False)
        assert (again.created, again.deleted) == ((), 0)
        assert set(again.registered) == set(made.created)


async def test_an_endpoint_that_was_switched_off_is_made_anew_with_its_secret(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        async with stage.access() as access:
            await tend_hooks(access, first=True)
        before = (await stage.account()).secret_values()["webhook_secret"]
        (ref,) = stage.vendor.endpoints
        stage.vendor.disable_endpoint(ref)
        stage.vendor.account.sell(1_000)
        stage.vendor.clock.advance(86_401)
        async with stage.access() as access:
            mended = await tend_hooks(access, first=False)
        assert mended.deleted == 1
        assert mended.filled > 0
        (other,) = stage.vendor.endpoints
        assert other != ref
        after = (await stage.account()).secret_values()["webhook_secret"]
        assert after != before
        names = [secret.value for secret in (await stage.account()).secrets]
        assert {before, after} <= set(names)  # what is under way is still believed


async def test_a_backfill_and_polls_make_each_record_once(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        account = stage.vendor.account
        for number in range(120):
            ref = account.sell(1_000 + number, metadata={"order_id": f"P-{number}"})
            if number % 10 == 0:
                account.refund({"charge": ref, "amount": "300"})
        stage.vendor.clock.advance(3 * 86_400)
        for payout in account.end_day():
            account.arrive(payout)
        stage.vendor.clock.advance(3_600)
        resources = ("charges", "refunds", "balance_transactions", "payouts")
        async with stage.access() as access:
            for resource in resources:
                assert (await backfill(access, resource)).complete
            since_at = stage.vendor.now().replace(day=1)
            assert (await poll(access, "events", since_at=since_at)).fresh == len(
                stage.vendor.events
            )
        await stage.apply()
        counts = dict(await stage.rows("SELECT kind, count(*) FROM records.record GROUP BY kind"))
        assert counts == {
            "payment": len(account.charges) + len(account.refunds),
            "balance_entry": len(account.entries),
            "payout": len(account.payouts),
        }
        wanted = await stage.rows("SELECT DISTINCT resource, ref FROM outbox.fetch")
        assert wanted == [("payout_entries", ref) for ref in account.payouts]
        async with stage.access() as access:
            dispatcher = Dispatcher(access.conn, stage.hub.vault, access.caller)
            assert await dispatcher.fetcher.step() > 0
        await stage.apply()
        sums = await stage.rows(
            "SELECT v.body->>'payout_ref', sum((v.body->'net'->>'amount')::numeric)"
            " FROM records.record r JOIN records.version v USING (record_id, event_id)"
            " WHERE r.kind = 'balance_entry' AND v.body->>'entry' <> 'payout' GROUP BY 1"
        )
        assert dict(sums) == {
            ref: Decimal(told["amount"]) / 100 for ref, told in account.payouts.items()
        }
        async with stage.access() as access:
            for resource in resources:
                again = await poll(access, resource, since_at=since_at)
                assert (again.read > 0, again.fresh) == (True, 0)
        assert await stage.rows("SELECT code FROM intake.issue WHERE closed_at IS NULL") == []
