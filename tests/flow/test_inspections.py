"""Graded returns from bytes to books: beside refunds, in every order, at every channel."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest

from tests.support.parity import NAME, UNITS, Stage, open_stage
from tests.support.spine import Spine, open_spine
from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.db.pool import connect
from trueup.errors import ConfigError, InsufficientStock, KeyReused
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.intake.partitions import hold_partition
from trueup.kernel.clock import ManualClock
from trueup.kernel.ids import partition_of
from trueup.ledger.proof import prove_ledger
from trueup.own import apply_told
from trueup.replay import replay_log
from trueup.sandbox.shopify.commands import Fulfil, Refund
from trueup.warehouse.book import Desk, body_of
from trueup.warehouse.inspected import look_at_inspected
from trueup.warehouse.inspecting import TOPIC, Inspecting, inspection_of
from trueup.worker import Worker

pytestmark = pytest.mark.anyio

CLOCK = ManualClock(datetime(2026, 3, 9, 9, tzinfo=UTC))
DAY = "2026-03-01T12:00:00Z"


def inspecting(spine: Spine) -> Inspecting:
    return Inspecting(Desk(spine.hub, clock=CLOCK))


def came_back(ref: str, *lines: tuple[str, int, str], **more: Any) -> Inspection:
    graded = [InspectionLine(sku=s, quantity=n, grade=Grade(grade)) for s, n, grade in lines]
    more = {"site": "main", "now": CLOCK.now()} | more
    return inspection_of(ref, graded, **more)


def sold(spine: Spine, number: int, sku: str, quantity: int) -> tuple[NewEvent, NewEvent, NewEvent]:
    """Return an order of some units, that they left, and that one was refunded and put back."""
    body = msgspec.json.decode(spine.order(number, sku).body)
    lines = [body["line_items"][0] | {"quantity": quantity, "current_quantity": quantity}]
    fulfilment = {
        "id": number * 100,
        "order_id": body["id"],
        "status": "success",
        "created_at": DAY,
        "updated_at": DAY,
        "location_id": None,
        "line_items": lines,
    }
    refund = {
        "id": number * 1000,
        "order_id": body["id"],
        "created_at": "2026-03-05T12:00:00Z",
        "refund_line_items": [
            {
                "id": 1,
                "line_item_id": lines[0]["id"],
                "quantity": 1,
                "restock_type": "return",
                "location_id": None,
            }
        ],
        "transactions": [],
    }
    return (
        spine.order(number, sku, line_items=lines),
        spine.delivery("north", "fulfillments/create", fulfilment),
        spine.delivery("north", "refunds/create", refund),
    )


def told(order: NewEvent, record: Inspection) -> NewEvent:
    """Return an inspection as bytes in the log of the order's connection."""
    ref = order.entity.partition("/")[2]
    whole = msgspec.structs.replace(record, order_ref=ref)
    return NewEvent(
        connection_id=order.connection_id,
        external_id=f"inspection/{record.ref}/{record.updated_at}",
        topic=TOPIC,
        entity=order.entity,
        origin=Origin.OWN,
        raised_at=record.updated_at,
        received_at=datetime.now(UTC),
        body=body_of(whole),
    )


async def assert_sound(spine: Spine) -> None:
    proof = await prove_ledger(spine.conn)
    assert proof.holds, proof
    replayed = await replay_log(spine.conn, spine.hub)
    assert not replayed.differing, replayed.differences
    assert await spine.parked() == []


async def issues(spine: Spine) -> list[tuple[str, str, str]]:
    return await spine.rows(
        "SELECT code, pointer, found FROM intake.issue "
        "WHERE closed_at IS NULL AND starts_with(code, 'stock.') ORDER BY 1, 2"
    )


