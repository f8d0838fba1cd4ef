"""Receiving and sending: in parts, too much, wrong, corrected, in any order."""

import os
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.support.database import fresh_database
from tests.support.spine import Spine, open_spine
from trueup.canon.dock import Arrival, ArrivalLine, ArrivalSource, Transfer, TransferLine
from trueup.canon.purchase import PurchaseLine, PurchaseState
from trueup.canon.record import Record
from trueup.errors import ConfigError, InsufficientStock, KeyReused
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import ManualClock
from trueup.ledger.proof import prove_ledger
from trueup.records.expected import incoming_of
from trueup.replay import replay_log
from trueup.warehouse.book import Desk, body_of
from trueup.warehouse.dock import (
    ARRIVAL_TOPIC,
    TRANSFER_TOPIC,
    Dock,
    arrival_of,
    purchase_of,
    transfer_of,
)
from trueup.warehouse.look import look_at, look_at_overdue

pytestmark = pytest.mark.anyio

PURCHASE, TRANSFER = ArrivalSource.PURCHASE, ArrivalSource.TRANSFER
CLOCK = ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))


def dock_of(spine: Spine, clock: ManualClock = CLOCK) -> Dock:
    return Dock(Desk(spine.hub, clock=clock))


def came(ref: str, *lines: tuple[str, int] | tuple[str, int, int], **more: Any) -> Arrival:
    told = [ArrivalLine(sku=s, quantity=n, damaged=d[0] if d else 0) for s, n, *d in lines]
    return arrival_of(ref, told, site=more.pop("site", "main"), now=CLOCK.now(), **more)


def sent(ref: str, *lines: tuple[str, int], **more: Any) -> Transfer:
    told = [TransferLine(sku=sku, quantity=units) for sku, units in lines]
    return transfer_of(ref, told, from_site="main", to_site="shop", now=CLOCK.now(), **more)


def of(source: ArrivalSource, name: str, **more: Any) -> dict[str, Any]:
    return {"source": source, "source_ref": name, **more}


async def ordered(spine: Spine, ref: str, *lines: tuple[str, int], on: date | None = None) -> None:
    told = [
        PurchaseLine(ref=str(n), sku=sku, quantity=units)
        for n, (sku, units) in enumerate(lines, start=1)
    ]
    purchase = purchase_of(ref, told, site="main", now=CLOCK.now(), expected_on=on)
    await dock_of(spine).order(spine.conn, purchase)


async def assert_sound(spine: Spine) -> None:
    proof = await prove_ledger(spine.conn)
    assert proof.holds, proof
    replayed = await replay_log(spine.conn, spine.hub)
    assert not replayed.differing, replayed.differences
    assert await spine.parked() == []


async def on_hand(spine: Spine, sku: str) -> dict[str, int]:
    rows = await spine.rows(
        "SELECT b.site, b.on_hand FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)"
        " WHERE s.code = %s AND b.on_hand <> 0",
        sku,
    )
    return dict(rows)


async def issues(spine: Spine) -> list[tuple[str, str, str]]:
    return await spine.rows(
        "SELECT code, pointer, found FROM intake.issue WHERE closed_at IS NULL ORDER BY 1, 2"
    )


# -- purchase orders -------------------------------------------------------------------------------


