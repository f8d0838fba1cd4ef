"""A card says how a model does beside the rule below it; the gate and the drift go by it."""

from datetime import UTC, date, datetime

import pytest

from trueup.bench.models import report_of
from trueup.models.finding import extra_of
from trueup.models.measured import Anchored, Holds, Measured, around
from trueup.models.model import Better, Card, Figure
from trueup.models.reads import tell_card
from trueup.models.train import has_drifted


def card(*figures: Figure) -> Card:
    return Card(
        purpose="how many orders come",
        trained_on="120 orders of 40 customers",
        since=date(2025, 1, 1),
        until=date(2025, 12, 31),
        held_out_since=date(2025, 10, 1),
        rule="the mean so far",
        figures=figures,
        limits=("It knows no holidays.",),
    )


@pytest.mark.parametrize(
    ("model", "rule", "better", "beats"),
    [
        (1.0, 1.1, Better.LOWER, True),
        (1.1, 1.1, Better.LOWER, False),
        (1.2, 1.1, Better.LOWER, False),
        (0.8, 0.7, Better.HIGHER, True),
        (0.7, 0.7, Better.HIGHER, False),
        (1.0, None, Better.LOWER, False),
        (float("nan"), 1.0, Better.LOWER, False),
    ],
)
def test_only_what_is_better_beats(
    model: float, rule: float | None, better: Better, *, beats: bool
) -> None:
    figure = Figure(name="mae_orders", model=model, rule=rule, better=better)
    assert figure.beats is beats
    assert card(figure).beats is beats


def test_the_first_figure_judges() -> None:
    won = Figure(name="mae", model=1.0, rule=2.0)
    lost = Figure(name="rmse", model=3.0, rule=2.0)
    assert card(won, lost).beats
    assert not card(lost, won).beats


def test_a_card_in_words() -> None:
    told = tell_card(
        "value",
        card(
            Figure(name="mae_orders", model=0.786, rule=1.024), Figure(name="x", model=2, rule=None)
        ),
        datetime(2026, 1, 1, 2, tzinfo=UTC),
    )
    assert "value: how many orders come" in told
    assert "on 120 orders of 40 customers." in told
    assert "from 2025-01-01 to 2025-12-31.\nWhat came from 2025-10-01 on" in told
    assert "mae_orders: 0.786, the rule 1.024" in told
    assert "  x: 2\n" in told
    assert "It beats the rule by mae_orders, so it is used." in told
    assert told.endswith("Limit: It knows no holidays.")
    lost = card(Figure(name="mae_orders", model=2.0, rule=1.0))
    assert "so the rule counts" in tell_card("value", lost, datetime(2026, 1, 1, tzinfo=UTC))
    alone = card(Figure(name="mae_orders", model=2.0, rule=None))
    assert "The rule has no mae_orders" in tell_card(
        "value", alone, datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("carded", "better", "value", "drifted"),
    [
        (1.0, Better.LOWER, 1.25, False),
        (1.0, Better.LOWER, 1.26, True),
        (1.0, Better.LOWER, 0.1, False),
        (0.8, Better.HIGHER, 0.61, False),
        (0.8, Better.HIGHER, 0.59, True),
        (-0.8, Better.HIGHER, -0.9, False),
    ],
)
def test_what_is_worse_by_more_than_a_share_has_drifted(
    carded: float, better: Better, value: float, *, drifted: bool
) -> None:
    figure = Figure(name="m", model=carded, rule=None, better=better)
    assert has_drifted(figure, value, 0.25) is drifted


def test_a_figure_stands_beside_its_anchor() -> None:
    assert Anchored("mae", 0.785, 0.786).holds
    assert not Anchored("mae", 0.787, 0.786).holds
    assert Anchored("auc", 0.78, 0.77, Holds.AT_LEAST).ratio > 1
    assert Anchored("auc", 0.5, 0.77, Holds.AT_LEAST).ratio < 1
    assert Anchored("zero", 9.0, 0.1, Holds.SHOWN).holds
    least, most = around("r", 0.2430, 0.243, 0.0005)
    assert least.holds
    assert most.holds
    assert not all(each.holds for each in around("r", 0.2436, 0.243, 0.0005))


def test_what_was_left_out_is_told_and_what_was_missed_fails() -> None:
    held = Measured(part="a.x", figures=(Anchored("mae", 1.0, 2.0),))
    missed = Measured(part="a.y", figures=(Anchored("mae", 3.0, 2.0),))
    absent = Measured(part="b", left_out="cdnow is not there")
    told = report_of([held, absent])
    assert told.passed
    assert told.ratio == 2.0
    assert told.left_out == {"b": "cdnow is not there"}
    assert told.figures == {"a.x.mae": 1.0}
    assert [part.bench for part in told.parts] == ["a.x"]
    assert not report_of([held, missed]).passed
    assert not report_of([absent]).passed


def test_a_missing_library_says_which_extra_brings_it() -> None:
    assert extra_of("scipy") == "forecast"
    assert extra_of("sklearn") == "text"
    assert extra_of("numpy") is None
    assert extra_of("fern") is None
