"""What a model is: one folder under `models/` whose `learn.py` ends in a `MODEL`."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.hub import Hub

Conn = psycopg.AsyncConnection[Any]

Tell = Callable[[str, float], None]
"""Takes what is done now, in words, and the share of the whole that is done."""


class Better(StrEnum):
    """Which of two values of a figure is the better one."""

    LOWER = "lower"
    HIGHER = "higher"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What a backtest by time came to: the model trained on the older part, held beside the newer.

    Attributes:
        name: ends in its unit, where it has one.
        model: the model's value.
        rule: that of the rule below it; None where the rule says nothing of the kind.
        better: which is the better one of two.
    """

    name: str
    model: float
    rule: float | None
    better: Better = Better.LOWER

    @property
    def beats(self) -> bool:
        """Whether the model is better than the rule below it."""
        if self.rule is None:
            return False
        return self.model < self.rule if self.better is Better.LOWER else self.model > self.rule


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a trained model before anybody relies on it.

    Attributes:
        purpose: what it tells, in a sentence.
        trained_on: from what, with counts, in a sentence.
        since, until: the days of its history, both included.
        held_out_since: the first day of the newer part that the backtest kept from it.
        rule: the rule below it, in a sentence.
        figures: of the backtest; the first is the one by which it is judged.
        limits: what it can not tell, each a sentence.
    """

    purpose: str
    trained_on: str
    since: date
    until: date
    held_out_since: date
    rule: str
    figures: tuple[Figure, ...]
    limits: tuple[str, ...] = ()

    @property
    def judge(self) -> Figure:
        """The figure by which the model is judged."""
        return self.figures[0]

    @property
    def beats(self) -> bool:
        """Whether it beats the rule below it: only then it may be used in its place."""
        return self.judge.beats


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """What training came to.

    Attributes:
        artifact: canonical bytes, of `trueup.models.artifact`: the same history gives the same.
        features: digest of all that it was trained on.
        card: what there is to know of it.
    """

    artifact: bytes
    features: bytes
    card: Card


class Lacking(NamedTuple):
    """Why a history is not enough to train on, in a sentence that says what would be."""

    why: str


class Score(NamedTuple):
    """How a trained model did on what came after it.

    Attributes:
        value: of the figure by which it is judged.
        rows: of how many cases.
        since, until: the days that were looked at, both included.
    """

    value: float
    rows: int
    since: date
    until: date


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a model reads with.

    Attributes:
        conn: in a transaction of one snapshot; nothing is written.
        hub: with the connections as they are now.
        now: of the look.
    """

    conn: Conn
    hub: Hub
    now: datetime


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model.

    Attributes:
        name: as its folder, or as people call it where a folder holds several.
        version: goes up when the same history may give another artifact.
        title: what it tells, in one sentence.
        read: its history, of all that is known by now.
        train: pure and deterministic: the same history gives the same artifact, byte for byte.
        score: how an artifact does on what the history holds after a day; None where that is too
            little to say.
        window_days: so much of what came after it a score needs.
    """

    name: str
    version: int
    title: str
    read: Callable[[Look], Awaitable[Any]]
    train: Callable[[Any, Tell], Fitted | Lacking]
    score: Callable[[bytes, Any, date], Score | None]
    window_days: int = 28