@pytest.mark.parametrize(
    ("grade", "end"),
    [
        ("sellable", {"available": 9, "on_hand": 9, "customer": 1}),
        ("quarantine", {"available": 8, "on_hand": 8, "customer": 1, "quarantine": 1}),
        ("scrap", {"available": 8, "on_hand": 8, "customer": 1, "loss": 1}),
    ],
)
async def test_channel_and_dock_end_in_the_same_books_whoever_tells_first(
    database_url: str, grade: str, end: dict[str, int]
) -> None:
    """All 24 orders of: ordered, sent, refunded and put back, graded."""
    async with open_spine(database_url) as spine:
        for n, turn in enumerate(permutations(range(4))):
            sku = f"SKU-{n}"
            await spine.take(spine.movement(f"open-{n}", "opening", sku, 10))
            ordered, sent, refunded = sold(spine, 1000 + n, sku, 2)
            graded = told(ordered, came_back(f"i-{n}", (sku, 1, grade)))
            events = [ordered, sent, refunded, graded]
            for step in turn:
                await spine.take(events[step])
            assert await spine.stock(sku) == end | {"supplier": -10}, turn
        await look_at_inspected(spine.conn, spine.hub)
        assert [code for code, _, _ in await issues(spine)] == []
        await assert_sound(spine)


async def test_only_the_difference_to_the_channels_word_moves(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 10))
        await spine.take(*sold(spine, 7, "TEE", 3))
        desk = inspecting(spine)
        wanted = came_back("i-1", ("TEE", 1, "scrap"), by="Ann", reason="torn")
        dry = await desk.inspect(spine.conn, wanted, order="#1007", dry_run=True)
        moves = [("loss", 1), ("on_hand", -1)]
        assert sorted((m.place, m.units) for m in dry.moves) == moves
        assert (await spine.stock("TEE"))["on_hand"] == 8
        booked = await desk.inspect(spine.conn, wanted, order="#1007")
        assert sorted((m.place, m.units) for m in booked.moves) == moves
        assert not booked.issues
        assert booked.record.order_ref is not None
        [(connection, entity, reason)] = await spine.rows(
            "SELECT e.connection_id, e.entity, t.reason FROM intake.event e "
            "JOIN ledger.transaction t USING (event_id) WHERE e.topic = 'stock/inspection'"
        )
        assert reason == "inspection", "a unit that was scrapped is no sale"
        assert (connection, entity) == (spine.numbers["north"], f"order/{booked.record.order_ref}")
        # The same again changes nothing; other words need to be told as a correction.
        assert (await desk.inspect(spine.conn, wanted, order="#1007")).repeated
        other = came_back("i-1", ("TEE", 1, "quarantine"))
        with pytest.raises(KeyReused):
            await desk.inspect(spine.conn, other, order="#1007")
        with pytest.raises(ConfigError, match="of another order"):
            await desk.inspect(spine.conn, other, restate=True)
        await desk.inspect(spine.conn, other, order="#1007", restate=True)
        assert await spine.stock("TEE") == {
            "available": 7, "on_hand": 7, "customer": 2, "quarantine": 1, "supplier": -10,
        }  # fmt: skip
        await desk.undo(spine.conn, "i-1")
        assert (await spine.stock("TEE"))["on_hand"] == 8, "the channel's word stands again"
        with pytest.raises(ConfigError, match="no inspection"):
            await desk.undo(spine.conn, "nobody")
        await assert_sound(spine)


async def test_more_than_left_is_booked_and_told_until_it_is_right(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 10))
        ordered, sent, _ = sold(spine, 7, "TEE", 2)
        await spine.take(ordered)
        desk = inspecting(spine)
        early = await desk.inspect(
            spine.conn, came_back("i-1", ("TEE", 2, "sellable")), order="1007"
        )
        assert [each.code for each in early.issues] == ["stock.inspected_over"]
        assert await issues(spine) == [("stock.inspected_over", "sku TEE", "2 came back")]
        assert (await spine.stock("TEE"))["on_hand"] == 12, "it lies there, whoever says what"
        await spine.take(sent)
        assert await look_at_inspected(spine.conn, spine.hub) == 1
        assert await look_at_inspected(spine.conn, spine.hub) == 0
        assert await issues(spine) == []
        assert (await spine.stock("TEE"))["on_hand"] == 10
        await assert_sound(spine)


