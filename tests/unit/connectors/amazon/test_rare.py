"""What comes seldom: missing prices, odd names, limits of sizes, settings that are not there."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trueup.canon.order import Order
from trueup.connectors import amazon
from trueup.connectors.amazon import api, pull, settlement
from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.stamp import instant_of
from trueup.connectors.amazon.webhook import identify_piece
from trueup.contract.connector import Fetch, Piece, Reply, Source
from trueup.errors import ConfigError

SAMPLES = Path(amazon.__file__).parent / "samples"
AT = datetime(2026, 4, 1, tzinfo=UTC)


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def mapped(topic: str, body: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return map_source(Source(topic=topic, body=raw, received_at=AT))


def reply(body: Any) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps(body).encode())


def test_an_order_without_a_total_is_summed_from_its_items() -> None:
    body = sample("order_fba")
    del body["proceeds"]
    (order,) = mapped("order", body).records
    assert isinstance(order, Order)
    assert (order.currency, str(order.totals.total.booked)) == ("EUR", "59.50 EUR")
    assert order.taxes_included
    del body["orderItems"][0]["proceeds"]["proceedsTotal"]
    (order,) = mapped("order", body).records
    assert (str(order.totals.total.booked), order.taxes_included) == ("69.00 EUR", False)


def test_a_price_alone_tells_the_currency_and_the_goods() -> None:
    body = sample("order_pending")
    price = {"unitPrice": {"amount": "25.00", "currencyCode": "SEK"}}
    body["orderItems"][0]["product"]["price"] = price
    found = mapped("order", body)
    assert not found.issues
    assert str(found.records[0].totals.total.booked) == "25.00 SEK"


def test_no_items_no_prices_no_note() -> None:
    body = sample("order_pending") | {"orderItems": []}
    found = mapped("order", body)
    assert found.records[0].lines == ()
    assert not found.issues


def test_goods_without_units_cost_what_they_cost() -> None:
    body = sample("order_fba")
    item = body["orderItems"][0]
    item["quantityOrdered"] = 0
    found = mapped("order", body).records[0]
    assert found.lines[0].quantity == 0


def test_an_item_cancelled_without_numbers_is_wanted_no_more() -> None:
    body = sample("order_cancelled")
    del body["orderItems"][0]["fulfillment"]
    (order,) = mapped("order", body).records
    assert order.lines[0].quantity_current == 0
    del body["orderItems"][0]["cancellation"]
    (order,) = mapped("order", body).records
    assert (order.lines[0].quantity_current, order.cancel_reason) == (None, None)


@pytest.mark.parametrize("text", ["", "x" * 50, "yesterday", "2026-03-01T00:00:00", "9999-99-99"])
def test_an_instant_that_is_none_is_none(text: str) -> None:
    assert instant_of(text) is None


def test_a_queue_that_is_not_set_up_is_named() -> None:
    request = pull.page_request("notifications", None, None)
    with pytest.raises(ConfigError, match="queue"):
        api.authorise(request, {"access_token": "t"})
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "queue_url": "/queue/0/n"}
    with pytest.raises(ConfigError):
        api.authorise(request, keys)
    there = api.authorise(request, keys | {"api_base": "http://127.0.0.1:9/"})
    assert there.path.startswith("http://127.0.0.1:9/queue/0/n?")


def test_single_records_are_read_from_their_own_replies() -> None:
    listing = pull.fetched(Fetch(resource="listings", ref="A"), reply({"sku": "A"}))
    assert [piece.topic for piece in listing.pieces] == ["listing", "listing_level"]
    body = {
        "payload": {"granularity": {"granularityId": "M"}, "inventorySummaries": [{"x": 1}]},
        "pagination": {"nextToken": "more"},
    }
    fba = pull.fetched(Fetch(resource="fba_inventory", ref="A"), reply(body))
    assert ([piece.topic for piece in fba.pieces], fba.next_cursor) == (
        ["fba_place", "fba_level"],
        None,
    )
    order = pull.fetched(Fetch(resource="orders", ref="1"), reply({"order": {"orderId": "1"}}))
    assert order.pieces == (Piece(topic="order", body=b'{"orderId": "1"}'),)
    assert pull.count("listings", reply({"numberOfResults": 7})) == 14


@pytest.mark.parametrize(
    ("topic", "body", "entity"),
    [
        ("fba_level", {"marketplace": "M", "summary": {"fnSku": "X"}}, ""),
        ("fba_level", {"summary": {"sellerSku": "A"}}, ""),
        ("settlement/entry", {"settlement": "7", "row": 3}, "balance_entry/7-3"),
        ("settlement/entry", {"settlement": "7", "row": 3, "part": 1}, "balance_entry/7-3-1"),
        ("settlement/entry", {"settlement": "7"}, ""),
        ("feed_report", {}, ""),
        ("order", {"orderId": "1", "sku": 7}, "order/1"),
        ("order", {"orderId": "x" * 300}, ""),
        ("moon", {"orderId": "1"}, ""),
    ],
)
def test_names_are_read_as_far_as_they_can_be(topic: str, body: Any, entity: str) -> None:
    assert identify_piece(Piece(topic=topic, body=json.dumps(body).encode())).entity == entity


def test_a_file_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "settlement-id\tsettlement-start-date\tsettlement-end-date\tdeposit-date\t"
    head += "total-amount\tcurrency\ttransaction-type\tposted-date"
    with pytest.raises(ConfigError):
        settlement.settlement_pieces(f"{head}\n".encode())
    flat = f"{head}\tamount-type\tamount-description\tamount\n"
    first = "7\t2026-03-01\t2026-03-15T00:00:00+00:00\t2026-03-17\t0\tEUR\t\t\n"
    pieces = settlement.settlement_pieces(f"{flat}{first}".encode())
    assert [piece.topic for piece in pieces] == ["settlement/payout"]
    for wrong in ("0001-01-01T00:00:00+14:00", "2026-03-15" + "0" * 60):
        with pytest.raises(ConfigError):
            settlement.settlement_pieces(
                (flat + first.replace("2026-03-15T00:00:00+00:00", wrong)).encode()
            )
    monkeypatch.setattr(settlement, "ROWS_MAX", 1)
    with pytest.raises(ConfigError):
        settlement.settlement_pieces(f"{flat}{first}".encode())
