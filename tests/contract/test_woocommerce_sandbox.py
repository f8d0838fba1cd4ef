"""The connector against the simulated shop: every way in, faults, and stock that is set."""

from datetime import timedelta

import pytest

from tests.support.twin_hub import TwinHub
from trueup.canon.order import Order, PaymentStatus
from trueup.canon.product import Product
from trueup.canon.refund import Refund, Restock
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.connectors.woocommerce import hooks
from trueup.contract.connector import Intent, ReceiptState
from trueup.contract.loader import find_connectors
from trueup.contract.manifest import Topic
from trueup.errors import AuthExpired, ContractBroken, Refused, Unavailable
from trueup.sandbox.faults import ApiFault, WebhookFaults
from trueup.sandbox.vendor import Bucket
from trueup.sandbox.woocommerce.shop import WooShop

pytestmark = pytest.mark.anyio
SECRETS = {
    "shop_url": "http://twin",
    "api_base": "http://twin",
    "consumer_key": "ck_sandbox",
    "consumer_secret": "cs_sandbox",
    "webhook_secret": "a-long-text-of-our-own",
}
URL = "https://hub.example/hooks/woo"


def opened(seed: int = 1) -> tuple[WooShop, TwinHub]:
    shop = WooShop(seed=seed)
    return shop, TwinHub(find_connectors()["woocommerce"], shop, SECRETS)


async def subscribed(hub: TwinHub) -> None:
    webhook = hub.folder.manifest.webhook
    assert webhook is not None
    for topic in webhook.topics:
        made = hub.folder.hooks.created(await hub.ask(hooks.create_request(topic.topic, URL)))
        assert made.topic == topic.topic


def intent(shop: WooShop, sku: str, value: int, expected: int | None) -> Intent:
    (item,) = [each for each in shop.items.values() if each.sku == sku]
    target = {
        "sku": sku,
        "item_ref": str(item.id),
        "variant_ref": str(item.id),
        "product_ref": str(item.parent or item.id),
        "location_ref": "",
    }
    return Intent(kind="stock.set", key=sku, value=value, expected=expected, target=target)


async def test_a_backfill_reads_every_page_and_knows_that_it_is_whole() -> None:
    shop, hub = opened()
    shop.buckets["all"] = Bucket(capacity=4, refill_per_s=2.0)
    for number in range(130):
        shop.add_item(f"SKU-{number}")
    parent = shop.add_item("SHIRT", stock=None)
    for number in range(120):
        shop.add_item(f"SHIRT-{number}", parent=parent.id)
    customer = shop.add_customer("ana@example.pt")
    for number in range(205):
        shop.order({f"SKU-{number % 130}": 2}, customer_id=customer if number % 2 else 0)
    read = {}
    for resource in (each.resource for each in hub.folder.manifest.pull):
        read[resource] = await hub.poll(resource)
        request = hub.folder.pull.count_request(resource, None)
        assert request is not None
        assert hub.folder.pull.count(resource, await hub.ask(request)) == read[resource]
    assert read == {"orders": 205, "products": 131, "customers": 1, "inventory_levels": 251}
    assert len(hub.of("order")) == 205
    product = hub.of("product")[str(parent.id)]
    assert isinstance(product, Product)
    assert len(product.variants) == 120
    assert {variant.item_ref for variant in product.variants} == {v.ref for v in product.variants}
    assert len(hub.of("inventory_level")) == 250  # the variable product counts nothing itself
    assert hub.waits > 0  # the host's limit was met, and waited for
    assert hub.issues == []


async def test_a_poll_reads_what_changed_and_what_changed_in_the_very_second() -> None:
    shop, hub = opened()
    shop.add_item("TEE")
    old = shop.order({"TEE": 1})
    shop.clock.advance(3600)
    new = shop.order({"TEE": 1})
    assert await hub.poll("orders", shop.now()) == 1
    assert set(hub.of("order")) == {str(new.id)}
    shop.clock.advance(60)
    shop.change(old, "completed")
    assert await hub.poll("orders", shop.now() - timedelta(seconds=30)) == 1
    assert set(hub.of("order")) == {str(new.id), str(old.id)}


async def test_money_is_exact_where_the_webhook_rounds_and_a_true_difference_is_told() -> None:
    shop, hub = opened()
    for number in range(3):
        shop.add_item(f"S{number}", price="10.00")
    await subscribed(hub)
    await hub.hear()
    order = shop.order({"S0": 1, "S1": 1, "S2": 1})
    await hub.hear()
    heard = hub.of("order")[str(order.id)]
    assert isinstance(heard, Order)
    assert heard.lines[0].price.amount.as_tuple().exponent == -2  # 8.33, as it was shown
    assert hub.issues == []
    assert [fetch.resource for fetch in hub.fetches] == ["orders"]  # 24.99 and not 25.00
    await hub.read_hints()
    read = hub.of("order")[str(order.id)]
    assert isinstance(read, Order)
    assert str(read.lines[0].price.amount) == "8.333333"
    assert str(read.totals.total.amount) == "36.00"
    assert hub.issues == []


