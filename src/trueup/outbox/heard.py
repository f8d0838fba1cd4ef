"""Heard: a record's own bytes, out of a vendor's reply, on their way into the log."""

from datetime import datetime

from trueup.contract.connector import Piece
from trueup.contract.loader import ConnectorFolder
from trueup.contract.recognition import identify_piece
from trueup.intake.model import NewEvent, Origin


def heard_event(
    folder: ConnectorFolder,
    connection_id: int,
    piece: Piece,
    origin: Origin,
    *,
    asked_at: datetime,
    now: datetime,
) -> NewEvent:
    """Return the event of a piece.

    Args:
        folder: of the connector.
        connection_id: whose reply it was.
        piece: one record's bytes.
        origin: why the vendor was called.
        asked_at: before the call left.
        now: when the reply was there.
    """
    identified = identify_piece(folder, piece, now)
    return NewEvent(
        connection_id=connection_id,
        external_id=identified.external_id,
        topic=identified.topic,
        entity=identified.entity,
        origin=origin,
        # At least as new as every webhook that was raised before we asked.
        raised_at=identified.raised_at or asked_at,
        received_at=now,
        body=piece.body,
    )