async def test_a_purchase_order_arrives_in_parts(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await ordered(spine, "PO-1", ("A", 10), ("B", 4), on=date(2026, 3, 9))
        told = [(each.sku, each.units) for each in await incoming_of(spine.conn, ["A", "B"])]
        assert told == [("A", 10), ("B", 4)]
        first = await dock.arrive(spine.conn, came("r1", ("A", 6), **of(PURCHASE, "PO-1")))
        assert {(m.place, m.units) for m in first.moves} == {("supplier", -6), ("on_hand", 6)}
        assert not first.issues
        await dock.arrive(spine.conn, came("r2", ("A", 2, 1), **of(PURCHASE, "PO-1")))
        assert await spine.stock("A") == {
            "available": 8, "on_hand": 8, "quarantine": 1, "supplier": -9,
        }  # fmt: skip
        [left_a, left_b] = await incoming_of(spine.conn, None)
        assert (left_a.sku, left_a.units, left_a.expected_on) == ("A", 1, date(2026, 3, 9))
        assert (left_b.sku, left_b.units, left_b.number) == ("B", 4, "PO-1")
        assert await incoming_of(spine.conn, ["A"], date(2026, 3, 8)) == []
        assert len(await incoming_of(spine.conn, ["A"], date(2026, 3, 9))) == 1
        await dock.end_purchase(spine.conn, "PO-1", PurchaseState.RECEIVED)
        assert await incoming_of(spine.conn, None) == []
        assert await issues(spine) == []
        await assert_sound(spine)


async def test_too_much_and_wrong_goods_are_booked_and_told(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await ordered(spine, "PO-1", ("A", 5), ("A", 5), ("B", 1))
        over = await dock.arrive(
            spine.conn, came("r1", ("A", 12), ("C", 3), **of(PURCHASE, "PO-1"))
        )
        told = [(each.code, each.pointer, each.found) for each in over.issues]
        assert told == [
            ("stock.arrived_over", "line 2", "7 arrived, 2 more than the purchase order says"),
            ("stock.arrived_unexpected", "sku C", "3 of C"),
        ]
        assert await issues(spine) == told
        assert (await on_hand(spine, "A"), await on_hand(spine, "C")) == ({"main": 12}, {"main": 3})
        # It was miscounted: told again under its ref, it restates, and nothing is wrong any more.
        with pytest.raises(KeyReused):
            await dock.arrive(spine.conn, came("r1", ("A", 10), **of(PURCHASE, "PO-1")))
        right = await dock.arrive(
            spine.conn, came("r1", ("A", 10), **of(PURCHASE, "PO-1")), restate=True
        )
        assert {(m.sku, m.place): m.units for m in right.moves}["A", "on_hand"] == -2
        assert await issues(spine) == []
        assert await on_hand(spine, "A") == {"main": 10}
        again = await dock.arrive(spine.conn, came("r1", ("A", 10), **of(PURCHASE, "PO-1")))
        assert (again.repeated, again.moves) == (True, ())
        await assert_sound(spine)


async def test_an_arrival_may_be_known_before_its_purchase_order(database_url: str) -> None:
    """The ERP tells late: the arrival stands, the issue says so, and goes once it is told."""
    async with open_spine(database_url) as spine:
        early = came("r1", ("A", 3), **of(PURCHASE, "P00042"))
        await spine.take(told_of(spine, ARRIVAL_TOPIC, early))
        await look_at(spine.conn, spine.hub)
        assert [code for code, _, _ in await issues(spine)] == ["stock.arrived_for_nothing"]
        with pytest.raises(ConfigError, match="no purchase order"):
            await dock_of(spine).arrive(spine.conn, came("r2", ("A", 1), **of(PURCHASE, "P00042")))
        await ordered(spine, "P00042", ("A", 2))
        assert await issues(spine) == [
            ("stock.arrived_over", "line 1", "3 arrived, 1 more than the purchase order says")
        ]
        await assert_sound(spine)


async def test_what_a_purchase_orders_own_system_says_came_is_not_counted_twice(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        await ordered(spine, "PO-1", ("A", 10))
        await spine.conn.execute(b"UPDATE records.expected_line SET told_arrived = 6")
        await dock_of(spine).arrive(spine.conn, came("r1", ("A", 4), **of(PURCHASE, "PO-1")))
        [left] = await incoming_of(spine.conn, ["A"])
        assert left.units == 4


async def test_an_arrival_without_an_order_and_a_dry_run(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        dry = await dock.arrive(spine.conn, came("r1", ("NEW", 3, 2)), dry_run=True)
        assert dry.dry_run
        assert {(m.place, m.units) for m in dry.moves} == {
            ("supplier", -5), ("on_hand", 3), ("quarantine", 2),
        }  # fmt: skip
        assert await spine.one("SELECT count(*) FROM intake.event") == 0
        assert await spine.one("SELECT count(*) FROM ledger.sku") == 0
        await dock.arrive(spine.conn, came("r1", ("NEW", 3, 2)))
        assert await spine.one("SELECT counted FROM ledger.balance")
        await dock.undo_arrival(spine.conn, "r1")
        assert await spine.stock("NEW") == {}
        await assert_sound(spine)


async def test_undoing_what_was_sold_already_is_refused(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, came("r1", ("A", 3)))
        await spine.take(spine.movement("lost", "adjustment", "A", -2))
        with pytest.raises(InsufficientStock, match="A at main: 3 wanted, 1 left"):
            await dock.undo_arrival(spine.conn, "r1")
        assert await on_hand(spine, "A") == {"main": 1}
        with pytest.raises(ConfigError, match="no arrival"):
            await dock.undo_arrival(spine.conn, "nobody")
        await assert_sound(spine)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"lines": ()}, "/lines"),
        ({"lines": (ArrivalLine(sku="A", quantity=-1),)}, "/lines"),
        ({"lines": (ArrivalLine(sku="", quantity=1),)}, "/lines"),
        ({"site": ""}, "/site"),
        ({"by": ""}, "/by"),
        ({"ref": "x" * 121}, "/ref"),
    ],
)
async def test_what_can_not_be_is_refused_with_its_field(
    database_url: str, fields: dict[str, Any], where: str
) -> None:
    async with open_spine(database_url) as spine:
        wrong = msgspec.structs.replace(came("r", ("A", 1)), **fields)
        with pytest.raises(ConfigError, match=where):
            await dock_of(spine).arrive(spine.conn, wrong)
        assert await spine.one("SELECT count(*) FROM intake.event") == 0
        assert await spine.parked() == []


