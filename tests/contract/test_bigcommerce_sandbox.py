"""The connector against the simulated store: every way in, faults, and stock that is set."""

from datetime import timedelta

import pytest

from tests.support.twin_hub import TwinHub
from trueup.canon.link import Link, LinkSpace
from trueup.canon.order import Order, PaymentStatus
from trueup.canon.payment import Payment, PaymentKind
from trueup.canon.product import Product
from trueup.canon.refund import Refund, Restock
from trueup.canon.shipment import Shipment
from trueup.connectors.bigcommerce import hooks
from trueup.contract.connector import Intent, ReceiptState
from trueup.contract.loader import find_connectors
from trueup.contract.manifest import Topic
from trueup.errors import AuthExpired, Refused, Unavailable
from trueup.sandbox.bigcommerce.store import RETRIES_S
from trueup.sandbox.bigcommerce.vendor import BigCommerce
from trueup.sandbox.faults import ApiFault, WebhookFaults

pytestmark = pytest.mark.anyio
SECRETS = {
    "store_hash": "sandboxhash",
    "api_base": "http://twin",
    "access_token": "token-sandbox",
    "client_secret": "client-secret-sandbox",
}
URL = "https://hub.example/hooks/big"


def opened(seed: int = 1) -> tuple[BigCommerce, TwinHub]:
    store = BigCommerce(seed=seed)
    return store, TwinHub(find_connectors()["bigcommerce"], store, SECRETS)


def topics(hub: TwinHub) -> list[Topic]:
    webhook = hub.folder.manifest.webhook
    assert webhook is not None
    return list(webhook.topics)


async def subscribed(hub: TwinHub) -> None:
    for topic in topics(hub):
        made = hub.folder.hooks.created(await hub.ask(hooks.create_request(topic.topic, URL)))
        assert (made.topic, made.url) == (topic.topic, URL)


def intent(
    store: BigCommerce, sku: str, value: int, expected: int | None, location: str = "1"
) -> Intent:
    variant = store.by_sku(sku)
    target = {
        "sku": sku,
        "item_ref": str(variant.id),
        "variant_ref": str(variant.id),
        "product_ref": str(variant.product_id),
        "location_ref": location,
    }
    return Intent(kind="stock.set", key=sku, value=value, expected=expected, target=target)


async def test_a_backfill_reads_every_page_and_never_overdraws_a_window() -> None:
    store, hub = opened()
    for number in range(120):
        store.add_product(f"SKU-{number}")
    store.add_product("SHIRT-S", "SHIRT-M")
    customer = store.add_customer("ana@example.dk")
    for number in range(260):
        store.order({f"SKU-{number % 120}": 1}, customer_id=customer if number % 2 else 0)
    read = {}
    for resource in (each.resource for each in hub.folder.manifest.pull):
        read[resource] = await hub.poll(resource)
        request = hub.folder.pull.count_request(resource, None)
        if request is not None:
            assert hub.folder.pull.count(resource, await hub.ask(request)) == read[resource]
    assert read == {
        "orders": 260,
        "products": 121,
        "customers": 1,
        "inventory_levels": 244,  # 122 variants at two locations
        "locations": 2,
    }
    assert len(hub.of("order")) == 260
    assert len(hub.of("payment")) == 260
    assert hub.waits > 0  # the test hub sends as fast as it can, and waits for each window
    assert hub.issues == []


