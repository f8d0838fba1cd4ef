"""What a person may hand in: notifications, replies of the API, and single records.

A reply has its list below a name of its own, and each record has a number by whose name it is
known. An FBA summary alone does not say its marketplace; the page around it does.
"""

from collections.abc import Sequence

import msgspec

from trueup.connectors.amazon.notification import TOPIC_PREFIX, read_hint
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, fields_of, holds, items_of, joined, text_of

_LISTS = {"orders": "order", "items": "listing", "reports": "report", "feeds": "feed"}
_MARKS = (
    ("order", ("orderId", "orderItems")),
    ("order", ("orderId", "createdTime")),
    ("listing", ("sku", "summaries")),
    ("listing", ("sku", "fulfillmentAvailability")),
    ("report", ("reportId", "reportType")),
    ("feed", ("feedId", "feedType")),
    ("feed_report", ("header", "issues")),
    ("feed_report", ("header", "summary")),
    ("fba_level", ("marketplace", "summary")),
)


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if "notificationType" in fields or "NotificationType" in fields:
        hint = read_hint(body)
        return (Piece(topic=f"{TOPIC_PREFIX}{hint.kind if hint else ''}"[:100], body=body),)
    if holds(fields, "payload"):
        fields, body = fields_of(fields["payload"]), bytes(fields["payload"])
    if holds(fields, "inventorySummaries"):
        return _summaries(topic, fields, body)
    listed = _listed(topic, fields, body)
    return _marked(fields, body) if listed is None and topic not in FORMS.topics else listed


def _listed(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    """Return the pieces of a list, or of one order below its name."""
    for name, noun in _LISTS.items():
        if holds(fields, name) and bytes(fields[name])[:1] == b"[":
            parts = [FORMS.of_noun(noun, item) for item in items_of(fields[name])]
            return joined(parts, topic, body)
    if "orderId" not in fields and bytes(fields.get("order", b""))[:1] == b"{":
        return FORMS.of_noun("order", bytes(fields["order"]))
    return None


def _marked(fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    """Return the pieces of a record that is known by the names in it."""
    if "fnSku" in fields and "sellerSku" in fields:
        return (Piece(topic="fba_level", body=b'{"summary":%b}' % body),)
    noun = next((n for n, names in _MARKS if all(name in fields for name in names)), None)
    return None if noun is None else FORMS.of_noun(noun, body)


def _summaries(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...]:
    """Return one piece per item, and one for the place: all that lies at FBA in a marketplace."""
    marketplace = text_of(fields_of(fields.get("granularity")).get("granularityId"))
    if not marketplace:
        parts = [
            (Piece(topic="fba_level", body=b'{"summary":%b}' % item),)
            for item in items_of(fields["inventorySummaries"])
        ]
        return joined(parts, topic, body)
    named = {"marketplace": marketplace}
    levels = [
        Piece(topic="fba_level", body=msgspec.json.encode(named | {"summary": msgspec.Raw(item)}))
        for item in items_of(fields["inventorySummaries"])
    ]
    return (Piece(topic="fba_place", body=msgspec.json.encode(named)), *levels)


_OWN = ("order", "report", "feed", "feed_report", "fba_level", "fba_place")
_SETTLED = ("settlement/payout", "settlement/entry", "settlement/unreadable")
FORMS = Forms(
    nouns={
        **{noun: (noun,) for noun in (*_OWN, *_SETTLED)},
        "listing": ("listing", "listing_level"),
        "listing_level": ("listing_level",),
    },
    words={
        **dict.fromkeys(("item", "items"), "listing"),
        **dict.fromkeys(("settlement", "settlements"), "report"),
        **dict.fromkeys(("fba_inventory", "inventory_summaries", "summaries"), "fba_level"),
    },
    topics=frozenset((*_OWN, *_SETTLED, "listing", "listing_level")),
    tell=_tell,
    shown=("notification/<kind>",),
)
