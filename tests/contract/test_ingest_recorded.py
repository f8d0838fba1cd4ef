"""Every recorded or published body is handed in as a person would, most under a wrong topic.

A collection that keeps several bodies in one file, each under a name of its own, is taken apart
here: that wrapper is the collection's, not the vendor's.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from tests.contract import test_amazon_bodies, test_bigcommerce_published, test_slack_published
from tests.contract.test_ingest_bodies import fate, walk
from tests.support import (
    carrier_bodies,
    stripe_bodies,
    whatsapp_bodies,
    woocommerce_docs,
    zendesk_bodies,
)
from tests.support.leftout import SHARED

pytestmark = pytest.mark.shared

PAYLOADS, SPECS = SHARED / "payloads", SHARED / "specs"
NO_TOPIC = "?"
KINDS = {
    "amazon": {"order", "product", "inventory_level"},
    "bigcommerce": {"fetch", "product", "shipment"},
    "delhivery": {"parcel"},
    "easypost": {"parcel"},
    "quickbooks": {"quickbooks.body_malformed"},
    "shiprocket": {"parcel"},
    "slack": {"message"},
    "stripe": {"payment", "dispute", "payout"},
    "stripe (rows)": {"payment", "dispute", "payout", "balance_entry"},
    "whatsapp": {"message"},
    "woocommerce": {"order", "product", "customer"},
    "zendesk": {"ticket", "customer", "message"},
}
"""What there must be among what the bodies of each vendor become."""

Body = tuple[str, str, bytes]


def _stripe() -> Iterator[Body]:
    for name, topic, body in stripe_bodies.recorded():
        if name.startswith("warehouse-seeds"):
            yield "stripe (rows)", topic.rpartition("/")[2], body  # rows do not tell what they are
        elif not name.startswith("cli-triggers"):  # parameters of calls are no bodies
            yield "stripe", NO_TOPIC, body
    published = json.loads((SPECS / "stripe" / "fixtures3.json").read_bytes())["resources"]
    for thing in published.values():
        yield "stripe", NO_TOPIC, json.dumps(thing).encode()


def _zendesk() -> Iterator[Body]:
    for each in zendesk_bodies.exchanges():
        if each.status < 300 and each.json is not None:
            path = each.path.removeprefix("/api/v2/")
            yield "zendesk", path if "comments" in path else NO_TOPIC, each.body


def _carriers() -> Iterator[Body]:
    for each in carrier_bodies.exchanges():
        if each.status < 300 and each.body.strip():
            yield "easypost", NO_TOPIC, each.body
    for name in ("delhivery", "shiprocket"):
        for path in sorted((PAYLOADS / name).glob("*.json")):
            yield name, NO_TOPIC, path.read_bytes()


def _shops() -> Iterator[Body]:
    for _, hook in test_bigcommerce_published.hook_bodies():
        yield "bigcommerce", NO_TOPIC, hook
    replies = (
        ("orders.v2.oas2.yml.gz", "/orders/{order_id}", "orders"),
        ("orders.v2.oas2.yml.gz", "/orders/{order_id}/shipments", "shipments"),
        ("catalog/products_catalog.v3.yml.gz", "/catalog/products", "products"),
        ("catalog/products_catalog.v3.yml.gz", "/catalog/products/{product_id}", "product"),
        ("customers.v3.yml", "/customers", "pull/customer"),
    )
    for name, path, topic in replies:
        for reply in test_bigcommerce_published.examples(name, path):
            yield "bigcommerce", topic, json.dumps(reply).encode()
    for topic in ("orders", "products", "customers"):
        text = (woocommerce_docs.FOLDER / f"_{topic}.md").read_text(encoding="utf-8")
        for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
            yield "woocommerce", topic, block.encode()


def _others() -> Iterator[Body]:
    for _, body in whatsapp_bodies.deliveries():
        yield "whatsapp", NO_TOPIC, body
    for path in sorted((PAYLOADS / "quickbooks").glob("*.xml")):
        yield "quickbooks", "invoice", path.read_bytes()
    for path in sorted((PAYLOADS / "quickbooks" / "json").glob("*.json")):
        yield "quickbooks", NO_TOPIC, path.read_bytes()
    models = (
        "orders-api-model/orders_2026-01-01.json",
        "listings-items-api-model/listingsItems_2021-08-01.json",
        "fba-inventory-api-model/fbaInventory.json",
        "reports-api-model/reports_2021-06-30.json",
        "feeds-api-model/feeds_2021-06-30.json",
    )
    for model in models:
        for reply in test_amazon_bodies.examples(model):
            yield "amazon", NO_TOPIC, json.dumps(reply).encode()
    for piece in test_amazon_bodies.notifications():
        yield "amazon", NO_TOPIC, piece.body
    events = SPECS / "slack" / "events-api" / "slack_events_api_async_v1.json"
    document = json.loads(events.read_bytes())
    for name in sorted(document["topics"]):
        yield "slack", NO_TOPIC, test_slack_published.body_of(document, name)


def test_every_body_is_accounted_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Print the table: vendor, files, pieces, records, issues by code, ignored, unhandled (0)."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    files: Counter[str] = Counter()
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    for source in (_stripe, _zendesk, _carriers, _shops, _others):
        for vendor, topic, body in source():
            files[vendor] += 1
            for _, mapped in walk(vendor.partition(" ")[0], topic, body):
                counted[vendor][fate(mapped)] += 1
                codes[vendor].update(issue.code for issue in mapped.issues)
    with capsys.disabled():
        print()
        for vendor, fates in sorted(counted.items()):
            parked = sum(count for name, count in fates.items() if "." in name)
            told = sum(fates[name] for name in ("ignored", "fetch", "unhandled")) + parked
            print(
                f"{vendor:14} {files[vendor]:4} files {fates.total():5} pieces"
                f" {fates.total() - told:5} records {fates['fetch']:3} read again"
                f" {fates['ignored']:5} ignored {parked:4} parked {fates['unhandled']} unhandled"
                f"  {dict(sorted(codes[vendor].items()))}"
            )
    assert counted.keys() == KINDS.keys()
    for vendor, fates in counted.items():
        assert fates["unhandled"] == 0
        assert KINDS[vendor] <= fates.keys(), vendor
