"""Phantom reservations: found in the books, proven at the vendor, released with a trail."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from tests.flow.command import Commands
from tests.support.parity import NAME, UNITS, Stage, open_stage
from tests.support.spine import Spine, open_spine
from trueup.canon.release import ReleaseLine, ReleaseReason
from trueup.intake.model import NewEvent, Origin
from trueup.reconcile.suspects import ask_suspects, list_suspects, search_suspects
from trueup.replay import replay_log
from trueup.sandbox.shopify.commands import Capture, Fulfil

pytestmark = pytest.mark.anyio

DAY_S = 24 * 3600


async def sold(stage: Stage, sku: str, quantity: int, **fields: str) -> str:
    """Let somebody buy, and the hub know."""
    order = stage.buy(sku, quantity, **fields)
    await stage.brand.poll(NAME, "orders")
    await stage.settle()
    return order


async def search(stage: Stage) -> int:
    return await search_suspects(stage.brand.conn, stage.brand.clock.now())


async def ask(stage: Stage) -> dict[str, int]:
    async with stage.brand.access(NAME) as access:
        counts = await ask_suspects(access)
    await stage.settle()
    return counts


async def reserved(stage: Stage, sku: str) -> tuple[int, int]:
    """Return what is reserved of a SKU, and what is on hand."""
    [row] = await stage.brand.rows(
        "SELECT b.reserved, b.on_hand FROM ledger.balance b JOIN ledger.sku s USING (sku_id) "
        "WHERE s.code = %s",
        sku,
    )
    return row


async def test_an_order_that_its_vendor_forgot_is_released_once_it_is_sure(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        order = await sold(stage, "TEE", 4)
        assert await search(stage) == 0, "nothing is suspected so soon"
        stage.brand.clock.advance(4 * DAY_S)
        assert await search(stage) == 1
        del stage.shop.orders[int(order)]
        assert await ask(stage) == {"asked": 1, "released": 0, "proposed": 1}
        assert await reserved(stage, "TEE") == (4, UNITS), "one silence proves nothing"
        assert "stock.reservation_phantom" in await stage.brand.issues()
        stage.brand.clock.advance(2 * 3600)
        assert await ask(stage) == {"asked": 1, "released": 1, "proposed": 0}
        assert await reserved(stage, "TEE") == (0, UNITS)
        assert stage.shows("TEE") == UNITS, "the channel may sell them again"
        assert "stock.reservation_phantom" not in await stage.brand.issues()
        [(origin, entity, reason)] = await stage.brand.rows(
            "SELECT e.origin, e.entity, t.reason FROM intake.event e "
            "JOIN ledger.transaction t USING (event_id) WHERE e.topic = 'stock/release'"
        )
        assert (origin, entity, reason) == ("own", f"order/{order}", "release")
        replayed = await replay_log(stage.brand.conn, stage.brand.hub)
        assert replayed.differing == 0, replayed.differences
        stage.brand.clock.advance(2 * DAY_S)
        await ask(stage)
        assert await list_suspects(stage.brand.conn) == [], "it holds nothing any more"


async def test_what_is_never_paid_is_proposed_and_a_person_decides(
    database_url: str, tmp_path: Path
) -> None:
    async with open_stage(database_url) as stage:
        order = await sold(stage, "MUG", 3, payment="pending")
        stage.brand.clock.advance(8 * DAY_S)
        await search(stage)
        assert await ask(stage) == {"asked": 1, "released": 0, "proposed": 1}
        assert await reserved(stage, "MUG") == (3, UNITS), "age alone releases nothing"
        trueup = Commands(tmp_path, database_url)
        [told] = (await trueup.in_thread("reservations", "phantoms", "list"))["phantoms"]
        assert (told["ref"], told["cause"], told["units"]) == (order, "unpaid", {"MUG": 3})
        assert told["state"] == "proposed"
        assert "not paid for 8 days" in told["evidence"][0]
        planned = await trueup.in_thread(
            "reservations", "phantoms", "release", told["number"], "--dry-run"
        )
        assert planned["event_id"] is None
        done = await trueup.in_thread("reservations", "phantoms", "release", told["number"])
        await stage.settle()
        assert await reserved(stage, "MUG") == (0, UNITS)
        [(body,)] = await stage.brand.rows(
            "SELECT v.body FROM records.version v JOIN records.record r USING (record_id) "
            "WHERE r.kind = 'release' AND v.event_id = %s",
            done["event_id"],
        )
        assert body["lines"][0]["by"] == "person"
        assert any("person decided at" in line for line in body["lines"][0]["evidence"])
        again = await trueup.in_thread(
            "reservations", "phantoms", "release", told["number"], status=2
        )
        assert "suspected" in again["error"]["message"]
        # It is paid and sent after all: the facts count, and nothing twice.
        stage.brand.clock.advance(60)
        stage.sandbox.do(NAME, Capture(order=order))
        await stage.brand.poll(NAME, "orders")
        await stage.settle()
        assert await reserved(stage, "MUG") == (3, UNITS), "an order that is paid lives"
        stage.brand.clock.advance(60)
        stage.sandbox.do(NAME, Fulfil(order=order))
        await stage.brand.poll(NAME, "orders")
        await stage.settle()
        assert await reserved(stage, "MUG") == (0, UNITS - 3)
        replayed = await replay_log(stage.brand.conn, stage.brand.hub)
        assert replayed.differing == 0, replayed.differences


async def test_an_order_that_lives_is_left_alone(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await sold(stage, "CAP", 2)
        stage.brand.clock.advance(5 * DAY_S)
        await search(stage)
        assert await ask(stage) == {"asked": 1, "released": 0, "proposed": 0}
        [row] = await list_suspects(stage.brand.conn)
        assert (row["cause"], row["units"]) == (None, {"CAP": 2})
        assert await ask(stage) == {"asked": 0, "released": 0, "proposed": 0}, "once a day"


def told_release(spine: Spine, sold: NewEvent, units: int, at: datetime) -> NewEvent:
    """Return our own word that units of an order's one line are let go."""
    [line_item] = msgspec.json.decode(sold.body)["line_items"]
    line = ReleaseLine(
        line_ref=str(line_item["id"]),
        units=units,
        reason=ReleaseReason.UNPAID,
        decided_at=at,
        order_at=at,
        evidence=("not paid for 8 days",),
    )
    ref = sold.entity.partition("/")[2]
    body = msgspec.json.encode({"order_ref": ref, "occurred_at": at, "lines": [line]})
    return NewEvent(
        connection_id=spine.numbers["north"],
        external_id=f"release/{ref}/{units}",
        topic="stock/release",
        entity=sold.entity,
        origin=Origin.OWN,
        raised_at=at,
        received_at=datetime.now(UTC),
        body=body,
    )


