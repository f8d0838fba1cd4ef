"""One body, many records: REST lists and wrappers, GraphQL replies, captures of calls.

Topics of pieces that came from the API start with "pull/" (a page, which may be cut short) or
"fetch/" (one record, read whole) and end in the singular noun.
"""

from collections.abc import Iterator, Sequence

import msgspec

from trueup.connectors.shopify.refs import gid_type
from trueup.contract.connector import Piece
from trueup.kernel.limits import JSON_DEPTH_MAX

_Fields = dict[str, msgspec.Raw]
_FIELDS = msgspec.json.Decoder(_Fields)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# The wrapper of a REST reply, its plural, and under which topic its records are read.
_WRAPPERS = {
    "order": "orders/updated",
    "product": "products/update",
    "customer": "customers/update",
    "refund": "refunds/create",
    "fulfillment": "fulfillments/update",
    "fulfillment_event": "fulfillment_events/create",
    "transaction": "order_transactions/create",
    "inventory_item": "inventory_items/update",
    "inventory_level": "inventory_levels/update",
    "location": "locations/update",
    "variant": "variants/in_stock",
    "payout": "payouts/read",
    "dispute": "disputes/update",
}
_TOPIC_OF = {**_WRAPPERS, **{f"{name}s": topic for name, topic in _WRAPPERS.items()}}

_REPLY = frozenset(("data", "errors", "mutation", "query", "response", "operationName"))
"""Fields by which a reply of the API, or a record of a call to it, is known."""

# The verbs of a topic under which a whole record comes.
_VERBS = frozenset(
    (
        *("create", "update", "updated", "cancelled", "paid", "fulfilled", "partially_fulfilled"),
        *("enable", "disable", "connect", "disconnect", "activate", "deactivate"),
    )
)

# What a node must tell, at least, to become a record; a poorer one only points at it.
NODES = {
    "Order": ("order", ("name", "totalPriceSet", "lineItems")),
    "Product": ("product", ("title", "variants", "updatedAt")),
    "Customer": ("customer", ("state", "updatedAt")),
    "InventoryItem": ("inventory_item", ("tracked", "updatedAt")),
    "InventoryLevel": ("inventory_level", ("item", "location", "quantities")),
    "Location": ("location", ("name", "isActive")),
    "Fulfillment": ("fulfillment", ("status", "fulfillmentLineItems", "order")),
    "Refund": ("refund", ("refundLineItems", "order")),
    "OrderTransaction": ("transaction", ("kind", "status", "amountSet", "order")),
    "Return": ("return", ("status", "returnLineItems", "order")),
    "ShopifyPaymentsPayout": ("payout", ("issuedAt", "status", "net")),
    "ShopifyPaymentsBalanceTransaction": (
        "balance_transaction",
        ("transactionDate", "type", "amount", "fee", "net"),
    ),
}


def split_body(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per record; a body that can not be split is one piece."""
    whole = (Piece(topic=topic, body=body),)
    try:
        first = body.lstrip()[:1]
        if first == b"[":
            return _list(topic, body) or whole
        if first != b"{":
            return whole
        fields = _FIELDS.decode(body)
        if len(fields) == 1 and (pieces := _wrapped(topic, fields)):
            return pieces
        if is_record(fields) or not (b"gid://shopify/" in body or _REPLY & fields.keys()):
            return whole
        reply = (Piece(topic="graphql/reply", body=body),)
        return tuple(_nodes(msgspec.Raw(body), JSON_DEPTH_MAX)) or reply
    except _FAULTS:
        return whole


def is_record(fields: _Fields) -> bool:
    """Tell whether this is one record of REST itself: its id is a number."""
    for name in ("id", "inventory_item_id", "admin_graphql_api_id", "shop_id"):
        if name in fields and not bytes(fields[name]).startswith((b'"gid', b"{", b"[")):
            return True
    return "admin_graphql_api_id" in fields or "order_edit" in fields


def _list(topic: str, body: bytes) -> tuple[Piece, ...]:
    items = _ITEMS.decode(body)
    if items and all(
        bytes(item[:1] if isinstance(item, bytes) else item)[:1] == b"{" for item in items
    ):
        if b"gid://shopify/" in body and not is_record(_FIELDS.decode(items[0])):
            return tuple(_nodes(msgspec.Raw(body), JSON_DEPTH_MAX))
        return tuple(Piece(topic=topic, body=bytes(item)) for item in items)
    return ()


def _wrapped(topic: str, fields: _Fields) -> tuple[Piece, ...]:
    (name,) = fields
    own = _TOPIC_OF.get(name)
    if own is None:
        return ()
    inner = bytes(fields[name])
    items = _ITEMS.decode(inner) if inner.startswith(b"[") else [msgspec.Raw(inner)]
    return tuple(Piece(topic=_fitting(topic, own, bytes(i)), body=bytes(i)) for i in items)


def _fitting(topic: str, own: str, body: bytes) -> str:
    """Keep the given topic where it speaks of the same noun; a payout's entries are no payment."""
    if own.startswith("order_transactions") and b'"payout_id"' in body:
        return "payout_transactions/read"
    noun, _, verb = topic.partition("/")
    return topic if noun == own.partition("/")[0] and verb in _VERBS else own


def _nodes(raw: msgspec.Raw, depth: int) -> Iterator[Piece]:
    """Yield the nodes that tell enough, outermost first, and look inside all others."""
    text = bytes(raw)
    if depth == 0 or text[:1] not in {b"{", b"["} or b"gid://shopify/" not in text:
        return
    if text[:1] == b"[":
        for item in _ITEMS.decode(text):
            yield from _nodes(item, depth - 1)
        return
    fields = _FIELDS.decode(text)
    if (noun := _noun_of(fields)) is not None:
        yield Piece(topic=f"pull/{noun}", body=text)
        return
    for value in fields.values():
        yield from _nodes(value, depth - 1)


def _noun_of(fields: _Fields) -> str | None:
    name = gid_type(bytes(fields.get("id", msgspec.Raw(b'""'))).decode().strip('"'))
    noun, needed = NODES.get(name or "", ("", ()))
    return noun if noun and all(field in fields for field in needed) else None