async def test_webhooks_tell_what_polls_tell_in_any_order_with_repeats_and_losses() -> None:
    results = []
    for faults in (
        WebhookFaults(),
        WebhookFaults(drop=0.3, repeat=0.4, reorder=0.5, delay_s_max=50),
    ):
        shop, hub = opened()
        shop.add_item("TEE", stock=50)
        await subscribed(hub)
        await hub.hear()
        shop.desk.faults = faults
        orders = [shop.order({"TEE": 2}) for _ in range(12)]
        for number, order in enumerate(orders):
            shop.clock.advance(2)
            if number % 3 == 0:
                shop.change(order, "completed")
            if number % 4 == 0:
                shop.clock.advance(2)
                shop.refund(order, {"TEE": 1}, restock=number % 8 == 0)
        shop.clock.advance(100)
        await hub.hear()
        await hub.read_hints()
        await hub.poll("orders")
        await hub.poll("products")
        kinds = ("order", "refund", "shipment", "product")
        results.append({kind: hub.of(kind) for kind in kinds})
    assert results[0] == results[1]
    assert [len(results[0][kind]) for kind in results[0]] == [12, 3, 4, 1]


async def test_a_refund_says_what_became_of_the_units_where_the_shop_does() -> None:
    shop, hub = opened()
    shop.add_item("TEE", stock=50)
    left, kept, silent = (shop.order({"TEE": 3}) for _ in range(3))
    shop.change(left, "completed")
    shop.refund(left, {"TEE": 1})
    shop.refund(kept, {"TEE": 2})
    shop.refund(silent, {"TEE": 3}, restock=False)
    await hub.poll("orders")
    restock = {}
    for refund in hub.of("refund").values():
        assert isinstance(refund, Refund)
        restock[refund.order_ref] = refund.lines[0].restock
    assert restock == {
        str(left.id): Restock.RETURN,
        str(kept.id): Restock.CANCEL,
        str(silent.id): Restock.UNKNOWN,
    }
    assert [issue.code for issue in hub.issues] == ["woocommerce.restock_untold"]
    whole = hub.of("order")[str(silent.id)]
    assert isinstance(whole, Order)
    assert whole.payment_status is PaymentStatus.PARTLY_REFUNDED  # the shipping was kept
    shipment = hub.of("shipment")[f"{left.id}-completed"]
    assert isinstance(shipment, Shipment)
    assert shipment.state is ShipmentState.SHIPPED
    shop.change(left, "processing")  # completed by mistake
    await hub.poll("orders")
    back = hub.of("shipment")[f"{left.id}-completed"]
    assert isinstance(back, Shipment)
    assert back.state is ShipmentState.PENDING


async def test_the_ping_is_refused_and_the_webhook_lives() -> None:
    shop, hub = opened()
    shop.add_item("TEE")
    await subscribed(hub)
    assert await hub.hear() == 11
    assert hub.refused == [415] * 11
    assert {hook.status for hook in shop.hooks.values()} == {"active"}
    order = shop.order({"TEE": 1})
    await hub.hear()
    assert str(order.id) in hub.of("order")


async def test_a_webhook_that_was_switched_off_counts_as_missing_and_is_made_anew() -> None:
    shop, hub = opened()
    shop.add_item("TEE")
    await subscribed(hub)
    await hub.hear()
    hub.secrets["webhook_secret"] = "another-text-of-our-own"  # nothing is believed any more
    for _ in range(7):
        shop.order({"TEE": 1})
        await hub.hear()
    reply = await hub.ask(hooks.list_request(None))
    found, cursor = hooks.listed(reply)
    assert cursor is None
    off = [hook for hook in found if hook.topic not in {t.topic for t in _topics(hub)}]
    assert [hook.topic for hook in off] == ["order.created (disabled)"]
    hooks.created(await hub.ask(hooks.create_request("order.created", URL)))
    await hub.ask(hooks.delete_request(off[0]))
    after, _ = hooks.listed(await hub.ask(hooks.list_request(None)))
    assert sorted(hook.topic for hook in after) == sorted(t.topic for t in _topics(hub))
    missed = shop.order({"TEE": 1})
    await hub.hear()
    assert str(missed.id) in hub.of("order")
    assert await hub.poll("orders") == 8  # the gap
    assert len(hub.of("order")) == 8


def _topics(hub: TwinHub) -> list[Topic]:
    webhook = hub.folder.manifest.webhook
    assert webhook is not None
    return list(webhook.topics)


async def test_a_webhook_without_a_secret_is_not_made() -> None:
    _, hub = opened()
    del hub.secrets["webhook_secret"]
    with pytest.raises(Refused):
        await hub.ask(hooks.create_request("order.created", URL))


