"""What a person may hand in: events, parcels, labels, and lists. Each tells by `object` what it is.

A thing that moves no parcel keeps its own name as its topic, so that the mapping says why.
"""

from collections.abc import Sequence

from trueup.contract.connector import Piece
from trueup.contract.envelope import (
    Fields,
    Forms,
    as_given,
    fields_of,
    holds,
    items_of,
    joined,
    text_of,
    unread,
)

_NOUNS = {"tracker": "parcel", "shipment": "shipment"}
_EXPLAINED = frozenset(("batch", "claim", "insurance", "payment", "pickup", "refund", "report"))
"""Things that move no parcel, of which the mapping says why."""

_LISTS = ("trackers", "events", "shipments")


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    told = text_of(fields.get("object")).lower()[:40]
    if told == "event" and not holds(fields, "result"):
        return unread("event without its object", body)  # as the list of events tells them
    if told == "event":
        return (Piece(topic=text_of(fields.get("description"))[:100], body=body),)
    if told:
        return _one(told, topic, body)
    if "id" in fields:
        return None
    lists = [name for name in fields if holds(fields, name)]
    name = next((each for each in (*_LISTS, *lists) if each in lists), None)
    if name is None or name == "error":
        return None
    noun = name.removesuffix("es") if name.endswith("ches") else name.removesuffix("s")
    parts = [_listed(noun, topic, item) for item in items_of(fields[name])]
    return joined(parts, topic, body)


def _listed(noun: str, topic: str, item: bytes) -> Sequence[Piece]:
    fields = fields_of(item)
    if not fields:
        return as_given(FORMS, topic, item)
    own = _tell(topic, fields, item) if "object" in fields else None
    return own if own is not None else _one(noun, topic, item)


def _one(told: str, topic: str, body: bytes) -> tuple[Piece, ...]:
    noun = _NOUNS.get(told)
    if noun is None:
        return (Piece(topic=told, body=body),) if told in _EXPLAINED else unread(told, body)
    return FORMS.of_noun(noun, body, topic)


FORMS = Forms(
    nouns={"parcel": ("fetch/parcel",), "shipment": ("fetch/shipment",)},
    words={"tracker": "parcel", "trackers": "parcel", "tracking": "parcel", "label": "shipment"},
    topics=frozenset(
        (
            *("tracker.created", "tracker.updated"),
            *("pull/parcel", "fetch/parcel", "fetch/shipment"),
        )
    ),
    tell=_tell,
)
