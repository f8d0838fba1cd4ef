"""What a person may hand in: deliveries, answers to queries, lists of changes, single entities.

QuickBooks puts each entity below its name; of one that stands alone, the topic says what it is.
"""

from collections.abc import Sequence

from trueup.connectors.quickbooks.entity import BY_NAME, BY_RESOURCE, LEVEL
from trueup.connectors.quickbooks.event import entity_in
from trueup.contract.connector import Piece
from trueup.contract.envelope import Fields, Forms, fields_of, holds, items_of, joined, text_of

_AROUND = frozenset(("time", "warnings", "startPosition", "maxResults", "totalCount"))


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    event = text_of(fields.get("type"))
    if event and "intuitentityid" in fields:
        return (Piece(topic=f"qbo.{entity_in(event)[:40]}", body=body),)
    for name in ("QueryResponse", "CDCResponse"):
        if holds(fields, name):
            return _answers(topic, items_of(fields[name]), body)
    if "Id" in fields or "Fault" in fields:
        noun = FORMS.noun_of(topic) if "Id" in fields else None
        return None if noun is None else _entity(noun, body, topic)
    inner = [name for name in fields if name[:1].isupper() and holds(fields, name)]
    if len(inner) == 1 and fields.keys() - _AROUND == set(inner):
        return _below(fields, topic, body)
    return None


def _answers(topic: str, answers: list[bytes], body: bytes) -> tuple[Piece, ...]:
    """Return the entities of answers; each has its entities' names, or holds further answers."""
    parts: list[tuple[Piece, ...]] = []
    for answer in answers:
        fields = fields_of(answer)
        if "QueryResponse" in fields:
            parts.append(_answers(topic, items_of(fields["QueryResponse"]), body))
        elif any(holds(fields, name) for name in fields):
            parts.append(_below(fields, topic, body))
    return joined([part for part in parts if not _is_empty(part)], topic, body)


def _below(fields: Fields, topic: str, body: bytes) -> tuple[Piece, ...]:
    parts = [
        _entity(name, item, "")
        for name in fields
        if name[:1].isupper()
        for item in items_of(fields[name])
    ]
    return joined(parts, topic, body)


def _entity(name: str, body: bytes, topic: str) -> tuple[Piece, ...]:
    if name not in FORMS.nouns:
        return (Piece(topic=f"pull/{name[:60]}", body=body),)
    if topic in FORMS.topics:
        return (Piece(topic=topic, body=body),)
    pieces = FORMS.of_noun(name, body)
    fields = fields_of(body)
    counted = name == "Item" and text_of(fields.get("Type")) == "Inventory"
    if not counted or text_of(fields.get("status")) == "Deleted":
        return pieces
    return (*pieces, Piece(topic=f"pull/{LEVEL}", body=body))


def _is_empty(pieces: tuple[Piece, ...]) -> bool:
    return all(piece.topic.startswith("empty/") for piece in pieces)


_NAMES = (*BY_NAME, LEVEL)
FORMS = Forms(
    nouns={name: (f"pull/{name}",) for name in _NAMES},
    words={resource: each.name for resource, each in BY_RESOURCE.items()},
    topics=frozenset(
        (
            *(f"{way}/{name}" for way in ("pull", "fetch") for name in _NAMES),
            *(f"qbo.{each.path}" for each in BY_NAME.values()),
        )
    ),
    tell=_tell,
)
