"""The model of tickets learns a team's own words, and is held beside the sentences it came with."""

from datetime import date, timedelta

import pytest

from trueup.models.model import Fitted, Lacking
from trueup.models.tickets import learn, reader
from trueup.models.tickets.learn import History, Ticketed, score, train
from trueup.models.tickets.matters import Matter
from trueup.models.tickets.reader import Labelled, reader_of

FIRST = date(2026, 1, 1)
# Words of one shop that no sentence of ours has.
OWN = {
    Matter.PRODUCT_QUESTION: "which thread count has the percale {0} in sand, percale {0}",
    Matter.DAMAGED: "the percale {0} frays and pills, bobbles on {0}",
    Matter.WHERE_IS_ORDER: "percale {0} not with me, {0} waiting",
    Matter.OTHER: "loyalty stamps {0} linen club {0}",
}


@pytest.fixture(autouse=True)
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by words alone, so that a machine with the weights installed comes to the same."""
    start = reader.Reader(reader.train_machines((), None), "start", None)
    for module in (learn, reader):
        monkeypatch.setattr(module, "find_encoder", lambda: None)
    monkeypatch.setattr(learn, "start_reader", lambda: start)


def history(tickets: int) -> History:
    told = [
        Ticketed(
            FIRST + timedelta(days=number // 3),
            Labelled(list(OWN.values())[number % 4].format(f"no{number}"), list(OWN)[number % 4]),
        )
        for number in range(tickets)
    ]
    return History(tuple(told), tickets + 50)


def untold(_doing: str, _share: float) -> None:
    """Nobody watches."""


def test_it_learns_the_teams_words_and_beats_the_start_set() -> None:
    fitted = train(history(300), untold)
    assert isinstance(fitted, Fitted)
    assert fitted.card.beats
    right = fitted.card.judge
    assert right.model > 0.95
    assert right.rule is not None
    assert right.rule < 0.8
    assert fitted.card.held_out_since == FIRST + timedelta(days=80)
    assert "words alone" in fitted.card.trained_on
    [told] = reader_of(fitted.artifact).read(["linen club stamps?"])
    assert (told.matter, told.by) == (Matter.OTHER, "trained")
    again = train(history(300), untold)
    assert isinstance(again, Fitted)
    assert (again.artifact, again.features) == (fitted.artifact, fitted.features)
    assert b"percale" not in fitted.artifact


def test_too_few_labels_say_how_many_would_do() -> None:
    lacks = train(history(40), untold)
    assert isinstance(lacks, Lacking)
    assert lacks.why.startswith("40 of 90 tickets have a tag that names what they are about; 150")


def test_it_is_scored_on_what_came_after_and_not_on_few() -> None:
    fitted = train(history(300), untold)
    assert isinstance(fitted, Fitted)
    later = history(420)
    scored = score(fitted.artifact, later, fitted.card.until)
    assert scored is not None
    assert scored.rows == 120
    assert scored.value > 0.95
    assert scored.since == fitted.card.until + timedelta(days=1)
    assert score(fitted.artifact, history(310), fitted.card.until) is None
