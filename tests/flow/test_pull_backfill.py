"""Backfills: the history arrives once, by export or page by page, through crashes and refusals."""

import msgspec
import pytest

from tests.flow.shop import Connected, open_shop
from trueup.errors import AuthExpired, Unavailable
from trueup.intake.cursors import PullCursor, read_cursor, write_cursor
from trueup.pull import backfill as filling
from trueup.pull.backfill import Progress, backfill
from trueup.pull.poll import poll

pytestmark = pytest.mark.anyio

RESOURCES = ("orders", "products", "customers", "inventory_items", "inventory_levels")


async def test_every_resource_comes_by_export_and_is_complete(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(30)
        heard: list[Progress] = []
        async with stage.access() as access:
            done = {r: await backfill(access, r, on_progress=heard.append) for r in RESOURCES}
            done["locations"] = await backfill(access, "locations")
        assert {r: d.way for r, d in done.items()} == dict.fromkeys(RESOURCES, "bulk") | {
            "locations": "pages"
        }
        assert all(d.complete for d in done.values())
        assert (done["orders"].done, done["orders"].expected) == (30, 30)
        assert [p.done for p in heard if p.resource == "orders"][-1] == 30
        lanes = await stage.rows("SELECT DISTINCT lane FROM intake.queue")
        assert lanes == [(1,)], "a backfill must not hold up live events"
        await stage.apply()
        counts = await stage.counts()
        assert (counts["order"], counts["product"], counts["customer"]) == (30, 2, 30)
        assert await stage.issues() == {}


async def test_the_export_and_the_pages_mean_the_same(database_url: str) -> None:
    """After a backfill a poll over the same orders makes no new version of any."""
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(6)
        async with stage.access() as access:
            await backfill(access, "orders")
            await stage.apply()
            before = await stage.rows("SELECT ref, digest FROM records.record WHERE kind='order'")
            await poll(access, "orders")
        await stage.apply()
        after = await stage.rows("SELECT ref, digest FROM records.record WHERE kind='order'")
        assert sorted(before) == sorted(after)


async def test_a_backfill_that_was_killed_goes_on_with_the_same_export(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        stage.buy(25)
        monkeypatch.setattr(filling, "BATCH_EVENTS_MAX", 10)

        def kill(progress: Progress) -> None:
            if progress.done == 10:
                raise RuntimeError("killed")

        with pytest.raises(RuntimeError):
            async with stage.access() as access:
                await backfill(access, "orders", on_progress=kill)
        assert await stage.events() == 10
        async with stage.access() as access:
            cursor = await read_cursor(access.conn, number, "orders", "backfill")
            assert cursor is not None
            assert (cursor.done, cursor.bulk_ref is not None) == (10, True)
            done = await backfill(access, "orders")
        assert (done.done, done.fresh, done.resumed, done.complete) == (25, 15, True, True)
        assert await stage.events() == 25
        assert len(stage.shop.bulk) == 1, "no second export was asked for"


async def test_a_crash_inside_a_batch_leaves_neither_its_events_nor_its_cursor(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(25)
        monkeypatch.setattr(filling, "BATCH_EVENTS_MAX", 10)
        real = filling.write_cursor

        async def dying(*args: object, **kwargs: object) -> None:
            cursor = args[4]
            if isinstance(cursor, PullCursor) and cursor.done == 20:
                raise RuntimeError("killed")
            await real(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(filling, "write_cursor", dying)
        with pytest.raises(RuntimeError):
            async with stage.access() as access:
                await backfill(access, "orders")
        assert await stage.events() == 10
        monkeypatch.setattr(filling, "write_cursor", real)
        async with stage.access() as access:
            done = await backfill(access, "orders")
        assert (done.done, done.fresh) == (25, 15)


async def test_where_exports_are_refused_pages_are_read(database_url: str) -> None:
    """Five exports run already, so the vendor refuses a sixth."""
    async with open_shop(database_url, bulk_delay_s=3600.0) as stage:
        await stage.connect_shop()
        stage.buy(7)
        async with stage.access() as access:
            for _ in range(5):
                await access.send(access.folder.pull.bulk_request("products", None))
            done = await backfill(access, "orders")
        assert (done.way, done.done, done.complete) == ("pages", 7, True)


async def test_an_export_that_fails_gives_way_to_pages(database_url: str) -> None:
    async with open_shop(database_url, bulk_delay_s=0.3) as stage:
        await stage.connect_shop()
        stage.buy(7)

        def break_it(_: Progress) -> None:
            for run in stage.shop.bulk.values():
                run.error = "INTERNAL_SERVER_ERROR"
                run.done_at = stage.shop.now()

        async with stage.access() as access:
            done = await backfill(access, "orders", on_progress=break_it)
        assert (done.way, done.done, done.complete) == ("pages", 7, True)


async def test_an_export_whose_address_is_gone_gives_way_to_pages(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(7)
        module = stage.hub.connectors["shopify"].pull
        real = module.bulk_state

        def moved(reply: object) -> object:
            state = real(reply)  # type: ignore[arg-type]
            return msgspec.structs.replace(state, url=f"{stage.base_url}/north/bulk/1.jsonl")

        monkeypatch.setattr(module, "bulk_state", moved)
        async with stage.access() as access:
            done = await backfill(access, "orders")
        assert (done.way, done.done) == ("pages", 7)


async def test_a_cursor_of_an_export_that_the_vendor_forgot_begins_anew(
    database_url: str,
) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        stage.buy(7)
        lost = PullCursor(bulk_ref="gid://shopify/BulkOperation/1", done=3)
        async with stage.access() as access:
            await write_cursor(access.conn, number, "orders", "backfill", lost)
            done = await backfill(access, "orders")
        assert (done.done, done.complete) == (7, True)


async def test_a_backfill_by_pages_goes_on_where_it_was(database_url: str) -> None:
    async with open_shop(database_url, bulk_delay_s=3600.0) as stage:
        await stage.connect_shop()
        stage.buy(17)
        async with stage.access() as access:
            for _ in range(5):
                await access.send(access.folder.pull.bulk_request("products", None))
            real = access.folder.pull.page
            pages: list[object] = []

            def failing(resource: str, reply: object) -> object:
                pages.append(reply)
                if len(pages) == 3:
                    raise AuthExpired
                return real(resource, reply)  # type: ignore[arg-type]

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(access.folder.pull, "page", failing)
                with pytest.raises(AuthExpired):
                    await backfill(access, "orders")
            assert await stage.events() == 10
            done = await backfill(access, "orders")
        assert (done.way, done.done, done.fresh, done.resumed) == ("pages", 17, 7, True)


async def test_a_vendor_that_is_down_keeps_the_backfill_for_later(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(3)
        stage.fail(kind="status", status=503, probability=1.0)
        async with stage.access() as access:
            with pytest.raises(Unavailable):
                await backfill(access, "orders")
            stage.heal()
            assert (await backfill(access, "orders")).done == 3


async def test_a_second_backfill_reads_again_and_finds_nothing_new(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(4)
        async with stage.access() as access:
            await backfill(access, "orders")
            again = await backfill(access, "orders")
        assert (again.done, again.fresh, again.resumed) == (4, 0, False)


async def test_polls_begin_where_the_backfill_began(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        await _backfill_then_buy(stage)
        async with stage.access() as access:
            walked = await poll(access, "orders")
        assert walked.fresh >= 2


async def _backfill_then_buy(stage: Connected) -> None:
    stage.buy(3)
    async with stage.access() as access:
        await backfill(access, "orders")
    stage.buy(2)