async def test_one_order_is_put_together_from_five_readings() -> None:
    store, hub = opened()
    store.add_product("TEE", "MUG", price="24.00")
    order = store.order({"TEE": 2, "MUG": 1}, off="4.80")
    store.ship(order, {"TEE": 1})
    store.clock.advance(60)
    store.refund(order, {"TEE": 1}, shipping=True)
    await hub.poll("orders")
    whole = hub.of("order")[str(order.id)]
    assert isinstance(whole, Order)
    assert str(whole.totals.total.amount) == "73.20"
    assert [str(tax.price.amount) for tax in whole.taxes] == ["12.20"]
    assert (whole.payment_status, whole.fulfilment_code) == (
        PaymentStatus.PARTLY_REFUNDED,
        "partially_refunded",
    )
    assert [line.discount is not None for line in whole.lines] == [True, False]
    (shipment,) = hub.of("shipment").values()
    assert isinstance(shipment, Shipment)
    assert [(line.line_ref, line.quantity) for line in shipment.lines] == [(whole.lines[0].ref, 1)]
    assert shipment.links[0].namespace is LinkSpace.TRACKING
    (refund,) = hub.of("refund").values()
    assert isinstance(refund, Refund)
    assert refund.refunded is not None
    assert refund.shipping is not None
    assert (str(refund.refunded.amount), str(refund.shipping.amount)) == ("30.00", "6.00")
    assert refund.lines[0].restock is Restock.UNKNOWN
    payments = [each for each in hub.of("payment").values() if isinstance(each, Payment)]
    assert {p.payment_kind for p in payments} == {PaymentKind.SALE, PaymentKind.REFUND}
    assert Link(LinkSpace.PAYMENT, f"ch_{payments[0].ref}") in payments[0].links
    paths = [call.path.rpartition(str(order.id))[2] for call in store.calls]
    assert paths[1:] == [
        "/taxes",
        "",
        "/shipments",
        "/payment_actions/refunds",
        "/transactions",
    ]
    assert [issue.code for issue in hub.issues] == ["bigcommerce.restock_untold"]


async def test_a_poll_reads_what_changed_and_what_changed_in_the_very_second() -> None:
    store, hub = opened()
    store.add_product("TEE")
    old = store.order({"TEE": 1})
    store.clock.advance(3600)
    new = store.order({"TEE": 1})
    assert await hub.poll("orders", store.now()) == 1
    assert set(hub.of("order")) == {str(new.id)}
    store.clock.advance(60)
    store.change(old, 10)
    assert await hub.poll("orders", store.now()) == 1
    assert set(hub.of("order")) == {str(new.id), str(old.id)}
    assert await hub.poll("products", store.now()) == 0


async def test_hints_tell_what_polls_tell_in_any_order_with_repeats_and_losses() -> None:
    results = []
    for faults in (
        WebhookFaults(),
        WebhookFaults(drop=0.3, repeat=0.4, reorder=0.5, delay_s_max=50, corrupt=0.2),
    ):
        store, hub = opened()
        store.add_product("TEE", stock=90)
        await subscribed(hub)
        await hub.hear()
        store.desk.faults = faults
        orders = [store.order({"TEE": 2}) for _ in range(10)]
        for number, order in enumerate(orders):
            store.clock.advance(2)
            if number % 3 == 0:
                store.ship(order, {"TEE": 2})
            if number % 4 == 0:
                store.clock.advance(2)
                store.refund(order, {"TEE": 1})
        for _ in range(3):
            store.clock.advance(400)
            await hub.hear()
        await hub.read_hints()
        await hub.poll("orders")
        kinds = ("order", "refund", "shipment", "payment")
        results.append({kind: hub.of(kind) for kind in kinds})
        assert bool(hub.refused) is (faults.corrupt > 0)  # refused once, and sent again
    assert results[0] == results[1]
    assert [len(results[0][kind]) for kind in results[0]] == [10, 3, 4, 13]


async def test_stock_hints_lead_to_every_location_of_the_item() -> None:
    store, hub = opened()
    store.add_product("TEE", stock=5)
    await subscribed(hub)
    store.order({"TEE": 2})
    store.count("TEE", 7, location=2)
    await hub.hear()
    await hub.read_hints()
    variant = store.by_sku("TEE")
    levels = {ref: each.available for ref, each in hub.of("inventory_level").items()}  # type: ignore[attr-defined]
    assert levels == {f"{variant.id}@1": 3, f"{variant.id}@2": 7}
    store.count("TEE", 5)
    store.clock.advance(1)
    await hub.hear()
    await hub.read_hints()
    back = hub.of("inventory_level")[f"{variant.id}@1"]
    assert back.available == 5  # type: ignore[attr-defined]


