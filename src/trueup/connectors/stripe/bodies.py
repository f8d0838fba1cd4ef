"""What a person may hand in: events, objects and lists of them. Each tells by `object` what it is.

A thing that nothing reads keeps its own name as its topic, so that the mapping says why.
"""

from collections.abc import Sequence

from trueup.connectors.stripe.pull import EVENT_TYPES
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, as_given, fields_of, items_of, joined, text_of

_READ = ("charge", "refund", "dispute", "balance_transaction", "payout")
_LISTS = frozenset(("list", "search_result"))


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    told = text_of(fields.get("object"))[:60]
    if told in _LISTS:
        return joined([_one(topic, item) for item in items_of(fields.get("data"))], topic, body)
    if "balance_transaction" in fields and "payout" in fields and not told:
        return (Piece(topic="fetch/payout_entry", body=body),)
    return _one(topic, body) if told else None


def _one(topic: str, body: bytes) -> tuple[Piece, ...]:
    fields = fields_of(body)
    told = text_of(fields.get("object"))[:60]
    if told == "event":
        return (Piece(topic=text_of(fields.get("type"))[:100], body=body),)
    if told in FORMS.nouns:
        return FORMS.of_noun(told, body, topic)
    if told:
        return (Piece(topic=f"pull/{told}", body=body),)
    return as_given(FORMS, topic, body)


FORMS = Forms(
    nouns={noun: (f"pull/{noun}",) for noun in _READ},
    topics=frozenset(
        (
            *EVENT_TYPES,
            *(f"{way}/{noun}" for way in ("pull", "fetch") for noun in _READ),
            "fetch/payout_entry",
        )
    ),
    words={"transactions": "balance_transaction", "payments": "charge"},
    tell=_tell,
)
