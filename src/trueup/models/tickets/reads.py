"""What others may ask of tickets: what a text is about, as well as is known here."""

import hashlib
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from trueup.models.finding import Absent, find_models
from trueup.models.model import Card
from trueup.models.reads import find_trained, may_use, newest_card
from trueup.models.tickets.matters import Matter, Told, matter_by_words

TICKETS: Final = "tickets"
"""The model's name."""

ReadTexts = Callable[[Sequence[str]], list[Told]]

RULE_RIGHT_SHARE: Final = 0.5
"""About what share of our own sentences the rule gets right; `trueup bench models` tells it."""


UNHEARD: Final = "right_of_unheard_share"
UNHEARD_TICKETS: Final = "unheard_said_tickets"
"""Figures of the card: of held-out tickets of which words say nothing, how many it is sure of, and
what share of these it gets right."""

UNHEARD_CHANCE_MIN: Final = 0.9
"""So likely it must be where words say nothing: what nobody of the brand's customers wrote before,
planted instructions for one, mostly comes to less."""

UNHEARD_RIGHT_SHARE: Final = 0.9
UNHEARD_TICKETS_MIN: Final = 10

_TEXTS_MAX: Final = 20_000


class SureReader:
    """Says what texts are about where their words say nothing; each text is read once.

    Of a text its digest is remembered for as long as the process lives, and what it is about.

    Args:
        read: a trained reader.
    """

    def __init__(self, read: ReadTexts) -> None:
        self._read = read
        self._known: dict[bytes, Matter] = {}

    def matter_of(self, text: str, *, fresh: bool) -> Matter | None:
        """Return what a text is about, `OTHER` where it is not sure enough.

        Args:
            text: is only looked at.
            fresh: one that was not read before is read; else None is returned for it.
        """
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if key not in self._known and fresh:
            [told] = self._read([text])
            if len(self._known) >= _TEXTS_MAX:
                self._known.clear()
            self._known[key] = told.matter if is_sure_of(told) else Matter.OTHER
        return self._known.get(key)


_readers: Final[dict[bytes, SureReader]] = {}
"""The one that is used, by the digest of its artifact: it is unpacked once a process."""


async def sure_reader(conn: psycopg.AsyncConnection[Any]) -> SureReader | None:
    """Return what reads texts of which words say nothing; None: they stay `OTHER`.

    It was trained on the brand's own tickets, does better there than our own sentences, and was
    measured to be right where words say nothing.
    """
    shown = await newest_card(conn, TICKETS)
    if shown is None or not may_be_heard(shown.card):
        return None  # before anything is imported: that takes seconds, and this may be a snapshot
    model = find_models()[TICKETS]
    if isinstance(model, Absent) or model.version != shown.version:
        return None
    digest = shown.sha256
    if digest not in _readers:
        kept = await find_trained(conn, model)
        if kept is None or hashlib.sha256(kept.artifact).digest() != digest:
            return None  # a newer one was kept just now: the next look finds it
        reader = importlib.import_module("trueup.models.tickets.reader")
        _readers.clear()
        _readers[digest] = SureReader(reader.reader_of(kept.artifact).read)
    return _readers[digest]


def is_sure_of(told: Told) -> bool:
    """Whether it is likely enough to count where words say nothing. Pure."""
    return not told.open and told.chance >= UNHEARD_CHANCE_MIN


def may_be_heard(card: Card) -> bool:
    """Whether a card shows that it may be relied on where words say nothing. Pure."""
    figures = {each.name: each for each in card.figures}
    right, tickets = figures.get(UNHEARD), figures.get(UNHEARD_TICKETS)
    if right is None or tickets is None or tickets.model < UNHEARD_TICKETS_MIN:
        return False
    return card.beats and right.beats and right.model >= UNHEARD_RIGHT_SHARE


async def texts_reader(conn: psycopg.AsyncConnection[Any]) -> ReadTexts:
    """Return what says what texts are about: the best that is there.

    Trained on the brand's own tickets, where that beats our sentences alone; else on those; and
    where the extra `text` is not installed, by the rule.
    """
    model = find_models()[TICKETS]
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
