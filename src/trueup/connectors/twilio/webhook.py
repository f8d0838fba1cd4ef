"""Whose delivery is it, and about what: a form of a message that came, or of how far one came.

A form is told as JSON from the door on.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

import msgspec

from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256

FIELDS_MAX = 100
WISHES = frozenset(("STOP", "START"))
"""What Twilio itself says that a customer wants, where it was told which words mean it."""

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_WORD_CHARS_MAX = 40
_MARK = "-wish"


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - all in the body
    """Return what the delivery is."""
    return _identified(topic_of(fields_of(body)), body)


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece, a form as JSON."""
    if topic.startswith(("pull/", "fetch/")):
        return (Piece(topic=topic, body=body),)
    fields = fields_of(body)
    told = body if body.lstrip()[:1] == b"{" or not fields else msgspec.json.encode(fields)
    return (Piece(topic=topic_of(fields), body=told),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    return _identified(piece.topic, piece.body)


def fields_of(body: bytes) -> Mapping[str, str]:
    """Return the fields of a form, or the texts of a JSON object; none where it is neither."""
    try:
        if body.lstrip()[:1] == b"{":
            found = msgspec.json.decode(body, type=dict[str, object])
            return {name: value for name, value in found.items() if isinstance(value, str)}
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        return dict(pairs)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return {}


def topic_of(fields: Mapping[str, str]) -> str:
    """Return what a form tells of; empty where it is no message."""
    if sid_of(fields) is None:
        return ""
    if "MessageStatus" in fields and fields["MessageStatus"] not in {"received", "receiving"}:
        return "status"
    return "received" if "From" in fields else ""


def sid_of(fields: Mapping[str, str]) -> str | None:
    """Return which message a form is about."""
    sid = fields.get("MessageSid") or fields.get("SmsSid") or fields.get("sid") or ""
    return sid if _SID.fullmatch(sid) else None


def wish_ref(fields: Mapping[str, str]) -> str | None:
    """Return the name of a customer's wish, which has none of its own; None: they said none."""
    sid = sid_of(fields)
    return f"{sid}{_MARK}" if sid and fields.get("OptOutType", "").upper() in WISHES else None


def _identified(topic: str, body: bytes) -> Identified:
    digest = "sha256:" + sha256(topic.encode(errors="replace") + b"\n" + body).hex()
    fields = fields_of(body)
    sid = sid_of(fields)
    if sid is None:
        return Identified(external_id=digest, topic=topic, entity="")
    if topic == "status":
        word = fields.get("MessageStatus", "")[:_WORD_CHARS_MAX]
        digest = f"status:{sid}:{word}" if word.isascii() and word.isalpha() else digest
    if topic == "received":
        digest = f"received:{sid}"
        return Identified(
            external_id=digest, topic=topic, entity=f"message/{wish_ref(fields) or sid}"
        )
    return Identified(external_id=digest, topic=topic, entity=f"message/{sid}")