async def test_a_thousand_products_cost_two_calls_a_hundred() -> None:
    shop, hub = opened()
    intents = []
    for number in range(1000):
        shop.add_item(f"SKU-{number}", stock=5)
        intents.append(intent(shop, f"SKU-{number}", 7, 5))
    before = len(shop.calls)
    for start in range(0, 1000, 100):
        receipts = await hub.set_stock(intents[start : start + 100])
        assert {receipt.state for receipt in receipts} == {ReceiptState.DONE}
    calls = [call for call in list(shop.calls)[before:] if call.status == 200]
    assert len(calls) / 1000 <= 0.05
    assert {shop.stock(each.key) for each in intents} == {7}


async def test_products_and_variations_are_set_in_turn_and_a_sale_is_never_overwritten() -> None:
    shop, hub = opened()
    shop.add_item("MUG", stock=5)
    parent = shop.add_item("SHIRT", stock=None)
    for size in ("S", "M"):
        shop.add_item(f"SHIRT-{size}", stock=5, parent=parent.id)
    shop.add_item("CAP", stock=5)
    shop.order({"CAP": 1})  # nobody has read it yet
    wanted = [intent(shop, sku, 9, 5) for sku in ("MUG", "SHIRT-S", "SHIRT-M", "CAP")]
    first = await hub.set_stock(wanted)
    assert [r.state.value for r in first] == ["later", "done", "done", "later"]
    assert [r.again_now for r in first] == [True, False, False, True]
    assert await hub.levels(wanted) == [5, 9, 9, 4]
    again = await hub.set_stock([wanted[0], wanted[3]])
    assert [r.state.value for r in again] == ["done", "later"]
    assert shop.stock("CAP") == 4
    alone = await hub.set_stock([wanted[3]])
    assert (alone[0].state, alone[0].observed, alone[0].code) == (
        ReceiptState.LATER,
        4,
        "compare_failed",
    )


async def test_a_product_that_went_away_is_refused_with_the_shops_own_word() -> None:
    shop, hub = opened()
    shop.add_item("MUG", stock=5)
    gone = intent(shop, "MUG", 9, 5)
    replies = [await hub.ask(hub.folder.actions.request([gone], "k"))]
    shop.items.clear()
    following = hub.folder.actions.next_request([gone], "k", replies)
    assert following is not None
    (receipt,) = hub.folder.actions.receipts([gone], await hub.ask(following))
    assert (receipt.state, receipt.code) == (
        ReceiptState.REFUSED,
        "woocommerce_rest_product_invalid_id",
    )
    assert (await hub.set_stock([gone]))[0].state is ReceiptState.REFUSED
    assert await hub.levels([gone]) == [None]


@pytest.mark.parametrize("kind", ["reset", "reset_after_work", "timeout_after_work"])
async def test_a_cut_line_is_found_out_by_reading_back(kind: str) -> None:
    shop, hub = opened()
    shop.add_item("MUG", stock=5)
    wanted = [intent(shop, "MUG", 9, 5)]
    shop.strike(ApiFault(kind=kind, next_calls=1, operation="stock"))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await hub.set_stock(wanted)
    (level,) = await hub.levels(wanted)
    assert level == (5 if kind == "reset" else 9)
    receipts = await hub.set_stock(wanted)  # as it was believed before
    assert receipts[0].state is (ReceiptState.DONE if kind == "reset" else ReceiptState.LATER)
    assert shop.stock("MUG") == 9
    assert shop.worked("stock") == 1


async def test_faults_on_the_line_are_waited_out_and_a_dead_key_asks_a_person() -> None:
    shop, hub = opened()
    shop.add_item("TEE")
    shop.order({"TEE": 1})
    shop.strike(ApiFault(kind="status", status=429, next_calls=1, retry_after_s=7))
    shop.strike(ApiFault(kind="status", status=502, next_calls=1))
    before = shop.now()
    assert await hub.poll("orders") == 1
    assert shop.now() - before >= timedelta(seconds=8)
    hub.secrets["consumer_secret"] = "revoked"
    with pytest.raises(AuthExpired):
        await hub.poll("orders")


async def test_a_proxy_that_hides_the_next_page_does_not_end_the_walk_in_silence() -> None:
    shop, hub = opened()
    for number in range(101):
        shop.add_item(f"SKU-{number}")
    shop.hide_links = True
    with pytest.raises(ContractBroken):
        await hub.poll("products")


async def test_the_check_learns_whose_shop_it_is() -> None:
    _, hub = opened()
    learnt = hub.folder.api.checked(await hub.ask(hub.folder.api.check_request()))
    assert learnt == {"account": "https://shop.example", "version": "10.2.1", "currency": "EUR"}


async def test_a_deleted_order_is_gone_and_its_product_comes_by_its_variation() -> None:
    shop, hub = opened()
    await subscribed(hub)
    parent = shop.add_item("SHIRT", stock=None)
    shop.add_item("SHIRT-S", parent=parent.id)
    order = shop.order({"SHIRT-S": 1})
    shop.clock.advance(5)
    shop.delete(order)
    await hub.hear()
    await hub.read_hints()
    assert hub.of("order") == {}
    product = hub.of("product")[str(parent.id)]
    assert isinstance(product, Product)
    assert [variant.sku for variant in product.variants] == ["SHIRT-S"]
