"""BigCommerce's documents: our calls are sound by its OpenAPI, and its bodies mean something."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from tests.support.leftout import SHARED
from tests.support.openapi import load_document, problems, reply_problems
from tests.unit.connectors.bigcommerce.calls import calls
from trueup.canon.order import Order
from trueup.connectors.bigcommerce import api, pull, whole
from trueup.contract.connector import Fetch, Piece, Reply, Request, Source
from trueup.contract.loader import find_connectors
from trueup.sandbox.bigcommerce.model import Hook
from trueup.sandbox.bigcommerce.vendor import BigCommerce
from trueup.sandbox.line import Asked

pytestmark = [pytest.mark.shared, pytest.mark.anyio]
FOLDER = find_connectors()["bigcommerce"]
SPECS = SHARED / "specs" / "bigcommerce"
HOOKS = SHARED / "payloads" / "bigcommerce" / "webhook-docs" / "callbacks" / "data"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECRETS = {"store_hash": "sandboxhash", "access_token": "token-sandbox", "client_secret": "x"}
DOCUMENTS = {
    "/v2/orders": "orders.v2.oas2.yml.gz",
    "/v3/orders": "orders.v3.yml",
    "/v3/catalog/products": "catalog/products_catalog.v3.yml.gz",
    "/v3/customers": "customers.v3.yml",
    "/v3/inventory/locations": "locations.v3.yml",
    "/v3/inventory": "inventory.v3.yml",
    "/v3/hooks": "webhooks.v3.yml",
}
# The store's own card stands in the documentation, and in none of these documents.
UNDESCRIBED = {"/v2/store"}


def document_of(request: Request) -> dict[str, Any] | None:
    for start, name in DOCUMENTS.items():
        if request.path.startswith(start):
            return load_document(SPECS / name)
    return None


def test_every_call_is_sound_by_the_published_documents() -> None:
    undescribed, found = set(), {}
    for request in calls():
        document = document_of(request)
        if document is None:
            undescribed.add(request.path)
            continue
        authorised = api.authorise(request, SECRETS)
        if objections := problems(document, authorised, base=request.path[:3]):
            found[f"{request.method} {request.path}"] = objections
    assert undescribed == UNDESCRIBED
    assert found == {}


def test_a_call_that_is_not_sound_is_seen() -> None:
    document = load_document(SPECS / "orders.v2.oas2.yml.gz")
    wrong = Request(method="GET", path="/v2/orders?sort=rank", headers=(("accept", "x"),))
    assert problems(document, wrong, base="/v2") != []
    assert problems(document, Request(method="PATCH", path="/v2/orders"), base="/v2") != []


async def test_the_simulated_store_answers_as_the_documents_say() -> None:
    store = BigCommerce()
    store.add_product("TEE")
    order = store.order({"TEE": 1}, off="1.00", customer_id=store.add_customer("a@example.dk"))
    store.ship(order, {"TEE": 1})
    store.refund(order, {"TEE": 1})
    store.hooks[1] = Hook(1, "store/order/created", "https://hub.example/hooks/a")
    found: dict[str, list[str]] = {}
    for request in calls(order=order.id, product=next(iter(store.products))):
        document = document_of(request)
        if (
            document is None
            or request.method != "GET"
            or request.path.startswith("/v3/hooks?limit=250&page=2")
        ):
            continue  # no page beyond the last one is ever asked for
        path, _, query = request.path.partition("?")
        asked = Asked(
            method="GET",
            parts=tuple(f"stores/sandboxhash{path}".split("/")),
            query=tuple(parse_qsl(query)),
            headers={"x-auth-token": "token-sandbox"},
            body=b"",
            base_url="",
        )
        answer = await store.answer(asked)
        reply = Reply(
            status=answer.status,
            headers={"content-type": answer.content_type},
            body=answer.body,
        )
        if answer.status == 200 and (
            objections := reply_problems(document, request, reply, base=request.path[:3])
        ):
            found[path] = objections
    assert found == {}


# -- bodies ------------------------------------------------------------------------------------


def hook_bodies() -> Iterator[tuple[str, bytes]]:
    for path in sorted(HOOKS.glob("*.json")):
        yield path.name, path.read_bytes()


def examples(name: str, path: str) -> list[Any]:
    """Return what a document's examples of a GET answer with."""
    document = load_document(SPECS / name)
    answer = document["paths"][path]["get"]["responses"]["200"]
    if "$ref" in answer:
        for step in answer["$ref"].removeprefix("#/").split("/"):
            document = document[step]
        answer = document
    content = answer["content"]["application/json"]
    found = [each["value"] for each in content.get("examples", {}).values()]
    return found + ([content["example"]] if "example" in content else [])


