"""What a person may hand in: deliveries, events alone, and the history of a channel.

A message of a history does not say in which channel it stands: the topic does, "messages/C0123".
"""

import re
from collections.abc import Sequence

import msgspec

from trueup.contract.connector import Piece
from trueup.contract.envelope import (
    Fields,
    Forms,
    fields_of,
    holds,
    items_of,
    joined,
    text_of,
    untold,
)

_CHANNEL = re.compile(r"(?:pull/|fetch/)?(?:messages?|history|conversations?)/([A-Z0-9]{3,20})")


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if holds(fields, "event"):
        kind = text_of(fields_of(fields["event"]).get("type"))
        return (Piece(topic=kind[:100], body=body),) if kind else None
    if holds(fields, "messages"):
        parts = [_said(topic, item) for item in items_of(fields["messages"])]
        return joined(parts, topic, body)
    kind = text_of(fields.get("type"))
    if kind == "message":
        return _said(topic, body)
    return (Piece(topic=kind[:100], body=body),) if kind else None


def _said(topic: str, item: bytes) -> tuple[Piece, ...]:
    """Return an event of a message that stands alone: in a history, or out of its envelope."""
    fields = fields_of(item)
    told = _CHANNEL.fullmatch(topic)
    channel = text_of(fields.get("channel")) or (told[1] if told else "")
    if not channel:
        return untold(f"{topic[:60]}: in which channel", item)
    event = {**fields, "channel": channel}
    event.setdefault("type", msgspec.Raw(b'"message"'))
    body = msgspec.json.encode({"type": "event_callback", "event": event})
    return (Piece(topic="message", body=body),)


_GONE = ("app_uninstalled", "tokens_revoked")
FORMS = Forms(
    nouns={"message": ("message",), **{kind: (kind,) for kind in _GONE}},
    topics=frozenset(("message", *_GONE)),
    tell=_tell,
    shown=("messages/<channel>",),
)
