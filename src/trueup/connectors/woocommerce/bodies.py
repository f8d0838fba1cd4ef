"""What a person may hand in: deliveries, lists and single records of the API, the stock report.

A record of the API has its own address in `_links`; of one without, the topic says what it is.
"""

import re
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
)

_HOOKED = ("order", "product", "customer", "coupon")
_BATCH = {"create": "created", "update": "updated", "delete": "deleted"}
_ADDRESS = re.compile(r"/wc/v[0-9]/([a-z]{1,30})/[0-9]+(?:/([a-z]{1,30})/[0-9]+)?/?$")


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if {"order_id", "refund"} <= fields.keys():
        return (Piece(topic="fetch/refund", body=body),)
    if {"product", "variations"} <= fields.keys():
        return (Piece(topic="fetch/product", body=body),)
    if "id" in fields:
        return _alone(topic, fields, body)
    noun = FORMS.noun_of(topic)
    is_batch = fields.keys() <= _BATCH.keys() and all(holds(fields, name) for name in fields)
    return _batch(noun, fields, body) if noun in _HOOKED and fields and is_batch else None


def _batch(noun: str, fields: Fields, body: bytes) -> tuple[Piece, ...]:
    """Return the pieces of a batch's answer, which holds what was made, changed and deleted."""
    parts = [
        (Piece(topic=f"{noun}.{_BATCH[name]}", body=item),)
        for name in fields
        for item in items_of(fields[name])
    ]
    return joined(parts, noun, body)


def _alone(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    noun = _noun_in(fields) or FORMS.noun_of(topic)
    if noun == "inventory_level":
        return (Piece(topic="pull/inventory_level", body=b'{"level":%b}' % body),)
    if noun is None or (topic in FORMS.topics and _about(topic) == noun):
        return as_given(FORMS, topic, body) if noun else None
    if noun in FORMS.nouns:
        return FORMS.of_noun(noun, body, topic)
    return (Piece(topic=f"pull/{noun}", body=body),)


def _noun_in(fields: Fields) -> str:
    """Return what the record's own address says it is; a variation is a product."""
    selves = items_of(fields_of(fields.get("_links")).get("self"))
    address = _ADDRESS.search(text_of(fields_of(selves[0]).get("href")) if selves else "")
    if address is None:
        return ""
    noun = (address[2] or address[1]).removesuffix("s")
    return "product" if noun == "variation" else noun


def _about(topic: str) -> str:
    return FORMS.noun_of(topic.partition(".")[0]) or topic.partition(".")[0]


FORMS = Forms(
    nouns={
        "order": ("order.updated",),  # rounded, as the API does by itself
        "product": ("pull/product",),
        "customer": ("pull/customer",),
        "inventory_level": ("pull/inventory_level",),
        "refund": ("fetch/refund",),
    },
    words={
        **dict.fromkeys(("stock", "reports/stock"), "inventory_level"),
        **dict.fromkeys(("variation", "variations"), "product"),
    },
    topics=frozenset(
        (
            *(f"{n}.{v}" for n in _HOOKED for v in ("created", "updated", "deleted", "restored")),
            *(f"{way}/{n}" for way in ("pull", "fetch") for n in _HOOKED[:3]),
            *("pull/inventory_level", "fetch/refund"),
        )
    ),
    tell=_tell,
)
