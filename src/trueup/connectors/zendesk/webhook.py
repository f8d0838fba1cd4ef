"""Whose delivery is it, and about what: Zendesk's ticket events, and webhooks of its triggers.

The topic stands in the body, under a signature. Only names of events are accepted there, so that
what an administrator wrote into a trigger can not pass for a reply of the API.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256
from trueup.kernel.limits import EXTERNAL_ID_CHARS_MAX

EVENT = "zen:event-type:"
TRIGGER = "trigger"
STRANGE = "hook/unknown"
_TOPIC = re.compile(r"zen:event-type:[a-z]+\.[a-z_]{1,60}")
_SUBJECT = re.compile(r"zen:(ticket|user):([0-9]{1,19})")
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class HookShape(msgspec.Struct, gc=False):
    """A delivery: `subject` is "zen:ticket:35436"."""

    type: str = ""
    subject: str = ""
    id: str | None = None
    time: str | None = None

    @property
    def about(self) -> tuple[str, str] | None:
        """What kind of thing it is about, and its id."""
        found = _SUBJECT.fullmatch(self.subject)
        return (found[1], found[2]) if found else None


class _Thing(msgspec.Struct, gc=False):
    id: int | None = None


class _Head(msgspec.Struct, gc=False):
    id: int | None = None
    ticket: _Thing | None = None
    ticket_id: int | None = None


_HOOK = msgspec.json.Decoder(HookShape)
_HEAD = msgspec.json.Decoder(_Head)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is; a repeat has the same invocation id."""
    try:
        hook = _HOOK.decode(body)
    except _FAULTS:
        hook = HookShape()
    topic = topic_of(hook)
    external_id = headers.get("x-zendesk-webhook-invocation-id", "").strip()
    if not external_id or len(external_id) > EXTERNAL_ID_CHARS_MAX:
        external_id = _digest(topic, body)
    about = hook.about
    return Identified(
        external_id=external_id,
        topic=topic,
        entity=f"{_KINDS[about[0]]}/{about[1]}" if about else "",
        raised_at=_instant(hook.time),
    )


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: a delivery is about one thing."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    if piece.topic.startswith(EVENT) or piece.topic in {TRIGGER, STRANGE}:
        found = identify({}, piece.body)
        return msgspec.structs.replace(found, topic=piece.topic)
    try:
        head = _HEAD.decode(piece.body)
    except _FAULTS:
        head = _Head()
    ticket = head.ticket_id if head.ticket is None else head.ticket.id
    kind, value = ("customer", head.id) if piece.topic.endswith("/user") else ("ticket", ticket)
    return Identified(
        external_id=_digest(piece.topic, piece.body),
        topic=piece.topic,
        entity="" if value is None else f"{kind}/{value}",
    )


def topic_of(hook: HookShape) -> str:
    """Return the name of the event; `STRANGE` for what is none."""
    is_known = hook.type == TRIGGER or _TOPIC.fullmatch(hook.type) is not None
    return hook.type if is_known else STRANGE


_KINDS = {"ticket": "ticket", "user": "customer"}


def _digest(topic: str, body: bytes) -> str:
    return "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()


def _instant(text: str | None) -> datetime | None:
    """Return the instant in UTC; None where it can not be read or has no zone."""
    if not text or len(text) > 40:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None
