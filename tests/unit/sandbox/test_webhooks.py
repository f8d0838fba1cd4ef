"""Webhooks: signed, grouped, tried again, and given up as the vendor does."""

import json
from collections import Counter

import pytest

from tests.unit.sandbox.stage import (
    SUBSCRIBE,
    Listener,
    ask,
    buy,
    deliver,
    open_stage,
    signed_well,
)
from trueup.sandbox.faults import WebhookFaults
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.commands import Cancel, Redact, RequestData, Uninstall
from trueup.sandbox.shopify.shop import RETRY_DELAYS_S
from trueup.sandbox.shopify.subscriptions import topic_enum, topic_text

HOOK = "http://hub/hooks/north"


def _subscribe(sandbox: Sandbox, *topics: str) -> None:
    for topic in topics or ("ORDERS_CREATE",):
        reply = ask(sandbox, SUBSCRIBE, topic=topic, uri=HOOK)
        assert reply["data"]["webhookSubscriptionCreate"]["userErrors"] == []


def test_delivery_is_signed_and_carries_the_vendors_headers() -> None:
    sandbox = open_stage()
    _subscribe(sandbox, "ORDERS_CREATE", "INVENTORY_LEVELS_UPDATE")
    bought = buy(sandbox)
    listener = Listener()

    assert deliver(sandbox, listener) == 2

    order = next(it for it in listener.heard if it.headers["X-Shopify-Topic"] == "orders/create")
    assert all(signed_well(each) for each in listener.heard)
    assert order.headers["X-Shopify-Shop-Domain"] == "north.myshopify.com"
    assert order.headers["X-Shopify-API-Version"] == "2026-07"
    assert bought.order_id == json.loads(order.content)["id"]
    events = {each.headers["X-Shopify-Event-Id"] for each in listener.heard}
    ids = {each.headers["X-Shopify-Webhook-Id"] for each in listener.heard}
    assert (len(events), len(ids)) == (1, 2), "one action, two deliveries"


def test_retry_keeps_id_and_body_and_comes_when_due() -> None:
    sandbox = open_stage()
    _subscribe(sandbox)
    buy(sandbox)
    listener = Listener(500)
    deliver(sandbox, listener)

    assert deliver(sandbox, listener) == 0, "not due yet"
    sandbox.clock.advance(RETRY_DELAYS_S[0])
    assert deliver(sandbox, listener) == 1

    first, second = listener.heard
    assert first.content == second.content
    assert first.headers["X-Shopify-Webhook-Id"] == second.headers["X-Shopify-Webhook-Id"]
    assert sandbox.shop("north").desk.waiting() == 0


def test_eight_straight_failures_remove_the_subscription() -> None:
    sandbox = open_stage()
    _subscribe(sandbox)
    buy(sandbox)
    listener = Listener(*[503] * 20)
    for delay_s in (0, *RETRY_DELAYS_S):
        sandbox.clock.advance(delay_s)
        deliver(sandbox, listener)

    desk = sandbox.shop("north").desk
    assert len(listener.heard) == 8
    assert (desk.subscriptions, len(desk.removed)) == ({}, 1)
    assert sum(RETRY_DELAYS_S) == 4 * 3600
    buy(sandbox)
    assert deliver(sandbox, listener) == 0, "nobody is told any more"


@pytest.mark.parametrize("status", [301, 401, 404, 500])
def test_anything_but_2xx_is_a_failure(status: int) -> None:
    sandbox = open_stage()
    _subscribe(sandbox)
    buy(sandbox)
    deliver(sandbox, Listener(status))
    assert sandbox.shop("north").desk.counters["retries"] == 1


def _heard_under(faults: WebhookFaults, orders: int = 40) -> tuple[Sandbox, Listener]:
    sandbox = open_stage(available=1000)
    _subscribe(sandbox)
    sandbox.shop("north").desk.faults = faults
    listener = Listener()
    for _ in range(orders):
        buy(sandbox)
        sandbox.clock.advance(1)
        deliver(sandbox, listener)
    sandbox.clock.advance(3600)
    deliver(sandbox, listener)
    return sandbox, listener


def _numbers(listener: Listener) -> list[int]:
    return [json.loads(each.content)["order_number"] for each in listener.heard]


