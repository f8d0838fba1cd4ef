"""Serials over a real database: received, sent on, packed, back, told in any order."""

import asyncio
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.flow.test_dock import PURCHASE, TRANSFER, assert_sound, of, ordered, told_of
from tests.flow.test_inspections import came_back, sold
from tests.support.database import fresh_database
from tests.support.spine import Spine, open_spine
from trueup.canon.dock import Arrival, ArrivalLine, Transfer, TransferLine
from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.canon.serial import Pack, PackLine, SerialRule
from trueup.db.pool import connect
from trueup.errors import ConfigError, InsufficientStock, KeyReused, SerialElsewhere
from trueup.kernel.clock import ManualClock
from trueup.ledger.model import Place
from trueup.ledger.serial import Serial, spots_of
from trueup.ledger.serials import (
    page_serials,
    prove_serials,
    serials_called,
    serials_of,
    serials_with,
    spots_of_skus,
    tracked_skus,
)
from trueup.reconcile.books import check_books
from trueup.warehouse.book import Desk
from trueup.warehouse.dock import Dock, arrival_of, transfer_of
from trueup.warehouse.inspecting import Inspecting
from trueup.warehouse.packing import Packing, pack_of
from trueup.warehouse.serials import look_at_serials
from trueup.warehouse.shelves import look_at_shelves

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOPICS = {
    Arrival: "stock/arrival",
    Transfer: "stock/transfer",
    Inspection: "stock/inspection",
    Pack: "stock/pack",
    StockMovement: "stock/movement",
    SerialRule: "stock/serial_rule",
}


class Floor:
    """What people at the dock have at hand; the clock goes on an hour with each word."""

    def __init__(self, spine: Spine) -> None:
        self.spine, self.conn = spine, spine.conn
        self.clock = ManualClock(NOW)
        self.desk = Desk(spine.hub, clock=self.clock)

    async def came(self, ref: str, *serials: str, units: int = 0, **more: Any) -> Any:
        self.clock.advance(hours=1)
        restate = more.pop("restate", False)
        line = ArrivalLine(sku="CAM", quantity=units or len(serials), serials=serials)
        site = more.pop("site", "main")
        arrival = arrival_of(ref, [line], site=site, now=self.clock.now(), **more)
        return await Dock(self.desk).arrive(self.conn, arrival, restate=restate)

    async def send(self, ref: str, *serials: str, **more: Any) -> Any:
        self.clock.advance(hours=1)
        line = TransferLine(sku="CAM", quantity=len(serials), serials=serials)
        sent = transfer_of(ref, [line], from_site="main", to_site="shop", now=self.clock.now())
        return await Dock(self.desk).send(self.conn, sent, **more)

    async def pack(self, ref: str, order: str, *serials: str, **more: Any) -> Any:
        self.clock.advance(hours=1)
        site, sku = more.pop("site", "main"), more.pop("sku", "CAM")
        line = PackLine(sku=sku, serials=serials)
        told = pack_of(ref, [line], site=site, now=self.clock.now())
        return await Packing(self.desk).pack(self.conn, told, order=order, **more)

    async def back(self, ref: str, serial: str, grade: str = "sellable", **more: Any) -> Any:
        self.clock.advance(hours=1)
        record = came_back(ref, ("CAM", 1, grade), now=self.clock.now())
        line = InspectionLine(sku="CAM", quantity=1, grade=Grade(grade), serials=(serial,))
        named = msgspec.structs.replace(record, lines=(line,))
        return await Inspecting(self.desk).inspect(self.conn, named, **more)

    async def where(self, serial: str = "S1", sku: str = "CAM") -> str:
        [found] = await serials_of(self.conn, [sku], [serial])
        return str(found.standing)

    async def issues(self) -> list[tuple[str, str]]:
        return await self.spine.rows(
            "SELECT code, pointer FROM intake.issue WHERE closed_at IS NULL"
            " AND starts_with(code, 'stock.serial') ORDER BY 1, 2"
        )

    async def look(self, days: int = 0) -> list[tuple[str, str]]:
        await look_at_serials(self.conn, self.clock.now() + timedelta(days=days))
        return await self.issues()


def codes(booked: Any) -> list[str]:
    return [issue.code for issue in booked.issues]


