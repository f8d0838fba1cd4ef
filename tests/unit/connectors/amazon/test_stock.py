"""Listings, FBA stock, reports, feeds and documents: what each body means."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from trueup.canon.inventory import InventoryLevel, Location
from trueup.canon.product import Product
from trueup.canon.record import BEGINNING
from trueup.connectors.amazon import document, pull
from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.webhook import identify_piece
from trueup.contract.connector import Fetch, Mapped, Piece, Reply, Source
from trueup.errors import ContractBroken, Refused

AT = datetime(2026, 4, 1, tzinfo=UTC)


def mapped(topic: str, body: Any) -> Mapped:
    raw = json.dumps(body).encode()
    found = map_source(Source(topic=topic, body=raw, received_at=AT))
    for record in found.records:
        assert record.entity() == identify_piece(Piece(topic=topic, body=raw)).entity
    return found


def reply(body: Any, status: int = 200) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={}, body=raw)


def listing(**changes: Any) -> dict[str, Any]:
    summary = {
        "marketplaceId": "M",
        "status": ["BUYABLE"],
        "itemName": "Lamp",
        "lastUpdatedDate": "2026-03-01T08:00:00Z",
    }
    offered = [{"fulfillmentChannelCode": "DEFAULT", "quantity": 4}]
    return {"sku": "A", "summaries": [summary], "fulfillmentAvailability": offered} | changes


def product(**changes: Any) -> Product:
    found = mapped("listing", listing(**changes)).records[0]
    assert isinstance(found, Product)
    return found


def test_only_what_the_merchant_sends_out_is_stocked() -> None:
    (ours,) = product().variants
    (theirs,) = product(
        fulfillmentAvailability=[{"fulfillmentChannelCode": "AMAZON_EU", "quantity": 4}]
    ).variants
    (untold,) = product(fulfillmentAvailability=None).variants
    assert (ours.stocked, theirs.stocked, untold.stocked) == (True, False, None)
    level = mapped("listing_level", listing()).records[0]
    assert isinstance(level, InventoryLevel)
    assert (level.available, level.location_ref, level.item_ref) == (4, "DEFAULT", "A")
    away = mapped("listing_level", listing(fulfillmentAvailability=[]))
    assert away.ignored
    assert not away.records


@pytest.mark.parametrize(
    ("status", "state"), [(["BUYABLE"], "active"), (["DISCOVERABLE"], "draft"), ([], "draft")]
)
def test_the_state_of_a_listing(status: list[str], state: str) -> None:
    summary = {"marketplaceId": "M", "status": status}
    found = product(summaries=[summary])
    assert (found.state, found.title, found.updated_at) == (state, "A", BEGINNING)
    assert product(summaries=[]).state == "unknown"


def test_the_price_is_the_customers_not_the_business_one() -> None:
    def offer(kind: str, **price: str) -> dict[str, Any]:
        return {"marketplaceId": "M", "offerType": kind, "price": price}

    business = offer("B2B", amount="8.00", currencyCode="EUR")
    (variant,) = product(offers=[business, offer("B2C", amount="9.90", currency="EUR")]).variants
    assert str(variant.price) == "9.90 EUR"
    (none,) = product(offers=[business]).variants
    assert none.price is None
    odd = mapped("listing", listing(offers=[offer("B2C", amount="9.90")]))
    assert [issue.code for issue in odd.issues] == ["amazon.listing_issue"]


def test_only_what_hurts_a_listing_is_told() -> None:
    issues = [
        {"code": "1", "severity": "ERROR", "message": "m"},
        {"code": "2", "severity": "WARNING", "message": "m"},
    ]
    found = mapped("listing", listing(issues=issues))
    assert [issue.found for issue in found.issues] == ["1: m"]


def fba(**changes: Any) -> InventoryLevel:
    summary = {"sellerSku": "A", "fnSku": "X1", "totalQuantity": 50} | changes
    found = mapped("fba_level", {"marketplace": "M", "summary": summary}).records[0]
    assert isinstance(found, InventoryLevel)
    return found


def test_fba_stock_is_counted_under_amazons_own_name() -> None:
    details = {
        "fulfillableQuantity": 30,
        "inboundWorkingQuantity": 5,
        "inboundShippedQuantity": 10,
        "inboundReceivingQuantity": 0,
        "reservedQuantity": {"pendingCustomerOrderQuantity": 3},
    }
    level = fba(inventoryDetails=details, lastUpdatedTime="2026-03-05T06:00:00Z")
    assert (level.available, level.incoming, level.on_hand, level.committed) == (30, 15, 35, 3)
    assert (level.ref, level.sku, level.location_ref) == ("X1@FBA-M", "A", "FBA-M")
    bare = fba(lastUpdatedTime="", fnSku=None)
    assert (bare.item_ref, bare.available, bare.on_hand) == ("fba:A", None, None)
    assert bare.updated_at == BEGINNING
    place = mapped("fba_place", {"marketplace": "M"}).records[0]
    assert isinstance(place, Location)
    assert place.ref == "FBA-M"


REPORT = {
    "reportId": "5",
    "reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
    "processingStatus": "DONE",
    "createdTime": "2026-03-14T22:10:00Z",
    "reportDocumentId": "doc",
}
FEED = {
    "feedId": "6",
    "feedType": "JSON_LISTINGS_FEED",
    "processingStatus": "DONE",
    "createdTime": "2026-03-14T22:10:00Z",
    "resultFeedDocumentId": "doc",
}


def test_reports_and_feeds_are_hints_too() -> None:
    assert mapped("report", REPORT).fetch == (Fetch(resource="settlements", ref="doc"),)
    assert mapped("feed", FEED).fetch == (Fetch(resource="feeds", ref="doc"),)
    for change in ({"reportType": "GET_OTHER"}, {"processingStatus": "IN_QUEUE"}):
        assert mapped("report", REPORT | change).ignored
    assert mapped("report", REPORT | {"reportDocumentId": None}).ignored
    assert mapped("feed", FEED | {"feedType": "POST_OTHER"}).ignored
    assert mapped("feed", FEED | {"processingStatus": "IN_PROGRESS"}).ignored
    (dead,) = mapped("feed", FEED | {"processingStatus": "FATAL"}).issues
    assert (dead.code, dead.ref) == ("amazon.feed_message_refused", "feed/6")
    assert mapped("feed_report", {"header": {"feedId": "6"}, "issues": []}).ignored


@pytest.mark.parametrize("resource", ["settlements", "feeds"])
def test_a_document_takes_two_calls(resource: str) -> None:
    fetch = Fetch(resource=resource, ref="a/b")
    assert "/documents/a%2Fb" in pull.fetch_request(fetch).path
    url = "https://bucket.example/doc?sig=1"
    page = pull.fetched(fetch, reply({"url": url, "compressionAlgorithm": "GZIP"}))
    assert page.pieces == ()
    assert page.then is not None
    assert pull.fetch_request(page.then).path == url
    assert "sig=1" not in repr(pull.fetch_request(page.then))
    for wrong in ({}, {"url": url, "compressionAlgorithm": "RAR"}, b"no json"):
        with pytest.raises(ContractBroken):
            pull.fetched(fetch, reply(wrong))


def test_a_document_that_is_no_settlement_is_told() -> None:
    fetch = Fetch(resource="settlements", ref="doc", place="https://bucket.example/doc")
    (piece,) = pull.fetched(fetch, reply(gzip.compress(b"a\tb\n1\t2\n"))).pieces
    (issue,) = mapped("settlement/unreadable", json.loads(piece.body)).issues
    assert (piece.topic, issue.code) == ("settlement/unreadable", "amazon.settlement_unreadable")


def test_packed_bytes_are_whole_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"x" * 100_000)
    assert document.unpacked(packed) == b"x" * 100_000
    assert document.unpacked(b"plain") == b"plain"
    for broken in (packed[:-20], b"\x1f\x8bno"):
        with pytest.raises(ContractBroken):
            document.unpacked(broken)
    monkeypatch.setattr(document, "BYTES_MAX", 99_999)
    with pytest.raises(ContractBroken):
        document.unpacked(packed)


def test_what_is_not_pulled_is_refused() -> None:
    with pytest.raises(Refused):
        pull.page_request("moons", None, None)
    with pytest.raises(Refused):
        pull.fetch_request(Fetch(resource="moons", ref="1"))
    assert pull.count_request("orders", None) is None


@pytest.mark.parametrize(
    "resource", ["orders", "listings", "fba_inventory", "settlements", "feeds"]
)
def test_a_page_without_its_list_is_broken(resource: str) -> None:
    for body in ({}, [], b"", {"payload": {"inventorySummaries": []}}, {"orders": 7}):
        with pytest.raises(ContractBroken):
            pull.page(resource, reply(body))
    with pytest.raises(ContractBroken):
        pull.fetched(Fetch(resource="orders", ref="1"), reply({}))
    with pytest.raises(ContractBroken):
        pull.count("listings", reply({}))


def test_a_page_goes_on_by_its_token_and_knows_its_newest_stamp() -> None:
    orders = [
        {"orderId": "1", "lastUpdatedTime": "2026-03-01T00:00:00Z"},
        {"orderId": "2", "lastUpdatedTime": "2026-03-02T00:00:00Z"},
        {"orderId": "3", "lastUpdatedTime": 7},
    ]
    page = pull.page("orders", reply({"orders": orders, "pagination": {"nextToken": "t/+="}}))
    assert (page.next_cursor, len(page.pieces)) == ("t/+=", 3)
    assert page.latest_at == datetime(2026, 3, 2, tzinfo=UTC)
    path = pull.page_request("orders", AT, page.next_cursor).path
    assert "paginationToken=t%2F%2B%3D" in path
    assert "lastUpdatedAfter=2026-04-01T00:00:00Z" in path
    assert pull.page("feeds", reply({"feeds": [], "nextToken": "n"})).next_cursor == "n"
