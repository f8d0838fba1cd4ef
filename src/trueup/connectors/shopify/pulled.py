"""What a node of the GraphQL API means, by the noun in its topic.

"pull/<noun>": out of a page, an export or a capture; one that is cut short is asked for again.
"fetch/<noun>": asked for by itself; if even that is cut short a person must know.
"""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.connectors.shopify.customer import map_customer
from trueup.connectors.shopify.fulfillment import shipment_of
from trueup.connectors.shopify.graphql import (
    fulfillment_shape,
    is_bare,
    is_cut,
    order_shape,
    refund_shape,
    transaction_shape,
)
from trueup.connectors.shopify.graphql_other import (
    customer_shape,
    is_return_cut,
    item_shape,
    level_shape,
    location_shape,
    product_shape,
    return_shape,
)
from trueup.connectors.shopify.inventory import map_item, map_level, map_location
from trueup.connectors.shopify.node import FulfillmentNode, OrderNode, RefundNode, TransactionNode
from trueup.connectors.shopify.node_other import (
    CustomerNode,
    ItemNode,
    LevelNode,
    LocationNode,
    ProductNode,
    ReturnNode,
)
from trueup.connectors.shopify.node_payment import (
    EntryNode,
    PayoutNode,
    entry_shape,
    payout_shape,
)
from trueup.connectors.shopify.order import map_order
from trueup.connectors.shopify.payout import map_entry, map_payout
from trueup.connectors.shopify.product import map_product
from trueup.connectors.shopify.refs import ref_of
from trueup.connectors.shopify.refund import refund_of
from trueup.connectors.shopify.returned import map_return
from trueup.connectors.shopify.shape import Id
from trueup.connectors.shopify.transaction import payment_of
from trueup.contract.connector import Fetch, Mapped, Source

_ORDER = msgspec.json.Decoder(OrderNode)
_PRODUCT = msgspec.json.Decoder(ProductNode)
_CUSTOMER = msgspec.json.Decoder(CustomerNode)
_ITEM = msgspec.json.Decoder(ItemNode)
_LEVEL = msgspec.json.Decoder(LevelNode)
_LOCATION = msgspec.json.Decoder(LocationNode)
_FULFILLMENT = msgspec.json.Decoder(FulfillmentNode)
_REFUND = msgspec.json.Decoder(RefundNode)
_TRANSACTION = msgspec.json.Decoder(TransactionNode)
_RETURN = msgspec.json.Decoder(ReturnNode)
_PAYOUT = msgspec.json.Decoder(PayoutNode)
_ENTRY = msgspec.json.Decoder(EntryNode)


def map_node(source: Source) -> Mapped:
    """Return the records of one node; raises what the decoder raises, for `mapping` to tell."""
    way, _, noun = source.topic.partition("/")
    handler = _HANDLERS.get(noun)
    if handler is None:
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    return handler(source, way == "fetch")


def _order(source: Source, alone: bool) -> Mapped:  # noqa: FBT001 - one of a family of handlers
    node = _ORDER.decode(source.body)
    if is_cut(node):
        return _again("orders", node.id, alone=alone)
    if not is_bare(node):
        return map_order(order_shape(node), source)
    # Out of a bulk export: the order and its payments count now, the rest once it is read whole.
    bare = msgspec.structs.replace(node, fulfillments=[], refunds=[])
    mapped = map_order(order_shape(bare), source)
    return msgspec.structs.replace(mapped, fetch=_again("orders", node.id, alone=False).fetch)


def _product(source: Source, alone: bool) -> Mapped:  # noqa: FBT001 - as above
    node = _PRODUCT.decode(source.body)
    if node.variants is not None and node.variants.is_cut:
        return _again("products", node.id, alone=alone)
    return map_product(product_shape(node), source)


def _fulfillment(source: Source, alone: bool) -> Mapped:  # noqa: FBT001 - as above
    node = _FULFILLMENT.decode(source.body)
    lines = node.fulfillment_line_items
    if lines is None or lines.is_cut:
        return _again("fulfillments", node.id, alone=alone)
    issues: list[Issue] = []
    record = shipment_of(fulfillment_shape(node), source, None, issues)
    return Mapped(records=(record,), issues=tuple(issues))


def _refund(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    issues: list[Issue] = []
    shape = refund_shape(_REFUND.decode(source.body))
    refund = refund_of(shape, source, None, issues)
    payments = [payment_of(t, source, refund.order_ref, issues) for t in shape.transactions or ()]
    return Mapped(records=(refund, *payments), issues=tuple(issues))


def _transaction(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    issues: list[Issue] = []
    shape = transaction_shape(_TRANSACTION.decode(source.body))
    record = payment_of(shape, source, None, issues)
    return Mapped(records=(record,), issues=tuple(issues))


def _return(source: Source, alone: bool) -> Mapped:  # noqa: FBT001 - as above
    node = _RETURN.decode(source.body)
    if is_return_cut(node):
        return _again("returns", node.id, alone=alone)
    return map_return(return_shape(node), source)


def _customer(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    return map_customer(customer_shape(_CUSTOMER.decode(source.body)), source)


def _item(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    return map_item(item_shape(_ITEM.decode(source.body)), source)


def _level(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    return map_level(level_shape(_LEVEL.decode(source.body)), source)


def _location(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    return map_location(location_shape(_LOCATION.decode(source.body)), source)


def _payout(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    return map_payout(payout_shape(_PAYOUT.decode(source.body)), source)


def _entry(source: Source, alone: bool) -> Mapped:  # noqa: ARG001, FBT001 - as above
    return map_entry(entry_shape(_ENTRY.decode(source.body)), source)


def _again(resource: str, value: Id, *, alone: bool) -> Mapped:
    ref = str(ref_of(value))
    if not alone:
        return Mapped(fetch=(Fetch(resource=resource, ref=ref),))
    issue = Issue(
        code="shopify.record_too_long",
        severity=Severity.ERROR,
        expected="a record that fits one reply of the API",
        found="more lines, fulfilments or refunds than one reply holds",
        how_to_fix="Wait for its next webhook, which tells it whole, or import it from a file.",
        ref=f"{resource}/{ref}",
    )
    return Mapped(issues=(issue,))


_HANDLERS: dict[str, Callable[[Source, bool], Mapped]] = {
    "order": _order,
    "product": _product,
    "customer": _customer,
    "inventory_item": _item,
    "inventory_level": _level,
    "location": _location,
    "fulfillment": _fulfillment,
    "refund": _refund,
    "transaction": _transaction,
    "return": _return,
    "payout": _payout,
    "balance_transaction": _entry,
}