async def test_an_order_that_nobody_knows_or_that_several_have(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 10))
        desk = inspecting(spine)
        free = await desk.inspect(spine.conn, came_back("i-0", ("TEE", 1, "sellable")))
        assert not free.issues
        assert await spine.stock("TEE") == {
            "available": 11, "on_hand": 11, "customer": -1, "supplier": -10,
        }  # fmt: skip
        lost = await desk.inspect(
            spine.conn, came_back("i-1", ("TEE", 1, "sellable")), order="nobody"
        )
        assert [each.code for each in lost.issues] == ["stock.inspected_for_nothing"]
        assert "own has told of" in lost.issues[0].expected
        assert (await spine.stock("TEE"))["on_hand"] == 12
        await desk.undo(spine.conn, "i-1")
        assert await issues(spine) == []
        # Its channel named, it meets the order once that is told.
        ordered, sent, refunded = sold(spine, 9, "TEE", 1)
        ref = ordered.entity.partition("/")[2]
        early = came_back("i-2", ("TEE", 1, "scrap"))
        await desk.inspect(spine.conn, early, order=ref, channel="north")
        assert [code for code, _, _ in await issues(spine)] == ["stock.inspected_for_nothing"]
        await spine.take(ordered, sent, refunded)
        await look_at_inspected(spine.conn, spine.hub)
        assert await issues(spine) == []
        assert await spine.stock("TEE") == {
            "available": 10, "on_hand": 10, "customer": -1, "loss": 1, "supplier": -10,
        }  # fmt: skip
        await spine.take(spine.order(9, "TEE", name="south"))
        with pytest.raises(ConfigError, match="say whose: north, south"):
            await desk.inspect(spine.conn, came_back("i-3", ("TEE", 1, "scrap")), order="#1009")
        with pytest.raises(ConfigError, match="channel: expected"):
            await desk.inspect(
                spine.conn, came_back("i-3", ("TEE", 1, "scrap")), order="#1009", channel="west"
            )
        with pytest.raises(ConfigError, match="order: expected"):
            await desk.inspect(spine.conn, came_back("i-3", ("TEE", 1, "scrap")), channel="north")
        await assert_sound(spine)


async def test_taking_back_is_refused_where_the_units_are_gone(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 1))
        desk = inspecting(spine)
        await desk.inspect(spine.conn, came_back("i-1", ("TEE", 2, "sellable")))
        await desk.inspect(spine.conn, came_back("i-2", ("TEE", 2, "quarantine")))
        await spine.take(spine.movement("gone", "adjustment", "TEE", -2))
        with pytest.raises(InsufficientStock) as refused:
            await desk.undo(spine.conn, "i-1")
        [short] = refused.value.context["shortages"]  # type: ignore[misc]
        assert (short.wanted, short.left) == (2, 1)
        await desk.undo(spine.conn, "i-2")
        assert await spine.stock("TEE") == {
            "available": 1, "on_hand": 1, "customer": -2, "loss": 2, "supplier": -1,
        }  # fmt: skip


