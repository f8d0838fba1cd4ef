"""Whose delivery is it, and about what; read without understanding the body.

A delivery's own id is another at each attempt and stands outside of what is signed, and the
record's stamp has whole seconds: two changes in one second would be taken for one. So the digest
of the body tells deliveries apart; a repeat has the same bytes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from trueup.connectors.woocommerce.shape import instant_of
from trueup.contract.connector import Identified, Piece
from trueup.contract.fault import Unsound
from trueup.kernel.ids import sha256

_TOPIC_CHARS_MAX = 100
_ID_MAX = 2**63 - 1


class _Pointed(msgspec.Struct, gc=False):
    id: int | None = None
    date_modified_gmt: str | None = None


class _Head(msgspec.Struct, gc=False):
    id: int | None = None
    parent_id: int | None = None
    order_id: int | None = None
    type: str | None = None
    date_modified_gmt: str | None = None
    product: _Pointed | None = None
    level: _Pointed | None = None
    refund: _Pointed | None = None


_HEAD = msgspec.json.Decoder(_Head)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is; header names are lower case."""
    topic = headers.get("x-wc-webhook-topic", "")[:_TOPIC_CHARS_MAX]
    return identify_piece(Piece(topic=topic, body=body))


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: WooCommerce sends one record at a time."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    try:
        head = _HEAD.decode(piece.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        head = _Head()
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=_entity(noun_of(piece.topic), head),
        occurred_at=_instant(head),
    )


def noun_of(topic: str) -> str:
    """Return what a topic is about: "order.updated" and "pull/order" are about an order."""
    way, slash, noun = topic.partition("/")
    return noun if slash and way in {"pull", "fetch"} else topic.partition(".")[0]


def _entity(noun: str, head: _Head) -> str:
    if noun == "refund":
        return _key("order", head.order_id)
    if noun == "product":
        if head.product is not None:
            return _key(noun, head.product.id)
        return _key(noun, head.parent_id if head.type == "variation" else head.id)
    if noun == "inventory_level":
        level = _key(noun, head.level.id if head.level else None)
        return f"{level}@" if level else ""
    return _key(noun[:40], head.id) if noun else ""


def _key(kind: str, ref: int | None) -> str:
    return f"{kind}/{ref}" if ref is not None and 0 < ref <= _ID_MAX else ""


def _instant(head: _Head) -> datetime | None:
    try:
        return instant_of(head.date_modified_gmt)
    except Unsound:
        return None