async def test_what_is_gone_is_told_by_the_hint_alone() -> None:
    store, hub = opened()
    await subscribed(hub)
    store.add_product("TEE")
    order = store.order({"TEE": 1})
    store.ship(order, {"TEE": 1})
    await hub.hear()
    await hub.read_hints()
    assert len(hub.of("shipment")) == 1
    store.clock.advance(5)
    store.unship(order)
    store.clock.advance(5)
    store.archive(order)
    await hub.hear()
    await hub.read_hints()
    assert (hub.of("shipment"), hub.of("order")) == ({}, {})


async def test_a_webhook_that_was_switched_off_counts_as_missing_and_is_made_anew() -> None:
    store, hub = opened()
    store.add_product("TEE")
    await subscribed(hub)
    hub.secrets["client_secret"] = "another"
    store.order({"TEE": 1})
    for delay_s in (0, *RETRIES_S):
        store.clock.advance(delay_s)
        await hub.hear()
    found, cursor = hooks.listed(await hub.ask(hooks.list_request(None)))
    assert cursor is None
    off = sorted(hook.topic for hook in found if hook.topic.endswith(" (off)"))
    assert off == ["store/order/created (off)", "store/sku/inventory/updated (off)"]
    hub.secrets["client_secret"] = "client-secret-sandbox"
    for hook in [hook for hook in found if hook.topic.endswith(" (off)")]:
        scope = hook.topic.removesuffix(" (off)")
        hooks.created(await hub.ask(hooks.create_request(scope, URL)))
        await hub.ask(hooks.delete_request(hook))
    after, _ = hooks.listed(await hub.ask(hooks.list_request(None)))
    assert sorted(hook.topic for hook in after) == sorted(topic.topic for topic in topics(hub))
    assert await hub.poll("orders") == 1  # the gap
    assert len(hub.of("order")) == 1


async def test_a_thousand_products_cost_two_calls_a_hundred() -> None:
    store, hub = opened()
    intents = []
    for number in range(1000):
        store.add_product(f"SKU-{number}", stock=5)
        intents.append(intent(store, f"SKU-{number}", 7, 5))
    before = len(store.calls)
    for start in range(0, 1000, 100):
        receipts = await hub.set_stock(intents[start : start + 100], f"key-{start}")
        assert {receipt.state for receipt in receipts} == {ReceiptState.DONE}
    assert (len(store.calls) - before) / 1000 <= 0.05
    assert {store.by_sku(each.key).on_hand[1] for each in intents} == {7}


async def test_all_is_set_or_nothing_and_a_sale_is_never_overwritten() -> None:
    store, hub = opened()
    store.add_product("MUG", "CAP", stock=5)
    store.order({"CAP": 1})  # nobody has read it yet
    wanted = [intent(store, "MUG", 9, 5), intent(store, "CAP", 9, 5)]
    first = await hub.set_stock(wanted)
    assert [(r.state.value, r.code, r.observed, r.again_now) for r in first] == [
        ("later", "batch_refused", 5, True),
        ("later", "compare_failed", 4, True),
    ]
    assert await hub.levels(wanted) == [5, 4]
    again = await hub.set_stock([wanted[0], intent(store, "CAP", 8, 4)])
    assert [receipt.state.value for receipt in again] == ["done", "done"]
    assert await hub.levels(wanted) == [9, 8]


