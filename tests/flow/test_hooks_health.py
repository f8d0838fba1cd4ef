"""Webhooks that a vendor drops are noticed, made again, and what was missed is read."""

from datetime import UTC, datetime

import pytest

from tests.flow.shop import PUBLIC_URL, Connected, open_shop
from trueup.errors import AuthExpired
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.pull.subscriptions import HooksState, list_hooks, remove_hooks, tend_hooks

pytestmark = pytest.mark.anyio

URL = f"{PUBLIC_URL}/hooks/north"


async def tend(stage: Connected, *, first: bool = False) -> HooksState:
    async with stage.access() as access:
        return await tend_hooks(access, first=first)


async def test_every_topic_is_subscribed_once(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop(public_url=PUBLIC_URL + "/")
        state = await tend(stage, first=True)
        webhook = stage.hub.connectors["shopify"].manifest.webhook
        assert webhook is not None
        wanted = {t.topic for t in webhook.topics if not t.required_for_privacy}
        assert wanted == set(state.registered)
        assert state.healthy
        assert state.url == URL
        again = await tend(stage)
        assert (again.created, again.deleted, again.filled) == ((), 0, 0)
        assert len(stage.shop.desk.subscriptions) == len(wanted)
        assert await stage.issues() == {}


async def test_a_connection_without_a_public_address_is_polled(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        state = await tend(stage, first=True)
        assert state == HooksState()
        assert not stage.shop.desk.subscriptions


async def test_a_subscription_that_the_vendor_dropped_is_made_again_and_the_gap_is_read(
    database_url: str,
) -> None:
    """Eight deliveries fail, the vendor drops the topic, three orders are never told."""
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop(public_url=PUBLIC_URL)
        await tend(stage, first=True)
        async with stage.conn() as conn:
            await append_events(conn, stage.hub.vault, [_delivery(number)])
        desk = stage.shop.desk
        gone = [s for s in desk.subscriptions.values() if s.topic == "orders/create"]
        for subscription in gone:
            desk._remove(subscription)
        stage.buy(3)
        state = await tend(stage)
        assert state.created == ("orders/create",)
        assert state.filled >= 3
        assert {s.topic for s in desk.subscriptions.values()} == set(state.registered)
        await stage.apply()
        assert (await stage.counts())["order"] == 3
        assert await stage.issues() == {}
        told = await stage.rows("SELECT code, found FROM intake.issue")
        assert told == [("hooks.missing", "1 missing: orders/create")]


async def test_stale_subscriptions_of_ours_go_and_others_stay(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop(public_url=PUBLIC_URL)
        async with stage.access() as access:
            hooks = access.folder.hooks
            for url in ("https://old.example/hooks/north", "https://else.example/in", URL, URL):
                await access.send(hooks.create_request("orders/create", url))
            await tend_hooks(access, first=True)
            left = [h.url for h in await list_hooks(access) if h.topic == "orders/create"]
        assert {URL, "https://else.example/in"} == set(left)
        assert len(left) == 2


async def test_a_topic_that_is_refused_stands_as_an_issue_until_it_is_granted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop(public_url=PUBLIC_URL)
        module = stage.hub.connectors["shopify"].hooks
        real = module.create_request

        def poor(topic: str, url: str) -> object:
            return real(topic, "ftp://no" if topic == "orders/paid" else url)

        monkeypatch.setattr(module, "create_request", poor)
        state = await tend(stage, first=True)
        assert list(state.refused) == ["orders/paid"]
        assert not state.healthy
        assert "orders/paid" in (await stage.issues())["hooks.refused"]
        monkeypatch.undo()
        assert (await tend(stage)).healthy
        assert await stage.issues() == {}


async def test_a_creation_whose_answer_is_lost_is_not_made_twice(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop(public_url=PUBLIC_URL)
        stage.fail(kind="reset_after_work", next_calls=1, operation="webhookSubscriptionCreate")
        state = await tend(stage, first=True)
        assert len(state.refused) == 1
        again = await tend(stage)
        assert again.healthy
        assert again.created == ()
        topics = [s.topic for s in stage.shop.desk.subscriptions.values()]
        assert len(topics) == len(set(topics))


async def test_a_token_that_is_gone_is_told_and_nothing_is_deleted(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop(public_url=PUBLIC_URL)
        await tend(stage, first=True)
        before = len(stage.shop.desk.subscriptions)
        stage.fail(kind="status", status=401, probability=1.0)
        with pytest.raises(AuthExpired):
            await tend(stage)
        assert len(stage.shop.desk.subscriptions) == before


async def test_a_connection_that_ends_takes_its_subscriptions_along(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop(public_url=PUBLIC_URL)
        await tend(stage, first=True)
        async with stage.access() as access:
            await access.send(
                access.folder.hooks.create_request("shop/update", "https://o.example/x")
            )
            assert await remove_hooks(access) > 30
        assert [s.uri for s in stage.shop.desk.subscriptions.values()] == ["https://o.example/x"]


def _delivery(connection_id: int) -> NewEvent:
    return NewEvent(
        connection_id=connection_id,
        external_id="d-1",
        topic="shop/update",
        entity="shop/1",
        origin=Origin.WEBHOOK,
        received_at=datetime.now(UTC),
        body=b"{}",
    )
