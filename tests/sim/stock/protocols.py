"""How vendors write and read a number, as far as a call of the hub's connectors can tell.

shopify      compares before it writes, or takes units off without comparing, and keeps keys: the
             same call again tells what it did
woocommerce  the connector reads, and writes what stands there as believed
bigcommerce  the same, all or nothing
amazon       takes a number in, and applies it later, or never
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.sim.stock.shop import Item, Shop
from trueup.contract.connector import Reply, Request
from trueup.outbox.model import Call

Written = Callable[[Item, int], None]
"""Told of every number that is written, before it is."""


class Desk:
    """Carries calls out at a shop.

    Args:
        shop: whose numbers they are.
        written: looks at each number before it is written.
        lowered: looks at how much is taken off, before it is.
        read: looks at each item that was read.
    """

    def __init__(
        self, shop: Shop, written: Written, lowered: Written, read: Callable[[Item], None]
    ) -> None:
        self.shop = shop
        self._written, self._lowered, self._read = written, lowered, read
        self._keys: dict[str, Any] = {}
        self._taken_in: list[tuple[datetime, Item, int]] = []
        self.ignores = 0.0
        self.current: Call | None = None

    def carry_out(self, request: Request) -> Reply:
        """Do what a call asks for, now."""
        return _json(200, getattr(self, f"_{self.shop.kind}")(request))

    def settle(self) -> None:
        """Apply what was taken in, where its time has come."""
        for due in [d for d in self._taken_in if d[0] <= self.shop.now]:
            self._taken_in.remove(due)
            self._set(due[1], due[2])

    @property
    def waits(self) -> bool:
        """Whether something was taken in and not applied yet."""
        return bool(self._taken_in)

    def _set(self, item: Item, units: int) -> None:
        item.stands = units
        if item.tainted:
            # What others wrote over was compared as if it were ours: what it hid nobody can see.
            item.before = (item.before or frozenset()) | set(item.effects)
        item.tainted = False

    def _item(self, number: int) -> Item | None:
        return next((i for i in self.shop.items.values() if i.number == number), None)

    # -- vendors -------------------------------------------------------------------------------

    def _shopify(self, request: Request) -> Any:
        variables = msgspec.json.decode(request.body)["variables"]
        if "ids" in variables:
            return {"data": {"nodes": [self._node(gid) for gid in variables["ids"]]}}
        key, given = variables["key"], variables["input"]
        lowers = "changes" in given
        if key not in self._keys:
            self._keys[key] = (
                self._shopify_lower(given["changes"])
                if lowers
                else self._shopify_set(given["quantities"])
            )
        field = "inventoryAdjustQuantities" if lowers else "inventorySetQuantities"
        return {"data": {field: self._keys[key]}}

    def _shopify_lower(self, rows: list[dict[str, Any]]) -> Any:
        for row in rows:
            item = self._item(_number(row["inventoryItemId"]))
            assert item is not None
            self._lowered(item, row["delta"])
            item.stands += row["delta"]
        return {"inventoryAdjustmentGroup": {"id": "gid://g/1", "changes": []}, "userErrors": []}

    def _shopify_set(self, rows: list[dict[str, Any]]) -> Any:
        found = [(self._item(_number(row["inventoryItemId"])), row) for row in rows]
        errors = [
            {
                "field": ["input", "quantities", str(n), "changeFromQuantity"],
                "code": "CHANGE_FROM_QUANTITY_STALE",
                "message": "stale",
            }
            for n, (item, row) in enumerate(found)
            if item is None or row["changeFromQuantity"] not in {None, item.stands}
        ]
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        for item, row in found:
            if item is not None:
                self._read(item)
                self._written(item, row["quantity"])
                self._set(item, row["quantity"])
        return {"inventoryAdjustmentGroup": {"id": "gid://g/1", "changes": []}, "userErrors": []}

    def _node(self, gid: str) -> Any:
        item = self._item(_number(gid))
        if item is None:
            return None
        self._read(item)
        quantities = [{"name": "available", "quantity": item.stands}]
        level = {"location": {"id": "gid://shopify/Location/1"}, "quantities": quantities}
        return {"id": gid, "inventoryLevels": {"nodes": [level]}}

    def _woocommerce(self, request: Request) -> Any:
        if request.method == "GET":
            skus = parse_qs(urlsplit(request.path).query)["sku"][0].split(",")
            return [self._woo_item(self.shop.items[sku]) for sku in skus if sku in self.shop.items]
        changed = []
        for row in msgspec.json.decode(request.body)["update"]:
            item = self._item(row["id"])
            assert item is not None
            self._written(item, row["stock_quantity"])
            self._set(item, row["stock_quantity"])
            changed.append(self._woo_item(item, reads=False))
        return {"update": changed}

    def _woo_item(self, item: Item, *, reads: bool = True) -> Any:
        if reads:
            self._read(item)
        return {
            "id": item.number,
            "sku": item.sku,
            "manage_stock": True,
            "stock_quantity": item.stands,
        }

    def _bigcommerce(self, request: Request) -> Any:
        if request.method == "GET":
            wanted = parse_qs(urlsplit(request.path).query)["variant_id:in"][0].split(",")
            return {"data": [self._big_item(int(each)) for each in wanted]}
        for row in msgspec.json.decode(request.body)["items"]:
            item = self.shop.items[row["sku"]]
            self._written(item, row["quantity"])
            self._set(item, row["quantity"])
        return {"transaction_id": "1"}

    def _big_item(self, number: int) -> Any:
        item = self._item(number)
        assert item is not None
        self._read(item)
        place = {
            "location_id": 1,
            "available_to_sell": item.stands,
            "total_inventory_onhand": item.stands,
        }
        return {"identity": {"variant_id": number}, "locations": [place]}

    def _amazon(self, request: Request) -> Any:
        query = parse_qs(urlsplit(request.path).query)
        if request.method == "GET":
            skus = query["identifiers"][0].split(",")
            return {"items": [self._offer(sku) for sku in skus if sku in self.shop.items]}
        sku = urlsplit(request.path).path.rpartition("/")[2]
        [patch] = msgspec.json.decode(request.body)["patches"]
        item, units = self.shop.items[sku], patch["value"][0]["quantity"]
        self._written(item, units)
        if self.shop.rng.random() < self.ignores:
            self.shop._count("number taken in, not applied")
        else:
            # In the order in which they were taken in.
            at = self.shop.now + timedelta(seconds=self.shop.rng.uniform(0, 40))
            latest = max((d[0] for d in self._taken_in), default=at)
            self._taken_in.append((max(at, latest), item, units))
            self.settle()
        return {"status": "ACCEPTED", "submissionId": "s"}

    def _offer(self, sku: str) -> Any:
        item = self.shop.items[sku]
        self._read(item)
        offer = {"fulfillmentChannelCode": "DEFAULT", "quantity": item.stands}
        return {"sku": sku, "fulfillmentAvailability": [offer]}


def _number(gid: str) -> int:
    return int(gid.rpartition("/")[2])


def _json(status: int, value: Any) -> Reply:
    headers = {"content-type": "application/json"}
    return Reply(status=status, headers=headers, body=msgspec.json.encode(value))
