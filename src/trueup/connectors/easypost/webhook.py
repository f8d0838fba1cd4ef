"""Whose delivery is it, and about what; read without understanding the body."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from trueup.connectors.easypost.parcel import instant_of
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256
from trueup.kernel.limits import EXTERNAL_ID_CHARS_MAX

_REF_CHARS_MAX = 200
_TOPIC_CHARS_MAX = 100


class _Object(msgspec.Struct, gc=False):
    id: str | None = None
    object: str | None = None
    updated_at: str | None = None
    created_at: str | None = None
    shipment_id: str | None = None


class _Head(msgspec.Struct, gc=False):
    id: str | None = None
    object: str | None = None
    description: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    shipment_id: str | None = None
    result: _Object | None = None
    tracker: _Object | None = None


_HEAD = msgspec.json.Decoder(_Head)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - all in the body
    """Return what the delivery is; EasyPost names event and topic in the body."""
    head = _head_of(body)
    topic = (head.description or "")[:_TOPIC_CHARS_MAX]
    piece = _identified(Piece(topic=topic, body=body), head)
    external_id = head.id or ""
    if not external_id.startswith("evt_") or len(external_id) > EXTERNAL_ID_CHARS_MAX:
        return piece
    return msgspec.structs.replace(piece, external_id=external_id)


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: EasyPost sends one event at a time."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    return _identified(piece, _head_of(piece.body))


def _identified(piece: Piece, head: _Head) -> Identified:
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    about = _about(piece.topic, head)
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=_entity(about),
        raised_at=_raised_at(piece.topic, head, about),
        occurred_at=_at(about),
    )


def _raised_at(topic: str, head: _Head, about: _Object) -> datetime | None:
    """Return when EasyPost told it; None where the time of asking counts.

    A parcel with a label is told by events and lists, and by its label, which says the same and
    more. In one second of EasyPost's the label must win, however often the rest is told again and
    whosever clock is ahead: so the rest is as old as the parcel.
    """
    if topic == "fetch/shipment":
        return None
    if about.shipment_id:
        return instant_of(about.created_at)
    return None if topic.startswith(("pull/", "fetch/")) else instant_of(head.created_at)


def _about(topic: str, head: _Head) -> _Object:
    """Return the object that the body is about."""
    own = _Object(head.id, head.object, head.updated_at, head.created_at, head.shipment_id)
    if topic == "fetch/shipment":
        return head.tracker or own
    if topic.startswith(("pull/", "fetch/")):
        return own
    return head.result or _Object()


def _entity(about: _Object) -> str:
    if not about.id or len(about.id) > _REF_CHARS_MAX:
        return ""
    kind = "parcel" if about.id.startswith("trk_") else (about.object or "object").lower()[:40]
    return f"{kind}/{about.id}"


def _at(about: _Object) -> datetime | None:
    return instant_of(about.updated_at)


def _head_of(body: bytes) -> _Head:
    try:
        return _HEAD.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Head()
