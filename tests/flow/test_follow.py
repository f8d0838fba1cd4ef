"""Goal: a carrier without a list is asked for what the shops sent by it, and orders show the end.

Method: a simulated shop and simulated carriers over sockets, on one clock; the real command line
prints the order's story.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.flow.command import Commands
from tests.support.brand import HUB_URL, Brand, HandClock, open_brand
from trueup.canon.parcel import ParcelStatus
from trueup.contract.connector import Piece
from trueup.contract.recognition import identify_piece
from trueup.errors import OutcomeUnknown
from trueup.intake.append import append_events
from trueup.intake.connections import find_account
from trueup.intake.model import NewEvent, Origin
from trueup.pull.follow import MOVING_S, NEAR_S, STILL_S, WAITING_S, interval_s, is_due
from trueup.records.following import Open
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands as do
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import DEFAULT_TOKEN, ShopSettings

pytestmark = pytest.mark.anyio

MIA = "mia@example.com"


@asynccontextmanager
async def shop(url: str) -> AsyncIterator[tuple[Brand, Sandbox]]:
    async with open_brand(url) as brand:
        sandbox = Sandbox(brand.clock)
        opened = sandbox.open_shop(ShopSettings(handle="north"))
        sandbox.seed([SkuSeed(sku="TEE", title="T-shirt", available=50)])
        await brand.connect(
            "shopify",
            sandbox,
            base="/north",
            settings={
                "shop_domain": "north.myshopify.com",
                "stock_location": str(next(iter(opened.locations))),
            },
            secrets={"access_token": DEFAULT_TOKEN},
        )
        yield brand, sandbox


async def buy(brand: Brand, sandbox: Sandbox, ref: str, company: str, number: str) -> str:
    """Let somebody buy, and the goods go out; returns the order's number."""
    cart = Cart(ref=ref, lines=[CartLine(sku="TEE", quantity=1)], customer=CustomerSeed(email=MIA))
    name = sandbox.do("north", do.Checkout(cart=cart)).order
    sandbox.do("north", do.Fulfil(order=name, company=company, tracking_number=number))
    await brand.poll("shopify", "orders")
    await brand.apply()
    return name


async def connect_delhivery(brand: Brand) -> Delhivery:
    twin = Delhivery(brand.clock, seed=7, late=0, twice=0)
    await brand.connect("delhivery", twin, secrets={"api_token": Delhivery.api_token})
    return twin


async def connect_easypost(brand: Brand, follows: str = "") -> EasyPost:
    twin = EasyPost(brand.clock, seed=7, late=0, twice=0)
    twin.subscribe("*", f"{HUB_URL}/hooks/easypost")
    await brand.connect(
        "easypost",
        twin,
        settings={"follow_shipments": follows} if follows else {},
        secrets={"api_key": EasyPost.api_key, "webhook_secret": twin.webhook_secret},
    )
    return twin


async def travel(brand: Brand, twin: Delhivery | EasyPost, name: str, hours: int) -> int:
    """Let time pass as the scheduler would see it; returns how many calls asked for parcels."""
    before = twin.worked("all")
    for _ in range(hours):
        twin.travel(1)
        await brand.follow(name)
        await brand.apply()
    return twin.worked("all") - before


async def statuses(brand: Brand) -> list[str]:
    rows = await brand.rows(
        "SELECT v.body->>'status' FROM records.record r JOIN records.version v"
        " USING (record_id, event_id) WHERE r.kind = 'parcel' ORDER BY r.ref"
    )
    return [status for (status,) in rows]


async def test_a_carrier_without_a_list_is_asked_for_what_a_shop_sent(
    database_url: str, tmp_path: Path
) -> None:
    trueup = Commands(tmp_path, database_url)
    async with shop(database_url) as (brand, sandbox):
        twin = await connect_delhivery(brand)
        truth = twin.ship("", "straight")
        name = await buy(brand, sandbox, "c1", "DELHIVERY", truth.number)
        await buy(brand, sandbox, "c2", "UPS", "1Z000000000000000001")
        first = await brand.follow("delhivery")
        assert (first.open, first.asked, first.read) == (1, 1, 1)
        await brand.apply()
        calls = await travel(brand, twin, "delhivery", 60)
        assert await statuses(brand) == ["delivered"]
        # Every three hours while it moves, every half hour on the day of delivery, then no more.
        assert 10 <= calls <= 40
        after = await brand.follow("delhivery")
        assert (after.open, after.asked) == (0, 0)
        (found,) = (await trueup.in_thread("show", "order", name))["found"]
        story = {record["kind"]: record for record in found["records"]}
        assert story["parcel"]["connection"] == "delhivery"
        assert story["parcel"]["status"] == "delivered"
        assert len(story["parcel"]["scans"]) == 6
        assert {"order", "shipment", "parcel"} <= set(story)