async def test_from_the_purchase_order_to_the_customer_and_back(database_url: str) -> None:
    """What the channel tells moves the units; the dock says which they were."""
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await ordered(spine, "PO-1", ("CAM", 3))
        await dock.came("r1", "S1", " S2 ".strip(), "S3", **of(PURCHASE, "PO-1"))
        order, shipped, refunded = sold(spine, 1001, "CAM", 2)
        await spine.take(order)
        before = await spine.stock("CAM")
        booked = await dock.pack("p1", "#2001", "S1", "S2")
        assert (booked.moves, booked.issues) == ((), ())
        assert await spine.stock("CAM") == before, "which units they are moves none"
        assert await dock.where() == f"with the customer of order {booked.record.order_ref}"
        await spine.take(shipped)
        assert (await spine.stock("CAM"))["on_hand"] == 1
        assert await dock.look(days=2) == []
        assert (await prove_serials(spine.conn)).uneven == ()
        await spine.take(refunded)
        again = await dock.back("i1", "S2", order="#2001")
        assert again.issues == ()
        assert await dock.where("S2") == "on hand at main"
        assert await dock.look(days=2) == []
        [found] = await serials_of(spine.conn, ["CAM"], ["S2"])
        assert [line.kind for line in found.lines] == ["arrival", "pack", "inspection"]
        with_it = await serials_with(
            spine.conn, order.connection_id, "order", str(booked.record.order_ref)
        )
        assert [each.serial for each in with_it] == ["S1", "S2"]
        assert (await check_books(spine.conn)).discrepancies == ()
        await assert_sound(spine)


