"""What a person may hand in: pushes, readings of one parcel or of many, rows of the list."""

from collections.abc import Sequence

from trueup.connectors.shiprocket.webhook import TOPIC
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, as_given, fields_of, holds, items_of, joined


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if holds(fields, "tracking_data"):
        return (Piece(topic="fetch/parcel", body=body),)
    if holds(fields, "data") and "awb" not in fields:
        return joined([_row(topic, item) for item in items_of(fields["data"])], topic, body)
    if "awb" in fields and ("scans" in fields or "current_status" in fields):
        return (Piece(topic=TOPIC, body=body),)
    readings = [bytes(raw) for raw in fields.values() if b'"tracking_data"' in bytes(raw)]
    if readings and all("tracking_data" in fields_of(each) for each in readings):
        return [Piece(topic="fetch/parcel", body=each) for each in readings]
    return _row(topic, body) if "awb" in fields and topic not in FORMS.topics else None


def _row(topic: str, item: bytes) -> tuple[Piece, ...]:
    """Return a row of the list of shipments, which leads to the reading of its parcel."""
    if "awb" in fields_of(item):
        return (Piece(topic="pull/parcel", body=item),)
    return as_given(FORMS, topic, item)


FORMS = Forms(
    nouns={TOPIC: (TOPIC,), "parcel": ("pull/parcel",)},
    words={"shipment": "parcel", "shipments": "parcel", "push": TOPIC},
    topics=frozenset((TOPIC, "pull/parcel", "fetch/parcel")),
    tell=_tell,
)
