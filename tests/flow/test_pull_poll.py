"""Polls: what changed arrives once, through every way in which a vendor can fail."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.flow.shop import open_shop
from trueup.errors import AuthExpired, ConfigError, RateLimited, Unavailable
from trueup.intake.cursors import read_cursor
from trueup.pull import walk as walking
from trueup.pull.access import DOWN_DELAYS_S, LIMITED_TRIES_MAX, what_lacks
from trueup.pull.poll import poll

pytestmark = pytest.mark.anyio


async def test_a_shop_without_webhooks_is_read_by_polls_alone(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        orders = stage.buy(12)
        async with stage.access() as access:
            walked = await poll(access, "orders")
            for resource in ("products", "customers", "inventory_levels", "locations"):
                await poll(access, resource)
        assert (walked.read, walked.fresh, walked.complete) == (12, 12, True)
        await stage.apply()
        counts = await stage.counts()
        assert len(orders) == counts["order"]
        assert counts["customer"] == 12
        assert counts["product"] == 2
        assert counts["inventory_level"] == 2
        assert await stage.issues() == {}


async def test_what_a_poll_reads_is_stamped_with_when_it_was_asked_for(database_url: str) -> None:
    """Vendors stamp whole seconds: without it a webhook of that second, raised before, would win
    over what was read after."""
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(3)
        before = datetime.now(UTC)
        async with stage.access() as access:
            await poll(access, "orders")
        rows = await stage.rows("SELECT raised_at, received_at FROM intake.event")
        assert len(rows) == 3
        for raised_at, received_at in rows:
            assert before <= raised_at <= received_at
        await stage.apply()
        stamps = await stage.rows("SELECT raised_at FROM records.record WHERE kind = 'order'")
        assert all(raised_at >= before for (raised_at,) in stamps)


async def test_a_second_poll_reads_the_overlap_and_keeps_only_what_is_new(
    database_url: str,
) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        stage.buy(7)
        async with stage.access() as access:
            await poll(access, "orders")
            first = await read_cursor(access.conn, number, "orders", "poll")
            stage.buy(2)
            second = await poll(access, "orders")
            cursor = await read_cursor(access.conn, number, "orders", "poll")
        assert (second.read, second.fresh) == (9, 2)
        assert first is not None
        assert cursor is not None
        assert cursor.since_at is not None
        assert first.since_at is not None
        assert cursor.since_at >= first.since_at
        assert cursor.position is None
        assert await stage.events() == 9


async def test_the_cursor_never_runs_ahead_of_our_own_clock(database_url: str) -> None:
    """A stamp of the future would hide all that comes before it."""
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        stage.sandbox.clock.advance(3 * 3600)
        stage.buy(1)
        async with stage.access() as access:
            await poll(access, "orders")
            cursor = await read_cursor(access.conn, number, "orders", "poll")
        assert cursor is not None
        assert cursor.since_at is not None
        assert cursor.since_at <= datetime.now(UTC)


async def test_a_crash_between_a_page_and_its_cursor_loses_and_repeats_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second page's cursor can not be written: the page is not in the log either."""
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(12)
        real, calls = walking.write_cursor, []

        async def dying(*args: object, **kwargs: object) -> None:
            calls.append(args)
            if len(calls) == 2:
                raise RuntimeError("killed")
            await real(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(walking, "write_cursor", dying)
        with pytest.raises(RuntimeError):
            async with stage.access() as access:
                await poll(access, "orders")
        assert await stage.events() == 5
        monkeypatch.setattr(walking, "write_cursor", real)
        before = stage.sandbox.door("north").counters.copy()
        async with stage.access() as access:
            walked = await poll(access, "orders")
        assert (walked.read, walked.fresh, walked.complete) == (12, 7, True)
        assert await stage.events() == 12
        assert before != stage.sandbox.door("north").counters


async def test_a_token_that_is_gone_asks_the_human(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.fail(kind="status", status=401, probability=1.0)
        async with stage.access() as access:
            with pytest.raises(AuthExpired):
                await poll(access, "orders")
        assert stage.slept == []


async def test_a_vendor_that_asks_to_slow_down_is_waited_for(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(3)
        stage.fail(kind="status", status=429, next_calls=2, retry_after_s=7.0)
        async with stage.access() as access:
            walked = await poll(access, "orders")
        assert walked.read == 3
        assert stage.slept == [7.0, 7.0]
        stage.fail(kind="status", status=429, probability=1.0, retry_after_s=9.0)
        async with stage.access() as access:
            with pytest.raises(RateLimited):
                await poll(access, "orders")
        assert stage.slept[2:] == [9.0] * LIMITED_TRIES_MAX


async def test_a_throttled_reply_is_waited_for(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(3)
        stage.fail(kind="throttled", next_calls=1)
        async with stage.access() as access:
            assert (await poll(access, "orders")).read == 3
        assert len(stage.slept) == 1


@pytest.mark.parametrize("kind", ["status", "reset"])
async def test_a_vendor_that_is_down_is_tried_again_and_then_left(
    database_url: str, kind: str
) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(3)
        stage.fail(kind=kind, status=500, next_calls=2)
        async with stage.access() as access:
            assert (await poll(access, "orders")).read == 3
        assert stage.slept == list(DOWN_DELAYS_S[:2])
        stage.fail(kind=kind, status=500, probability=1.0)
        async with stage.access() as access:
            with pytest.raises(Unavailable):
                await poll(access, "orders")


async def test_a_poll_that_reads_less_than_the_vendor_counts_is_an_issue(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst failure is a sync that says done and read nothing."""
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(4)
        module = stage.hub.connectors["shopify"].pull
        monkeypatch.setattr(module, "count", lambda *_: 9)
        async with stage.access() as access:
            walked = await poll(access, "orders")
        assert not walked.complete
        assert await stage.issues() == {"pull.count_differs": "4 records read"}
        monkeypatch.undo()
        async with stage.access() as access:
            assert (await poll(access, "orders")).complete
        assert await stage.issues() == {}
        monkeypatch.setattr(module, "count", lambda *_: 9)
        async with stage.access() as access:
            await poll(access, "orders")
        assert await stage.issues() == {"pull.count_differs": "4 records read"}


async def test_a_known_gap_is_read_from_where_it_began(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.sandbox.clock.advance(-5 * 24 * 3600)
        stage.buy(3)
        stage.sandbox.clock.advance(5 * 24 * 3600)
        async with stage.access() as access:
            assert (await poll(access, "orders")).read == 0
            gap_at = datetime.now(UTC) - timedelta(days=6)
            assert (await poll(access, "orders", since_at=gap_at)).fresh == 3


async def test_one_account_has_one_puller(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        async with stage.access():
            with pytest.raises(ConfigError, match="Another process is pulling north"):
                async with stage.access():
                    pass


async def test_unknown_resources_and_accounts_without_credentials_are_told(
    database_url: str,
) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        async with stage.access() as access:
            with pytest.raises(ConfigError, match=r"no resource 'wishes'; there are: orders"):
                await poll(access, "wishes")
        folder = stage.hub.connectors["shopify"]
        account = await stage.account()
        assert what_lacks(folder, account) == ""
        assert what_lacks(folder, type(account)(connection=account.connection, secrets=())) == (
            "access_token"
        )
