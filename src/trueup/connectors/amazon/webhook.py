"""Whose piece is it, and about what. Nothing comes by HTTP: notifications are pulled from a queue.

A notification's own id is the same in every repeat. Everything else is named by its bytes.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from trueup.connectors.amazon.inventory import item_ref_of
from trueup.connectors.amazon.marketplace import FBA_PREFIX, MERCHANT_CHANNEL
from trueup.connectors.amazon.notification import TOPIC_PREFIX, read_hint
from trueup.connectors.amazon.stamp import instant_of
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

_REF_CHARS_MAX = 255


class _Item(msgspec.Struct, gc=False, rename="camel"):
    seller_sku: str | None = None
    fn_sku: str | None = None


class _Head(msgspec.Struct, gc=False):
    """Every field by which any topic names its entity."""

    order_id: str | None = msgspec.field(name="orderId", default=None)
    sku: str | None = None
    marketplace: str | None = None
    summary: _Item | None = None
    report_id: str | None = msgspec.field(name="reportId", default=None)
    feed_id: str | None = msgspec.field(name="feedId", default=None)
    settlement: str | None = None
    order: str | None = None
    row: int | None = None
    part: int | None = None
    report: str | None = None
    header: "_Head | None" = None
    updated: str | None = msgspec.field(name="lastUpdatedTime", default=None)


_HEAD = msgspec.json.Decoder(_Head)
_SOLO = {
    field.name: msgspec.json.Decoder(
        msgspec.defstruct(
            "_Solo",
            [(field.name, field.type, None)],
            rename={field.name: field.encode_name},
        )
    )
    for field in msgspec.structs.fields(_Head)
    if field.name != "header"
}


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what a body is that came without a topic: a notification, if anything."""
    del headers
    hint = read_hint(body)
    kind = hint.kind if hint else ""
    return identify_piece(Piece(topic=f"{TOPIC_PREFIX}{kind}", body=body))


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: a body holds one record."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    external_id = f"sha256:{digest}"
    if piece.topic.startswith(TOPIC_PREFIX):
        hint = read_hint(piece.body)
        if hint is None:
            return Identified(external_id=external_id, topic=piece.topic, entity="")
        return Identified(
            external_id=hint.notification_id or external_id,
            topic=piece.topic,
            entity=_short(hint.entity),
            raised_at=instant_of(hint.event_time),
        )
    head = _head_of(piece.body)
    return Identified(
        external_id=external_id,
        topic=piece.topic,
        entity=_short(_entity_of(piece.topic, head)),
        occurred_at=instant_of(head.updated or ""),
    )


def _entity_of(topic: str, head: _Head) -> str:
    read = _READERS.get(topic)
    return read(head) if read else ""


def _fba_level(head: _Head) -> str:
    item = head.summary
    if item is None or not item.seller_sku or not head.marketplace:
        return ""
    ref = item_ref_of(item.seller_sku, item.fn_sku)
    return f"inventory_level/{ref}@{FBA_PREFIX}{head.marketplace}"


def _entry(head: _Head) -> str:
    if head.order:
        return f"order/{head.order}"
    if not head.settlement or head.row is None:
        return ""
    part = f"-{head.part}" if head.part else ""
    return f"balance_entry/{head.settlement}-{head.row}{part}"


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


def _key(kind: str, value: str | None) -> str:
    return f"{kind}/{value}" if value else ""


def _short(entity: str) -> str:
    """Return the entity; empty where it is longer than any, or holds what no database text can."""
    return entity if len(entity) <= _REF_CHARS_MAX and "\x00" not in entity else ""


_READERS: Mapping[str, Callable[[_Head], str]] = {
    "order": lambda head: _key("order", head.order_id),
    "listing": lambda head: _key("product", head.sku),
    "listing_level": lambda head: _key(
        "inventory_level", head.sku and f"{head.sku}@{MERCHANT_CHANNEL}"
    ),
    "fba_level": _fba_level,
    "fba_place": lambda head: _key(
        "location", head.marketplace and f"{FBA_PREFIX}{head.marketplace}"
    ),
    "report": lambda head: _key("settlement_report", head.report_id),
    "feed": lambda head: _key("feed", head.feed_id),
    "feed_report": lambda head: _key("feed", head.header.feed_id if head.header else None),
    "settlement/payout": lambda head: _key("payout", head.settlement),
    "settlement/entry": _entry,
    "settlement/unreadable": lambda head: _key("settlement_report", head.report),
}
