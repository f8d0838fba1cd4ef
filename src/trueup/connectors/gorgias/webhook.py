"""Whose delivery is it, and about what.

Gorgias signs nothing, so a delivery is a hint and no more. Its topic stands in its body: only the
names of triggers are accepted there, or a stranger could pass his own words off as a reply of the
API.
"""

from collections.abc import Mapping, Sequence

import msgspec

from trueup.connectors.gorgias.shape import HookShape, Id
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

TOPICS = (
    "ticket-created",
    "ticket-updated",
    "ticket-message-created",
    "ticket-message-failed",
    "ticket-self-unsnoozed",
)
"""Triggers of an HTTP integration that tell of tickets."""

STRANGE = "hook/unknown"
OUR_REF = "trueup:"
"""What our `external_id` of messages and tickets begins with; the field belongs to everybody."""

_HOOK = msgspec.json.Decoder(HookShape)


class _Head(msgspec.Struct, gc=False):
    id: Id | None = None
    ticket_id: Id | None = None


_HEAD = msgspec.json.Decoder(_Head)
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - no ids there
    """Return what the delivery is; equal bodies are one delivery, as they hold the stamp."""
    try:
        hook = _HOOK.decode(body)
    except _FAULTS:
        hook = HookShape()
    topic = hook.event if hook.event in TOPICS else STRANGE
    return _identified(topic, body, hook.ref)


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: a delivery is about one ticket."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    if piece.topic in TOPICS or piece.topic == STRANGE:
        return msgspec.structs.replace(
            identify({}, piece.body),
            topic=piece.topic,
            external_id=_digest(piece.topic, piece.body),
        )
    try:
        head = _HEAD.decode(piece.body)
    except _FAULTS:
        head = _Head()
    value = head.ticket_id if piece.topic.endswith("/message") else head.id
    return _identified(piece.topic, piece.body, None if value is None else str(value))


def _identified(topic: str, body: bytes, ref: str | None) -> Identified:
    return Identified(
        external_id=_digest(topic, body),
        topic=topic,
        entity="" if ref is None else f"ticket/{ref}",
    )


def _digest(topic: str, body: bytes) -> str:
    return "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
