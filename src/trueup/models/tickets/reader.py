"""Reads tickets with machines: one of words, and one of sentences where their weights are there."""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trueup.errors import invariant
from trueup.models.artifact import pack, unpack
from trueup.models.tickets.machine import Kept, Machine, Texts, count_texts, learn
from trueup.models.tickets.matters import Matter, Told, matter_by_words, plain_of
from trueup.models.tickets.sentence import Encoder, find_encoder

Floats = NDArray[np.float32]

HINT: Final = np.float32(0.5)
"""How heavy it is what the rule says, beside words and sentences."""

_MATTERS: Final = tuple(Matter)


class Labelled(NamedTuple):
    """A text of which a person said what it is about; in plain words (`plain_of`)."""

    text: str
    matter: Matter


class Machines(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: both machines, as the weights of sentences may come or go.

    Attributes:
        sentences: None where they were not there when it was trained.
    """

    words: Kept
    sentences: Kept | None


class Reader:
    """Says what tickets are about.

    Args:
        machines: as they were trained.
        by: `start` or `trained`.
        encoder: of sentences; without it words alone count.
    """

    def __init__(self, machines: Machines, by: str, encoder: Encoder | None) -> None:
        self._by = by
        kept = machines.sentences if encoder is not None else None
        self._encoder = encoder if kept is not None else None
        self._machine = Machine(kept or machines.words)

    @property
    def reads_sentences(self) -> bool:
        """Whether sentences count beside words."""
        return self._encoder is not None

    @property
    def right_share(self) -> float:
        """What share of texts it had not seen it got right, left open or not."""
        return self._machine.kept.right_share

    def read(self, texts: Sequence[str]) -> list[Told]:
        """Return what each text is about; texts are only looked at."""
        if not texts:
            return []
        counted = texts_of([plain_of(text) for text in texts], self._encoder)
        return [
            Told(matter=Matter(said.label), chance=said.chance, open=said.open, by=self._by)
            for said in self._machine.say(counted)
        ]


def texts_of(plain: Sequence[str], encoder: Encoder | None) -> Texts:
    """Return plain texts as machines are trained on them, with what the rule says of each."""
    hints = np.zeros((len(plain), len(_MATTERS)), np.float32)
    for row, text in enumerate(plain):
        hints[row, _MATTERS.index(matter_by_words(text))] = HINT
    return count_texts(plain, None if encoder is None else encoder.encode(plain), hints)


def train_machines(labelled: Sequence[Labelled], encoder: Encoder | None) -> Machines:
    """Return machines trained on our own sentences and on what is given; pure."""
    rows = (*start_texts(), *labelled)
    texts = texts_of([each.text for each in rows], encoder)
    labels = [each.matter.value for each in rows]
    words = learn(texts._replace(sentences=None), labels).kept
    return Machines(words=words, sentences=None if encoder is None else learn(texts, labels).kept)


@cache
def start_texts() -> tuple[Labelled, ...]:
    """Return our own sentences, of each matter a good thirty."""
    text = (Path(__file__).parent / "start.toml").read_text(encoding="utf-8")
    sentences = tomllib.loads(text)
    invariant(sentences.keys() == set(Matter), "there are sentences of each matter")
    return tuple(
        Labelled(plain_of(each), Matter(matter))
        for matter in sentences
        for each in sentences[matter]
    )


@cache
def start_reader() -> Reader:
    """Return the reader of a fresh install, trained on our own sentences once a process."""
    encoder = find_encoder()
    return Reader(train_machines((), encoder), "start", encoder)


def reader_of(artifact: bytes) -> Reader:
    """Return the reader that was kept."""
    return Reader(unpack(artifact, Machines), "trained", find_encoder())


def packed(machines: Machines) -> bytes:
    """Return machines as they are kept."""
    return pack(machines)
