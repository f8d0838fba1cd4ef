"""Whose delivery is it, and about what; read without understanding the body."""

from collections.abc import Mapping, Sequence

import msgspec

from trueup.connectors.delhivery.clock import instant_of
from trueup.contract.connector import Identified, Piece
from trueup.contract.remittance import TOPICS, identify_remittance
from trueup.kernel.ids import sha256

TOPIC = "scan"
"""Delhivery names no topics: a push is always one scan."""

_WAYBILL_CHARS_MAX = 40


class _Status(msgspec.Struct, gc=False, rename="pascal"):
    status_date_time: str | None = None


class _Shipment(msgspec.Struct, gc=False, rename="pascal"):
    awb: str | int | None = msgspec.field(name="AWB", default=None)
    status: _Status | None = None


class _Head(msgspec.Struct, gc=False, rename="pascal"):
    shipment: _Shipment | None = None


_HEAD = msgspec.json.Decoder(_Head)


def identify(headers: Mapping[str, str], body: bytes) -> Identified:  # noqa: ARG001 - all in the body
    """Return what the delivery is; a push has no id of its own, so its bytes are its name."""
    return identify_piece(Piece(topic=TOPIC, body=body))


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: Delhivery pushes one scan at a time."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is; the same bytes under one topic have the same external id."""
    if piece.topic in TOPICS:
        return identify_remittance(piece)
    digest = sha256(piece.topic.encode(errors="replace") + b"\n" + piece.body).hex()
    shipment = _shipment_of(piece.body)
    waybill = str(shipment.awb or "")
    found = instant_of(shipment.status.status_date_time) if shipment.status else None
    return Identified(
        external_id=f"sha256:{digest}",
        topic=piece.topic,
        entity=f"parcel/{waybill}" if 0 < len(waybill) <= _WAYBILL_CHARS_MAX else "",
        occurred_at=found[0] if found else None,
    )


def _shipment_of(body: bytes) -> _Shipment:
    try:
        return _HEAD.decode(body).shipment or _Shipment()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Shipment()
