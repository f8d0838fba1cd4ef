"""What a person may hand in: pushed scans, readings of parcels, single parcels.

A push has the newest scan alone; a reading has the whole history in `Scans`, so each tells itself.
"""

from collections.abc import Sequence

from trueup.connectors.delhivery.webhook import TOPIC
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, fields_of, holds, items_of, joined


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if holds(fields, "ShipmentData"):
        parts = [_one(topic, item) for item in items_of(fields["ShipmentData"])]
        return joined(parts, topic, body)
    return _one(topic, body) if "Shipment" in fields or "AWB" in fields else None


def _one(topic: str, body: bytes) -> tuple[Piece, ...]:
    whole = body if "Shipment" in fields_of(body) else b'{"Shipment":%b}' % body
    if topic in FORMS.topics:
        return (Piece(topic=topic, body=whole),)
    inner = fields_of(fields_of(whole)["Shipment"])
    noun = "parcel" if "Scans" in inner else TOPIC
    return FORMS.of_noun(noun, whole)


FORMS = Forms(
    nouns={TOPIC: (TOPIC,), "parcel": ("fetch/parcel",)},
    words=dict.fromkeys(("shipment", "package", "tracking", "waybill"), "parcel"),
    topics=frozenset((TOPIC, "fetch/parcel")),
    tell=_tell,
)
