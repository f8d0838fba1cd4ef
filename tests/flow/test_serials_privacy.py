"""Which unit a forgotten customer has: its order says so still, and nobody says who that was."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.flow.test_inspections import sold
from tests.support.spine import open_spine
from trueup.canon.dock import ArrivalLine
from trueup.canon.record import decode
from trueup.canon.serial import PackLine
from trueup.govern.persons import read_keys
from trueup.kernel.clock import ManualClock
from trueup.ledger.serial import ORDER
from trueup.ledger.serials import serials_of, serials_with
from trueup.records.reads import records_of_entity
from trueup.replay import replay_log
from trueup.warehouse.book import Desk
from trueup.warehouse.dock import Dock, arrival_of
from trueup.warehouse.packing import Packing, pack_of

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def test_a_forgotten_customer_leaves_the_unit_with_its_order(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        clock = ManualClock(NOW)
        desk = Desk(spine.hub, clock=clock)
        line = ArrivalLine(sku="CAM", quantity=1, serials=("S1",))
        await Dock(desk).arrive(spine.conn, arrival_of("r", [line], site="main", now=NOW))
        order, _, _ = sold(spine, 1001, "CAM", 1)
        await spine.take(order)
        ref = order.entity.partition("/")[2]
        clock.advance(hours=1)
        pack = pack_of("p", [PackLine(sku="CAM", serials=("S1",))], site="main", now=clock.now())
        await Packing(desk).pack(spine.conn, pack, order="#2001")
        request = {
            "shop_id": 1,
            "customer": msgspec.json.decode(order.body)["customer"],
            "orders_to_redact": [int(ref)],
        }
        await spine.take(spine.delivery("north", "customers/redact", request))
        [found] = await serials_of(spine.conn, ["CAM"])
        assert str(found.standing) == f"with the customer of order {ref}"
        with_it = await serials_with(spine.conn, order.connection_id, ORDER, ref)
        assert [each.serial for each in with_it] == ["S1"]
        rows = await records_of_entity(spine.conn, order.connection_id, order.entity)
        assert {row["kind"] for row in rows} >= {"order", "pack"}
        assert all(decode(row["kind"], row["body"]).person is None for row in rows)
        persons = {row["person"] for row in rows if row["person"] is not None}
        assert persons, "the order had a customer"
        assert await read_keys(spine.conn, spine.hub.vault, persons) == {}
        assert not (await replay_log(spine.conn, spine.hub)).differing
