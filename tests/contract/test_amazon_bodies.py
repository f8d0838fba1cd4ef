"""Every body of Amazon's that we have: published examples, real settlements, warehouse extracts."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.contract.test_amazon_schema import MODELS
from tests.support.openapi import load_document
from trueup.canon.order import Order
from trueup.canon.payout import BalanceEntry, EntryKind, Payout
from trueup.connectors.amazon.files import read_file
from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.webhook import identify, identify_piece
from trueup.contract.connector import Mapped, Piece, Source

pytestmark = pytest.mark.shared

PAYLOADS = MODELS.parents[1] / "payloads/amazon"
RECEIVED_AT = datetime(2026, 11, 21, tzinfo=UTC)


def mapped(piece: Piece) -> Mapped:
    found = map_source(Source(topic=piece.topic, body=piece.body, received_at=RECEIVED_AT))
    identified = identify_piece(piece)
    for record in found.records:
        assert record.entity() == identified.entity
    return found


def handled(found: Mapped) -> bool:
    return bool(found.records or found.issues or found.fetch or found.ignored)


def examples(file: str) -> Iterator[Any]:
    """Yield the replies of Amazon's own sandbox that a model holds."""
    for path in load_document(MODELS / file)["paths"].values():
        for operation in path.values():
            if not isinstance(operation, dict):
                continue
            for status, response in operation.get("responses", {}).items():
                sandbox = response.get("x-amzn-api-sandbox") or {}
                if status.startswith("2"):
                    yield from (
                        each["response"]
                        for each in sandbox.get("static") or []
                        if "response" in each
                    )


def orders() -> list[Piece]:
    bodies: list[Any] = []
    for reply in examples("orders-api-model/orders_2026-01-01.json"):
        bodies += reply.get("orders") or [reply["order"]]
    return [Piece(topic="order", body=msgspec.json.encode(body)) for body in bodies]


def listed(file: str, key: str, topics: tuple[str, ...], alone: str) -> list[Piece]:
    bodies: list[Any] = []
    for reply in examples(file):
        bodies += reply.get(key) or ([reply] if alone in reply else [])
    return [Piece(topic=t, body=msgspec.json.encode(b)) for b in bodies for t in topics]


