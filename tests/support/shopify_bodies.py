"""Where Shopify bodies lie: our own samples, and the recorded ones beside the checkout."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.support.leftout import SHARED
from trueup.canon.record import encode
from trueup.contract.connector import Mapped

FOLDER = Path(__file__).parents[2] / "src/trueup/connectors/shopify"
RECORDED = SHARED / "payloads" / "shopify"
RECEIVED_AT = datetime(2026, 4, 1, 8, tzinfo=UTC)
RAISED_AT = datetime(2026, 4, 1, 7, 59, tzinfo=UTC)

_BY_NAME = {
    "Order": "orders/updated",
    "OrderEdit": "orders/edited",
    "OrderTransaction": "order_transactions/create",
    "Product": "products/update",
    "Customer": "customers/update",
    "Refund": "refunds/create",
    "Fulfillment": "fulfillments/update",
    "FulfillmentEvent": "fulfillment_events/create",
    "InventoryItem": "inventory_items/update",
    "InventoryLevel": "inventory_levels/update",
    "Location": "locations/update",
    "Shop": "shop/update",
    "Cart": "carts/update",
    "Checkout": "checkouts/update",
    "Collection": "collections/update",
    "DraftOrder": "draft_orders/update",
    "Theme": "themes/update",
    "TenderTransaction": "tender_transactions/create",
    "Dispute": "disputes/create",
    "SubscriptionContract": "subscription_contracts/create",
    "CustomerSavedSearch": "customer_saved_search/update",
    "ShopAlternateLocale": "locales/update",
    "customers_data_request": "customers/data_request",
    "customers_redact": "customers/redact",
    "shop_redact": "shop/redact",
}


def recorded() -> Iterator[tuple[str, str, bytes]]:
    """Yield every recorded JSON body: its path, the topic it would come under, its bytes."""
    for path in sorted(RECORDED.rglob("*")):
        if path.is_file() and not path.name.startswith("SOURCE") and path.suffix != ".csv":
            body = path.read_bytes()
            name = path.relative_to(RECORDED).as_posix()
            yield name, _topic_of(path), gzip.decompress(body) if path.suffix == ".gz" else body


def _topic_of(path: Path) -> str:
    if "admin-graphql-captures" in path.parts:
        return "graphql/capture"
    if path.parent.name == "orderlineitems":
        return "orders/updated"
    return _BY_NAME.get(path.stem, f"{path.stem}/read")


def plain(mapped: Mapped) -> dict[str, Any]:
    """Return what a mapping said as plain JSON values, for comparison with a file."""
    found: dict[str, Any] = {
        "records": [{"kind": r.kind, **msgspec.json.decode(encode(r))} for r in mapped.records],
        "issues": [msgspec.to_builtins(issue) for issue in mapped.issues],
        "fetch": [msgspec.to_builtins(fetch) for fetch in mapped.fetch],
        "ignored": mapped.ignored,
    }
    return {name: value for name, value in found.items() if value}
