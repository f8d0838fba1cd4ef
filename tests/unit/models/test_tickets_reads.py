"""Goal: a reader counts where words say nothing only where that was measured to be right."""

from datetime import date

import pytest

from trueup.models.model import Better, Card, Figure
from trueup.models.tickets.matters import Matter, Told
from trueup.models.tickets.reads import (
    UNHEARD,
    UNHEARD_TICKETS,
    SureReader,
    is_sure_of,
    may_be_heard,
)

DAY = date(2026, 3, 2)


def figure(name: str, model: float, rule: float | None) -> Figure:
    return Figure(name=name, model=model, rule=rule, better=Better.HIGHER)


def card(*figures: Figure, beats: bool = True) -> Card:
    judge = figure("right_share", 0.9, 0.8 if beats else 0.95)
    return Card(
        purpose="what a ticket is about",
        trained_on="tickets",
        since=DAY,
        until=DAY,
        held_out_since=DAY,
        rule="our own sentences alone",
        figures=(judge, *figures),
    )


@pytest.mark.parametrize(
    ("right", "other", "tickets", "beats", "may"),
    [
        (0.95, 0.3, 20, True, True),
        (0.95, 0.3, 20, False, False),  # our own sentences do better
        (0.89, 0.3, 20, True, False),  # too often wrong
        (0.95, 0.96, 20, True, False),  # leaving them OTHER is right more often
        (1.0, 0.0, 9, True, False),  # measured on too few
    ],
)
def test_it_counts_only_as_far_as_it_was_measured(
    right: float, other: float, tickets: int, *, beats: bool, may: bool
) -> None:
    told = figure(UNHEARD, right, other), figure(UNHEARD_TICKETS, tickets, None)
    assert may_be_heard(card(*told, beats=beats)) is may


def test_an_older_card_that_does_not_tell_it_is_not_relied_on() -> None:
    assert not may_be_heard(card())


def test_what_is_not_likely_enough_stays_other_and_is_read_once() -> None:
    asked = []

    def read(texts: list[str]) -> list[Told]:
        asked.extend(texts)
        chance = 0.95 if texts == ["eta?"] else 0.89
        return [Told(Matter.WHERE_IS_ORDER, chance, open=False, by="trained")]

    reader = SureReader(read)
    assert reader.matter_of("eta?", fresh=False) is None
    for _ in range(2):
        assert reader.matter_of("eta?", fresh=True) is Matter.WHERE_IS_ORDER
        assert reader.matter_of("\ud800 hm", fresh=True) is Matter.OTHER
    assert asked == ["eta?", "\ud800 hm"]
    assert not is_sure_of(Told(Matter.REFUND, 0.99, open=True, by="trained"))
