"""The whole connector against the simulated Amazon: pulls, the queue, documents, actions, faults."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.contract.test_amazon_schema import command
from tests.support.amazon_hub import Crash, SmallHub, wish
from trueup.canon.order import Order, PaymentStatus
from trueup.canon.payout import BalanceEntry, Payout
from trueup.canon.shipment import Shipment
from trueup.connectors.amazon import api, commands, pull
from trueup.contract.connector import ReceiptState
from trueup.errors import AuthExpired, RateLimited, Unavailable
from trueup.ledger.rules import positions_of_order
from trueup.ledger.sites import sites_of
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio
SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def shop(seed: int = 0) -> Amazon:
    vendor = Amazon(seed=seed)
    vendor.list_sku("LAMP", units=50, price="19.90")
    vendor.list_sku("SHADE", units=20, price="7.35")
    vendor.list_sku("LAMP-FBA", fba_units=30, price="21.00")
    return vendor


async def hub_of(vendor: Amazon) -> SmallHub:
    hub = SmallHub(vendor)
    await hub.sign_in()
    return hub


async def test_orders_become_records_and_only_ours_take_our_stock() -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    ours = vendor.buy({"LAMP": 2, "SHADE": 1})
    theirs = vendor.buy({"LAMP-FBA": 3}, by_amazon=True)
    pending = vendor.buy({"LAMP": 1}, pending=True)
    await hub.walk("orders", SINCE)
    told = hub.told()
    found = {ref: told[f"order/{ref}"] for ref in (ours, theirs, pending)}
    assert all(isinstance(order, Order) for order in found.values())
    units = {
        ref: sum(v for p, v in positions_of_order([o], sites_of({})).items() if v > 0)
        for ref, o in found.items()
    }
    assert units == {ours: 3, theirs: 0, pending: 1}
    order = found[ours]
    assert isinstance(order, Order)
    assert order.totals.total.amount == Decimal("47.15")
    assert order.taxes_included
    assert [issue.code for issue in hub.issues] == ["amazon.prices_pending"]
    vendor.clock.advance(60)
    vendor.cancel(pending)
    await hub.walk("orders", SINCE)
    cancelled = hub.told()[f"order/{pending}"]
    assert isinstance(cancelled, Order)
    assert cancelled.payment_status is PaymentStatus.VOIDED
    assert not any(positions_of_order([cancelled], sites_of({})).values())


async def test_paging_reads_every_order_and_late_ones_by_the_overlap() -> None:
    vendor = shop()
    vendor.list_sku("MANY", units=10_000)
    hub = await hub_of(vendor)
    for _ in range(230):
        vendor.buy({"MANY": 1})
    vendor.lag_s = 120
    vendor.clock.advance(10)
    late = vendor.buy({"MANY": 1})
    assert await hub.walk("orders", SINCE) == 230
    assert f"order/{late}" not in hub.told()
    vendor.clock.advance(130)
    since = datetime.fromisoformat(vendor.orders[late]["lastUpdatedTime"])
    # Without the overlap a poll would begin after it.
    await hub.walk("orders", since)
    assert f"order/{late}" in hub.told()
    assert vendor.over_limit == 0


@pytest.mark.parametrize("seed", range(5))
async def test_notifications_come_twice_and_in_disorder_and_mean_the_same(seed: int) -> None:
    vendor = shop(seed)
    vendor.twice = 0.4
    hub = await hub_of(vendor)
    refs = [vendor.buy({"LAMP": 1}) for _ in range(12)]
    vendor.clock.advance(5)
    vendor.cancel(refs[3])
    await hub.walk("notifications")
    assert not vendor.messages
    await hub.fetch_wanted()
    polled = await hub_of(vendor)
    await polled.walk("orders", SINCE)
    orders = {name: r for name, r in hub.told().items() if name.startswith("order/")}
    assert orders == {n: r for n, r in polled.told().items() if n.startswith("order/")}
    assert len(orders) == 12


@pytest.mark.parametrize("where", ["die_before_commit", "die_after_commit"])
@pytest.mark.parametrize("page", [0, 1, 2, 3])
async def test_a_crash_repeats_messages_and_never_loses_one(where: str, page: int) -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    for _ in range(25):
        vendor.buy({"LAMP": 1})
    wanted = vendor.notified
    setattr(hub, where, page)
    with pytest.raises(Crash):
        await hub.walk("notifications")
    # What is no longer in the queue is in the log.
    assert len(hub.log) + len(vendor.messages) >= wanted
    hub.die_before_commit = hub.die_after_commit = -1
    vendor.clock.advance(130)
    await hub.walk("notifications")
    assert len(hub.log) == wanted
    assert not vendor.messages


async def test_a_wrong_key_opens_no_queue() -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    vendor.buy({"LAMP": 1})
    hub.secrets["aws_secret_access_key"] = "other"
    with pytest.raises(AuthExpired):
        await hub.walk("notifications")
    assert vendor.messages


async def test_stock_is_submitted_then_applied_and_an_issue_is_told() -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    vendor.stubborn = {"SHADE"}
    (lamp,) = await hub.act([wish("LAMP", 7)])
    (shade,) = await hub.act([wish("SHADE", 9)])
    (gone,) = await hub.act([wish("GONE", 1)])
    (fba,) = await hub.act([wish("LAMP-FBA", 1)])
    assert [r.state for r in (lamp, shade)] == [ReceiptState.SUBMITTED] * 2
    assert (gone.state, gone.code) == (ReceiptState.REFUSED, "90225")
    assert fba.state is ReceiptState.REFUSED
    wishes = [wish(sku, 0) for sku in ("LAMP", "SHADE", "GONE", "LAMP-FBA")]
    assert await hub.levels(wishes) == [50, 20, None, None]
    vendor.clock.advance(61)
    assert await hub.levels(wishes) == [7, 20, None, None]
    await hub.walk("notifications")
    await hub.fetch_wanted()
    assert "amazon.listing_issue" in {issue.code for issue in hub.issues}


async def test_a_thousand_products_go_as_one_feed() -> None:
    vendor = Amazon()
    for number in range(1000):
        vendor.list_sku(f"S{number}", units=1)
    hub = await hub_of(vendor)
    wishes = [wish(f"S{number}", number % 90) for number in range(1000)]
    wishes[17] = wish("MISSING", 5)
    before = len(vendor.calls)
    receipts = await hub.act(wishes)
    told = len(vendor.calls) - before
    assert {r.state for r in receipts} == {ReceiptState.SUBMITTED}
    vendor.clock.advance(121)
    before = len(vendor.calls)
    await hub.walk("feeds")
    await hub.fetch_wanted()
    checked = len(vendor.calls) - before
    assert vendor.applied == 999
    assert [vendor.units_of(w.key) for w in wishes if w.key != "MISSING"] == [
        w.value for w in wishes if w.key != "MISSING"
    ]
    refused = [i for i in hub.issues if i.code == "amazon.feed_message_refused"]
    assert [issue.ref for issue in refused] == ["product/MISSING"]
    print(f"1,000 products: {told} calls to tell, {checked} to learn what came of it")
    assert (told + checked) / 1000 <= 0.05


async def test_a_shipment_is_confirmed_once_however_often_it_is_said() -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    order_id = vendor.buy({"LAMP": 2})
    item = vendor.orders[order_id]["orderItems"][0]["orderItemId"]
    asked = command(order_id, (item, 2))
    request = commands.command_request(asked, "k")
    vendor.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="confirmShipment"))
    with pytest.raises(httpx.TransportError):
        await hub.send(request)
    receipt = commands.command_receipt(asked, await hub.send(request))
    assert receipt.state is ReceiptState.DONE
    assert len(vendor.orders[order_id]["packages"]) == 1
    await hub.walk("orders", SINCE)
    sent = [r for r in hub.told().values() if isinstance(r, Shipment) and not r.deleted]
    assert [(s.ref, s.state.value) for s in sent] == [(receipt.vendor_ref, "shipped")]


@pytest.mark.parametrize("comma", [False, True])
async def test_a_settlement_is_read_to_the_cent(comma: bool) -> None:  # noqa: FBT001 - a case
    vendor = shop()
    vendor.comma = comma
    hub = await hub_of(vendor)
    refs = [vendor.buy({"LAMP-FBA": n % 3 + 1}, by_amazon=True) for n in range(6)]
    for ref in refs:
        vendor.send_out(ref)
    settled = vendor.settle()
    await hub.walk("settlements")
    await hub.fetch_wanted()
    told = hub.told()
    payout = told[f"payout/{settled}"]
    assert isinstance(payout, Payout)
    entries = [r for r in told.values() if isinstance(r, BalanceEntry)]
    assert sum((e.net.amount for e in entries), Decimal(0)) == payout.amount.amount
    assert len(entries) == 12
    assert {e.order_ref for e in entries} == set(refs)
    assert not hub.issues


async def test_an_expired_address_is_asked_for_again() -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    vendor.settle()
    await hub.walk("settlements")
    fetch = hub.wanted[0]
    then = pull.fetched(fetch, await hub.send(pull.fetch_request(fetch))).then
    assert then is not None
    vendor.clock.advance(400)
    with pytest.raises(Unavailable):
        await hub.send(pull.fetch_request(then))
    await hub.fetch_wanted()
    assert any(isinstance(r, Payout) for r in hub.told().values())


async def test_limits_expired_tokens_and_faults_are_told_apart() -> None:
    vendor = shop()
    hub = await hub_of(vendor)
    request = api.check_request()
    statuses = [(await hub.ask(request)).status for _ in range(16)]
    assert statuses == [200] * 15 + [429]
    with pytest.raises(RateLimited) as limited:
        await hub.send(request)
    assert limited.value.after_s > 0
    vendor.clock.advance(3600)
    with pytest.raises(AuthExpired):
        await hub.walk("listings")
    await hub.sign_in()
    vendor.strike(ApiFault(kind="status", status=503, next_calls=1))
    with pytest.raises(Unavailable):
        await hub.walk("listings")
    assert await hub.walk("listings") == 6
    assert await hub.walk("fba_inventory") == 2


async def test_the_twin_is_the_same_twice() -> None:
    async def day(seed: int) -> list[Any]:
        vendor = shop(seed)
        vendor.twice = 0.3
        hub = await hub_of(vendor)
        for _ in range(5):
            vendor.buy({"LAMP": 1})
        await hub.walk("notifications")
        return [message.body for message in vendor.messages] + sorted(hub.log)

    assert await day(4) == await day(4)