async def test_a_command_that_names_a_serial_elsewhere_is_refused(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        for number in (1001, 1002):
            order, _, _ = sold(spine, number, "CAM", 1)
            await spine.take(order)
        await dock.came("r1", "S1", "S2", "S3", "s9")
        await dock.send("t1", "S3")
        await dock.pack("p1", "#2001", "S1")
        with pytest.raises(SerialElsewhere, match=r"S1 of CAM is with the customer of order"):
            await dock.pack("p2", "#2002", "S1")
        with pytest.raises(SerialElsewhere, match=r"S3 of CAM is on its way to shop .* t1"):
            await dock.send("t2", "S3")
        with pytest.raises(SerialElsewhere, match=r"on hand at main"):
            await dock.pack("p2", "#2002", "S2", site="shop")
        with pytest.raises(SerialElsewhere, match=r"write it s9, on hand at main"):
            await dock.pack("p2", "#2002", "S9")
        assert await spine.rows("SELECT 1 FROM records.record WHERE ref IN ('p2', 't2')") == []
        # Nobody told of it: it may be older than the first word about serials.
        assert codes(await dock.pack("p2", "#2002", "OLD")) == ["stock.serial_unknown"]
        await Packing(dock.desk).undo(spine.conn, "p2")
        await Packing(dock.desk).undo(spine.conn, "p1")
        assert await dock.where() == "on hand at main"
        assert await dock.issues() == []
        with pytest.raises(ConfigError, match="no pack"):
            await Packing(dock.desk).undo(spine.conn, "nobody")
        await assert_sound(spine)


async def test_a_pack_is_of_an_order_that_sold_so_many(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        order, _, _ = sold(spine, 1001, "CAM", 2)
        await spine.take(order)
        await dock.came("r1", "S1", "S2", "S3")
        with pytest.raises(ConfigError, match="order: there is no order"):
            await dock.pack("p1", "#7777", "S1")
        with pytest.raises(ConfigError, match="channel: expected"):
            await dock.pack("p1", "#2001", "S1", channel="nowhere")
        with pytest.raises(ConfigError, match="has 0 units of LENS"):
            await dock.pack("p1", "#2001", "S1", sku="LENS")
        dry = await dock.pack("p1", "#2001", "S1", dry_run=True)
        assert (dry.dry_run, await dock.where()) == (True, "on hand at main")
        await dock.pack("p1", "#2001", "S1", "S2")
        assert (await dock.pack("p1", "#2001", "S1", "S2")).repeated
        with pytest.raises(KeyReused):
            await dock.pack("p1", "#2001", "S1")
        with pytest.raises(ConfigError, match="has 2 units of CAM, and 3 serials"):
            await dock.pack("p2", "#2001", "S3")
        # Told anew under its ref: what it named before lies where it lay.
        await dock.pack("p1", "#2001", "S1", "S3", restate=True)
        assert await dock.where("S2") == "on hand at main"
        # Of an order that its channel has not told yet.
        await dock.pack("p3", "soon", "S2", channel="north")
        assert await dock.where("S2") == "with the customer of order soon"
        await assert_sound(spine)


async def test_facts_are_taken_and_what_they_contradict_closes_once_it_is_mended(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await dock.came("r1", "S1", "S2")
        assert codes(await dock.came("r2", "S2", "S3")) == ["stock.serial_twice"]
        assert codes(await dock.back("i1", "S3")) == ["stock.serial_returned"]
        assert await dock.issues() == [
            ("stock.serial_missing", "on hand at main"),
            ("stock.serial_returned", "S3"),
            ("stock.serial_twice", "S2"),
        ]
        opened = "SELECT opened_at FROM intake.issue WHERE code = 'stock.serial_twice'"
        first = await spine.one(opened)
        await dock.look()
        assert await spine.one(opened) == first, "what stands is not told anew"
        await Inspecting(dock.desk).undo(spine.conn, "i1")
        await dock.came("r2", "S4", "S3", restate=True)
        assert await dock.issues() == []
        assert await dock.where("S2") == "on hand at main"
        await Dock(dock.desk).undo_arrival(spine.conn, "r2")
        assert [each.serial for each in await serials_of(spine.conn, ["CAM"])] == ["S1", "S2"]
        await assert_sound(spine)


async def test_more_serials_than_units_and_units_without_one(database_url: str) -> None:
    """A day is allowed between the word of the dock and that of the channel."""
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        dock.clock.advance(days=2)
        await dock.came("r1", "S1", "S2", "S3")
        at = dock.clock.now() + timedelta(hours=1)
        gone = spine.movement("lost", "adjustment", "CAM", -1, occurred_at=at.isoformat())
        await spine.take(gone)
        assert await dock.look() == [("stock.serial_over", "on hand at main")]
        found = (await prove_serials(spine.conn)).uneven
        assert [(each.place, each.units, each.serials) for each in found] == [(Place.ON_HAND, 2, 3)]
        [told] = (await check_books(spine.conn)).discrepancies
        assert (told.cause, told.amount) == ("serials_differ", 1)
        # Counted by their serials: S3 is not among them, and is said to be too much.
        at += timedelta(hours=1)
        count = StockMovement(
            ref="c", updated_at=at, movement=MovementKind.COUNT, sku="CAM", quantity=2, site="main",
            serials=("S1", "S2"), occurred_at=at,
        )  # fmt: skip
        await spine.append(told_of(spine, "stock/movement", count))
        await spine.apply()
        assert await dock.look() == [("stock.serial_over", "on hand at main")]
        line = msgspec.structs.replace(
            count, ref="l", movement=MovementKind.ADJUSTMENT, quantity=-1, serials=("S3",),
            occurred_at=at - timedelta(hours=1),
        )  # fmt: skip
        await spine.append(told_of(spine, "stock/movement", line))
        await spine.apply()
        assert await dock.look() == []
        dock.clock.advance(days=1)
        assert codes(await dock.came("r2", units=4)) == ["stock.serial_missing"]
        await look_at_shelves(spine.conn, dock.desk)
        assert await dock.issues() == [("stock.serial_missing", "on hand at main")]
        await assert_sound(spine)


async def test_the_days_between_the_docks_word_and_the_channels(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        order, shipped, _ = sold(spine, 1001, "CAM", 1)
        await spine.take(order)
        await dock.came("r1", "S1", "S2")
        await dock.pack("p1", "#2001", "S1")
        assert await dock.look() == []
        assert await dock.look(days=2) == [("stock.serial_missing", "on hand at main")]
        await spine.take(shipped)
        assert await dock.look(days=2) == []
        await Packing(dock.desk).undo(spine.conn, "p1")
        assert await dock.look(days=2) == [("stock.serial_over", "on hand at main")]


async def test_a_sku_that_must_have_serials(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        packing = Packing(dock.desk)
        assert codes(await dock.came("r1", units=2)) == []
        told = await packing.require(spine.conn, "CAM", required=True)
        assert codes(told) == ["stock.serial_missing"]
        assert await tracked_skus(spine.conn) == {"CAM": True}
        [issue] = (await dock.came("r2", units=1)).issues
        assert issue.severity == "warning"
        assert issue.found == "CAM: 3 by the books, 0 by serials"
        await dock.came("r1", "S1", "S2", restate=True)
        await dock.came("r2", "S3", restate=True)
        assert await dock.issues() == []
        assert not (await packing.require(spine.conn, "CAM", required=False)).issues
        await dock.came("r1", units=2, restate=True)
        await dock.came("r2", units=1, restate=True)
        assert await tracked_skus(spine.conn) == {}
        assert await dock.look() == []
        await assert_sound(spine)


async def test_a_transfer_takes_its_serials_along_and_loses_what_never_came(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await dock.came("r1", "S1", "S2", "S3")
        await dock.send("t1", "S1", "S2")
        await dock.came("a1", "S1", site="shop", **of(TRANSFER, "t1"))
        assert await dock.where() == "on hand at shop"
        dock.clock.advance(hours=1)
        await Dock(dock.desk).close_transfer(spine.conn, "t1")
        assert await dock.where("S2") == "lost or thrown away"
        assert await dock.issues() == []
        with pytest.raises(InsufficientStock):
            await dock.send("t2", "S3", "S4")
        await assert_sound(spine)


async def test_all_that_is_on_its_way_arrives_with_its_serials(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await dock.came("r1", "S1", "S2", "S3")
        await dock.send("t1", "S1", "S2")
        await dock.came("a1", "S1", site="shop", **of(TRANSFER, "t1"))
        dock.clock.advance(hours=1)
        room = Dock(dock.desk)
        rest = await room.rest_of_transfer(spine.conn, "t1")
        assert [line.serials for line in rest.lines] == [("S2",)]
        assert codes(await room.arrive(spine.conn, rest)) == []
        assert await dock.where("S2") == "on hand at shop"


async def test_two_who_send_one_serial_at_once_do_not_both_have_it(database_url: str) -> None:
    """Each takes the last word of the other: the second waits, looks and is refused."""
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await dock.came("r1", "S1", "S2", "S3", "S4")
        clock = ManualClock(dock.clock.now() + timedelta(hours=1))
        async with (
            await connect(database_url, application_name="one") as one,
            await connect(database_url, application_name="two") as two,
        ):
            line = TransferLine(sku="CAM", quantity=1, serials=("S1",))
            answers = await asyncio.gather(
                *(
                    Dock(Desk(spine.hub, clock=clock)).send(
                        conn,
                        transfer_of(
                            f"t{n}", [line], from_site="main", to_site="shop", now=clock.now()
                        ),
                    )
                    for n, conn in enumerate((one, two))
                ),
                return_exceptions=True,
            )
        assert [type(each) for each in answers].count(SerialElsewhere) == 1
        assert (await spine.stock("CAM"))["on_hand"] == 3
        await assert_sound(spine)


@pytest.mark.parametrize(
    ("serials", "units", "expected"),
    [
        (("",), 1, "1 to 100 characters that can be printed"),
        (("S" * 101,), 1, "1 to 100 characters"),
        (("S\n1",), 1, "can be printed"),
        (("S\u200b1",), 1, "can be printed"),
        (("S1", " S1 "), 2, "each serial once"),
        (("S1", "S2"), 1, "at most as many serials as units"),
    ],
)
async def test_serials_that_can_not_be(
    database_url: str, serials: tuple[str, ...], units: int, expected: str
) -> None:
    async with open_spine(database_url) as spine:
        with pytest.raises(ConfigError, match=f"/lines: expected .*{expected}"):
            await Floor(spine).came("r", *serials, units=units)


async def test_a_serial_is_kept_as_written_and_found_in_any_case(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await dock.came("r", " aB-1 ", "AB-1", "Ünï 7")
        found = await serials_called(spine.conn, "AB-1")
        assert [each.serial for each in found] == ["AB-1", "aB-1"]
        assert [each.serial for each in await serials_called(spine.conn, "ünï 7")] == ["Ünï 7"]
        assert await serials_called(spine.conn, "AB-1", sku="LENS") == []


async def test_what_names_no_serial_writes_nothing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = Floor(spine)
        await dock.came("r", units=3)
        order, shipped, _ = sold(spine, 1001, "CAM", 1)
        await spine.take(order)
        await spine.take(shipped)
        assert await spine.rows("SELECT * FROM ledger.serial_line") == []
        assert await dock.look() == []


# -- any order -------------------------------------------------------------------------------------


def a_life(pick: random.Random) -> list[Record]:
    """Return versions of records about three serials, sensible or not."""
    told: list[Record] = []
    for n in range(pick.randrange(3, 14)):
        at = NOW + timedelta(minutes=pick.randrange(6) * 10)
        some = tuple(pick.sample(("S1", "S2", "S3"), pick.randrange(1, 4)))
        more = {"ref": f"x{n}", "updated_at": at, "occurred_at": at}
        kind = pick.choice((Arrival, Arrival, Transfer, Pack, Inspection, StockMovement))
        order = pick.choice(("1001", "1002"))
        record: Record
        if kind is Arrival:
            late = {"source": TRANSFER, "source_ref": "x2"} if pick.random() < 0.3 else {}
            line = ArrivalLine(sku="CAM", quantity=3, serials=some)
            record = Arrival(site=pick.choice(("main", "shop")), lines=(line,), **more, **late)
        elif kind is Transfer:
            line = TransferLine(sku="CAM", quantity=3, serials=some)
            record = Transfer(
                from_site="main", to_site="shop", lines=(line,), closed=pick.random() < 0.3, **more
            )
        elif kind is Pack:
            line = PackLine(sku="CAM", serials=some)
            record = Pack(site="main", lines=(line,), order_ref=order, **more)
        elif kind is Inspection:
            line = InspectionLine(
                sku="CAM", quantity=3, grade=pick.choice(list(Grade)), serials=some
            )
            record = Inspection(
                site="main", lines=(line,), order_ref=pick.choice((order, None)), **more
            )
        else:
            movement = pick.choice(
                (MovementKind.COUNT, MovementKind.QUARANTINE, MovementKind.ADJUSTMENT)
            )
            record = StockMovement(
                sku="CAM", movement=movement, quantity=3, site="main", serials=some, **more
            )
        told.append(_later(record, n))
        if pick.random() < 0.4:
            lines = getattr(record, "lines", ())
            fewer = {"lines": tuple(msgspec.structs.replace(e, serials=some[:1]) for e in lines)}
            change: dict[str, Any] = {"serials": some[:1]} if not lines else fewer
            change |= {"deleted": pick.random() < 0.3}
            told.append(_later(msgspec.structs.replace(record, **change), n + 0.5))
    return told


def _later(record: Record, n: float) -> Record:
    return msgspec.structs.replace(record, updated_at=NOW + timedelta(days=1, minutes=n))


def _plain(found: list[Serial]) -> list[Serial]:
    """Return serials without the numbers of records, which follow the order of arrival."""
    return [
        msgspec.structs.replace(
            each,
            lines=tuple(msgspec.structs.replace(line, record_id=0) for line in each.lines),
            clashes=tuple(
                msgspec.structs.replace(c, line=msgspec.structs.replace(c.line, record_id=0))
                for c in each.clashes
            ),
        )
        for each in found
    ]


@pytest.mark.parametrize("seed", range(int(os.environ.get("TRUEUP_EXAMPLES", "6"))))
async def test_any_order_any_repeats_and_only_the_last_versions_leave_the_same(
    server_url: str, seed: int
) -> None:
    pick = random.Random(seed)
    life = a_life(pick)
    mixed = life + pick.choices(life, k=len(life))
    pick.shuffle(mixed)
    last = list({(each.kind, each.ref): each for each in life}.values())
    found = []
    for told, batch in ((life, 1), (mixed, pick.choice((1, 4, 50))), (last, 3)):
        with fresh_database(server_url) as url:
            async with open_spine(url) as spine:
                await spine.append(
                    *(told_of(spine, TOPICS[type(record)], record) for record in told)
                )
                await spine.apply(count=batch)
                await assert_sound(spine)
                await look_at_serials(spine.conn, NOW + timedelta(days=9))
                issues = await spine.rows(
                    "SELECT code, pointer, found FROM intake.issue WHERE closed_at IS NULL"
                    " AND starts_with(code, 'stock.serial') ORDER BY 1, 2, 3"
                )
                every = await serials_of(spine.conn, ["CAM"])
                assert await spots_of_skus(spine.conn, ["CAM"]) == spots_of(every)
                first = await page_serials(spine.conn, "CAM", count=2)
                after = first[-1].serial if first else ""
                rest = await page_serials(spine.conn, "CAM", count=9, after=after)
                assert [*first, *rest] == every
                found.append((_plain(await serials_of(spine.conn, ["CAM"])), issues))
    assert found[0] == found[1]
    assert found[0] == found[2]
