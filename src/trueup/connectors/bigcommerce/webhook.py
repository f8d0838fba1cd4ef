"""Whose delivery is it, and about what; read without understanding the body."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trueup.connectors.bigcommerce.stamp import instant_of, of_seconds
from trueup.contract.connector import Identified, Piece
from trueup.contract.fault import Unsound
from trueup.kernel.ids import sha256
from trueup.kernel.limits import EXTERNAL_ID_CHARS_MAX

_TOPIC_CHARS_MAX = 100
_ID_MAX = 2**63 - 1


class _Scope(msgspec.Struct, gc=False):
    scope: str | None = None


_SCOPE = msgspec.json.Decoder(_Scope)
_ANY = msgspec.json.Decoder(dict[str, Any])
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is; the topic stands in the body."""
    try:
        scope = _SCOPE.decode(body).scope or ""
    except _FAULTS:
        scope = ""
    identified = identify_piece(Piece(topic=scope[:_TOPIC_CHARS_MAX], body=body))
    external_id = headers.get("webhook-id", "").strip()
    if not external_id or len(external_id) > EXTERNAL_ID_CHARS_MAX:
        return identified
    return msgspec.structs.replace(identified, external_id=external_id)


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: BigCommerce sends one hint at a time."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    try:
        body = _ANY.decode(piece.body)
    except _FAULTS:
        body = {}
    is_hint = piece.topic.startswith("store/")
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=_of_hint(piece.topic, body) if is_hint else _of_record(piece.topic, body),
        raised_at=_seconds(body.get("created_at")) if is_hint else None,
        occurred_at=None if is_hint else _modified(body),
    )


def _of_hint(scope: str, body: Mapping[str, Any]) -> str:
    parts = scope.split("/")
    noun, data = (parts[1] if len(parts) > 2 else ""), _inner(body, "data")
    if noun in {"product", "sku"} and "inventory" in parts:
        stock = _inner(data, "inventory")
        variant = _key("variant", stock.get("variant_id"))
        return variant or _key("product", stock.get("product_id") or data.get("id"))
    if noun == "sku":
        return _key("product", _inner(data, "sku").get("product_id"))
    if noun == "shipment":
        return _key("order", data.get("orderId"))
    if noun == "customer" and "address" in parts:
        return _key("customer", _inner(data, "address").get("customer_id"))
    return _key(noun[:40], data.get("id")) if noun else ""


def _of_record(topic: str, body: Mapping[str, Any]) -> str:
    noun = topic.partition("/")[2]
    if noun == "order":
        order = _inner(body, "order")
        return _key("order", order.get("id") if order else body.get("id"))
    if noun == "refund":
        return _key("order", _inner(body, "refund").get("order_id"))
    if noun in {"shipment", "payment"}:
        return _key("order", body.get("order_id"))
    if noun == "inventory_level":
        variant = _key("inventory_level", _inner(body, "identity").get("variant_id"))
        place = _key("", _inner(body, "location").get("location_id"))
        return f"{variant}@{place[1:]}" if variant and place else ""
    return _key(noun[:40], body.get("id")) if noun else ""


def _inner(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _key(kind: str, ref: object) -> str:
    """Return the entity; transactions write their order's number as text."""
    if isinstance(ref, str) and ref.isascii() and ref.isdecimal() and len(ref) < 20:
        ref = int(ref)
    if isinstance(ref, bool) or not isinstance(ref, int) or not 0 < ref <= _ID_MAX:
        return ""
    return f"{kind}/{ref}"


def _seconds(value: object) -> datetime | None:
    return of_seconds(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _modified(body: Mapping[str, Any]) -> datetime | None:
    told = (_inner(body, "order") or body).get("date_modified")
    try:
        return instant_of(told) if isinstance(told, str) else None
    except Unsound:
        return None
