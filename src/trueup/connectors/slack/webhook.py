"""Whose delivery is it, and about what."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trueup.connectors.slack.shape import Ref, Stamp
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

_EVENT_ID_CHARS_MAX = 100
_TOPIC_CHARS_MAX = 100


class _Inner(msgspec.Struct):
    ts: Stamp | None = None


class _Event(msgspec.Struct):
    type: str = ""
    channel: Ref | None = None
    ts: Stamp | None = None
    event_ts: Stamp | None = None
    deleted_ts: Stamp | None = None
    message: _Inner | None = None


class _Head(msgspec.Struct):
    type: str = ""
    event: _Event | None = None
    event_id: str | None = None
    event_time: int | None = None
    team_id: Ref | None = None


class _Challenge(msgspec.Struct):
    type: str
    challenge: str


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is. A repeat (`x-slack-retry-num`) has the id of the first try."""
    del headers
    head = _head_of(body)
    event = head.event
    if event is None:
        return Identified(external_id=_digest(head.type, body), topic=head.type, entity="")
    topic = event.type[:_TOPIC_CHARS_MAX]
    known = head.event_id
    if not known or len(known) > _EVENT_ID_CHARS_MAX or not known.isascii():
        known = _digest(topic, body)
    return Identified(
        external_id=known,
        topic=topic,
        entity=_entity_of(topic, head, event),
        raised_at=_instant(event.event_ts),
        occurred_at=_instant(event.event_ts),
    )


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    found = identify({}, piece.body)
    if found.topic == piece.topic:
        return found
    return Identified(external_id=_digest(piece.topic, piece.body), topic=piece.topic, entity="")


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: Slack sends one event at a time."""
    return (Piece(topic=topic, body=body),)


def answer_challenge(
    secrets: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> str | None:
    """Return the challenge of a signed `url_verification`; None for everything else."""
    del secrets, query
    if b"url_verification" not in body:
        return None
    try:
        asked = msgspec.json.decode(body, type=_Challenge)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return asked.challenge if asked.type == "url_verification" else None


def _head_of(body: bytes) -> _Head:
    try:
        return msgspec.json.decode(body, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Head()


def _entity_of(topic: str, head: _Head, event: _Event) -> str:
    if topic == "message":
        inner = event.message.ts if event.message else None
        ts = inner or event.deleted_ts or event.ts
        return f"message/{event.channel}:{ts}" if event.channel and ts else ""
    return f"app/{head.team_id}" if head.team_id else ""


def _instant(stamp: str | None) -> datetime | None:
    """Return the instant of a stamp such as 1700000000.000100; its end is a counter, not a time."""
    if stamp is None:
        return None
    try:
        return datetime.fromtimestamp(int(stamp.partition(".")[0]), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _digest(topic: str, body: bytes) -> str:
    return "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
