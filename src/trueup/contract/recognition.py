"""Recognise bodies that came without headers: files, pages, exports, movements of our own.

A connector says in `bodies.py` what a person may hand in; one without it is asked how it splits
deliveries. A connector with webhooks says what each piece is; of one without, what a body means
tells what it is about.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Identified, Mapped, Piece, Source
from trueup.contract.envelope import EMPTY, UNREAD, UNTOLD, split_handed
from trueup.contract.loader import ConnectorFolder
from trueup.kernel.ids import sha256

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def split_body(folder: ConnectorFolder, topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per record of a body that a person hands in; at least one."""
    if folder.forms is not None:
        return split_handed(folder.forms, topic, body)
    return split_delivery(folder, topic, body)


def split_delivery(folder: ConnectorFolder, topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per record of a body that came by itself; at least one."""
    whole = (Piece(topic=topic, body=body),)
    if folder.has("webhook"):
        return folder.webhook.split(topic, body) or whole
    if body.lstrip()[:1] != b"[":
        return whole
    try:
        return tuple(Piece(topic=topic, body=bytes(item)) for item in _ITEMS.decode(body)) or whole
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return whole


def identify_piece(folder: ConnectorFolder, piece: Piece, received_at: datetime) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    if _is_nothing(piece.topic):
        return Identified(external_id=_digest(piece), topic=piece.topic, entity="")
    if folder.has("webhook"):
        return folder.webhook.identify_piece(piece)
    source = Source(topic=piece.topic, body=piece.body, received_at=received_at)
    records = folder.mapping.map_source(source).records
    return Identified(
        external_id=_digest(piece),
        topic=piece.topic,
        entity=records[0].entity() if records else "",
        occurred_at=records[0].updated_at if records else None,
    )


def map_source(folder: ConnectorFolder, source: Source) -> Mapped:
    """Return what a body means; of one that nobody could say what it is, what may be done."""
    if source.topic.startswith(EMPTY):
        return Mapped(ignored="the list holds nothing")
    if source.topic.startswith(UNREAD):
        name = source.topic.removeprefix(UNREAD)
        return Mapped(ignored=f"nothing in the hub reads {name!r} of {folder.id}")
    if not source.topic.startswith(UNTOLD):
        return folder.mapping.map_source(source)
    known = folder.forms.known() if folder.forms is not None else ()
    issue = Issue(
        code="ingest.topic_unknown",
        severity=Severity.ERROR,
        expected=f"a topic of {folder.id}, or a body that tells by itself what it is",
        found=source.topic.removeprefix(UNTOLD) or "no topic",
        how_to_fix=f"Hand it in under what it is: {', '.join(known)}.",
    )
    return Mapped(issues=(issue,))


def _is_nothing(topic: str) -> bool:
    return topic.startswith((UNTOLD, EMPTY, UNREAD))


def _digest(piece: Piece) -> str:
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    return f"sha256:{digest}"