def test_dropped_deliveries_never_come() -> None:
    sandbox, listener = _heard_under(WebhookFaults(drop=0.5))
    dropped = sandbox.shop("north").desk.counters["dropped"]
    assert 0 < dropped < 40
    assert 40 - dropped == len(listener.heard)


def test_repeats_carry_the_same_id() -> None:
    _, listener = _heard_under(WebhookFaults(repeat=1.0, delay_s_max=5))
    ids = Counter(each.headers["X-Shopify-Webhook-Id"] for each in listener.heard)
    assert {2} == set(ids.values())


def test_reordered_deliveries_all_come_in_another_order() -> None:
    _, listener = _heard_under(WebhookFaults(reorder=0.5, delay_s_max=20))
    numbers = _numbers(listener)
    assert sorted(numbers) == list(range(1001, 1041))
    assert sorted(numbers) != numbers


def test_corrupt_signature_is_put_right_at_the_next_try() -> None:
    sandbox = open_stage()
    _subscribe(sandbox)
    sandbox.shop("north").desk.faults = WebhookFaults(corrupt=1.0)
    buy(sandbox)
    listener = Listener(401)
    deliver(sandbox, listener)
    sandbox.clock.advance(RETRY_DELAYS_S[0])
    deliver(sandbox, listener)
    assert [signed_well(each) for each in listener.heard] == [False, True]


def test_cancel_tells_of_refund_and_cancellation() -> None:
    sandbox = open_stage()
    _subscribe(sandbox, "ORDERS_CANCELLED", "REFUNDS_CREATE", "INVENTORY_LEVELS_UPDATE")
    bought = buy(sandbox)
    sandbox.do("north", Cancel(order=bought.order))
    listener = Listener()
    deliver(sandbox, listener)
    assert listener.topics() == ["inventory_levels/update", "inventory_levels/update", "refunds/create",
            "orders/cancelled"]  # fmt: skip


def test_privacy_topics_need_no_subscription() -> None:
    sandbox = open_stage()
    shop = sandbox.shop("north")
    shop.privacy_uri = "http://hub/hooks/privacy"
    bought = buy(sandbox)
    sandbox.do("north", RequestData(email="ada@buyers.example"))
    sandbox.do("north", Redact(email="ada@buyers.example"))
    listener = Listener()
    deliver(sandbox, listener)

    assert listener.topics() == ["customers/data_request", "customers/redact"]
    asked, forgotten = (json.loads(each.content) for each in listener.heard)
    assert [bought.order_id] == asked["orders_requested"] == forgotten["orders_to_redact"]
    assert forgotten["customer"]["email"] == "ada@buyers.example"
    assert shop.orders[bought.order_id].customer.email is None


def test_uninstalled_shop_says_so_and_then_refuses() -> None:
    sandbox = open_stage()
    _subscribe(sandbox, "APP_UNINSTALLED", "ORDERS_CREATE")
    sandbox.do("north", Uninstall())
    buy(sandbox)
    listener = Listener()
    deliver(sandbox, listener)
    assert listener.topics() == ["app/uninstalled"]


def test_same_topic_and_address_twice_is_refused() -> None:
    sandbox = open_stage()
    _subscribe(sandbox)
    reply = ask(sandbox, SUBSCRIBE, topic="ORDERS_CREATE", uri=HOOK)
    assert reply["data"]["webhookSubscriptionCreate"]["webhookSubscription"] is None
    assert len(sandbox.shop("north").desk.subscriptions) == 1


@pytest.mark.parametrize(
    ("enum", "text"),
    [
        ("ORDERS_CREATE", "orders/create"),
        ("INVENTORY_LEVELS_UPDATE", "inventory_levels/update"),
        ("ORDER_TRANSACTIONS_CREATE", "order_transactions/create"),
        ("ORDERS_PARTIALLY_FULFILLED", "orders/partially_fulfilled"),
        ("APP_UNINSTALLED", "app/uninstalled"),
        ("BULK_OPERATIONS_FINISH", "bulk_operations/finish"),
    ],
)
def test_topic_has_two_spellings(enum: str, text: str) -> None:
    assert text == topic_text(enum)
    assert enum == topic_enum(text)
