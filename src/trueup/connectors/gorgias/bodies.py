"""What a person may hand in: deliveries, tickets and messages, lists of them.

Each thing has its own address in `uri`, which tells what it is.
"""

import re
from collections.abc import Sequence

from trueup.connectors.gorgias.webhook import TOPICS
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

_ADDRESS = re.compile(r"/api/(?:tickets/[0-9]+/)?([a-z-]{1,40})/[0-9]+/?(?:\?|$)")


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    event = text_of(fields.get("event"))
    if event in TOPICS:
        return (Piece(topic=event, body=body),)
    if holds(fields, "data") and "id" not in fields:
        return joined([_one(topic, item) for item in items_of(fields["data"])], topic, body)
    return _one(topic, body) if "id" in fields else None


def _one(topic: str, body: bytes) -> tuple[Piece, ...]:
    fields = fields_of(body)
    address = _ADDRESS.search(text_of(fields.get("uri")))
    told = address[1].removesuffix("s") if address else ""
    if told and told not in FORMS.nouns:
        return unread(told, body)
    if not told and "ticket_id" in fields:
        told = "message"
    told = told or FORMS.noun_of(topic) or ""
    if not told:
        return as_given(FORMS, topic, body)
    # A ticket of a list lacks its messages; what is there is kept all the same.
    pieces = FORMS.of_noun(told, body)
    if told != "ticket":
        return pieces
    messages = items_of(fields.get("messages"))
    whole = [each for each in messages if {"id", "ticket_id"} <= fields_of(each).keys()]
    return (*pieces, *(Piece(topic="fetch/message", body=each) for each in whole))


FORMS = Forms(
    nouns={"ticket": ("fetch/ticket",), "message": ("fetch/message",)},
    words={"ticket_messages": "message", "conversation": "ticket"},
    topics=frozenset((*TOPICS, "pull/ticket", "fetch/ticket", "fetch/message")),
    tell=_tell,
)
