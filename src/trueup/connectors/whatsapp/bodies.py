"""What a person may hand in: deliveries, and a delivery's parts alone: a change, or its value."""

from collections.abc import Sequence

import msgspec

from trueup.connectors.whatsapp.webhook import MANY, split
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, holds, text_of

_TOPICS = ("messages", "user_preferences", "message_template_status_update")
_MORE = ("message_template_quality_update", "template_category_update", "account_update")


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if holds(fields, "entry"):
        pieces = split("", body)
        return pieces if pieces[0].topic else None  # without a topic it holds no change
    if holds(fields, "value") and (field := text_of(fields.get("field"))):
        return _around(field, fields["value"])
    if "metadata" in fields or any(name in fields for name in MANY[:3]):
        field = "user_preferences" if "user_preferences" in fields else "messages"
        return _around(field, msgspec.Raw(body))
    if topic in FORMS.topics and "event" in fields:
        return _around(topic, msgspec.Raw(body))
    return None


def _around(field: str, value: msgspec.Raw) -> Sequence[Piece]:
    """Put around a change's value what a delivery has around it."""
    change = {"field": field, "value": value}
    delivery = {"object": "whatsapp_business_account", "entry": [{"id": "", "changes": [change]}]}
    return split(field, msgspec.json.encode(delivery))


FORMS = Forms(
    nouns={topic: (topic,) for topic in (*_TOPICS, *_MORE)},
    words={"message": "messages", "status": "messages", "statuses": "messages"},
    topics=frozenset((*_TOPICS, *_MORE)),
    tell=_tell,
)