def notifications() -> list[Piece]:
    pieces = []
    for path in sorted((MODELS / "schemas/notifications").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        for body in schema.get("examples") or [_example(schema)]:
            raw = msgspec.json.encode(body)
            pieces.append(Piece(topic=identify({}, raw).topic, body=raw))
    return pieces


def _example(schema: dict[str, Any]) -> Any:
    """Return an object of the examples that stand beside a schema's fields."""
    if "properties" in schema:
        return {name: _example(inner) for name, inner in schema["properties"].items()}
    found = schema.get("examples") or [schema.get("default", "")]
    return found[0]


def fba_rows() -> list[Piece]:
    pieces = []
    for row in rows("fba_inventory_summary"):
        summary = {
            "asin": row["asin"],
            "fnSku": row["fn_sku"],
            "sellerSku": row["seller_sku"],
            "totalQuantity": int(row["total_quantity"]),
            "lastUpdatedTime": row["last_updated_time"].replace(" ", "T") + "Z",
            "inventoryDetails": {
                "fulfillableQuantity": int(row["fulfillable_quantity"]),
                "inboundWorkingQuantity": int(row["inbound_working_quantity"]),
                "inboundShippedQuantity": int(row["inbound_shipped_quantity"]),
                "inboundReceivingQuantity": int(row["inbound_receiving_quantity"]),
                "reservedQuantity": {
                    "pendingCustomerOrderQuantity": int(row["pending_customer_order_quantity"])
                },
            },
        }
        body = {"marketplace": row["granularity_id"], "summary": summary}
        pieces.append(Piece(topic="fba_level", body=msgspec.json.encode(body)))
    return pieces


def rows(name: str) -> list[dict[str, str]]:
    with (PAYLOADS / f"warehouse-seeds/{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def joined_orders() -> list[Piece]:
    """Return the extract's orders and items joined by id, in the shape of the order model."""
    items: dict[str, list[dict[str, str]]] = {}
    for item in rows("order_item"):
        items.setdefault(item["amazon_order_id"], []).append(item)
    statuses = {"Canceled": "CANCELLED", "PartiallyShipped": "PARTIALLY_SHIPPED"}
    pieces = []
    for row in rows("orders"):
        status = row["order_status"]
        total = row["order_total_amount"].replace(",", "")
        currency = row["order_total_currency_code"]
        body = {
            "orderId": row["amazon_order_id"],
            "orderAliases": [{"aliasId": row["seller_order_id"], "aliasType": "SELLER_ORDER_ID"}],
            "createdTime": row["purchase_date"].replace(" ", "T") + "Z",
            "lastUpdatedTime": row["last_update_date"].replace(" ", "T") + "Z",
            "programs": ["AMAZON_BUSINESS"] if row["is_business_order"] == "TRUE" else [],
            "associatedOrders": [
                {"orderId": row["replaced_order_id"], "associationType": "REPLACEMENT_ORIGINAL_ID"}
            ],
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": row["marketplace_id"]},
            "buyer": {"buyerName": row["buyer_info_buyer_name"]},
            "proceeds": {"grandTotal": {"amount": total, "currencyCode": currency}},
            "fulfillment": {
                "fulfillmentStatus": statuses.get(status, status.upper()),
                "fulfilledBy": {"AFN": "AMAZON", "MFN": "MERCHANT"}.get(
                    row["fulfillment_channel"], row["fulfillment_channel"]
                ),
            },
            "orderItems": [_item(item, currency) for item in items.get(row["amazon_order_id"], [])],
        }
        pieces.append(Piece(topic="order", body=msgspec.json.encode(body)))
    return pieces


def _item(row: dict[str, str], currency: str) -> dict[str, Any]:
    def money(column: str) -> dict[str, str]:
        return {"amount": row[column].replace(",", "") or "0", "currencyCode": currency}

    parts = (
        *(("ITEM", "item_price_amount"), ("TAX", "item_tax_amount")),
        *(("SHIPPING", "shipping_price_amount"), ("DISCOUNT", "promotion_discount_amount")),
    )
    return {
        "orderItemId": row["order_item_id"],
        "quantityOrdered": int(row["quantity_ordered"]),
        "product": {"asin": row["asin"], "title": row["title"], "sellerSku": row["seller_sku"]},
        "proceeds": {
            "breakdowns": [{"type": name, "subtotal": money(column)} for name, column in parts]
        },
        "fulfillment": {"quantityFulfilled": int(row["quantity_shipped"] or 0)},
        "tax": {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]},
    }


def settlements() -> list[tuple[str, list[Piece]]]:
    files = sorted(PAYLOADS.glob("settlement-*/*.txt"))
    return [(f.name, list(read_file("amazon-settlement", f.read_bytes()))) for f in files]


def test_every_body_maps_to_records_or_named_issues() -> None:
    listings = "listings-items-api-model/listingsItems_2021-08-01.json"
    both = ("listing", "listing_level")
    groups: dict[str, list[Piece]] = {
        "orders (sandbox examples)": orders(),
        "orders (extract, joined)": joined_orders(),
        "listings (sandbox examples)": listed(listings, "items", both, "summaries"),
        "feeds (sandbox examples)": listed(
            "feeds-api-model/feeds_2021-06-30.json", "feeds", ("feed",), "processingStatus"
        ),
        "reports (sandbox examples)": listed(
            "reports-api-model/reports_2021-06-30.json", "reports", ("report",), "processingStatus"
        ),
        "feed report (example)": [
            Piece(
                topic="feed_report",
                body=(
                    MODELS / "schemas/feeds/listings-feed-processing-report-schema-v2.example.json"
                ).read_bytes(),
            )
        ],
        "notifications (schema examples)": notifications(),
        "FBA summaries (extract)": fba_rows(),
        **{f"settlement {name}": pieces for name, pieces in settlements()},
    }
    unhandled = 0
    print(f"\n{'bodies':42} {'count':>6} {'mapped':>7} {'fetch':>6} {'ignored':>8}  issues")
    for name, pieces in groups.items():
        found = [mapped(piece) for piece in pieces]
        issues = Counter(issue.code for each in found for issue in each.issues)
        counts = [
            len(pieces),
            sum(bool(each.records) for each in found),
            sum(bool(each.fetch) for each in found),
            sum(each.ignored is not None for each in found),
        ]
        unhandled += sum(not handled(each) for each in found)
        assert pieces, name
        cells = f"{counts[0]:>6} {counts[1]:>7} {counts[2]:>6} {counts[3]:>8}"
        print(f"{name:42} {cells}  {dict(issues) or ''}")
    print(f"unhandled: {unhandled}")
    assert unhandled == 0


def test_amazons_own_examples_map_without_an_issue_and_to_the_cent() -> None:
    for piece in orders():
        found = mapped(piece)
        assert not found.issues
        order = found.records[0]
        assert isinstance(order, Order)
        stated = json.loads(piece.body)["proceeds"]["grandTotal"]
        assert str(order.totals.total.amount) == stated["amount"]
        fulfilled_by = json.loads(piece.body)["fulfillment"]["fulfilledBy"]
        assert all(line.stocked == (fulfilled_by == "MERCHANT") for line in order.lines)


def test_real_settlements_sum_to_the_cent_and_every_kind_is_known() -> None:
    kinds: Counter[str] = Counter()
    for name, pieces in settlements():
        if "documented" in name:
            continue
        records = [record for piece in pieces for record in mapped(piece).records]
        payout = next(r for r in records if isinstance(r, Payout))
        entries = [r for r in records if isinstance(r, BalanceEntry)]
        total = sum((entry.net.amount for entry in entries), Decimal(0))
        print(f"{name}: {len(entries)} entries sum to {total}, total-amount {payout.amount}")
        assert total == payout.amount.amount
        assert len({entry.ref for entry in entries}) == len(entries)
        kinds.update(entry.entry.value for entry in entries)
    print(dict(kinds))
    assert EntryKind.UNKNOWN.value not in kinds


def test_the_ragged_sample_is_told_not_to_sum() -> None:
    (pieces,) = [pieces for name, pieces in settlements() if "documented" in name]
    codes = [issue.code for piece in pieces for issue in mapped(piece).issues]
    assert codes == ["amazon.settlement_sum_differs"]


def test_extracted_fba_summaries_keep_their_numbers() -> None:
    source = rows("fba_inventory_summary")
    for row, piece in zip(source, fba_rows(), strict=True):
        (level,) = mapped(piece).records
        assert level.available == int(row["fulfillable_quantity"])  # type: ignore[attr-defined]
        assert level.sku == row["seller_sku"]  # type: ignore[attr-defined]
