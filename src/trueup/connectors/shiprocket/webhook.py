"""Whose delivery is it, and about what; read without understanding the body."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from trueup.connectors.shiprocket.clock import instant_of
from trueup.contract.connector import Identified, Piece
from trueup.contract.remittance import TOPICS, identify_remittance
from trueup.kernel.ids import sha256

TOPIC = "tracking"
"""Shiprocket names no topics: a push is always a parcel."""

_REF_CHARS_MAX = 50


class _Track(msgspec.Struct, gc=False):
    awb_code: str | int | None = None


class _Activity(msgspec.Struct, gc=False):
    date: str | None = None


class _Tracking(msgspec.Struct, gc=False):
    shipment_track: list[_Track] | None = None
    shipment_track_activities: list[_Activity] | None = None


class _Head(msgspec.Struct, gc=False):
    id: str | int | None = None
    awb: str | int | None = None
    current_timestamp: str | None = None
    tracking_data: _Tracking | None = None


_HEAD = msgspec.json.Decoder(_Head)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - all in the body
    """Return what the delivery is; a push has no id of its own, so its bytes are its name."""
    return identify_piece(Piece(topic=TOPIC, body=body))


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: Shiprocket pushes one parcel at a time."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    if piece.topic in TOPICS:
        return identify_remittance(piece)
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    head = _head_of(piece.body)
    found = instant_of(head.current_timestamp)
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=_entity(piece.topic, head),
        raised_at=_raised_at(head),
        occurred_at=found[0] if found else None,
    )


def _raised_at(head: _Head) -> datetime | None:
    """Return when Shiprocket told it, as far as a body says.

    A push names the order and a reading does not. Both tell the same scans, so the push must win:
    it is raised after the scan that it tells of, and a reading is as old as its newest scan.
    """
    if (pushed := instant_of(head.current_timestamp)) is not None:
        return pushed[0] + timedelta(seconds=1)
    told = (head.tracking_data.shipment_track_activities if head.tracking_data else None) or ()
    known = [found[0] for each in told if (found := instant_of(each.date)) is not None]
    return max(known, default=None)


def _entity(topic: str, head: _Head) -> str:
    if topic == "pull/parcel" and not head.awb:
        return f"shipment/{str(head.id)[:_REF_CHARS_MAX]}" if head.id else ""
    tracks = head.tracking_data.shipment_track if head.tracking_data else None
    awb = str((tracks[0].awb_code if tracks else head.awb) or "")
    return f"parcel/{awb}" if 0 < len(awb) <= _REF_CHARS_MAX else ""


def _head_of(body: bytes) -> _Head:
    try:
        return _HEAD.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Head()