# -- transfers -------------------------------------------------------------------------------------


async def test_a_transfer_is_on_its_way_until_it_arrives(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, came("r", ("A", 10)))
        await dock.send(spine.conn, sent("t1", ("A", 6), expected_on=date(2026, 3, 5)))
        assert await on_hand(spine, "A") == {"main": 4}
        assert await spine.one("SELECT in_transit FROM ledger.balance") == 6
        assert (await spine.stock("A"))["available"] == 4
        [coming] = await incoming_of(spine.conn, ["A"])
        assert (coming.units, coming.site, coming.source) == (6, "shop", "transfer")
        await dock.arrive(spine.conn, came("a1", ("A", 3, 1), site="shop", **of(TRANSFER, "t1")))
        assert await on_hand(spine, "A") == {"main": 4, "shop": 3}
        assert await look_at_overdue(spine.conn, date(2026, 3, 5)) == 0
        assert await look_at_overdue(spine.conn, date(2026, 3, 6)) == 1
        assert await issues(spine) == [
            (
                "stock.transfer_overdue",
                "expected on 2026-03-05",
                "2 units still on their way to shop",
            )
        ]
        await dock.close_transfer(spine.conn, "t1")
        assert await issues(spine) == []
        assert await spine.stock("A") == {
            "available": 7, "on_hand": 7, "quarantine": 1, "loss": 2, "supplier": -10,
        }  # fmt: skip
        # It turns up after all: what was lost is found again.
        late = came("a2", ("A", 2), site="shop", **of(TRANSFER, "t1"))
        await dock.arrive(spine.conn, late)
        assert await on_hand(spine, "A") == {"main": 4, "shop": 5}
        assert "loss" not in await spine.stock("A")
        await assert_sound(spine)


async def test_the_rest_of_a_transfer_arrives_by_one_word(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, came("r", ("A", 5), ("B", 5)))
        await dock.send(spine.conn, sent("t1", ("A", 3), ("B", 1)))
        await dock.arrive(spine.conn, came("a1", ("A", 1), site="shop", **of(TRANSFER, "t1")))
        rest = await dock.rest_of_transfer(spine.conn, "t1")
        assert [(line.sku, line.quantity) for line in rest.lines] == [("A", 2), ("B", 1)]
        await dock.arrive(spine.conn, rest)
        assert await on_hand(spine, "A") == {"main": 2, "shop": 3}
        with pytest.raises(ConfigError, match="Nothing"):
            await dock.rest_of_transfer(spine.conn, "t1")
        with pytest.raises(ConfigError, match="no mistake"):
            await dock.undo_transfer(spine.conn, "t1")
        await assert_sound(spine)


async def test_more_than_was_sent_and_other_goods_are_told(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, came("r", ("A", 5), ("B", 5)))
        await dock.send(spine.conn, sent("t1", ("A", 3)))
        got = came("a1", ("A", 4), ("B", 1), site="shop", **of(TRANSFER, "t1"))
        told = await dock.arrive(spine.conn, got)
        assert {each.code for each in told.issues} == {
            "stock.arrived_over", "stock.arrived_unexpected",
        }  # fmt: skip
        await dock.close_transfer(spine.conn, "t1")
        assert (await spine.stock("A"))["loss"] == -1
        await assert_sound(spine)


async def test_sending_more_than_there_is_is_refused_with_what_is_left(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, came("r", ("A", 5)))
        await dock.arrive(spine.conn, came("r2", ("A", 5), site="shop"))
        with pytest.raises(InsufficientStock, match="A at main: 6 wanted, 5 left") as refused:
            await dock.send(spine.conn, sent("t1", ("A", 6)))
        assert refused.value.context["shortages"][0].left == 5
        await spine.take(spine.order(1, *["A"] * 8))
        with pytest.raises(InsufficientStock, match="A at main: 3 wanted, 2 left"):
            await dock.send(spine.conn, sent("t1", ("A", 3)))
        with pytest.raises(InsufficientStock):
            await dock.send(spine.conn, sent("t1", ("NOBODY", 1)))
        await dock.send(spine.conn, sent("t1", ("A", 2)))
        assert "available" not in await spine.stock("A")
        # Sending fewer after all is a correction; sending more is looked at again.
        await dock.send(spine.conn, sent("t1", ("A", 1)), restate=True)
        with pytest.raises(InsufficientStock, match="2 wanted, 1 left"):
            await dock.send(spine.conn, sent("t1", ("A", 3)), restate=True)
        await dock.undo_transfer(spine.conn, "t1")
        assert await on_hand(spine, "A") == {"main": 5, "shop": 5}
        await assert_sound(spine)


