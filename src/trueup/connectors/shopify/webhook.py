"""Whose delivery is it, and about what; read in one pass without understanding the body."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trueup.connectors.shopify.pieces import split_body
from trueup.connectors.shopify.privacy import is_privacy, privacy_ref
from trueup.connectors.shopify.refs import ref_of
from trueup.connectors.shopify.shape import Id
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256
from trueup.kernel.limits import EXTERNAL_ID_CHARS_MAX

_TOPIC_CHARS_MAX = 100
_REF_CHARS_MAX = 255


class _Pointed(msgspec.Struct, gc=False):
    id: Id | None = None


class _Edit(msgspec.Struct, gc=False):
    order_id: Id | None = None


class _Head(msgspec.Struct, gc=False):
    """Every field by which any topic names its entity."""

    id: Id | None = None
    order_id: Id | None = None
    product_id: Id | None = None
    inventory_item_id: Id | None = None
    location_id: Id | None = None
    customer_id: Id | None = None
    shop_id: Id | None = None
    order_edit: _Edit | None = None
    order: _Pointed | None = None
    item: _Pointed | None = None
    location: _Pointed | None = None
    customer: _Pointed | None = None
    data_request: _Pointed | None = None
    updated_at: str | None = None
    updatedAt: str | None = None  # noqa: N815 - the API's own spelling


_HEAD = msgspec.json.Decoder(_Head)
_SOLO = {
    field.name: msgspec.json.Decoder(
        msgspec.defstruct("_Solo", [(field.name, field.type, field.default)])
    )
    for field in msgspec.structs.fields(_Head)
}


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is; header names are lower case."""
    topic = headers.get("x-shopify-topic", "")[:_TOPIC_CHARS_MAX]
    external_id = headers.get("x-shopify-webhook-id", "").strip()
    if not external_id or len(external_id) > EXTERNAL_ID_CHARS_MAX:
        # The topic is part of it: one body may rightly come under two topics.
        external_id = "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
    head = _head_of(body)
    entity = _entity_of(topic, head)
    return Identified(
        external_id=external_id,
        topic=topic,
        entity=entity if len(entity) <= _REF_CHARS_MAX else "",
        raised_at=_instant(headers.get("x-shopify-triggered-at")),
        occurred_at=_instant(head.updated_at or head.updatedAt),
    )


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per record of a body that may hold many (verbatim bytes)."""
    return split_body(topic, body)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    return identify({"x-shopify-topic": piece.topic}, piece.body)


def _head_of(body: bytes) -> _Head:
    try:
        return _HEAD.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _tolerant(body)


def _tolerant(body: bytes) -> _Head:
    """Read what can be read of a body in which one field has a wrong type."""
    good = {}
    for name, decoder in _SOLO.items():
        try:
            good[name] = getattr(decoder.decode(body), name)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return _Head(**good)


def _entity_of(topic: str, head: _Head) -> str:
    noun, _, verb = topic.partition("/")
    if is_privacy(topic):
        customer, request = _id(head.customer), _id(head.data_request)
        return f"privacy_request/{privacy_ref(topic, head.shop_id, customer, request)}"
    if topic == "orders/edited" and head.order_edit:
        return _key("order", head.order_edit.order_id)
    read = _READERS.get(verb if noun in {"pull", "fetch", "file"} else noun)
    if read is not None:
        return read(head)
    return _key(noun, head.id) if noun else ""


def _by_order(kind: str) -> Callable[[_Head], str]:
    def read(head: _Head) -> str:
        order = head.order_id if head.order_id is not None else _id(head.order)
        return _key(kind, head.id) if order is None else _key("order", order)

    return read


def _own(kind: str) -> Callable[[_Head], str]:
    return lambda head: _key(kind, head.id)


def _level(head: _Head) -> str:
    item = head.inventory_item_id if head.inventory_item_id is not None else _id(head.item)
    place = head.location_id if head.location_id is not None else _id(head.location)
    if item is None or place is None:
        return ""
    return f"inventory_level/{ref_of(item)}@{ref_of(place)}"


def _id(pointed: _Pointed | None) -> Id | None:
    return pointed.id if pointed else None


def _key(kind: str, value: Id | None) -> str:
    return "" if value is None else f"{kind}/{ref_of(value)}"


def _instant(text: str | None) -> datetime | None:
    """Return the instant in UTC; None where it can not be read or has no zone."""
    if not text or len(text) > 40:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


_READERS: dict[str, Callable[[_Head], str]] = {
    **{kind: _own(kind) for kind in ("order", "product", "customer", "inventory_item", "location")},
    "orders": _own("order"),
    "products": _own("product"),
    "customers": _own("customer"),
    "inventory_items": _own("inventory_item"),
    "locations": _own("location"),
    **dict.fromkeys(("fulfillment", "fulfillments"), _by_order("shipment")),
    "fulfillment_events": _by_order("fulfillment_event"),
    **dict.fromkeys(("refund", "refunds"), _by_order("refund")),
    **dict.fromkeys(("return", "returns"), _by_order("return")),
    **dict.fromkeys(("transaction", "order_transactions"), _by_order("payment")),
    **dict.fromkeys(("payout", "payouts"), _own("payout")),
    **dict.fromkeys(("balance_transaction", "payout_transactions"), _own("balance_entry")),
    "disputes": lambda head: _by_order("dispute")(head) if head.order_id else _own("dispute")(head),
    "tender_transactions": _by_order("tender_transaction"),
    **dict.fromkeys(("inventory_level", "inventory_levels"), _level),
    "variants": lambda head: _key("product", head.product_id),
    **dict.fromkeys(
        ("customers_marketing_consent", "customers_email_marketing_consent"),
        lambda head: _key("customer", head.customer_id),
    ),
}
