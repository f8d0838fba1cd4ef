"""Amazon beside our own shelf: stock is told and looked after, what others send out is not ours."""

import pytest

from tests.support.brand import Brand, open_brand
from trueup.canon.command import ConfirmShipment
from trueup.contract.connector import Piece
from trueup.contract.recognition import identify_piece
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio

SKUS = ("LAMP", "SHADE", "BULB")


async def open_shelf(brand: Brand, units: int) -> None:
    """Count every SKU at our own site."""
    own = await create_connection(
        brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
    )
    accounts = await load_accounts(brand.conn, brand.hub.vault)
    brand.hub.use_connections(account.connection for account in accounts)
    now = brand.clock.now()
    events = []
    for sku in (*SKUS, "LAMP-FBA"):
        body = (
            f'{{"ref":"open-{sku}","movement":"opening","sku":"{sku}","quantity":{units},'
            '"occurred_at":"2026-03-01T00:00:00Z"}'
        )
        piece = Piece(topic="stock/movement", body=body.encode())
        known = identify_piece(brand.hub.connectors["manual"], piece, now)
        events.append(
            NewEvent(
                connection_id=own,
                external_id=known.external_id,
                topic=known.topic,
                entity=known.entity,
                origin=Origin.OWN,
                received_at=now,
                body=piece.body,
            )
        )
    await append_events(brand.conn, brand.hub.vault, events)
    await brand.apply()


async def sell_on_amazon(brand: Brand) -> Amazon:
    """Open a seller's account with the SKUs of our shelf, and connect it."""
    vendor = Amazon(brand.clock, seed=5)
    for sku in SKUS:
        vendor.list_sku(sku, units=3, price="19.90")
    vendor.list_sku("LAMP-FBA", fba_units=9, price="21.00")
    settings = {name: v for name, v in vendor.settings("").items() if name != "api_base"}
    await brand.connect("amazon", vendor, settings=settings, secrets=vendor.secrets())
    return vendor


async def look_after(brand: Brand, rounds: int = 6) -> None:
    """Let the hub work while time passes."""
    for _ in range(rounds):
        await brand.work("amazon")
        async with brand.dispatcher("amazon") as dispatcher:
            await dispatcher.check_submitted()
        await brand.apply()
        brand.clock.advance(130)


async def test_stock_is_told_looked_after_and_only_ours_is_reserved(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        vendor = await sell_on_amazon(brand)
        await open_shelf(brand, 40)
        await brand.poll("amazon", "listings", "fba_inventory")
        await brand.apply()
        vendor.strike(ApiFault(kind="reset", next_calls=1, operation="patchListingsItem"))
        await look_after(brand)
        assert {sku: vendor.units_of(sku) for sku in SKUS} == dict.fromkeys(SKUS, 40)
        assert vendor.listings["LAMP-FBA"].fba_units == 9
        ours, theirs = vendor.buy({"LAMP": 4}), vendor.buy({"LAMP-FBA": 2}, by_amazon=True)
        await brand.poll("amazon", "notifications")
        await brand.apply()
        await look_after(brand)
        assert vendor.units_of("LAMP") == 36
        item = vendor.orders[ours]["orderItems"][0]["orderItemId"]
        content = ConfirmShipment(
            order_ref=ours,
            carrier="DHL",
            tracking_number="0034",
            shipped_at=brand.clock.now(),
            lines=((item, 4),),
        )
        vendor.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="confirmShipment"))
        await brand.order("amazon", "ship-1", content, key=f"order/{ours}")
        assert await brand.settle("amazon", "ship-1") == "done"
        assert len(vendor.orders[ours]["packages"]) == 1
        await brand.poll("amazon", "orders")
        await brand.apply()
        kinds = dict(await brand.rows("SELECT kind, count(*) FROM records.record GROUP BY kind"))
        assert kinds["order"] == 2
        assert theirs in {ref for (ref,) in await brand.rows("SELECT ref FROM records.record")}
        assert vendor.over_limit == 0
        assert await brand.issues() == set()


async def test_a_listing_that_takes_a_number_in_and_keeps_the_old_one_is_told(
    database_url: str,
) -> None:
    async with open_brand(database_url) as brand:
        vendor = await sell_on_amazon(brand)
        vendor.stubborn = {"SHADE"}
        await open_shelf(brand, 40)
        await brand.poll("amazon", "listings")
        await brand.apply()
        await look_after(brand, 15)
        assert vendor.units_of("SHADE") == 3
        assert vendor.units_of("LAMP") == 40
        await brand.poll("amazon", "notifications")
        await brand.apply()
        # Fewer than were said may be sales that nobody has read: that patience is kept first.
        await look_after(brand, 12)
        assert {"amazon.listing_issue", "stock.change_unexplained"} <= await brand.issues()
        assert vendor.over_limit == 0