async def test_a_count_between_refund_and_parcel_has_not_seen_the_unit(database_url: str) -> None:
    """The shop puts it back at once, somebody counts, and only then the parcel is opened."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 10))
        await spine.take(*sold(spine, 7, "TEE", 2))
        await spine.take(
            spine.movement("count", "count", "TEE", 8, occurred_at="2026-03-06T12:00:00Z")
        )
        await inspecting(spine).inspect(
            spine.conn, came_back("i-1", ("TEE", 1, "sellable")), order="#1007"
        )
        assert await spine.stock("TEE") == {
            "available": 9, "on_hand": 9, "customer": 1, "supplier": -10,
        }  # fmt: skip
        await assert_sound(spine)


async def test_a_body_that_is_wrong_is_parked_with_its_field(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        ordered, _, _ = sold(spine, 7, "TEE", 2)
        right = told(ordered, came_back("i-1", ("TEE", 1, "scrap")))
        body = msgspec.json.decode(right.body)
        line = body["lines"][0]
        for n, (field, wrong) in enumerate(
            [
                ("/site", body | {"site": ""}),
                ("/lines", body | {"lines": []}),
                ("/lines", body | {"lines": [line | {"quantity": 0}]}),
                ("/lines", body | {"lines": [line | {"sku": "\x00"}]}),
                ("/lines", body | {"lines": [line | {"note": ""}]}),
                ("/lines", body | {"lines": [line | {"grade": "fine"}]}),
                ("/told_at", body | {"told_at": "2026-03-01T09:00:00"}),
                ("/order_ref", body | {"order_ref": ""}),
                ("/by", body | {"by": ""}),
                ("/reason", body | {"reason": "x" * 501}),
                ("/ref", body | {"ref": "x" * 121}),
            ]
        ):
            await spine.conn.execute(b"DELETE FROM intake.parked")
            await spine.take(
                msgspec.structs.replace(
                    right, external_id=f"wrong-{n}", body=msgspec.json.encode(wrong)
                )
            )
            [(cause, detail)] = await spine.parked()
            assert cause == "manual.inspection_invalid"
            assert detail.startswith(f"{field}: expected"), (field, detail)


async def test_a_worker_that_holds_the_partition_applies_it(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 10))
        await spine.take(*sold(spine, 7, "TEE", 2))
        stop = asyncio.Event()
        working = asyncio.create_task(Worker(database_url, spine.hub, sessions=1).run(stop))
        try:
            await asyncio.sleep(0.3)
            booked = await inspecting(spine).inspect(
                spine.conn, came_back("i-1", ("TEE", 1, "scrap")), order="#1007"
            )
        finally:
            stop.set()
            await working
        assert sorted((m.place, m.units) for m in booked.moves) == [("loss", 1), ("on_hand", -1)]


async def test_where_a_partition_is_held_and_nothing_is_applied_it_waits(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        ordered, *_ = sold(spine, 7, "TEE", 2)
        event = told(ordered, came_back("i-1", ("TEE", 1, "scrap")))
        [appended] = await append_events(spine.conn, spine.hub.vault, [event])
        partition = partition_of(f"{event.connection_id}/{event.entity}")
        async with await connect(database_url, application_name="other") as other:
            await other.set_autocommit(True)  # as every session of ours
            async with hold_partition(other, partition) as held:
                assert held
                number = appended.event_id
                assert not await apply_told(
                    spine.conn, spine.hub, number, partition, wait_s_max=0.1
                )
        assert await apply_told(spine.conn, spine.hub, number, partition)
        async with hold_partition(spine.conn, partition) as held:
            assert held, "it was given back"


# -- at the channel --------------------------------------------------------------------------------


async def bought_and_sent(stage: Stage) -> str:
    order = stage.buy("TEE", 2)
    stage.sandbox.do(NAME, Fulfil(order=order))
    await stage.brand.poll(NAME, "orders")
    await stage.settle()
    return order


async def put_back(stage: Stage, order: str) -> None:
    stage.brand.clock.advance(60)
    stage.sandbox.do(NAME, Refund(order=order, units={"TEE": 1}, restock_type="return"))
    await stage.brand.poll(NAME, "orders")
    await stage.settle()


@pytest.mark.parametrize(("grade", "left"), [("sellable", UNITS - 1), ("scrap", UNITS - 2)])
@pytest.mark.parametrize("first", ["dock", "channel"])
async def test_the_channel_shows_what_the_dock_says(
    database_url: str, grade: str, left: int, first: str
) -> None:
    async with open_stage(database_url) as stage:
        order = await bought_and_sent(stage)
        assert stage.shows("TEE") == UNITS - 2
        if first == "channel":
            await put_back(stage, order)
            assert stage.shows("TEE") == UNITS - 1
        now = stage.brand.clock.now() + timedelta(seconds=1)
        desk = Inspecting(Desk(stage.brand.hub, clock=stage.brand.clock))
        await desk.inspect(
            stage.brand.conn, came_back("i-1", ("TEE", 1, grade), now=now), order=order
        )
        await stage.settle()
        assert stage.shows("TEE") == left, "what the dock put on the shelf, every channel is told"
        if first == "dock":
            await put_back(stage, order)
        assert stage.shows("TEE") == left
