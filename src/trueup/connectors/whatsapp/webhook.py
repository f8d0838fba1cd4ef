"""Whose delivery is it, and about what; and a delivery of many taken apart."""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from trueup.connectors.whatsapp.shape import RawChange, RawDelivery, Ref
from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

MANY = ("messages", "statuses", "user_preferences", "calls", "errors")
RANKS = {"sent": 1, "delivered": 2, "read": 3, "played": 4, "failed": 5}
"""The order of statuses: WhatsApp stamps whole seconds, and two may fall into one."""

_TOPIC_CHARS_MAX = 100
_TOKEN_CHARS_MIN = 16
_CHALLENGE = re.compile(r"[A-Za-z0-9._-]{1,200}")
_LATEST_S = 253_402_300_799


class _Pointed(msgspec.Struct):
    original_message_id: Ref | None = None


class _Item(msgspec.Struct):
    id: Ref | None = None
    status: str | None = None
    timestamp: str | int | None = None
    wa_id: str | None = None
    user_id: str | None = None
    edit: _Pointed | None = None
    revoke: _Pointed | None = None


class _Template(msgspec.Struct):
    message_template_id: int | str | None = None


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is; of one that holds many, the topic and no entity."""
    del headers
    delivery = _read(body)
    changes = [] if delivery is None else [c for e in delivery.entry for c in e.changes]
    if len(changes) != 1:
        topic = changes[0].field[:_TOPIC_CHARS_MAX] if changes else ""
        return Identified(external_id=_digest(topic, body), topic=topic, entity="")
    return _of_change(changes[0], body)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is. The same event has the same id, however it was bundled."""
    found = identify({}, piece.body)
    if found.topic == piece.topic:
        return found
    return Identified(external_id=_digest(piece.topic, piece.body), topic=piece.topic, entity="")


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per message, status or change, each with what it needs around it."""
    delivery = _read(body)
    if delivery is None:
        return (Piece(topic=topic, body=body),)
    pieces = []
    for entry in delivery.entry:
        for change in entry.changes:
            for value in _singles(change.value):
                alone = {
                    "object": delivery.object,
                    "entry": [
                        {"id": entry.id, "changes": [{"field": change.field, "value": value}]}
                    ],
                }
                coded = msgspec.json.encode(alone)
                pieces.append(Piece(topic=change.field[:_TOPIC_CHARS_MAX], body=coded))
    return tuple(pieces) or (Piece(topic=topic, body=body),)


def answer_challenge(
    secrets: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> str | None:
    """Return the challenge to who knows our verify token; None to everybody else."""
    del body
    token = secrets.get("verify_token", "")
    given = query.get("hub.verify_token", "")
    challenge = query.get("hub.challenge", "")
    if query.get("hub.mode") != "subscribe" or not _CHALLENGE.fullmatch(challenge):
        return None
    known = hmac.compare_digest(token.encode(errors="replace"), given.encode(errors="replace"))
    return challenge if known and len(token) >= _TOKEN_CHARS_MIN else None


def instant(stamp: str | int | None) -> datetime | None:
    """Return the instant of whole seconds since 1970; None where they can not be read."""
    text = str(stamp) if stamp is not None else ""
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) > _LATEST_S:
        return None
    return datetime.fromtimestamp(int(text), UTC)


def _read(body: bytes) -> RawDelivery | None:
    try:
        return msgspec.json.decode(body, type=RawDelivery)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _singles(value: Mapping[str, msgspec.Raw]) -> Iterator[dict[str, object]]:
    """Yield the value once per thing in it; once where it holds none of the known lists."""
    shared = {name: raw for name, raw in value.items() if name not in MANY}
    found = False
    for name in MANY[:-1]:
        for item in _list_of(value.get(name)):
            found = True
            more = {"errors": value["errors"]} if "errors" in value else {}
            yield shared | more | {name: [item]}
    if not found:
        yield dict(value)


def _list_of(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    if raw is None:
        return []
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def _of_change(change: RawChange, body: bytes) -> Identified:
    topic = change.field[:_TOPIC_CHARS_MAX]
    kinds = {name: items for name in MANY[:-1] if (items := _list_of(change.value.get(name)))}
    items = [item for found in kinds.values() for item in found]
    if len(items) > 1:
        return Identified(external_id=_digest(topic, body), topic=topic, entity="")
    if not items:
        entity = _entity_of_account(change)
        return Identified(external_id=_digest(topic, body), topic=topic, entity=entity)
    kind, item = next(iter(kinds)), _item(items[0])
    at = None if item is None else instant(item.timestamp)
    if item is None or at is None:
        return Identified(external_id=_digest(topic, body), topic=topic, entity="")
    rank = RANKS.get(item.status or "", 0)
    return Identified(
        external_id=_external_id(kind, item, topic, body),
        topic=topic,
        entity=_entity_of(kind, item),
        raised_at=at + timedelta(microseconds=rank),
        occurred_at=at,
    )


def _external_id(kind: str, item: _Item, topic: str, body: bytes) -> str:
    """Return the event's own id: a message's, or a message's with its status and second."""
    if item.id is None or not item.id.isascii() or not item.id.isprintable():
        return _digest(topic, body)
    if kind == "messages":
        return f"message:{item.id}"
    return f"{kind}:{item.id}:{(item.status or '')[:20]}:{item.timestamp}"


def _entity_of(kind: str, item: _Item) -> str:
    if kind == "user_preferences":
        return f"message/{preference_ref(item.wa_id or item.user_id, item.timestamp)}"
    if kind == "calls":
        return ""
    changed = item.edit or item.revoke
    ref = changed.original_message_id if changed else item.id
    return f"message/{ref}" if ref else ""


def preference_ref(who: str | None, stamp: str | int | None) -> str:
    """Return the name of a preference, which has none of its own.

    So short a digest tells two customers of one second apart, and is shared by hundreds of
    numbers, so that it does not give one away.
    """
    short = sha256(f"{who}\n{stamp}".encode(errors="replace")).hex()[:6]
    return f"preference-{stamp}-{short}"[:60]


def _entity_of_account(change: RawChange) -> str:
    if "template" not in change.field:
        return ""
    try:
        found = msgspec.json.decode(msgspec.json.encode(change.value), type=_Template)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    named = found.message_template_id
    return f"template/{named}"[:250] if named is not None else ""


def _item(raw: msgspec.Raw) -> _Item | None:
    try:
        return msgspec.json.decode(raw, type=_Item)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _digest(topic: str, body: bytes) -> str:
    return "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