def record_bodies() -> list[Piece]:
    """Put the documents' examples through `pull`, as replies."""
    found: list[Piece] = []
    lines = examples("orders.v2.oas2.yml.gz", "/orders/{order_id}/products")[0]
    addresses = examples("orders.v2.oas2.yml.gz", "/orders/{order_id}/shipping_addresses")[0]
    taxes = examples("orders.v2.oas2.yml.gz", "/orders/{order_id}/taxes")[0]
    for order in examples("orders.v2.oas2.yml.gz", "/orders/{order_id}"):
        # The lines stand in a document of their own; the call that we make has them inside.
        way = addresses[0] | {"line_items": lines}
        order |= {"consignments": {"shipping": [way], "pickups": [], "downloads": []}}
        fees = order.get("fees")
        order |= {"fees": fees if isinstance(fees, list) else []}
        place = whole.Place(
            step="order", taxes=[msgspec.Raw(json.dumps(tax).encode()) for tax in taxes]
        )
        pieces, _ = whole.fetched_order(place, _reply(order))
        found += pieces
        found.append(Piece(topic="pull/order", body=json.dumps(order).encode()))
    for shipments in examples("orders.v2.oas2.yml.gz", "/orders/{order_id}/shipments"):
        place = whole.Place(step="shipments")
        found += whole.fetched_order(place, _reply(shipments))[0]
    product = examples("catalog/products_catalog.v3.yml.gz", "/catalog/products/{product_id}")[0]
    found += pull.fetched(Fetch(resource="products", ref="174"), _reply(product)).pieces
    for page in examples("catalog/products_catalog.v3.yml.gz", "/catalog/products"):
        found += pull.page("products", _reply(page)).pieces
    for page in examples("customers.v3.yml", "/customers"):
        found += pull.page("customers", _reply(page)).pieces
    return found


def _reply(body: object) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps(body).encode())


def test_every_published_body_means_something(capsys: pytest.CaptureFixture[str]) -> None:
    """Print the table: bodies, mapped, read again, ignored, issues by code, unhandled (0)."""
    table = {
        "webhooks": [
            Piece(topic=FOLDER.webhook.identify({}, body).topic, body=body)
            for _, body in hook_bodies()
        ],
        "records": record_bodies(),
    }
    lines, codes = [], {}
    for name, pieces in table.items():
        counts: Counter[str] = Counter(bodies=len(pieces))
        issues: Counter[str] = Counter()
        for piece in pieces:
            source = Source(topic=piece.topic, body=piece.body, received_at=NOW)
            means = FOLDER.mapping.map_source(source)
            entity = FOLDER.webhook.identify_piece(piece).entity
            assert all(record.entity() == entity for record in means.records)
            issues.update(issue.code for issue in means.issues)
            counts["mapped"] += bool(means.records)
            counts["read"] += bool(means.fetch)
            counts["ignored"] += means.ignored is not None
            told = means.records or means.issues or means.fetch or means.ignored
            counts["unhandled"] += not told
        codes[name] = set(issues)
        told = ", ".join(f"{code} {count}" for code, count in sorted(issues.items())) or "none"
        lines.append(f"bigcommerce {name}: {dict(counts)}, issues: {told}")
        assert counts["unhandled"] == 0
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    # Two files of the vendor hold nothing at all; its customers have no number.
    assert codes["webhooks"] == {"bigcommerce.body_malformed"}
    assert codes["records"] <= EXPECTED


EXPECTED = {
    "bigcommerce.field_invalid",
    "order.total_mismatch",
    "order.subtotal_mismatch",
    "order.tax_mismatch",
}


def test_the_first_published_order_adds_up_in_the_currency_that_was_paid() -> None:
    first = next(piece for piece in record_bodies() if piece.topic == "fetch/order")
    means = FOLDER.mapping.map_source(Source(topic=first.topic, body=first.body, received_at=NOW))
    (order,) = means.records
    assert isinstance(order, Order)
    assert (str(order.totals.total.amount), order.currency) == ("69.84", "USD")
