"""What a body means: which shape its topic has, and which noun maps it. Pure and total."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.order import Order, OrderTotals
from trueup.canon.price import Price
from trueup.connectors.shopify import fault
from trueup.connectors.shopify.customer import (
    CustomerShape,
    deleted_customer,
    fetch_customer,
    map_customer,
)
from trueup.connectors.shopify.fulfillment import shipment_of
from trueup.connectors.shopify.inventory import (
    ItemShape,
    LevelShape,
    LocationShape,
    deleted_item,
    deleted_location,
    disconnected_level,
    map_item,
    map_level,
    map_location,
)
from trueup.connectors.shopify.order import map_order
from trueup.connectors.shopify.payout import (
    DisputeShape,
    EntryShape,
    PayoutShape,
    map_dispute,
    map_entry,
    map_payout,
)
from trueup.connectors.shopify.privacy import PrivacyShape, map_privacy
from trueup.connectors.shopify.product import ProductShape, deleted_product, map_product
from trueup.connectors.shopify.pulled import map_node
from trueup.connectors.shopify.refs import ref_of, stamp_of
from trueup.connectors.shopify.refund import refund_of
from trueup.connectors.shopify.returned import fetch_return
from trueup.connectors.shopify.shape import (
    FulfillmentShape,
    Id,
    OrderShape,
    RefundShape,
    Shape,
    TransactionShape,
)
from trueup.connectors.shopify.transaction import is_foreign, payment_of
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.amount import NO_CURRENCY
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.kernel.money import Money

Handler = Callable[[Source], Mapped]


def map_source(source: Source) -> Mapped:
    """Return the canonical records and the issues of one body; never raises on bad input."""
    topic = source.topic
    handler = _HANDLERS.get(topic)
    if handler is None and not topic.startswith(("pull/", "fetch/")):
        return _unread(topic)
    if (issue := fault.null_character(source.body)) is not None:
        return Mapped(issues=(issue,))
    try:
        return handler(source) if handler else map_node(source)
    except msgspec.ValidationError as wrong:
        return Mapped(issues=(fault.misshapen(wrong),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        return Mapped(issues=(fault.malformed(wrong),))
    except Unsound as wrong:
        return Mapped(issues=(fault.unsound(wrong, source.body),))


class _GoneShape(Shape, frozen=True, kw_only=True):
    """A deletion: Shopify tells only the id."""

    id: Id


class _EditShape(Shape, frozen=True, kw_only=True):
    order_id: Id


class _EditedShape(Shape, frozen=True, kw_only=True):
    order_edit: _EditShape


class _ScanShape(Shape, frozen=True, kw_only=True):
    fulfillment_id: Id


class _VariantShape(Shape, frozen=True, kw_only=True):
    product_id: Id


class _ConsentShape(Shape, frozen=True, kw_only=True):
    customer_id: Id


class _MergeShape(Shape, frozen=True, kw_only=True):
    admin_graphql_api_customer_kept_id: Id


_ORDER = msgspec.json.Decoder(OrderShape)
_PRODUCT = msgspec.json.Decoder(ProductShape)
_CUSTOMER = msgspec.json.Decoder(CustomerShape)
_ITEM = msgspec.json.Decoder(ItemShape)
_LEVEL = msgspec.json.Decoder(LevelShape)
_LOCATION = msgspec.json.Decoder(LocationShape)
_FULFILLMENT = msgspec.json.Decoder(FulfillmentShape)
_REFUND = msgspec.json.Decoder(RefundShape)
_TRANSACTION = msgspec.json.Decoder(TransactionShape)
_PRIVACY = msgspec.json.Decoder(PrivacyShape)
_GONE = msgspec.json.Decoder(_GoneShape)
_PAYOUT = msgspec.json.Decoder(PayoutShape)
_ENTRY = msgspec.json.Decoder(EntryShape)
_DISPUTE = msgspec.json.Decoder(DisputeShape)


def _order(source: Source) -> Mapped:
    return map_order(_ORDER.decode(source.body), source)


def _order_gone(source: Source) -> Mapped:
    nothing = Price(Money(Decimal(0), NO_CURRENCY))
    at = stamp_of(source)
    order = Order(
        ref=str(ref_of(_GONE.decode(source.body).id)),
        updated_at=at,
        number="",
        placed_at=at,
        currency=NO_CURRENCY,
        lines=(),
        totals=OrderTotals(total=nothing),
        deleted=True,
    )
    return Mapped(records=(order,))


def _order_edited(source: Source) -> Mapped:
    edited = msgspec.json.decode(source.body, type=_EditedShape)
    return _fetch("orders", edited.order_edit.order_id)


def _shipment(source: Source) -> Mapped:
    issues: list[Issue] = []
    record = shipment_of(_FULFILLMENT.decode(source.body), source, None, issues)
    return Mapped(records=(record,), issues=tuple(issues))


def _scan(source: Source) -> Mapped:
    scan = msgspec.json.decode(source.body, type=_ScanShape)
    return _fetch("fulfillments", scan.fulfillment_id)


def _refund(source: Source) -> Mapped:
    issues: list[Issue] = []
    shape = _REFUND.decode(source.body)
    transactions = shape.transactions or ()
    if any(is_foreign(t) for t in transactions) and shape.order_id is not None:
        # What went back is told in the customer's currency only: the order tells both.
        return _fetch("orders", shape.order_id)
    refund = refund_of(shape, source, None, issues)
    payments = [payment_of(t, source, refund.order_ref, issues) for t in transactions]
    return Mapped(records=(refund, *payments), issues=tuple(issues))


def _payment(source: Source) -> Mapped:
    issues: list[Issue] = []
    shape = _TRANSACTION.decode(source.body)
    if is_foreign(shape) and shape.order_id is not None:
        return _fetch("orders", shape.order_id)
    record = payment_of(shape, source, None, issues)
    return Mapped(records=(record,), issues=tuple(issues))


def _return(source: Source) -> Mapped:
    return fetch_return(str(ref_of(_GONE.decode(source.body).id)))


def _variant(source: Source) -> Mapped:
    return _fetch("products", msgspec.json.decode(source.body, type=_VariantShape).product_id)


def _consent(source: Source) -> Mapped:
    body = msgspec.json.decode(source.body, type=_ConsentShape)
    return fetch_customer(str(ref_of(body.customer_id)))


def _merge(source: Source) -> Mapped:
    body = msgspec.json.decode(source.body, type=_MergeShape)
    return fetch_customer(str(ref_of(body.admin_graphql_api_customer_kept_id)))


def _uninstalled(source: Source) -> Mapped:
    msgspec.json.decode(source.body, type=dict[str, msgspec.Raw])
    issue = Issue(
        code="connection.uninstalled",
        severity=Severity.WARNING,
        expected="an app that is installed",
        found="the app was removed from the shop",
        how_to_fix="Connect the shop again, or remove the connection. Shopify asks for the erasure "
        "of the shop's people 48 hours after the removal.",
    )
    return Mapped(issues=(issue,))


def _fetch(resource: str, value: Id) -> Mapped:
    return Mapped(fetch=(Fetch(resource=resource, ref=str(ref_of(value))),))


def _gone(build: Callable[[str, Source], Mapped]) -> Handler:
    return lambda source: build(str(ref_of(_GONE.decode(source.body).id)), source)


_IGNORED = {
    "carts": "a cart is not an order until it is paid for",
    "checkouts": "a checkout is not an order until it is paid for",
    "draft_orders": "a draft is not an order until it is completed; then it comes as an order",
    "collections": "a collection sorts products; nothing in the hub depends on it",
    "themes": "a theme is not commerce",
    "tender_transactions": "the order's own transactions tell the same money with more detail",
    "subscription_contracts": "a contract is not an order; each renewal comes as an order",
    "shop": "the shop's settings are read by the check of the connection",
    "bulk_operations": "the backfill asks for the state of its export itself",
    "customer_saved_search": "a saved search is not commerce",
    "graphql": "a reply of the API in which no record is told whole: only parts were asked for",
    "locales": "a language of the storefront is not commerce",
}


def _unread(topic: str) -> Mapped:
    noun = topic.partition("/")[0]
    reason = _IGNORED.get(noun, f"nothing in the hub reads the topic {topic[:60]!r}")
    return Mapped(ignored=reason)


def _customer(source: Source) -> Mapped:
    return map_customer(_CUSTOMER.decode(source.body), source)


def _privacy(source: Source) -> Mapped:
    return map_privacy(_PRIVACY.decode(source.body), source)


def _payout(source: Source) -> Mapped:
    return map_payout(_PAYOUT.decode(source.body), source)


def _entry(source: Source) -> Mapped:
    return map_entry(_ENTRY.decode(source.body), source)


def _dispute(source: Source) -> Mapped:
    return map_dispute(_DISPUTE.decode(source.body), source)


def _level(source: Source) -> Mapped:
    return map_level(_LEVEL.decode(source.body), source)


def _location(source: Source) -> Mapped:
    return map_location(_LOCATION.decode(source.body), source)


def _product(source: Source) -> Mapped:
    return map_product(_PRODUCT.decode(source.body), source)


def _item(source: Source) -> Mapped:
    return map_item(_ITEM.decode(source.body), source)


_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(
        (
            *("orders/create", "orders/updated", "orders/cancelled", "orders/paid"),
            *("orders/fulfilled", "orders/partially_fulfilled"),
        ),
        _order,
    ),
    "orders/delete": _order_gone,
    "orders/edited": _order_edited,
    "refunds/create": _refund,
    "fulfillments/create": _shipment,
    "fulfillments/update": _shipment,
    "fulfillment_events/create": _scan,
    "fulfillment_events/delete": _scan,
    "order_transactions/create": _payment,
    **dict.fromkeys(
        (
            *("returns/request", "returns/approve", "returns/decline", "returns/cancel"),
            *("returns/close", "returns/reopen", "returns/update", "returns/process"),
        ),
        _return,
    ),
    "products/create": _product,
    "products/update": _product,
    "products/delete": _gone(deleted_product),
    "variants/in_stock": _variant,
    "variants/out_of_stock": _variant,
    **dict.fromkeys(
        ("customers/create", "customers/update", "customers/enable", "customers/disable"),
        _customer,
    ),
    "customers/delete": _gone(deleted_customer),
    "customers/merge": _merge,
    "customers_marketing_consent/update": _consent,
    "customers_email_marketing_consent/update": _consent,
    "customers/redact": _privacy,
    "customers/data_request": _privacy,
    "shop/redact": _privacy,
    "inventory_levels/connect": _level,
    "inventory_levels/update": _level,
    "inventory_levels/disconnect": lambda source: disconnected_level(
        _LEVEL.decode(source.body), source
    ),
    "inventory_items/create": _item,
    "inventory_items/update": _item,
    "inventory_items/delete": _gone(deleted_item),
    **dict.fromkeys(
        (
            *("locations/create", "locations/update", "locations/activate"),
            "locations/deactivate",
        ),
        _location,
    ),
    "locations/delete": _gone(deleted_location),
    "app/uninstalled": _uninstalled,
    "payouts/read": _payout,
    "payout_transactions/read": _entry,
    "disputes/create": _dispute,
    "disputes/update": _dispute,
    "file/order": _order,
    "file/product": _product,
}
