"""Whose delivery is it, and about what; read in one pass without understanding the body."""

from collections.abc import Mapping, Sequence

import msgspec

from trueup.connectors.stripe.shape import Id, Unix
from trueup.connectors.stripe.stamp import instant
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

_TOPIC_CHARS_MAX = 100
_KINDS = {
    "charge": "payment",
    "refund": "payment",
    "dispute": "dispute",
    "payout": "payout",
    "balance_transaction": "balance_entry",
}


class _About(msgspec.Struct, gc=False):
    id: Id | None = None
    object: str = ""


class _Data(msgspec.Struct, gc=False):
    object: _About | None = None


class _Event(msgspec.Struct, gc=False):
    id: Id | None = None
    type: str = ""
    created: Unix | None = None
    data: _Data | None = None


class _Entry(msgspec.Struct, gc=False):
    balance_transaction: _About


_EVENT = msgspec.json.Decoder(_Event)
_ENTRY = msgspec.json.Decoder(_Entry)
_ABOUT = msgspec.json.Decoder(_About)
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - Stripe's say nothing
    """Return what the delivery is: Stripe says all of it in the body."""
    try:
        event = _EVENT.decode(body)
    except _WRONG:
        event = _Event()
    topic = event.type[:_TOPIC_CHARS_MAX]
    about = event.data.object if event.data else None
    happened_at = instant(event.created) if event.created is not None else None
    return Identified(
        external_id=event.id or _digest(topic, body),
        topic=topic,
        entity=_entity(about.object, about.id) if about else "",
        raised_at=happened_at,
        occurred_at=happened_at,
    )


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: Stripe sends one event at a time."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id.

    An event that was read from the list of events is not the same bytes as its delivery, so it has
    an id of its own; both become the same version of the same record.
    """
    digest = _digest(piece.topic, piece.body)
    way, _, noun = piece.topic.partition("/")
    if way not in {"pull", "fetch"}:
        found = identify({}, piece.body)
        return msgspec.structs.replace(found, external_id=digest, topic=piece.topic)
    return Identified(external_id=digest, topic=piece.topic, entity=_read(noun, piece.body))


def _read(noun: str, body: bytes) -> str:
    try:
        if noun == "payout_entry":
            return _entity("balance_transaction", _ENTRY.decode(body).balance_transaction.id)
        return _entity(noun, _ABOUT.decode(body).id)
    except _WRONG:
        return ""


def _entity(noun: str, ref: str | None) -> str:
    return f"{_KINDS.get(noun, noun)}/{ref}"[:255] if ref and noun else ""


def _digest(topic: str, body: bytes) -> str:
    return "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