# -- any order -------------------------------------------------------------------------------------


def told_of(spine: Spine, topic: str, record: Record) -> NewEvent:
    return NewEvent(
        connection_id=spine.numbers["own"],
        external_id=f"{topic}/{record.ref}/{random.getrandbits(64):x}",
        topic=topic,
        entity=record.entity(),
        origin=Origin.OWN,
        received_at=datetime.now(UTC),
        raised_at=record.updated_at,
        body=body_of(record),
    )


def a_life(pick: random.Random) -> list[tuple[str, Record]]:
    """Return tellings of transfers, what came of them and what came from suppliers."""
    told: list[tuple[str, Record]] = []
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for n in range(pick.randrange(1, 4)):
        skus = pick.sample("ABC", k=pick.randrange(1, 4))
        lines = [(sku, pick.randrange(1, 9)) for sku in skus]
        version = sent(f"t{n}", *lines)
        told.append((TRANSFER_TOPIC, version))
        for part in range(pick.randrange(4)):
            units = [(pick.choice("ABC"), pick.randrange(4), pick.randrange(3))]
            source = of(TRANSFER, f"t{n}") if pick.random() < 0.6 else {}
            got = came(f"a{n}.{part}", *units, site=pick.choice(("shop", "main")), **source)
            told.append((ARRIVAL_TOPIC, got))
            if pick.random() < 0.4:
                right = ArrivalLine(sku=got.lines[0].sku, quantity=pick.randrange(6))
                news = {"deleted": pick.random() < 0.3, "lines": (right,)}
                told.append((ARRIVAL_TOPIC, msgspec.structs.replace(got, **news)))
        if pick.random() < 0.5:
            told.append((TRANSFER_TOPIC, msgspec.structs.replace(version, closed=True)))
    return [
        (topic, msgspec.structs.replace(record, updated_at=at + timedelta(seconds=second)))
        for second, (topic, record) in enumerate(told)
    ]


BOOKS = (
    (
        "SELECT s.code, b.site, b.on_hand, b.quarantine FROM ledger.site_balance b"
        " JOIN ledger.sku s USING (sku_id) WHERE (b.on_hand, b.quarantine) <> (0, 0) ORDER BY 1, 2"
    ),
    (
        "SELECT s.code, in_transit, loss, supplier, counted FROM ledger.balance"
        " JOIN ledger.sku s USING (sku_id)"
        " WHERE counted OR (in_transit, loss, supplier, on_hand) <> (0, 0, 0, 0) ORDER BY 1"
    ),
    "SELECT source, ref, sku, quantity, is_open FROM records.expected_line ORDER BY 1, 2, 3",
    (
        "SELECT ref, source_ref, sku, quantity, damaged FROM records.arrived_line"
        " WHERE quantity + damaged > 0 ORDER BY 1, 3"
    ),
    (
        "SELECT code, pointer, found FROM intake.issue WHERE closed_at IS NULL"
        " AND code <> 'stock.oversold' ORDER BY 1, 2, 3"
    ),
)


async def books_after(server_url: str, lives: list[tuple[str, Record]], batch: int) -> Any:
    with fresh_database(server_url) as url:
        async with open_spine(url) as spine:
            await spine.append(*(told_of(spine, topic, record) for topic, record in lives))
            await spine.apply(count=batch)
            while await look_at(spine.conn, spine.hub):
                pass
            await assert_sound(spine)
            return [await spine.rows(query) for query in BOOKS]


@pytest.mark.parametrize("seed", range(int(os.environ.get("TRUEUP_EXAMPLES", "8"))))
async def test_any_order_and_any_repeats_end_in_the_same_books(server_url: str, seed: int) -> None:
    pick = random.Random(seed)
    life = a_life(pick)
    straight = await books_after(server_url, life, 1)
    mixed = life + pick.choices(life, k=len(life))
    pick.shuffle(mixed)
    assert await books_after(server_url, mixed, pick.choice((1, 3, 50))) == straight
