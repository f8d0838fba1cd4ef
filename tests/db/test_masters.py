"""An outside master: never twice, never lost, whatever is told first.

TRUEUP_EXAMPLES sets how many histories are tried: 40 by default.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.db.test_counts import _trying, deliver
from tests.db.test_post import assert_proven, side_by_side
from tests.support.spine import Spine, open_spine
from trueup.hub import NamedMaster
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.ledger.masters import Basis

START = datetime(2026, 3, 1, tzinfo=UTC)
SHELF = 8
_serial = count(1)


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def odoo_at(hour: float) -> str:
    return at(hour).strftime("%Y-%m-%d %H:%M:%S")


async def add_odoo(spine: Spine, *, basis: Basis = Basis.ON_HAND) -> None:
    """Connect an Odoo that owns what lies at the site `main`."""
    spine.numbers["odoo"] = await create_connection(
        spine.conn,
        spine.hub.vault,
        name="odoo",
        connector="odoo",
        settings={"url": "https://odoo.example", "location_sites": f"{SHELF}=main"},
        secrets={},
    )
    spine.hub._named_masters = (NamedMaster(site="main", connection="odoo", basis=basis),)
    accounts = await load_accounts(spine.conn, spine.hub.vault)
    spine.hub.use_connections(account.connection for account in accounts)


def told(spine: Spine, topic: str, entity: str, body: Any, **more: Any) -> NewEvent:
    """Return what a poll of Odoo reads."""
    return NewEvent(
        connection_id=spine.numbers["odoo"],
        external_id=f"{entity}-{random.getrandbits(48):x}",
        topic=topic,
        entity=entity,
        origin=Origin.POLL,
        received_at=datetime.now(UTC),
        body=msgspec.json.encode(body),
        **more,
    )


class Goods:
    """One SKU of an own, as Odoo and the shop tell of it."""

    def __init__(self, spine: Spine) -> None:
        self.spine = spine
        self.number = next(_serial)
        self.sku = f"MASTERED-{self.number}"

    def level(self, hour: float, units: int, kept: int = 0, *, shelf: int = SHELF) -> NewEvent:
        quant = {
            "id": self.number,
            "write_date": odoo_at(hour),
            "location_id": {"id": shelf, "usage": "internal"},
            "quantity": units,
            "reserved_quantity": kept,
        }
        body = {
            "product": self.number,
            "location": shelf,
            "default_code": self.sku,
            "quants": [quant],
        }
        entity = f"inventory_level/{self.number}@{shelf}"
        return told(self.spine, "pull/inventory_level", entity, body)

    def order(self, units: int, **fields: Any) -> tuple[int, NewEvent]:
        number = 200_000 + next(_serial)
        return number, self.spine.order(number, *[self.sku] * units, **fields)

    def parcel(self, number: int, units: int, hour: float) -> NewEvent:
        order_id = 5_000_000_000_000 + number
        body = {
            "id": number,
            "order_id": order_id,
            "status": "success",
            "location_id": 1,
            "created_at": at(hour).isoformat(),
            "updated_at": at(hour + 500).isoformat(),
            "line_items": [
                {"id": order_id * 10 + n, "quantity": 1, "sku": self.sku} for n in range(units)
            ],
        }
        return self.spine.delivery("north", "fulfillments/create", body)

    def picking(self, number: int, units: int, hour: float, *, done: bool = True) -> NewEvent:
        move = {
            "id": number,
            "write_date": odoo_at(hour),
            "product_id": {"id": self.number, "default_code": self.sku},
            "quantity": units,
            "state": "done" if done else "assigned",
        }
        body = {
            "id": number,
            "write_date": odoo_at(hour),
            "name": f"WH/OUT/{number}",
            "state": "done" if done else "assigned",
            "origin": f"S{number}",
            "date_done": odoo_at(hour) if done else False,
            "location_id": {"id": SHELF, "usage": "internal"},
            "sale_id": {"id": 1, "name": f"S{number}", "client_order_ref": f"#{1000 + number}"},
            "move_ids": [move],
        }
        return told(self.spine, "pull/delivery", f"shipment/{number}", body)

    async def stock(self) -> tuple[int, int]:
        """Return what is available and what lies there."""
        found = await self.spine.stock(self.sku)
        return found.get("available", 0), found.get("on_hand", 0)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def spine(runner: asyncio.Runner, module_database_url: str) -> Iterator[Spine]:
    opened = open_spine(module_database_url)
    spine = runner.run(opened.__aenter__())
    runner.run(add_odoo(spine))
    yield spine
    runner.run(opened.__aexit__())


class Sale(NamedTuple):
    """One order as it went: hours are those of the world, not of what is told."""

    units: int
    shipped_at: int | None  # the master's own delivery
    parcel_at: int | None  # what the shop says of it, later than the delivery
    cancelled: bool


SALES = st.lists(
    st.builds(
        lambda units, shipped, late, tell, cancelled: Sale(
            units,
            None if cancelled else shipped,
            shipped + late if shipped is not None and tell and not cancelled else None,
            cancelled,
        ),
        st.integers(1, 3),
        st.none() | st.integers(1, 8),
        st.integers(0, 3),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
)


def lies(begin: int, sales: Sequence[Sale], hour: int) -> int:
    """Return what truly lies on the master's shelf."""
    return begin - sum(s.units for s in sales if s.shipped_at is not None and s.shipped_at <= hour)


