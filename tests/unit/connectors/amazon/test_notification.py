"""Notifications: what each hints at, and that nothing but the hint counts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.webhook import identify, identify_piece, split
from trueup.contract.connector import Fetch, Mapped, Piece, Source

AT = datetime(2026, 4, 1, tzinfo=UTC)
REPORT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"


def body(kind: str, payload: Any, ref: str = "n-1") -> bytes:
    told = {
        "NotificationType": kind,
        "EventTime": "2026-03-07T09:00:00.250Z",
        "Payload": payload,
        "NotificationMetadata": {"NotificationId": ref},
    }
    return json.dumps(told).encode()


def mapped(raw: bytes) -> Mapped:
    topic = identify({}, raw).topic
    return map_source(Source(topic=topic, body=raw, received_at=AT))


def finished(**changes: str) -> dict[str, Any]:
    told = {
        "reportId": "5",
        "reportType": REPORT,
        "processingStatus": "DONE",
        "reportDocumentId": "doc",
    }
    return {"reportProcessingFinishedNotification": told | changes}


@pytest.mark.parametrize(
    ("kind", "payload", "fetch", "entity"),
    [
        (
            "ORDER_CHANGE",
            {"OrderChangeNotification": {"AmazonOrderId": "302-1"}},
            Fetch(resource="orders", ref="302-1"),
            "order/302-1",
        ),
        (
            "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
            {"Sku": "A", "Quantity": 3},
            Fetch(resource="listings", ref="A"),
            "product/A",
        ),
        (
            "FBA_INVENTORY_AVAILABILITY_CHANGE",
            {"SKU": "A"},
            Fetch(resource="fba_inventory", ref="A"),
            "fba_item/A",
        ),
        (
            "REPORT_PROCESSING_FINISHED",
            finished(),
            Fetch(resource="settlements", ref="doc"),
            "settlement_report/5",
        ),
        (
            "FEED_PROCESSING_FINISHED",
            {
                "feedProcessingFinishedNotification": {
                    "feedId": "6",
                    "feedType": "JSON_LISTINGS_FEED",
                    "processingStatus": "DONE",
                    "resultFeedDocumentId": "doc",
                }
            },
            Fetch(resource="feeds", ref="doc"),
            "feed/6",
        ),
    ],
)
def test_a_hint_is_looked_up(kind: str, payload: Any, fetch: Fetch, entity: str) -> None:
    raw = body(kind, payload)
    assert mapped(raw) == Mapped(fetch=(fetch,))
    found = identify({}, raw)
    assert (found.external_id, found.topic, found.entity) == ("n-1", f"notification/{kind}", entity)
    assert found.raised_at == datetime(2026, 3, 7, 9, 0, 0, 250_000, tzinfo=UTC)
    assert split(found.topic, raw) == (Piece(topic=found.topic, body=raw),)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("ORDER_CHANGE", {"OrderChangeNotification": {}}),
        ("ORDER_CHANGE", None),
        ("ORDER_CHANGE", {"OrderChangeNotification": {"AmazonOrderId": "x" * 300}}),
        ("REPORT_PROCESSING_FINISHED", finished(processingStatus="CANCELLED")),
        ("REPORT_PROCESSING_FINISHED", finished(reportType="GET_OTHER")),
        ("REPORT_PROCESSING_FINISHED", finished(reportDocumentId="")),
        ("PRICING_HEALTH", {"x": 1}),
    ],
)
def test_what_hints_at_nothing_is_ignored_with_a_reason(kind: str, payload: Any) -> None:
    found = mapped(body(kind, payload))
    assert found.ignored
    assert not found.fetch


def test_a_repeat_is_known_by_its_own_id_and_else_by_its_bytes() -> None:
    one, two = body("ORDER_CHANGE", {}, "a"), body("ORDER_CHANGE", {"x": 1}, "a")
    assert identify({}, one).external_id == identify({}, two).external_id
    bare = b'{"NotificationType": "ORDER_CHANGE"}'
    piece = Piece(topic="notification/ORDER_CHANGE", body=bare)
    assert identify_piece(piece).external_id == identify({}, bare).external_id
    assert identify_piece(piece).external_id.startswith("sha256:")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"NotificationType": 7}', b"\xff"])
def test_what_is_no_notification_is_parked(raw: bytes) -> None:
    (issue,) = mapped(raw).issues
    assert issue.code == "amazon.body_malformed"
