"""What a person may hand in: replies of `web_search_read` and `web_read`, of JSON-RPC, and records.

Records of Odoo do not say what they are, so the topic does: a resource, or the model's own name.
Both ways in which Odoo writes what a record points at are read. An entry in the books tells by its
type whether it is an invoice or a journal.
"""

from collections.abc import Sequence

import msgspec

from trueup.connectors.odoo.model import MODELS
from trueup.connectors.odoo.pull import levels_of
from trueup.contract.connector import Piece
from trueup.contract.envelope import (
    FAULTS,
    Fields,
    Forms,
    fields_of,
    holds,
    items_of,
    joined,
    text_of,
)
from trueup.errors import ContractBroken

_ENTRY = frozenset(("invoice", "journal"))


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if "jsonrpc" in fields and holds(fields, "result"):
        result = bytes(fields["result"])
        if result.startswith(b"{"):
            return _tell(topic, fields_of(result), result)
        return _all(topic, items_of(result), body)
    if holds(fields, "records") and "id" not in fields:
        return _all(topic, items_of(fields["records"]), body)
    return _one(topic, fields, body) if "id" in fields else None


def _all(topic: str, items: list[bytes], body: bytes) -> tuple[Piece, ...] | None:
    parts = [_one(topic, fields_of(item), item) for item in items]
    return None if None in parts else joined([part or () for part in parts], topic, body)


def _one(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    body = _named(fields, body)
    noun = FORMS.noun_of(topic)
    kind = text_of(fields.get("move_type"))
    if kind and (noun in _ENTRY or noun is None):
        noun = "journal" if kind == "entry" else "invoice"
    if noun is None:
        return None
    if not holds(fields, "stock_quant_ids") or noun not in {"product", "inventory_level"}:
        return FORMS.of_noun(noun, body, topic)
    pieces = FORMS.of_noun("product", body) if noun == "product" else ()
    try:
        return (*pieces, *levels_of(body))
    except ContractBroken:
        return pieces or FORMS.of_noun(noun, body)


def _named(fields: Fields, body: bytes) -> bytes:
    """Return a record of `search_read` as `web_search_read` writes it: what it points at is named.

    There a pointer is a pair, such as [8, "WH/Stock"].
    """
    pairs = {name: pair for name, raw in fields.items() if (pair := _pair(raw)) is not None}
    if not pairs:
        return body
    named = {
        name: {"id": number, "display_name": text, "name": text}
        for name, (number, text) in pairs.items()
    }
    return msgspec.json.encode({**fields, **named})


def _pair(raw: msgspec.Raw) -> tuple[int, str] | None:
    if bytes(raw)[:1] != b"[":
        return None
    try:
        return _PAIR.decode(raw)
    except FAULTS:
        return None


_PAIR = msgspec.json.Decoder(tuple[int, str])
_NOUNS = {model.topic.partition("/")[2]: (model.topic,) for model in MODELS.values()}
FORMS = Forms(
    nouns=_NOUNS,
    words={
        "account.move": "invoice",
        **{
            model.model: model.topic.partition("/")[2]
            for resource, model in MODELS.items()
            if resource not in {"inventory_levels", "journals", "invoices"}
        },
        **dict.fromkeys(("journal_entry", "journal_entries"), "journal"),
        **dict.fromkeys(("bill", "bills"), "invoice"),
        "stock": "inventory_level",
    },
    topics=frozenset((*(topic for (topic,) in _NOUNS.values()), "fetch/inventory_level")),
    tell=_tell,
    shown=tuple(sorted({model.model for model in MODELS.values()})),
)
