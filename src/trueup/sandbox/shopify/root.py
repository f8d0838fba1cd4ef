"""The entry points of the API: every query and every mutation."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from trueup.sandbox.shopify import (
    bulk,
    discounts,
    holds,
    inventory_writes,
    metafields,
    order_writes,
    product_writes,
    return_writes,
    reverse_deliveries,
    store_credit,
    subscriptions,
    totals,
)
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.stock import QUANTITY_NAMES
from trueup.sandbox.shopify.view import Ask, Pick, listed, number_of, searched
from trueup.sandbox.shopify.views_after import FulfillmentView, RefundView, ReturnView
from trueup.sandbox.shopify.views_catalogue import (
    InventoryItemView,
    LevelView,
    LocationView,
    ProductView,
    ShopView,
    VariantView,
    count,
)
from trueup.sandbox.shopify.views_customers import CustomerView
from trueup.sandbox.shopify.views_orders import OrderView
from trueup.sandbox.shopify.views_payouts import AccountView, BalanceLineView, PayoutView, allow

__all__ = ["MutationRoot", "QueryRoot"]

_COUNT_LIMIT = 10_000
_DAYS_WITHOUT_ALL_ORDERS = 60
Reader = Callable[[Any], object]


def _order_status(order: Order) -> str:
    if order.cancelled_at is not None:
        return "cancelled"
    return "closed" if order.closed_at else "open"


_STAMPS: dict[str, Reader] = {
    "updated_at": lambda it: it.updated_at,
    "created_at": lambda it: it.created_at,
    "id": lambda it: it.id,
}
_ORDER_FIELDS: dict[str, Reader] = _STAMPS | {
    "processed_at": lambda it: it.created_at,
    "cancelled_at": lambda it: it.cancelled_at,
    "name": lambda it: it.name,
    "status": _order_status,
    "financial_status": lambda it: it.financial_status,
    "fulfillment_status": lambda it: totals.fulfillment_status(it) or "unfulfilled",
    "return_status": lambda it: "returned" if it.returns else "no_return",
    "tag": lambda it: it.tags,
    "test": lambda it: str(it.test),
    "source_name": lambda it: it.source_name,
    "email": lambda it: it.customer.email if it.customer else None,
    "customer_id": lambda it: it.customer.id if it.customer else 0,
    "sku": lambda it: tuple(line.sku for line in it.lines if line.sku),
}
_PRODUCT_FIELDS: dict[str, Reader] = _STAMPS | {
    "status": lambda it: it.status,
    "title": lambda it: it.title,
    "handle": lambda it: it.handle,
    "vendor": lambda it: it.vendor,
    "product_type": lambda it: it.product_type,
    "tag": lambda it: it.tags,
    "sku": lambda it: tuple(each.sku for each in it.variants if each.sku),
}
_VARIANT_FIELDS: dict[str, Reader] = _STAMPS | {
    "sku": lambda it: it.sku,
    "barcode": lambda it: it.barcode,
    "product_id": lambda it: it.product.id,
    "inventory_item_id": lambda it: it.item.id,
}
_ITEM_FIELDS: dict[str, Reader] = _STAMPS | {
    "sku": lambda it: it.sku,
    "tracked": lambda it: str(it.tracked),
}
_CUSTOMER_FIELDS: dict[str, Reader] = _STAMPS | {
    "customer_date": lambda it: it.created_at,
    "email": lambda it: it.email,
    "phone": lambda it: it.phone,
    "tag": lambda it: it.tags,
}
_PLACE_FIELDS: dict[str, Reader] = _STAMPS | {
    "name": lambda it: it.name,
    "active": lambda it: str(it.active),
}
_SORTS: dict[str, Reader] = {
    "UPDATED_AT": lambda it: it.updated_at,
    "CREATED_AT": lambda it: it.created_at,
    "PROCESSED_AT": lambda it: it.created_at,
    "ORDER_NUMBER": lambda it: it.number,
    "NAME": lambda it: it.name,
    "TITLE": lambda it: it.title,
    "SKU": lambda it: it.sku or "",
}


class QueryRoot:
    """Everything that can be read."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    @property
    def shop(self) -> ShopView:
        """The shop asked."""
        return ShopView(self.ask, self.ask.shop)

    def location(self, id: str | None = None) -> LocationView | None:  # noqa: A002 - the vendor's name
        """Return a place by id; the first without one."""
        places = self.ask.shop.locations
        number = next(iter(places)) if id is None else number_of(id, "Location")
        found = places.get(number or 0)
        return None if found is None else LocationView(self.ask, found)

    def locations(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return places."""
        rows = list(self.ask.shop.locations.values())
        if not args.get("include_inactive"):
            rows = [each for each in rows if each.active]
        return self._page(rows, _PLACE_FIELDS, lambda it: LocationView(self.ask, it), args)

    def locations_count(self, **_: object) -> Pick:
        """Count places."""
        return count(len(self.ask.shop.locations))

    def products(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return products."""
        rows = list(self.ask.shop.products.values())
        return self._page(rows, _PRODUCT_FIELDS, lambda it: ProductView(self.ask, it), args)

    def product(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a product by id."""
        return self._one(id, "Product")

    def products_count(self, **args: Any) -> Pick:  # noqa: ANN401 - search arguments
        """Count products."""
        return self._count(list(self.ask.shop.products.values()), _PRODUCT_FIELDS, args)

    def product_variants(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return variants."""
        rows = list(self.ask.shop.variants.values())
        return self._page(rows, _VARIANT_FIELDS, lambda it: VariantView(self.ask, it), args)

    def product_variant(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a variant by id."""
        return self._one(id, "ProductVariant")

    def product_variants_count(self, **args: Any) -> Pick:  # noqa: ANN401 - search arguments
        """Count variants."""
        return self._count(list(self.ask.shop.variants.values()), _VARIANT_FIELDS, args)

    def inventory_items(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return inventory items."""
        rows = list(self.ask.shop.items.values())
        return self._page(rows, _ITEM_FIELDS, lambda it: InventoryItemView(self.ask, it), args)

    def inventory_item(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return an inventory item by id."""
        return self._one(id, "InventoryItem")

    def inventory_level(self, id: str) -> LevelView | None:  # noqa: A002 - the vendor's name
        """Return a level by its id, which names the place and the item."""
        place = number_of(id, "InventoryLevel") or 0
        item = id.rpartition("inventory_item_id=")[2]
        found = self.ask.shop.levels.get((int(item) if item.isdigit() else 0, place))
        return None if found is None else LevelView(self.ask, found)

    @property
    def inventory_properties(self) -> Pick:
        """The quantity names there are."""
        return Pick("InventoryProperties", quantity_names=[
            Pick("InventoryQuantityName", name=name, is_in_use=True, comprises=[], belongs_to=[],
                 display_name=name.replace("_", " ").capitalize())
            for name in QUANTITY_NAMES
        ])  # fmt: skip

    def orders(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return orders; without `read_all_orders` only those of the last 60 days."""
        return self._page(self._orders(), _ORDER_FIELDS, lambda it: OrderView(self.ask, it), args)

    def order(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return an order by id."""
        return self._one(id, "Order")

    def orders_count(self, **args: Any) -> Pick:  # noqa: ANN401 - search arguments
        """Count orders."""
        return self._count(self._orders(), _ORDER_FIELDS, args)

    def customers(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return customers."""
        rows = list(self.ask.shop.customers.values())
        return self._page(rows, _CUSTOMER_FIELDS, lambda it: CustomerView(self.ask, it), args)

    def customer(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a customer by id."""
        return self._one(id, "Customer")

    def customers_count(self, **args: Any) -> Pick:  # noqa: ANN401 - search arguments
        """Count customers."""
        return self._count(list(self.ask.shop.customers.values()), _CUSTOMER_FIELDS, args)

    @property
    def shopify_payments_account(self) -> AccountView | None:
        """Shopify Payments; None where the shop has it not."""
        allow(self.ask)
        account = self.ask.shop.payments
        return None if account is None else AccountView(self.ask, account)

    def return_(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a return by id."""
        return self._one(id, "Return")

    def returnable_fulfillments(self, order_id: str, **args: Any) -> object:  # noqa: ANN401 - as above
        """Return what of an order's parcels may still come back."""
        return return_writes.returnable(self.ask, order_id, args)

    def refund(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a refund by id."""
        return self._one(id, "Refund")

    def fulfillment(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a parcel by id."""
        return self._one(id, "Fulfillment")

    def webhook_subscriptions(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return subscriptions."""
        return subscriptions.listing(self.ask, args)

    def webhook_subscription(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return a subscription by id."""
        return self._one(id, "WebhookSubscription")

    def webhook_subscriptions_count(self, **_: object) -> Pick:
        """Count subscriptions."""
        return count(len(self.ask.shop.desk.subscriptions))

    def bulk_operation(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return an export by id."""
        return bulk.find(self.ask, id)

    def bulk_operations(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return exports."""
        return bulk.listing(self.ask, args)

    def current_bulk_operation(self, **_: object) -> object:
        """Return the export started last."""
        return bulk.newest(self.ask)

    def code_discount_node_by_code(self, code: str) -> Pick | None:
        """Return the discount of a code."""
        return discounts.find(self.ask, code)

    def job(self, id: str) -> Pick | None:  # noqa: A002 - the vendor's name
        """Return work that was taken in."""
        return order_writes.find_job(self.ask, number_of(id, "Job") or 0)

    def node(self, id: str) -> object:  # noqa: A002 - the vendor's name
        """Return anything by id."""
        kind = id.removeprefix("gid://shopify/").partition("/")[0]
        if kind == "InventoryLevel":
            return self.inventory_level(id)
        return self._one(id, kind)

    def nodes(self, ids: list[str]) -> list[object]:
        """Return many things by id."""
        return [self.node(each) for each in ids]

    @property
    def current_app_installation(self) -> Pick:
        """What this app may do here."""
        scopes = [
            Pick("AccessScope", handle=each, description=each.replace("_", " "))
            for each in self.ask.shop.settings.scopes
        ]
        app = Pick("App", id=gid("App", 1), handle="sandbox", title="Sandbox app")
        return Pick("AppInstallation", id=gid("AppInstallation", self.ask.shop.id),
                    access_scopes=scopes, launch_url=self.ask.base_url, app=app)  # fmt: skip

    def _orders(self) -> list[Order]:
        shop = self.ask.shop
        rows = list(shop.orders.values())
        if "read_all_orders" in shop.settings.scopes:
            return rows
        oldest_at = shop.now() - timedelta(days=_DAYS_WITHOUT_ALL_ORDERS)
        return [each for each in rows if each.created_at >= oldest_at]

    def _page(
        self, rows: list[Any], fields: dict[str, Reader], wrap: Reader, args: dict[str, Any]
    ) -> object:
        sort = args.get("sort_key") or "ID"
        read: Reader = _SORTS.get(sort, _STAMPS["id"])
        return listed(
            self.ask, searched(rows, args.get("query"), fields), wrap, args,
            key=lambda it: (read(it), it.id),
        )  # fmt: skip

    def _count(self, rows: list[Any], fields: dict[str, Reader], args: dict[str, Any]) -> Pick:
        limit = args.get("limit", _COUNT_LIMIT)
        return count(len(searched(rows, args.get("query"), fields)), limit)

    def _one(self, id_: str, kind: str) -> object:
        number = number_of(id_, kind)
        finder = _FINDERS.get(kind)
        if number is None or finder is None:
            raise GraphQLError(f"Invalid id: {id_}", extensions={"code": "RESOURCE_NOT_FOUND"})
        return finder(self.ask, number)


def _in_orders(ask: Ask, number: int, part: str, view: Callable[..., object]) -> object:
    for order in ask.shop.orders.values():
        for each in getattr(order, part):
            if each.id == number:
                return view(ask, order, each)
    return None


def _held(where: str, view: Callable[[Ask, Any], object]) -> Callable[[Ask, int], object]:
    def find(ask: Ask, number: int) -> object:
        found = getattr(ask.shop, where).get(number)
        return None if found is None else view(ask, found)

    return find


def _paid(where: str, view: Callable[[Ask, Any], object]) -> Callable[[Ask, int], object]:
    def find(ask: Ask, number: int) -> object:
        allow(ask)
        held = {} if ask.shop.payments is None else getattr(ask.shop.payments, where)
        return view(ask, held[number]) if number in held else None

    return find


_FINDERS: dict[str, Callable[[Ask, int], object]] = {
    "Location": _held("locations", LocationView),
    "Product": _held("products", ProductView),
    "ProductVariant": _held("variants", VariantView),
    "InventoryItem": _held("items", InventoryItemView),
    "Order": _held("orders", OrderView),
    "Customer": _held("customers", CustomerView),
    "BulkOperation": _held("bulk", bulk.BulkView),
    "ShopifyPaymentsPayout": _paid("payouts", PayoutView),
    "ShopifyPaymentsBalanceTransaction": _paid("lines", BalanceLineView),
    "Return": lambda ask, it: _in_orders(ask, it, "returns", ReturnView),
    "Refund": lambda ask, it: _in_orders(ask, it, "refunds", RefundView),
    "Fulfillment": lambda ask, it: _in_orders(ask, it, "fulfillments", FulfillmentView),
    "WebhookSubscription": lambda ask, it: (
        subscriptions.SubscriptionView(ask, ask.shop.desk.subscriptions[it])
        if it in ask.shop.desk.subscriptions
        else None
    ),
}


class MutationRoot:
    """Everything that can be changed through the API."""

    def __init__(self, ask: Ask, execute: bulk.Executor) -> None:
        self.ask = ask
        self._execute = execute

    def run(self, info: GraphQLResolveInfo[Any], args: dict[str, Any]) -> object:
        """Run the mutation that the field names."""
        verbs: dict[str, Callable[[], object]] = {
            "inventorySetQuantities": lambda: inventory_writes.set_quantities(
                self.ask, info, args["input"]
            ),
            "inventoryAdjustQuantities": lambda: inventory_writes.adjust_quantities(
                self.ask, info, args["input"]
            ),
            "webhookSubscriptionCreate": lambda: subscriptions.create(
                self.ask, args["topic"], args["webhookSubscription"]
            ),
            "webhookSubscriptionUpdate": lambda: subscriptions.update(
                self.ask, args["id"], args["webhookSubscription"]
            ),
            "webhookSubscriptionDelete": lambda: subscriptions.delete(self.ask, args["id"]),
            "bulkOperationRunQuery": lambda: bulk.run(
                self.ask, info.schema, self._execute, args["query"], bool(args["groupObjects"])
            ),
            "bulkOperationCancel": lambda: bulk.cancel(self.ask, args["id"]),
            "fulfillmentOrderHold": lambda: holds.hold(
                self.ask, args["id"], args["fulfillmentHold"]
            ),
            "fulfillmentOrderReleaseHold": lambda: holds.release(
                self.ask, args["id"], args.get("holdIds")
            ),
            "productUpdate": lambda: product_writes.update(self.ask, args["product"]),
            "tagsAdd": lambda: order_writes.add_tags(self.ask, args["id"], args["tags"]),
            "tagsRemove": lambda: order_writes.remove_tags(self.ask, args["id"], args["tags"]),
            "orderCancel": lambda: order_writes.cancel(self.ask, args),
            "returnCreate": lambda: return_writes.create(self.ask, args["returnInput"]),
            "returnApproveRequest": lambda: return_writes.approve(self.ask, args["input"]),
            "returnDeclineRequest": lambda: return_writes.decline(self.ask, args["input"]),
            "returnProcess": lambda: return_writes.process(self.ask, args["input"]),
            "reverseDeliveryCreateWithShipping": lambda: reverse_deliveries.create(self.ask, args),
            "storeCreditAccountCredit": lambda: store_credit.give(self.ask, args),
            "discountCodeBasicCreate": lambda: discounts.create(
                self.ask, args["basicCodeDiscount"]
            ),
            "metafieldsSet": lambda: metafields.set_fields(self.ask, args["metafields"]),
        }
        return verbs[info.field_name]()