async def test_what_the_store_holds_back_is_added_to_what_is_set_and_places_are_kept_apart() -> (
    None
):
    store, hub = opened()
    store.add_product("MUG", stock=5)
    store.by_sku("MUG").safety_stock = 2
    wanted = [intent(store, "MUG", 8, 3)]
    assert (await hub.set_stock(wanted))[0].state is ReceiptState.DONE
    assert await hub.levels(wanted) == [8]
    assert store.by_sku("MUG").on_hand == {1: 10, 2: 0}
    other = [intent(store, "MUG", 4, -2, location="2")]
    assert (await hub.set_stock(other))[0].state is ReceiptState.DONE
    assert store.by_sku("MUG").on_hand == {1: 10, 2: 6}


async def test_an_item_that_went_away_is_refused() -> None:
    store, hub = opened()
    store.add_product("MUG", stock=5)
    gone = [intent(store, "MUG", 9, 5)]
    replies = [await hub.ask(hub.folder.actions.request(gone, "k"))]
    store.products.clear()
    following = hub.folder.actions.next_request(gone, "k", replies)
    assert following is not None
    with pytest.raises(Refused):
        await hub.ask(following)
    (receipt,) = await hub.set_stock(gone)
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, "item_gone")
    assert await hub.levels(gone) == [None]


@pytest.mark.parametrize("kind", ["reset", "reset_after_work", "timeout_after_work"])
async def test_a_cut_line_is_found_out_by_reading_back(kind: str) -> None:
    store, hub = opened()
    store.add_product("MUG", stock=5)
    wanted = [intent(store, "MUG", 9, 5)]
    store.strike(ApiFault(kind=kind, next_calls=1, operation="stock"))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await hub.set_stock(wanted)
    assert await hub.levels(wanted) == [5 if kind == "reset" else 9]
    receipts = await hub.set_stock(wanted)  # as it was believed before
    assert receipts[0].state is (ReceiptState.DONE if kind == "reset" else ReceiptState.LATER)
    assert store.by_sku("MUG").on_hand[1] == 9
    assert store.worked("stock") == 1


async def test_faults_on_the_line_are_waited_out_and_a_dead_token_asks_a_person() -> None:
    store, hub = opened()
    store.add_product("TEE")
    store.order({"TEE": 1})
    store.clock.advance(4)
    store.strike(ApiFault(kind="throttled", next_calls=1))
    store.strike(ApiFault(kind="status", status=502, next_calls=1))
    before = store.now()
    assert await hub.poll("orders") == 1
    # The window says when the next begins; then one second for the server's fault.
    assert store.now() - before == timedelta(seconds=27)
    hub.secrets["access_token"] = "revoked"
    with pytest.raises(AuthExpired):
        await hub.poll("orders")


async def test_the_check_learns_whose_store_it_is_and_a_reply_what_is_left() -> None:
    _, hub = opened()
    reply = await hub.ask(hub.folder.api.check_request())
    assert hub.folder.api.checked(reply) == {
        "account": "Harbour",
        "domain": "h.example",
        "currency": "EUR",
        "time_zone": "Europe/Copenhagen",
    }
    budget = hub.folder.api.budget(reply)
    assert budget is not None
    assert budget.available == budget.capacity == 37.5
    assert budget.capacity + budget.refill_per_s * 30 <= 150
    for _ in range(140):
        reply = await hub.ask(hub.folder.api.check_request())
    budget = hub.folder.api.budget(reply)
    assert budget is not None
    assert budget.available == 9


async def test_variants_that_share_their_stock_are_read_and_never_set() -> None:
    store, hub = opened()
    store.add_product("RED", "BLUE", tracking="product")
    single = store.add_product("TEA", tracking="product")
    await hub.poll("products")
    items: dict[str | None, str | None] = {}
    for product in hub.of("product").values():
        assert isinstance(product, Product)
        items |= {variant.sku: variant.item_ref for variant in product.variants}
    assert items == {"RED": None, "BLUE": None, "TEA": str(single.variants[0].id)}
    assert [issue.code for issue in hub.issues] == ["bigcommerce.stock_shared"]