async def test_an_order_shows_its_parcel_of_a_carrier_with_webhooks(
    database_url: str, tmp_path: Path
) -> None:
    trueup = Commands(tmp_path, database_url)
    async with shop(database_url) as (brand, sandbox):
        twin = await connect_easypost(brand)
        truth = twin.ship("", "second_try")
        name = await buy(brand, sandbox, "c1", "USPS", truth.number)
        twin.travel(90)
        await brand.deliver()
        await brand.apply()
        (found,) = (await trueup.in_thread("show", "order", name))["found"]
        (parcel,) = [each for each in found["records"] if each["kind"] == "parcel"]
        assert (parcel["status"], parcel["attempts"]) == ("delivered", 1)
        instants = [scan["occurred_at"] for scan in parcel["scans"]]
        assert instants == sorted(instants)
        assert len(instants) == len({moment.at for moment in truth.scans})


async def test_nobody_pays_for_trackers_unasked(database_url: str) -> None:
    async with shop(database_url) as (brand, sandbox):
        twin = await connect_easypost(brand)
        truth = twin.ship_elsewhere("", "straight")
        await buy(brand, sandbox, "c1", "USPS", truth.number)
        told = await brand.follow("easypost")
        assert (told.open, told.begun, twin.fees) == (0, 0, [])


async def test_a_parcel_with_another_label_is_followed_once_and_then_read(
    database_url: str,
) -> None:
    async with shop(database_url) as (brand, sandbox):
        twin = await connect_easypost(brand, follows="yes")
        truth = twin.ship_elsewhere("", "straight")
        await buy(brand, sandbox, "c1", "USPS", truth.number)
        twin.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="begin"))
        # Nobody knows whether it was done: it is looked before anything is paid for again.
        with pytest.raises(OutcomeUnknown):
            await brand.follow("easypost")
        assert twin.fees == [truth.number]
        told = await brand.follow("easypost")
        assert (told.begun, told.read) == (0, 1)
        await brand.apply()
        await travel(brand, twin, "easypost", 60)
        assert twin.fees == [truth.number]
        assert await statuses(brand) == ["delivered"]


async def test_what_the_carrier_will_not_answer_holds_up_no_other_and_is_told(
    database_url: str,
) -> None:
    async with shop(database_url) as (brand, sandbox):
        twin = await connect_easypost(brand, follows="yes")
        truth = twin.ship_elsewhere("", "straight")
        await buy(brand, sandbox, "c1", "USPS", "NOT-A-NUMBER")
        await buy(brand, sandbox, "c2", "USPS", truth.number)
        told = await brand.follow("easypost")
        assert (told.refused, told.read, told.begun) == (1, 1, 1)
        assert "follow.refused" in await brand.issues()
        await brand.apply()
        assert await statuses(brand) == ["created"]


async def test_who_was_erased_is_asked_for_no_more(database_url: str) -> None:
    async with shop(database_url) as (brand, sandbox):
        twin = await connect_delhivery(brand)
        truth = twin.ship("", "straight")
        await buy(brand, sandbox, "c1", "Delhivery", truth.number)
        await brand.follow("delhivery")
        await brand.apply()
        assert await statuses(brand) == ["created"]
        await erase(brand, sandbox)
        brand.clock.advance(86_400)
        told = await brand.follow("delhivery")
        assert (told.open, told.asked) == (0, 0)


async def erase(brand: Brand, sandbox: Sandbox) -> None:
    """Forget the buyer, as the shop's own request says."""
    told: list[Any] = []
    sandbox.shop("north").sinks.append(told.append)
    sandbox.do("north", do.Redact(email=MIA))
    folder, now = brand.hub.connectors["shopify"], brand.clock.now()
    account = await find_account(brand.conn, brand.hub.vault, "shopify")
    events = []
    for event in told:
        known = identify_piece(folder, Piece(topic=event.topic, body=event.body), now)
        events.append(
            NewEvent(
                connection_id=account.connection.connection_id,
                external_id=known.external_id,
                topic=known.topic,
                entity=known.entity,
                origin=Origin.WEBHOOK,
                received_at=now,
                body=event.body,
            )
        )
    await append_events(brand.conn, brand.hub.vault, events)
    await brand.apply()


def open_parcel(status: ParcelStatus | None, days: float = 0) -> Open:
    return Open(number="1", status=status, told_at=HandClock().now() - timedelta(days=days))


@pytest.mark.parametrize(
    ("status", "days", "every_s"),
    [
        (ParcelStatus.OUT_FOR_DELIVERY, 0, NEAR_S),
        (ParcelStatus.ATTEMPT_FAILED, 2, NEAR_S),
        (ParcelStatus.IN_TRANSIT, 2, MOVING_S),
        (None, 1, MOVING_S),
        (ParcelStatus.CREATED, 1, WAITING_S),
        (ParcelStatus.OUT_FOR_DELIVERY, 11, STILL_S),
        (None, 30, STILL_S),
    ],
)
def test_news_are_asked_for_as_often_as_they_are_worth(
    status: ParcelStatus | None, days: float, every_s: float
) -> None:
    parcel = open_parcel(status, days)
    now = parcel.told_at + timedelta(days=days)
    assert interval_s(parcel, now) == every_s
    # However often it is looked, each is due once in its time.
    looks = [now + timedelta(seconds=600 * n) for n in range(int(every_s * 4 / 600) + 1)]
    asked = sum(is_due(parcel, before, after) for before, after in pairwise(looks))
    assert asked in {3, 4, 5}
    assert is_due(parcel, None, now)
