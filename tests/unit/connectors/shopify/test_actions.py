"""What comes of stock writes, subscriptions and exports: every refusal has its meaning."""

import json
from typing import Any

import pytest

from trueup.connectors.shopify import actions, hooks, pull
from trueup.contract.connector import Fetch, Intent, Receipt, ReceiptState, Reply
from trueup.errors import ContractBroken, InvariantBroken, Refused

INTENTS = [
    Intent(
        kind="stock.set", key=f"SKU-{n}", value=n, expected=None if n else 4,
        target={"item_ref": str(100 + n), "location_ref": "7"},
    )
    for n in range(3)
]  # fmt: skip


def reply(**data: Any) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps({"data": data}).encode())


def refused(*errors: tuple[str | None, list[str] | None]) -> list[Receipt]:
    rows = [{"code": code, "field": field, "message": "no"} for code, field in errors]
    result = {"inventoryAdjustmentGroup": None, "userErrors": rows}
    return list(actions.receipts(INTENTS, reply(inventorySetQuantities=result)))


def test_a_write_compares_is_named_and_carries_its_key() -> None:
    request = actions.request(INTENTS, "key-9")
    sent = json.loads(request.body)
    assert request.writes
    assert "@idempotent(key: $key)" in sent["query"]
    variables = sent["variables"]
    assert variables["key"] == "key-9"
    assert {"available", "correction", "trueup://outbox/key-9"} == {
        variables["input"][name] for name in ("name", "reason", "referenceDocumentUri")
    }
    first, second, _ = variables["input"]["quantities"]
    assert (first["quantity"], first["changeFromQuantity"]) == (0, 4)
    assert second["changeFromQuantity"] is None  # told, so that the vendor does not compare
    assert second["inventoryItemId"] == "gid://shopify/InventoryItem/101"
    assert request == actions.request(INTENTS, "key-9")
    with pytest.raises(InvariantBroken):
        actions.request([], "key-9")
    with pytest.raises(InvariantBroken):
        actions.request(INTENTS * 17, "key-9")


def test_one_refused_line_lets_the_others_go_again_at_once() -> None:
    path = ["input", "quantities", "1", "changeFromQuantity"]
    first, second, third = refused(("CHANGE_FROM_QUANTITY_STALE", path))
    assert (
        second.state, second.code, second.again_now,
    ) == (ReceiptState.LATER, "compare_failed", True)  # fmt: skip
    assert first == third
    assert (first.state, first.code, first.again_now) == (ReceiptState.LATER, "batch_refused", True)


@pytest.mark.parametrize(
    ("code", "state", "again"),
    [
        ("ITEM_NOT_STOCKED_AT_LOCATION", ReceiptState.REFUSED, False),
        ("INVALID_INVENTORY_ITEM", ReceiptState.REFUSED, False),
        ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", ReceiptState.REFUSED, False),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", ReceiptState.LATER, False),
        ("COMPARE_QUANTITY_STALE", ReceiptState.LATER, True),
        (None, ReceiptState.REFUSED, False),
    ],
)
def test_an_error_without_a_line_concerns_all(
    code: str | None, state: ReceiptState, again: object
) -> None:
    for field in (None, ["input"], ["input", "quantities"], ["input", "quantities", "x"]):
        receipts = refused((code, field))
        assert [(state, again)] * 3 == [(r.state, r.again_now) for r in receipts]


def test_what_was_set_is_told_and_nothing_to_change_is_done_as_well() -> None:
    change = {
        "name": "available", "delta": -1, "quantityAfterChange": 2,
        "item": {"id": "gid://shopify/InventoryItem/102"}, "location": {"id": "gid://shopify/Location/7"},
    }  # fmt: skip
    other = {**change, "name": "on_hand", "quantityAfterChange": 50}
    group = {"id": "gid://shopify/InventoryAdjustmentGroup/5", "changes": [other, change]}
    result = {"inventoryAdjustmentGroup": group, "userErrors": []}
    receipts = actions.receipts(INTENTS, reply(inventorySetQuantities=result))
    assert [r.observed for r in receipts] == [0, 1, 2]
    assert {ReceiptState.DONE} == {r.state for r in receipts}
    empty = {"inventoryAdjustmentGroup": None, "userErrors": []}
    receipts = actions.receipts(INTENTS, reply(inventorySetQuantities=empty))
    assert [(r.state, r.observed) for r in receipts[:2]] == [
        (ReceiptState.DONE, 0),
        (ReceiptState.DONE, 1),
    ]
    for broken in (reply(), Reply(status=200, headers={}, body=b"<")):
        with pytest.raises(ContractBroken):
            actions.receipts(INTENTS, broken)


