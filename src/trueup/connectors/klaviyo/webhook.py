"""Whose delivery is it, and about what; and a delivery of up to a thousand events taken apart."""

from collections.abc import Mapping, Sequence

import msgspec

from trueup.connectors.klaviyo.event import occurred_at
from trueup.connectors.klaviyo.profile import newest
from trueup.connectors.klaviyo.shape import EventShape, ProfileShape
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

_TOPIC_CHARS_MAX = 100
_REF_CHARS_MAX = 200
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Payload(msgspec.Struct, gc=False):
    data: EventShape


class _Happened(msgspec.Struct, gc=False):
    topic: str = ""
    external_id: str | None = None
    payload: _Payload | None = None


class _Delivery(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    meta: msgspec.Raw = msgspec.Raw(b"{}")


class _ReadEvent(msgspec.Struct, gc=False):
    event: EventShape


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - not signed
    """Return what the delivery is; of one that holds many, the topic and no entity.

    The header `klaviyo-webhook-id` is not signed, and names the webhook, not the delivery.
    """
    items = _items(body)
    first = _happened(items[0]) if items else _Happened()
    topic = first.topic[:_TOPIC_CHARS_MAX]
    if len(items) != 1 or first.payload is None:
        return Identified(external_id=_digest(topic, body), topic=topic, entity="")
    event = first.payload.data
    at = occurred_at(event)
    # An event is the same however often and however bundled it is sent. Whoever reads it later
    # knows more of it, so it is as old as what it tells.
    return Identified(
        external_id=f"event:{event.id}:{topic}",
        topic=topic,
        entity=f"activity/{event.id}"[:_REF_CHARS_MAX],
        raised_at=at,
        occurred_at=at,
    )


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per event, each with what stands around them all."""
    try:
        delivery = msgspec.json.decode(body, type=_Delivery)
    except _WRONG:
        return (Piece(topic=topic, body=body),)
    if len(delivery.data) < 2:
        return (Piece(topic=topic, body=body),)
    meta = bytes(delivery.meta)
    return tuple(
        Piece(
            topic=_happened(item).topic[:_TOPIC_CHARS_MAX],
            body=b'{"data":[%b],"meta":%b}' % (bytes(item), meta),
        )
        for item in delivery.data
    )


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    digest = _digest(piece.topic, piece.body)
    way, _, noun = piece.topic.partition("/")
    if way not in {"pull", "fetch"}:
        found = identify({}, piece.body)
        if found.topic == piece.topic:
            return found
        return msgspec.structs.replace(found, external_id=digest, topic=piece.topic)
    try:
        return _read(noun, piece, digest)
    except _WRONG:
        return Identified(external_id=digest, topic=piece.topic, entity="")


def _read(noun: str, piece: Piece, digest: str) -> Identified:
    entity, at = "", None
    if noun == "profile":
        profile = msgspec.json.decode(piece.body, type=ProfileShape)
        entity, at = f"customer/{profile.id}", newest(profile)
    elif noun == "event":
        event = msgspec.json.decode(piece.body, type=_ReadEvent).event
        entity, at = f"activity/{event.id}", occurred_at(event)
    return Identified(external_id=digest, topic=piece.topic, entity=entity, occurred_at=at)


def _items(body: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=_Delivery).data
    except _WRONG:
        return []


def _happened(item: msgspec.Raw) -> _Happened:
    try:
        return msgspec.json.decode(item, type=_Happened)
    except _WRONG:
        return _Happened()


def _digest(topic: str, body: bytes) -> str:
    return "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
