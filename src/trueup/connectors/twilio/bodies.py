"""What a person may hand in: deliveries, a message of the API alone, and a page of them."""

from collections.abc import Sequence

from trueup.connectors.twilio.webhook import topic_of
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, holds, items_of, text_of


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:  # noqa: ARG001 - the body says it
    if holds(fields, "messages"):
        return [Piece(topic="fetch/message", body=item) for item in items_of(fields["messages"])]
    if "sid" in fields and "direction" in fields:
        return (Piece(topic="fetch/message", body=body),)
    told = topic_of({name: text_of(value) for name, value in fields.items()})
    return (Piece(topic=told, body=body),) if told else None


FORMS = Forms(
    nouns={"message": ("fetch/message",)},
    words={"messages": "message", "sms": "message"},
    topics=frozenset(("received", "status", "pull/message", "fetch/message")),
    tell=_tell,
)
