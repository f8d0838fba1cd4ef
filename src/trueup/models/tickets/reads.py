"""What others may ask of tickets: what a text is about, as well as is known here."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from trueup.models.finding import Absent, find_models
from trueup.models.reads import may_use
from trueup.models.tickets.matters import Matter, Told, matter_by_words

ReadTexts = Callable[[Sequence[str]], list[Told]]

RULE_RIGHT_SHARE: Final = 0.5
"""About what share of our own sentences the rule gets right; `trueup bench models` tells it."""


async def texts_reader(conn: psycopg.AsyncConnection[Any]) -> ReadTexts:
    """Return what says what texts are about: the best that is there.

    Trained on the brand's own tickets, where that beats our sentences alone; else on those; and
    where the extra `text` is not installed, by the rule.
    """
    model = find_models()["tickets"]
    if isinstance(model, Absent):
        return read_by_rule
    reader = importlib.import_module("trueup.models.tickets.reader")
    kept = await may_use(conn, model)
    found = reader.start_reader() if kept is None else reader.reader_of(kept.artifact)
    reads: ReadTexts = found.read
    return reads


async def matter_of(conn: psycopg.AsyncConnection[Any], text: str) -> Told:
    """Return what one text is about; of many ask `texts_reader` once."""
    read = await texts_reader(conn)
    return read([text])[0]


def read_by_rule(texts: Sequence[str]) -> list[Told]:
    """Return what texts are about by their turns of phrase; one that has none is left open."""
    found = [matter_by_words(text) for text in texts]
    return [
        Told(matter=matter, chance=RULE_RIGHT_SHARE, open=matter is Matter.OTHER, by="rule")
        for matter in found
    ]