def test_a_read_back_that_may_be_cut_short_is_no_answer() -> None:
    levels = {"nodes": [], "pageInfo": {"hasNextPage": True}}
    item = {"id": "gid://shopify/InventoryItem/100", "inventoryLevels": levels}
    with pytest.raises(ContractBroken):
        actions.read(INTENTS, reply(nodes=[item, None]))
    levels["pageInfo"] = {"hasNextPage": False}
    assert list(actions.read(INTENTS, reply(nodes=[item, None]))) == [None, None, None]


@pytest.mark.parametrize(
    ("word", "topic"),
    [
        ("ORDERS_PARTIALLY_FULFILLED", "orders/partially_fulfilled"),
        ("ORDER_TRANSACTIONS_CREATE", "order_transactions/create"),
        ("INVENTORY_LEVELS_UPDATE", "inventory_levels/update"),
        ("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", "customers_email_marketing_consent/update"),
        ("APP_UNINSTALLED", "app/uninstalled"),
        ("BULK_OPERATIONS_FINISH", "bulk_operations/finish"),
    ],
)
def test_a_topic_is_found_again_from_the_vendors_word(word: str, topic: str) -> None:
    assert topic == hooks.topic_of(word)
    assert word == json.loads(hooks.create_request(topic, "u").body)["variables"]["topic"]


def test_a_refused_subscription_says_why() -> None:
    errors = [{"field": ["topic"], "message": "not approved"}]
    result = {"webhookSubscription": None, "userErrors": errors}
    with pytest.raises(Refused, match="not approved"):
        hooks.created(reply(webhookSubscriptionCreate=result))


def test_an_export_is_folded_one_record_at_a_time() -> None:
    lines = [
        b'{"id":"gid://shopify/Order/1"}\n',
        b'{"id":"gid://shopify/LineItem/2","__parentId":"gid://shopify/Order/1"}\n',
        b'{"__typename":"DiscountCodeApplication","index":0,"__parentId":"gid://shopify/Order/1"}',
        b"\n",
        b'{"id":"gid://shopify/Order/3"}',
    ]
    taken = 0

    def stream() -> Any:
        nonlocal taken
        for line in lines:
            taken += 1
            yield line

    pieces = pull.bulk_pieces("orders", stream())
    first = json.loads(next(iter(pieces)).body)
    assert len(lines) == taken  # it looked no further than the next record
    assert [n["id"] for n in first["lineItems"]["nodes"]] == ["gid://shopify/LineItem/2"]
    assert [n["index"] for n in first["discountApplications"]["nodes"]] == [0]
    assert first["shippingLines"]["nodes"] == []
    assert [json.loads(p.body)["id"] for p in pieces] == ["gid://shopify/Order/3"]
    for wrong in (
        [b'{"id":"gid://shopify/LineItem/2","__parentId":"gid://shopify/Order/9"}'],
        [lines[0], b'{"id":"gid://shopify/Metafield/2","__parentId":"gid://shopify/Order/1"}'],
        [b"{"],
    ):
        with pytest.raises(ContractBroken):
            list(pull.bulk_pieces("orders", wrong))


@pytest.mark.parametrize(
    ("status", "state"),
    [("CREATED", "running"), ("RUNNING", "running"), ("COMPLETED", "done"),
     ("FAILED", "failed"), ("CANCELING", "failed"), ("CANCELED", "failed"), ("EXPIRED", "failed")],
)  # fmt: skip
def test_the_state_of_an_export(status: str, state: str) -> None:
    bulk = {"status": status, "errorCode": "TIMEOUT", "rootObjectCount": "12", "url": None}
    found = pull.bulk_state(reply(bulkOperation=bulk))
    assert (state, 12) == (found.state, found.count)
    assert ("timeout" if state == "failed" else None) == found.reason


def test_an_export_that_can_not_start_says_why() -> None:
    result = {"bulkOperation": None, "userErrors": [{"message": "in progress", "code": "X"}]}
    with pytest.raises(Refused, match="in progress"):
        pull.bulk_started(reply(bulkOperationRunQuery=result))
    with pytest.raises(Refused):
        pull.bulk_request("returns", None)


def test_a_record_that_is_gone_is_no_piece() -> None:
    assert pull.fetched(Fetch(resource="orders", ref="1"), reply(order=None)).pieces == ()
    level = Fetch(resource="inventory_levels", ref="1@2")
    assert pull.fetched(level, reply(inventoryItem={"inventoryLevel": None})).pieces == ()
    assert pull.fetched(level, reply(inventoryItem=None)).pieces == ()
