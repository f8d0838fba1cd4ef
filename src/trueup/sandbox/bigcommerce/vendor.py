"""The REST API of the simulated store."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trueup.sandbox.bigcommerce.changes import Changes
from trueup.sandbox.bigcommerce.model import (
    Hook,
    Order,
    Variant,
    head_body,
    item_body,
    new_time,
    order_body,
    product_body,
    taxes_body,
)
from trueup.sandbox.bigcommerce.store import STORE_HASH
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

__all__ = ["BigCommerce"]

_ROOT = f"/stores/{STORE_HASH}"
_NOTHING = Reply(status=204)
_SCOPES = frozenset(("order", "product", "sku", "customer", "shipment", "inventory", "cart"))


class BigCommerce(Changes):
    """A store that answers calls."""

    @route("GET", f"{_ROOT}/v2/store")
    def _store(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        zone = {"name": "Europe/Copenhagen"}
        return reply_json(
            200, {"name": "Harbour", "domain": "h.example", "currency": "EUR", "timezone": zone}
        )

    @route("GET", f"{_ROOT}/v2/orders")
    def _orders(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        query = dict(asked.query)
        found = [each for each in self._changed(query) if each.id >= int(query.get("min_id", "0"))]
        rows = [head_body(order) for order in sorted(found, key=lambda each: each.id)]
        return _old_page(query, rows)

    @route("GET", f"{_ROOT}/v2/orders/count")
    def _count(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return reply_json(200, {"count": len(self._changed(dict(asked.query)))})

    @route("GET", f"{_ROOT}/v2/orders/{{id}}/taxes")
    def _taxes(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order = self.orders.get(int(places["id"]))
        return self.gone() if order is None else _old_page(dict(asked.query), taxes_body(order))

    @route("GET", f"{_ROOT}/v2/orders/{{id}}/shipments")
    def _shipments(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        return _old_page(dict(asked.query), self.orders[int(places["id"])].shipments)

    @route("GET", f"{_ROOT}/v2/orders/{{number}}")
    def _z_order(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order = self.orders.get(int(places["number"]))
        if order is None:
            return self.gone()
        query = dict(asked.query)
        whole = query.get("consignment_structure") == "object"
        return reply_json(200, order_body(order) if whole else head_body(order))

    @route("GET", f"{_ROOT}/v3/orders/{{id}}/payment_actions/refunds")
    def _refunds(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return reply_json(200, {"data": self.orders[int(places["id"])].refunds, "meta": {}})

    @route("GET", f"{_ROOT}/v3/orders/{{id}}/transactions")
    def _transactions(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        found = self.orders[int(places["id"])].transactions
        return reply_json(200, {"data": found, "meta": {}}) if found else _NOTHING

    @route("GET", f"{_ROOT}/v3/catalog/products")
    def _products(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        query = dict(asked.query)
        since = query.get("date_modified:min", "")
        found = [
            each
            for each in self.products.values()
            if each.id > int(query.get("id:greater", "0"))
            and new_time(each.modified_at)[:19] >= since.removesuffix("Z")
        ]
        return self.page(query, [product_body(each) for each in found])

    @route("GET", f"{_ROOT}/v3/catalog/products/{{id}}")
    def _product(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        product = self.products.get(int(places["id"]))
        return self.gone() if product is None else reply_json(200, {"data": product_body(product)})

    @route("GET", f"{_ROOT}/v3/customers")
    def _customers(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        query = dict(asked.query)
        since = query.get("date_modified:min", "").removesuffix("Z")
        wanted = {int(each) for each in query.get("id:in", "").split(",") if each}
        found = [
            each
            for ref, each in self.customers.items()
            if (not wanted or ref in wanted) and each["date_modified"][:19] >= since
        ]
        return self.page(query, found)

    @route("GET", f"{_ROOT}/v3/inventory/locations")
    def _locations(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        rows = [
            {
                "id": place,
                "code": f"L-{place}",
                "label": f"Place {place}",
                "enabled": True,
                "storefront_visibility": True,
                "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
            }
            for place in self.locations
        ]
        return self.page(dict(asked.query), rows)

    @route("GET", f"{_ROOT}/v3/inventory/items")
    def _items(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        query = dict(asked.query)
        variants = _chosen(query, "variant_id:in")
        products = _chosen(query, "product_id:in")
        sites = _chosen(query, "location_id:in") or set(self.locations)
        rows = [
            item_body(each, [place for place in self.locations if place in sites])
            for each in self._variants()
            if (not variants or each.id in variants)
            and (not products or each.product_id in products)
        ]
        return self.page(query, rows)

    @route("PUT", f"{_ROOT}/v3/inventory/adjustments/absolute", scope="stock")
    def _adjust(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        wishes = asked.json()["items"]
        found: list[tuple[Variant, dict[str, Any]]] = []
        for wish in wishes:
            named = [each for each in self._variants() if each.sku == wish["sku"]]
            is_tracked = wish["sku"] not in self.untracked
            if not named or not is_tracked or wish["location_id"] not in self.locations:
                title = f"[Item with sku {wish['sku']} is not tracked]"
                return reply_json(422, {"status": 422, "title": title, "type": "", "errors": {}})
            found.append((named[0], wish))
        for variant, wish in found:
            place = wish["location_id"]
            self.move(variant, place, wish["quantity"] - variant.on_hand[place])
        return reply_json(200, {"transaction_id": self.new_uuid()})

    @route("GET", f"{_ROOT}/v3/hooks")
    def _hooks(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return self.page(dict(asked.query), [_hook_body(hook) for hook in self.hooks.values()])

    @route("POST", f"{_ROOT}/v3/hooks")
    def _make_hook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        wish = asked.json()
        parts = wish.get("scope", "").split("/")
        secure = wish.get("destination", "").startswith("https://")
        if parts[0] != "store" or parts[1] not in _SCOPES or not secure:
            title = "JSON data is missing or invalid"
            return reply_json(422, {"status": 422, "title": title, "type": "", "errors": {}})
        subscription = self.subscribe(wish["scope"], wish["destination"])
        hook = Hook(subscription.id, wish["scope"], wish["destination"])
        self.hooks[hook.id] = hook
        return reply_json(200, {"data": _hook_body(hook), "meta": {}})

    @route("DELETE", f"{_ROOT}/v3/hooks/{{id}}")
    def _drop_hook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        hook = self.hooks.pop(int(places["id"]), None)
        if hook is None:
            return self.gone()
        self.desk.subscriptions.pop(hook.id, None)
        return reply_json(200, {"data": _hook_body(hook), "meta": {}})

    def _variants(self) -> list[Variant]:
        return [each for product in self.products.values() for each in product.variants]

    def _changed(self, query: Mapping[str, str]) -> list[Order]:
        since = query.get("min_date_modified")
        at = datetime.fromisoformat(since) if since else None
        return [
            each
            for each in self.orders.values()
            if not each.is_deleted and (at is None or each.modified_at.replace(microsecond=0) >= at)
        ]

    def page(self, query: Mapping[str, str], rows: list[dict[str, Any]]) -> Reply:
        """Return one page of a newer list."""
        size, page = int(query.get("limit", "50")), int(query.get("page", "1"))
        pages = max(1, -(-len(rows) // size))
        part = rows[size * (page - 1) : size * page]
        pagination = {
            "total": len(rows),
            "count": len(part),
            "per_page": size,
            "current_page": page,
            "total_pages": pages,
        }
        headers = {"Date": self.now().strftime("%a, %d %b %Y %H:%M:%S GMT")}
        return reply_json(200, {"data": part, "meta": {"pagination": pagination}}, headers)


def _old_page(query: Mapping[str, str], rows: list[dict[str, Any]]) -> Reply:
    size, page = int(query.get("limit", "50")), int(query.get("page", "1"))
    part = rows[size * (page - 1) : size * page]
    return reply_json(200, part) if part else _NOTHING


def _chosen(query: Mapping[str, str], name: str) -> set[int]:
    return {int(each) for each in query.get(name, "").split(",") if each}


def _hook_body(hook: Hook) -> dict[str, Any]:
    return {
        "id": hook.id,
        "client_id": "client",
        "store_hash": STORE_HASH,
        "scope": hook.scope,
        "destination": hook.destination,
        "headers": None,
        "is_active": hook.is_active,
        "created_at": 1_775_000_000,
        "updated_at": 1_775_000_000,
    }