async def test_release_and_late_facts_end_in_the_same_books_in_every_order(
    database_url: str,
) -> None:
    """All 24 orders of: ordered, paid, sent, released; each with a SKU and an order of its own."""
    async with open_spine(database_url) as spine:
        ends = {}
        for n, turn in enumerate(permutations(range(4))):
            number, sku = 1000 + n, f"SKU-{n}"
            await spine.take(spine.movement(f"open-{n}", "opening", sku, 10))
            sold_ = msgspec.json.decode(spine.order(number, sku).body)
            lines = [sold_["line_items"][0] | {"quantity": 2, "current_quantity": 2}]
            fulfilment = {
                "id": number * 100,
                "order_id": sold_["id"],
                "status": "success",
                "created_at": "2026-03-01T12:00:00Z",
                "updated_at": "2026-03-01T12:00:00Z",
                "location_id": None,
                "line_items": lines,
            }
            events = [
                spine.order(
                    number,
                    sku,
                    line_items=lines,
                    financial_status="pending",
                    updated_at="2026-03-01T10:00:00Z",
                ),
                spine.order(
                    number,
                    sku,
                    line_items=lines,
                    financial_status="paid",
                    updated_at="2026-03-01T11:00:00Z",
                ),
                spine.delivery("north", "fulfillments/create", fulfilment),
                told_release(
                    spine, spine.order(number, sku), 2, datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
                ),
            ]
            for step in turn:
                await spine.take(events[step])
            ends[turn] = await spine.stock(sku)
        first = ends[tuple(range(4))]
        assert first == {"available": 8, "on_hand": 8, "customer": 2, "supplier": -10}
        assert all(end == first for end in ends.values()), ends
        assert await spine.parked() == []
        replayed = await replay_log(spine.conn, spine.hub)
        assert replayed.differing == 0, replayed.differences


async def test_a_release_before_it_is_paid_frees_and_the_payment_takes_back(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 10))
        pending = spine.order(
            7, "TEE", financial_status="pending", updated_at="2026-03-01T10:00:00Z"
        )
        await spine.take(pending)
        at = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
        await spine.take(told_release(spine, pending, 1, at))
        assert await spine.stock("TEE") == {"available": 10, "on_hand": 10, "supplier": -10}
        paid = spine.order(7, "TEE", financial_status="paid", updated_at="2026-03-01T11:00:00Z")
        await spine.take(paid)
        stock = await spine.stock("TEE")
        assert (stock["available"], stock["reserved"]) == (9, 1)


async def test_the_search_goes_through_the_books_stretch_by_stretch(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("open", "opening", "TEE", 100))
        for number in range(40):
            await spine.take(spine.order(number + 1, "TEE"))
        now = datetime.now(UTC) + timedelta(days=400)
        found = rounds = 0
        while rounds < 100:
            found += await search_suspects(spine.conn, now, stretch=7)
            rounds += 1
            if await spine.one("SELECT finished_at FROM reconcile.search") is not None:
                break
        assert found == 40
        assert rounds > 3
