"""Recognise bodies that came without headers: files, pages, exports, movements of our own.

A connector with webhooks says itself how a body is split and what each piece is. One without (a
connector for files of our own) needs no second opinion: what a body means tells what it is about.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trueup.contract.connector import Identified, Piece, Source
from trueup.contract.loader import ConnectorFolder
from trueup.kernel.ids import sha256

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def split_body(folder: ConnectorFolder, topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece per record of a body that may hold many; at least one."""
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
    if folder.has("webhook"):
        return folder.webhook.identify_piece(piece)
    source = Source(topic=piece.topic, body=piece.body, received_at=received_at)
    records = folder.mapping.map_source(source).records
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=records[0].entity() if records else "",
        occurred_at=records[0].updated_at if records else None,
    )
