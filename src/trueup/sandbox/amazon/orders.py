"""Orders of the simulated Amazon: bought, paid, cancelled, sent out; searched with a lag."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from trueup.sandbox.amazon.base import instant_of, offset_of, problem, stamp, token_of
from trueup.sandbox.amazon.listings import Listings
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

_DATASETS = {
    "BUYER": "buyer",
    "RECIPIENT": "recipient",
    "PROCEEDS": "proceeds",
    "PACKAGES": "packages",
    "FULFILLMENT": "fulfillment",
}
_TAX_RATE = Decimal("0.19")


class Orders(Listings):
    """Orders in Amazon's own shape, by id."""

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.orders: dict[str, dict[str, Any]] = {}
        self.shown_at: dict[str, Any] = {}

    # -- what happens ------------------------------------------------------------------------------

    def buy(
        self, lines: Mapping[str, int], *, by_amazon: bool = False, pending: bool = False
    ) -> str:
        """Let somebody buy; returns the order's id. Pending orders tell no prices yet."""
        for sku, units in lines.items():
            self.take_units(sku, units, by_amazon=by_amazon)
        number = len(self.orders) + 1
        order_id = f"302-{number:07d}-{self.random.randrange(10**7):07d}"
        items = [
            self._item(f"{number:06d}{n:04d}1", sku, units)
            for n, (sku, units) in enumerate(lines.items(), 1)
        ]
        self.orders[order_id] = {
            "orderId": order_id,
            "orderAliases": [{"aliasId": f"S-{number}", "aliasType": "SELLER_ORDER_ID"}],
            "createdTime": stamp(self.now()),
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": self.marketplace},
            "buyer": {
                "buyerName": f"Buyer {number}",
                "buyerEmail": f"b{number}@marketplace.amazon.de",
            },
            "recipient": {
                "deliveryAddress": {
                    "name": f"Buyer {number}",
                    "addressLine1": f"Lindenweg {number}",
                    "city": "Leipzig",
                    "postalCode": "04177",
                    "countryCode": "DE",
                    "phone": f"+49 341 555{number:04d}",
                }
            },
            "fulfillment": {
                "fulfillmentStatus": "PENDING" if pending else "UNSHIPPED",
                "fulfilledBy": "AMAZON" if by_amazon else "MERCHANT",
                "fulfillmentServiceLevel": "STANDARD",
            },
            "orderItems": items,
        }
        if not pending:
            self._price(order_id)
        self._changed(order_id)
        return order_id

    def pay(self, order_id: str) -> None:
        """Let the payment of a pending order be authorised."""
        self._price(order_id)
        self.orders[order_id]["fulfillment"]["fulfillmentStatus"] = "UNSHIPPED"
        self._changed(order_id)

    def cancel(self, order_id: str) -> None:
        """Let the buyer cancel the whole order; units go back on sale."""
        order = self.orders[order_id]
        order["fulfillment"]["fulfillmentStatus"] = "CANCELLED"
        order["proceeds"] = {"grandTotal": self.money("0.00")}
        for item in order["orderItems"]:
            by_amazon = order["fulfillment"]["fulfilledBy"] == "AMAZON"
            sku, units = item["product"]["sellerSku"], item["quantityOrdered"]
            self.take_units(sku, -units, by_amazon=by_amazon)
            item["fulfillment"] = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
            item["cancellation"] = {
                "cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "No need"}
            }
            item.pop("proceeds", None)
        self._changed(order_id)

    def send_out(self, order_id: str) -> None:
        """Let Amazon send out an FBA order."""
        order = self.orders[order_id]
        for item in order["orderItems"]:
            item["fulfillment"] = {
                "quantityFulfilled": item["quantityOrdered"],
                "quantityUnfulfilled": 0,
            }
        order["fulfillment"]["fulfillmentStatus"] = "SHIPPED"
        self._changed(order_id)

    def _item(self, ref: str, sku: str, units: int) -> dict[str, Any]:
        listing = self.listings[sku]
        return {
            "orderItemId": ref,
            "quantityOrdered": units,
            "product": {"asin": listing.asin, "title": listing.title, "sellerSku": sku},
            "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": units},
        }

    def _price(self, order_id: str) -> None:
        """Write prices into an order: tax is in them, as it is in Europe."""
        order, grand = self.orders[order_id], Decimal(0)
        for item in order["orderItems"]:
            price = self.listings[item["product"]["sellerSku"]].price
            goods = price * item["quantityOrdered"]
            tax = (goods - goods / (1 + _TAX_RATE)).quantize(Decimal("0.01"))
            grand += goods
            item["product"]["price"] = {"unitPrice": self.money(price)}
            item["proceeds"] = {
                "proceedsTotal": self.money(goods),
                "breakdowns": [
                    {"type": "ITEM", "subtotal": self.money(goods)},
                    {
                        "type": "TAX",
                        "subtotal": self.money(tax),
                        "detailedBreakdowns": [{"subtype": "ITEM", "value": self.money(tax)}],
                    },
                ],
            }
        order["proceeds"] = {"grandTotal": self.money(grand)}

    def _changed(self, order_id: str) -> None:
        order = self.orders[order_id]
        order["lastUpdatedTime"] = stamp(self.now())
        self.shown_at[order_id] = self.now() + timedelta(seconds=self.lag_s)
        told = {
            "NotificationLevel": "OrderLevel",
            "SellerId": self.seller_id,
            "AmazonOrderId": order_id,
            "OrderChangeType": "OrderStatusChange",
            "Summary": {
                "MarketplaceId": self.marketplace,
                "OrderStatus": order["fulfillment"]["fulfillmentStatus"],
            },
        }
        self.notify("ORDER_CHANGE", {"OrderChangeNotification": told})

    # -- the API -----------------------------------------------------------------------------------

    @route("GET", "/orders/2026-01-01/orders", scope="searchOrders")
    def search_orders(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Search orders by when they changed or were made."""
        del places
        query = dict(asked.query)
        since = [name for name in ("createdAfter", "lastUpdatedAfter") if name in query]
        if len(since) != 1:
            return problem(400, "InvalidInput", "Provide createdAfter or lastUpdatedAfter.")
        field = "createdTime" if since[0] == "createdAfter" else "lastUpdatedTime"
        wanted = query.get("marketplaceIds", self.marketplace).split(",")
        found = sorted(
            (
                order
                for ref, order in self.orders.items()
                if self.shown_at[ref] <= self.now()
                and self.marketplace in wanted
                and instant_of(order[field]) >= instant_of(query[since[0]])
            ),
            key=lambda order: (order[field], order["orderId"]),
        )
        size = int(query.get("maxResultsPerPage", "100"))
        start = offset_of(query.get("paginationToken"))
        body: dict[str, Any] = {
            "orders": [self._shown(order, query) for order in found[start : start + size]]
        }
        if len(found) > start + size:
            body["pagination"] = {"nextToken": token_of(start + size)}
        return reply_json(200, body)

    @route("GET", "/orders/2026-01-01/orders/{order_id}", scope="getOrder")
    def get_order(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell one order, without a lag."""
        order = self.orders.get(places["order_id"])
        if order is None:
            return problem(404, "NotFound", "The order does not exist.")
        return reply_json(200, {"order": self._shown(order, dict(asked.query))})

    def _shown(self, order: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
        """Return an order with the data sets that were asked for."""
        wanted = set(query.get("includedData", "").split(","))
        hidden = {field for name, field in _DATASETS.items() if name not in wanted}
        shown = {name: value for name, value in order.items() if name not in hidden}
        if hidden & {"proceeds", "fulfillment"}:
            shown["orderItems"] = [
                {name: value for name, value in item.items() if name not in hidden}
                for item in order["orderItems"]
            ]
        return shown

    @route("POST", "/orders/v0/orders/{order_id}/shipmentConfirmation", scope="confirmShipment")
    def confirm_shipment(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take a package in; the same number again replaces it."""
        order = self.orders.get(places["order_id"])
        if order is None:
            return problem(404, "NotFound", "The order does not exist.")
        told = asked.json()["packageDetail"]
        units = {each["orderItemId"]: each["quantity"] for each in told["orderItems"]}
        packages = [
            each
            for each in order.get("packages", [])
            if each["packageReferenceId"] != told["packageReferenceId"]
        ]
        wrong = self._too_many(order, packages, units)
        if wrong is not None or order["fulfillment"]["fulfilledBy"] == "AMAZON":
            return problem(400, "InvalidInput", wrong or "Amazon sends this order out.")
        packages.append(
            {
                "packageReferenceId": told["packageReferenceId"],
                "createdTime": stamp(self.now()),
                "packageStatus": {"status": "SHIPPED"},
                "carrier": told.get("carrierName") or told["carrierCode"],
                "shipTime": told["shipDate"],
                "trackingNumber": told["trackingNumber"],
                "packageItems": [
                    {"orderItemId": ref, "quantity": count} for ref, count in units.items()
                ],
            }
        )
        order["packages"] = packages
        self._count_fulfilled(order)
        self._changed(order["orderId"])
        return Reply(status=204)

    def _too_many(
        self, order: dict[str, Any], packages: list[dict[str, Any]], units: Mapping[str, int]
    ) -> str | None:
        packed = _packed(packages)
        ordered = {item["orderItemId"]: item["quantityOrdered"] for item in order["orderItems"]}
        for ref, count in units.items():
            if ref not in ordered or packed.get(ref, 0) + count > ordered[ref]:
                return f"The quantity of item {ref} is not valid."
        return None

    def _count_fulfilled(self, order: dict[str, Any]) -> None:
        packed = _packed(order["packages"])
        left = 0
        for item in order["orderItems"]:
            gone = packed.get(item["orderItemId"], 0)
            rest = item["quantityOrdered"] - gone
            item["fulfillment"] = {"quantityFulfilled": gone, "quantityUnfulfilled": rest}
            left += rest
        order["fulfillment"]["fulfillmentStatus"] = "PARTIALLY_SHIPPED" if left else "SHIPPED"


def _packed(packages: list[dict[str, Any]]) -> dict[str, int]:
    packed: dict[str, int] = {}
    for package in packages:
        for each in package["packageItems"]:
            packed[each["orderItemId"]] = packed.get(each["orderItemId"], 0) + each["quantity"]
    return packed