def story(goods: Goods, begin: int, sales: Sequence[Sale], levels: Sequence[int]) -> list[NewEvent]:
    events = [goods.level(hour, lies(begin, sales, hour)) for hour in levels]
    for sale in sales:
        cancelled = {"cancelled_at": at(9).isoformat(), "updated_at": at(900).isoformat()}
        number, ordered = goods.order(sale.units)
        events.append(ordered)
        if sale.cancelled:
            body = msgspec.json.decode(ordered.body) | cancelled
            events.append(goods.spine.delivery("north", "orders/cancelled", body))
        events.append(goods.picking(number, sale.units, 0.5, done=False))
        if sale.shipped_at is not None:
            events.append(goods.picking(number, sale.units, sale.shipped_at))
        if sale.parcel_at is not None:
            events.append(goods.parcel(number, sale.units, sale.parcel_at))
    return events


@pytest.mark.timeout(1800)
def test_never_twice_never_lost(runner: asyncio.Runner, spine: Spine) -> None:
    """
    given a shelf of 20, orders, deliveries, the shop's word of them, cancellations and levels of
    any instants
    when all of it is told in any order, some of it twice, in any batches
    then what is available is what lies there less what is still owed
    """

    @_trying
    @given(
        sales=SALES,
        levels=st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True),
        seed=st.integers(0, 2**32),
    )
    @example(sales=[Sale(2, 3, 5, cancelled=False)], levels=[4], seed=1)
    @example(sales=[Sale(2, 3, 5, cancelled=False)], levels=[2, 6], seed=2)
    @example(sales=[Sale(2, 3, None, cancelled=False)], levels=[3], seed=3)
    @example(sales=[Sale(1, None, None, cancelled=True)], levels=[0, 12], seed=4)
    def tried(sales: list[Sale], levels: list[int], seed: int) -> None:
        goods = Goods(spine)
        runner.run(deliver(spine, story(goods, 20, sales, levels), random.Random(seed)))
        left = lies(20, sales, 99)
        owed = sum(s.units for s in sales if s.shipped_at is None and not s.cancelled)
        assert runner.run(goods.stock()) == (left - owed, left)

    tried()
    assert runner.run(spine.parked()) == []
    runner.run(assert_proven(spine))


@pytest.mark.timeout(1800)
def test_what_is_available_never_exceeds_the_truth(runner: asyncio.Runner, spine: Spine) -> None:
    """Orders are told first; then, after each single word in any order, no unit is offered twice."""

    @_trying
    @given(
        sales=SALES,
        levels=st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True),
        seed=st.integers(0, 2**32),
    )
    def tried(sales: list[Sale], levels: list[int], seed: int) -> None:
        goods, pick = Goods(spine), random.Random(seed)
        events = story(goods, 20, sales, levels)
        orders = [e for e in events if e.topic.startswith("orders/updated")]
        rest = [e for e in events if e not in orders]
        rest += pick.sample(rest, k=pick.randrange(len(rest) + 1))
        pick.shuffle(rest)
        runner.run(spine.take(*orders))
        # What is free for others in truth: all that ever lay there less all that was promised.
        most = 20 - sum(s.units for s in sales if not s.cancelled)
        for event in rest:
            runner.run(spine.take(event))
            assert runner.run(goods.stock())[0] <= most
        assert runner.run(goods.stock())[0] == most

    tried()


def test_orders_and_deliveries_race(runner: asyncio.Runner, spine: Spine) -> None:
    """Four sessions, one event a batch: an order and its delivery meet, whoever is first."""
    pick = random.Random(3)
    goods = Goods(spine)
    sales = [
        Sale(pick.randrange(1, 4), pick.choice((None, 2, 4, 6)), None, cancelled=False)
        for _ in range(40)
    ]
    events = story(goods, 200, sales, [1, 3, 5, 7])
    pick.shuffle(events)
    runner.run(spine.append(*events))
    runner.run(side_by_side(spine, 4, count=1))
    left = lies(200, sales, 99)
    owed = sum(s.units for s in sales if s.shipped_at is None)
    assert runner.run(goods.stock()) == (left - owed, left)
    assert runner.run(spine.parked()) == []
    runner.run(assert_proven(spine))
