"""The model of tickets: what they are about, from our own sentences and the team's own tags."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import Final, NamedTuple

from trueup.models.artifact import digest_of
from trueup.models.model import (
    Better,
    Card,
    Figure,
    Fitted,
    Lacking,
    Look,
    Model,
    Score,
    Tell,
)
from trueup.models.tickets.hearing import is_unheard
from trueup.models.tickets.machine import RIGHT_SHARE
from trueup.models.tickets.matters import Matter, matter_by_tags, plain_of
from trueup.models.tickets.reader import (
    Labelled,
    Reader,
    packed,
    reader_of,
    start_reader,
    train_machines,
)
from trueup.models.tickets.reads import UNHEARD, UNHEARD_TICKETS, is_sure_of
from trueup.models.tickets.sentence import find_encoder
from trueup.records.tagged import tickets_tagged

HISTORY_DAYS: Final = 365
TICKETS_MAX: Final = 20_000
HELD_OUT_SHARE: Final = 0.2
LABELLED_MIN: Final = 150
"""Of these the newest 30 are held out: fewer say too little of how good it is."""

SCORED_MIN: Final = 30


class Ticketed(NamedTuple):
    """A ticket whose tags say what it is about."""

    on: date
    labelled: Labelled


class History(NamedTuple):
    """What a team said of its tickets.

    Attributes:
        tickets: oldest first.
        read: all that were looked at, labelled or not.
    """

    tickets: tuple[Ticketed, ...]
    read: int


async def read(look: Look) -> History:
    """Read the last year's tickets whose tags name their matter; texts stay in memory."""
    since = look.now - timedelta(days=HISTORY_DAYS)
    asked = await tickets_tagged(look.conn, look.hub.vault, since, count=TICKETS_MAX)
    tickets = [
        Ticketed(each.at.astimezone(UTC).date(), Labelled(plain_of(each.text), matter))
        for each in asked
        if (matter := matter_by_tags(each.tags)) is not None
    ]
    return History(tuple(tickets), len(asked))


def train(history: History, tell: Tell) -> Fitted | Lacking:
    """Train on all but the newest fifth, hold it beside the start set there, and train on all."""
    tickets = history.tickets
    if len(tickets) < LABELLED_MIN:
        return Lacking(
            f"{len(tickets)} of {history.read} tickets have a tag that names what they are about; "
            f"{LABELLED_MIN} would do. Until then it is read by the sentences it came with."
        )
    cut = tickets[-max(SCORED_MIN, int(len(tickets) * HELD_OUT_SHARE))].on
    older = [each.labelled for each in tickets if each.on < cut]
    newer = [each.labelled for each in tickets if each.on >= cut]
    encoder = find_encoder()
    tell("holding it beside the newest fifth", 0.1)
    backtested = Reader(train_machines(older, encoder), "trained", encoder)
    model, rule = _judged(backtested, newer), _judged(start_reader(), newer)
    tell("training on all", 0.5)
    machines = train_machines([each.labelled for each in tickets], encoder)
    figures = (
        Figure(name="right_share", model=model.right, rule=rule.right, better=Better.HIGHER),
        Figure(name="said_share", model=model.said, rule=rule.said, better=Better.HIGHER),
        Figure(
            name="right_of_said_share",
            model=model.right_of_said,
            rule=rule.right_of_said,
            better=Better.HIGHER,
        ),
        *_unheard(backtested, newer),
    )
    told = [f"{each.labelled.matter.value}\x1f{each.labelled.text}" for each in tickets]
    return Fitted(
        artifact=packed(machines),
        features=digest_of("sentences" if encoder else "words", *told),
        card=_card(tickets, len(newer), cut, figures, sentences=encoder is not None),
    )


class _Judged(NamedTuple):
    """How a reader did on tickets it had not seen, as shares.

    Attributes:
        right: of all, left open or not.
        said: not left open.
        right_of_said: of those that were not left open.
    """

    right: float
    said: float
    right_of_said: float


def _judged(reader: Reader, labelled: Sequence[Labelled]) -> _Judged:
    told = reader.read([each.text for each in labelled])
    right = [mine.matter is each.matter for mine, each in zip(told, labelled, strict=True)]
    said = [ok for ok, mine in zip(right, told, strict=True) if not mine.open]
    share = sum(said) / len(said) if said else 0.0
    return _Judged(sum(right) / len(right), len(said) / len(right), share)


def _unheard(reader: Reader, labelled: Sequence[Labelled]) -> tuple[Figure, Figure]:
    """Return how right it is where words say nothing, beside leaving all of these `OTHER`."""
    texts = [each for each in labelled if is_unheard(each.text)]
    told = zip(reader.read([each.text for each in texts]), texts, strict=True)
    said = [(mine.matter, each.matter) for mine, each in told if is_sure_of(mine)]
    count = max(1, len(said))
    right = sum(mine is true for mine, true in said) / count
    other = sum(true is Matter.OTHER for _, true in said) / count
    return (
        Figure(name=UNHEARD, model=right, rule=other, better=Better.HIGHER),
        Figure(name=UNHEARD_TICKETS, model=float(len(said)), rule=None, better=Better.HIGHER),
    )


def _card(
    tickets: Sequence[Ticketed],
    newer: int,
    cut: date,
    figures: tuple[Figure, ...],
    *,
    sentences: bool,
) -> Card:
    by = "words and sentences" if sentences else "words alone: the sentence model is not installed"
    return Card(
        purpose="what a ticket is about",
        trained_on=f"{len(tickets)} tickets with tags, beside our own sentences, by {by}",
        since=tickets[0].on,
        until=tickets[-1].on,
        held_out_since=cut,
        rule="our own sentences alone",
        figures=figures,
        limits=(
            "It reads English.",
            f"Of what it does not leave open about {RIGHT_SHARE:.0%} are right, it expects.",
            f"The newest {newer} tickets are few, if they are of many kinds.",
            "What a ticket is about closes none: a person, or the facts of the order, answer it.",
        ),
    )


def score(artifact: bytes, history: History, until: date) -> Score | None:
    """Return which share of the tickets after a day it gets right; None where they are few."""
    newer = [each for each in history.tickets if each.on > until]
    if len(newer) < SCORED_MIN:
        return None
    judged = _judged(reader_of(artifact), [each.labelled for each in newer])
    return Score(judged.right, len(newer), newer[0].on, newer[-1].on)


MODEL: Final = Model(
    name="tickets",
    version=1,
    title="What tickets are about",
    read=read,
    train=train,
    score=score,
)
