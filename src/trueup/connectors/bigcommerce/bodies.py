"""What a person may hand in: hints, lists and pages of both versions of the API, single records.

Records of BigCommerce do not say what they are, so the topic does; hints and stock tell it.
"""

from collections.abc import Sequence

import msgspec

from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, fields_of, holds, items_of, joined, text_of

_WAYS = ("shipping", "pickups", "downloads", "email")
_V3 = frozenset(("data", "meta"))


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if "data" in fields and (scope := text_of(fields.get("scope"))):
        return (Piece(topic=scope[:100], body=body),)
    if {"order", "taxes"} <= fields.keys():
        return (Piece(topic="fetch/order", body=body),)
    if {"currency", "refund"} <= fields.keys():
        return (Piece(topic="fetch/refund", body=body),)
    if holds(fields, "data") and fields.keys() <= _V3:
        items = items_of(fields["data"])
        parts = [_one(topic, fields_of(item), item) for item in items]
        return None if None in parts else joined([part or () for part in parts], topic, body)
    return _one(topic, fields, body)


def _one(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    if "identity" in fields and holds(fields, "locations"):
        return _levels(topic, fields, body)
    noun = "inventory_level" if "identity" in fields else FORMS.noun_of(topic)
    if noun is None:
        return None
    if noun == "order" and "id" in fields:
        consignments = fields_of(fields.get("consignments"))
        if not any(way in consignments for way in _WAYS):
            return (Piece(topic="pull/order", body=body),)  # the head alone
        return (Piece(topic="fetch/order", body=b'{"order":%b,"taxes":[]}' % body),)
    return FORMS.of_noun(noun, body, topic)


def _levels(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...]:
    """Return one piece per location at which an item is counted."""
    bodies = [
        msgspec.json.encode({"identity": fields["identity"], "location": msgspec.Raw(place)})
        for place in items_of(fields["locations"])
    ]
    pieces = [FORMS.of_noun("inventory_level", each, topic) for each in bodies]
    return joined(pieces, topic, body)


_NOUNS = ("order", "shipment", "refund", "payment", "product", "customer", "location")
_PAGED = ("order", "product", "customer", "inventory_level", "location")
FORMS = Forms(
    nouns={noun: (f"fetch/{noun}",) for noun in (*_NOUNS, "inventory_level")},
    words={
        **dict.fromkeys(("transaction", "transactions"), "payment"),
        **dict.fromkeys(("inventory", "inventory_items", "inventory/items"), "inventory_level"),
        **dict.fromkeys(("catalog/products", "catalog"), "product"),
        "inventory/locations": "location",
    },
    topics=frozenset(
        (
            *(f"fetch/{noun}" for noun in (*_NOUNS, "inventory_level")),
            *(f"pull/{noun}" for noun in _PAGED),
        )
    ),
    tell=_tell,
    shown=("store/<what>/<event>",),
)
