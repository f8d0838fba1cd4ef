"""Outside masters through their simulated vendors: Odoo's warehouse, a Shopify location, FBA."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.support.spine import Spine, open_spine
from trueup.canon.dock import Arrival, ArrivalLine
from trueup.canon.inspection import Grade, InspectionLine
from trueup.canon.inventory import MovementKind
from trueup.contract.loader import find_connectors
from trueup.errors import ConfigError
from trueup.hub import Hub, NamedMaster
from trueup.intake.connections import create_connection, find_account, load_accounts
from trueup.ledger.masters import Basis
from trueup.ledger.reads import list_sites
from trueup.outbox.dispatch import Dispatcher
from trueup.pull.access import open_access
from trueup.pull.poll import poll
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.odoo.vendor import API_KEY, DATABASE, Odoo
from trueup.sandbox.vendor import Vendor
from trueup.stock import Movement, report_movements
from trueup.warehouse.book import Desk
from trueup.warehouse.inspecting import Inspecting, inspection_of

pytestmark = pytest.mark.anyio


class Stage:
    """A hub with a shop, our own movements, and a vendor that owns the stock of a site."""

    def __init__(self, spine: Spine, vendor: Vendor, name: str) -> None:
        self.spine, self.vendor, self.name = spine, vendor, name

    @property
    def hub(self) -> Hub:
        return self.spine.hub

    async def read(self, *resources: str) -> None:
        """Poll resources, read what they hint at, and apply it all."""

        async def sleep(seconds: float) -> None:
            self.vendor.clock.advance(seconds)

        account = await find_account(self.spine.conn, self.hub.vault, self.name)
        clock = self.vendor.clock
        async with open_access(
            self.spine.conninfo, self.hub, account, clock=clock, sleep=sleep, wait_s=5
        ) as access:
            for resource in resources:
                await poll(access, resource)
                await self.spine.apply()
                dispatcher = Dispatcher(access.conn, self.hub.vault, access.caller)
                while await dispatcher.fetcher.step():
                    pass
                await self.spine.apply()

    async def stock(self, sku: str) -> dict[str, int]:
        found = await self.spine.stock(sku)
        return {name: found.get(name, 0) for name in ("available", "on_hand", "reserved")}


@asynccontextmanager
async def staged(
    database_url: str,
    vendor: Vendor,
    *,
    connector: str,
    settings: dict[str, str],
    secrets: dict[str, str],
    masters: Sequence[NamedMaster],
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        spine = await stack.enter_async_context(open_spine(database_url))
        base = await stack.enter_async_context(vendor.serve(deliver=False))
        await create_connection(
            spine.conn,
            spine.hub.vault,
            name=connector,
            connector=connector,
            settings=settings | {"api_base": base},
            secrets=secrets,
        )
        spine.hub = Hub(spine.hub.vault, find_connectors(), masters=masters)
        spine.applier = type(spine.applier)(spine.conn, spine.hub)
        accounts = await load_accounts(spine.conn, spine.hub.vault)
        spine.hub.use_connections(account.connection for account in accounts)
        yield Stage(spine, vendor, connector)


async def test_odoo_owns_the_warehouse(database_url: str) -> None:
    """
    given ten on Odoo's shelf, which is our site main
    when two are ordered in the shop, Odoo takes the order over, and delivers it
    then the two are reserved until the delivery is told, and gone once, whoever tells of it
    when three more leave without a word of why
    then that is a fact
    """
    odoo = Odoo(ManualClock())
    shelf, customers = (
        odoo.add("stock.location", {"complete_name": name, "usage": usage, "active": True})
        for name, usage in (("WH/Stock", "internal"), ("Partners/Customers", "customer"))
    )
    yarn = odoo.add_product("YARN")
    odoo.move(yarn, customers, shelf, 10)
    async with staged(
        database_url,
        odoo,
        connector="odoo",
        settings={
            "url": "https://odoo.example",
            "database": DATABASE,
            "location_sites": f"{shelf}=main",
        },
        secrets={"api_key": API_KEY},
        masters=[NamedMaster(site="main", connection="odoo")],
    ) as stage:
        await stage.read("products", "inventory_levels", "stock_moves", "deliveries")
        assert await stage.stock("YARN") == {"available": 10, "on_hand": 10, "reserved": 0}
        await stage.spine.take(stage.spine.order(1, "YARN", "YARN"))
        assert await stage.stock("YARN") == {"available": 8, "on_hand": 10, "reserved": 2}
        odoo.clock.advance(60)
        picking = odoo.sell("#1001", yarn, 2, shelf, customers)
        await stage.read("inventory_levels", "deliveries")
        assert await stage.stock("YARN") == {"available": 8, "on_hand": 10, "reserved": 2}
        odoo.clock.advance(3600)
        odoo.deliver(picking)
        # Its number alone says not why it fell: the units may be those of somebody else.
        await stage.read("inventory_levels", "stock_moves")
        assert await stage.stock("YARN") == {"available": 6, "on_hand": 8, "reserved": 2}
        await stage.read("deliveries")
        assert await stage.stock("YARN") == {"available": 8, "on_hand": 8, "reserved": 0}
        await stage.spine.take(_parcel(stage.spine, 1, "YARN", 2, odoo.now()))
        assert await stage.stock("YARN") == {"available": 8, "on_hand": 8, "reserved": 0}
        odoo.clock.advance(3600)
        odoo.move(yarn, shelf, customers, 3)
        await stage.read("inventory_levels", "stock_moves")
        assert await stage.stock("YARN") == {"available": 5, "on_hand": 5, "reserved": 0}
        assert await stage.spine.open_issues() == []
        await _refused_by_hand(stage, "YARN", "odoo")


async def test_amazon_owns_what_lies_in_its_warehouses(database_url: str) -> None:
    """
    given 50 lamps at FBA, a site of their own, and 40 of ours
    when one of each is bought at Amazon
    then ours is reserved from our own, and FBA's number falls by its own word
    """
    amazon = Amazon(ManualClock(), seed=3)
    amazon.buckets.clear()
    amazon.list_sku("LAMP", units=40, price="19.90")
    amazon.list_sku("LAMP-FBA", fba_units=50, price="12.50")
    base_settings = amazon.settings("https://unused.example")
    place = f"FBA-{base_settings['marketplace_ids'].split(',')[0]}"
    async with staged(
        database_url,
        amazon,
        connector="amazon",
        settings=base_settings | {"location_sites": f"{place}=fba"},
        secrets=amazon.secrets(),
        masters=[NamedMaster(site="fba", connection="amazon", basis=Basis.AVAILABLE)],
    ) as stage:
        await stage.spine.take(stage.spine.movement("o", "opening", "LAMP", 40))
        await stage.read("fba_inventory", "orders")
        assert await _sites(stage, "LAMP-FBA") == {"fba": 50}
        amazon.clock.advance(600)
        amazon.buy({"LAMP": 1})
        amazon.buy({"LAMP-FBA": 2}, by_amazon=True)
        amazon.clock.advance(3600)
        await stage.read("orders", "fba_inventory")
        ours = await stage.stock("LAMP")
        assert (ours["on_hand"], ours["available"]) == (40, 39)
        theirs = await stage.stock("LAMP-FBA")
        assert theirs["reserved"] == 0
        assert await _sites(stage, "LAMP-FBA") == {"fba": 48}
        await _refused_by_hand(stage, "LAMP-FBA", "amazon", site="fba")
        # At other sites it is ours to count.
        assert await stage.spine.take(stage.spine.movement("m", "receipt", "LAMP-FBA", 3))
        assert await _sites(stage, "LAMP-FBA") == {"fba": 48, "main": 3}


async def test_a_shopify_location_owns_its_shelf(database_url: str) -> None:
    """
    given a shop whose own location is the master of our site
    when its level comes before the product that says which SKU it is
    then it counts as soon as both are there, and the shop is not written to
    when it sells, ships and loses units
    then each unit leaves once
    """
    async with open_spine(database_url, location_sites="1=main") as spine:
        spine.hub._named_masters = (NamedMaster(site="main", connection="north"),)
        spine.hub.use_connections(list(spine.hub.connections.values()))
        await spine.take(_level(spine, hour=1, available=10, on_hand=10))
        assert await spine.open_issues() == ["stock.level_unmapped"]
        await spine.take(spine.product(1, "MUG"))
        assert (await spine.stock("MUG"))["on_hand"] == 10
        assert await spine.rows("SELECT key FROM outbox.intent") == []
        await spine.take(spine.order(1, "MUG", "MUG"))
        # Its webhook tells what is free only: the two that it has promised are taken off.
        await spine.take(_level(spine, hour=39, available=8))
        found = await spine.stock("MUG")
        assert (found["on_hand"], found["reserved"], found["available"]) == (10, 2, 8)
        shipped_at = datetime(2026, 3, 2, 16, tzinfo=UTC)
        await spine.take(_parcel(spine, 1, "MUG", 2, shipped_at))
        await spine.take(_level(spine, hour=41, available=8, on_hand=8))
        assert (await spine.stock("MUG"))["available"] == 8
        await spine.take(_level(spine, hour=50, available=5, on_hand=5))
        found = await spine.stock("MUG")
        assert (found["on_hand"], found["available"]) == (5, 5)
        await spine.take(_level(spine, hour=51, available=9, location=77))
        assert (await spine.stock("MUG"))["on_hand"] == 5


def _level(spine: Spine, *, hour: int, location: int = 1, **units: int) -> Any:
    at = datetime(2026, 3, 1 + hour // 24, hour % 24, tzinfo=UTC).isoformat()
    body = {"inventory_item_id": 2_001, "location_id": location, "updated_at": at, **units}
    return spine.delivery("north", "inventory_levels/update", body, at=at)


def _parcel(spine: Spine, number: int, sku: str, units: int, at: datetime) -> Any:
    order_id = 5_000_000_000_000 + number
    stamp = at.isoformat()
    lines = [{"id": order_id * 10 + n, "quantity": 1, "sku": sku} for n in range(units)]
    body = {"id": number, "order_id": order_id, "status": "success", "location_id": 1}
    body |= {"created_at": stamp, "updated_at": stamp, "line_items": lines}
    return spine.delivery("north", "fulfillments/create", body)


async def _sites(stage: Stage, sku: str) -> dict[str, int]:
    rows = await list_sites(stage.spine.conn, sku)
    return {row["site"]: row["on_hand"] for row in rows if row["on_hand"]}


async def _refused_by_hand(stage: Stage, sku: str, master: str, *, site: str = "main") -> None:
    own = stage.hub.connections[stage.spine.numbers["own"]]
    movement = Movement(
        ref=f"by-hand/{sku}",
        movement=MovementKind.COUNT,
        sku=sku,
        quantity=1,
        site=site,
        occurred_at=datetime.now(UTC),
    )
    before = await stage.stock(sku)
    with pytest.raises(ConfigError, match=f"{sku} at {site} is owned by {master}"):
        await report_movements(stage.spine.conninfo, stage.hub, own, [movement])
    elsewhere = msgspec.structs.replace(
        movement, movement=MovementKind.TRANSFER, site="elsewhere", to_site=site
    )
    with pytest.raises(ConfigError, match=f"owned by {master}"):
        await report_movements(stage.spine.conninfo, stage.hub, own, [elsewhere])
    # Nor at the dock, where more than one record could tell of it.
    desk, now = Desk(stage.hub), datetime.now(UTC)
    line = ArrivalLine(sku=sku, quantity=1)
    arrival = Arrival(ref=f"dock/{sku}", updated_at=now, site=site, lines=(line,), occurred_at=now)
    for dry_run in (True, False):
        with pytest.raises(ConfigError, match=f"{sku} at {site} is owned by {master}"):
            await desk.book(stage.spine.conn, "stock/arrival", arrival, dry_run=dry_run)
    graded = InspectionLine(sku=sku, quantity=1, grade=Grade.GOOD)
    inspection = inspection_of(f"back/{sku}", [graded], site=site, now=now)
    for dry_run in (True, False):
        with pytest.raises(ConfigError, match=f"{sku} at {site} is owned by {master}"):
            await Inspecting(desk).inspect(stage.spine.conn, inspection, dry_run=dry_run)
    assert await stage.stock(sku) == before
