"""Whose delivery is it, and about what; read without understanding the body.

One delivery holds events of all companies that connected the app, in one array.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trueup.connectors.quickbooks.entity import BY_PATH, kind_of, ref_of
from trueup.connectors.quickbooks.event import entity_in
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256
from trueup.kernel.limits import EXTERNAL_ID_CHARS_MAX

_REF_CHARS_MAX = 60
_WORD_CHARS_MAX = 40


class _Meta(msgspec.Struct, gc=False):
    last_updated_time: str | None = msgspec.field(default=None, name="LastUpdatedTime")


class _Head(msgspec.Struct, gc=False):
    id: str | None = None
    type: str | None = None
    time: str | None = None
    intuitentityid: str | None = None


class _EntityHead(msgspec.Struct, gc=False):
    id: str | None = msgspec.field(default=None, name="Id")
    meta: _Meta | None = msgspec.field(default=None, name="MetaData")


_EVENTS = msgspec.json.Decoder(list[msgspec.Raw])


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - all in the body
    """Return what a whole delivery is: its first event, or itself where it has no events."""
    pieces = split("", body)
    if len(pieces) == 1:
        return identify_piece(pieces[0])
    return _plain(Piece(topic="qbo", body=body))


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per event, under the topic that the event itself names."""
    try:
        events = _EVENTS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return (Piece(topic=topic or _topic(_head(body)), body=body),)
    pieces = [Piece(topic=_topic(_head(bytes(raw))), body=bytes(raw)) for raw in events]
    return tuple(pieces) or (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    if not piece.topic.startswith("qbo"):
        return _pulled(piece)
    plain, head = _plain(piece), _head(piece.body)
    entity = BY_PATH.get(entity_in(head.type or ""))
    number = head.intuitentityid or ""
    about = ""
    if entity is not None and 0 < len(number) <= _REF_CHARS_MAX:
        about = f"{entity.kind}/{number}"
    external_id = head.id or ""
    if not 0 < len(external_id) <= EXTERNAL_ID_CHARS_MAX:
        external_id = plain.external_id
    return msgspec.structs.replace(
        plain, external_id=external_id, entity=about, raised_at=_instant(head.time)
    )


def _pulled(piece: Piece) -> Identified:
    name = piece.topic.rpartition("/")[2]
    try:
        head = msgspec.json.decode(piece.body, type=_EntityHead)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        head = _EntityHead()
    kind, number = kind_of(name), head.id or ""
    entity = f"{kind}/{ref_of(name, number)}" if kind and 0 < len(number) <= _REF_CHARS_MAX else ""
    at = _instant(head.meta.last_updated_time if head.meta else None)
    return msgspec.structs.replace(_plain(piece), entity=entity, occurred_at=at)


def _plain(piece: Piece) -> Identified:
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    return Identified(external_id=f"sha256:{digest}", topic=piece.topic, entity="")


def _topic(head: _Head) -> str:
    return f"qbo.{entity_in(head.type or '')[:_WORD_CHARS_MAX]}"


def _head(body: bytes) -> _Head:
    try:
        return msgspec.json.decode(body, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Head()


def _instant(told: str | None) -> datetime | None:
    """Return an instant in UTC; None where it can not be read. Intuit writes nanoseconds."""
    if not told or len(told) > 40:
        return None
    try:
        at = datetime.fromisoformat(told)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
