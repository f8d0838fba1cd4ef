"""Only gold may act without a person, and nothing acts blindly."""

from typing import Literal

import pytest

from trueup.contract.capability import Action, Mode
from trueup.contract.trust import Level, is_at_least, may_act_alone, mode_allowed

Kept = Literal["key", "absolute", "compare", "lookup", "none"]


def action(idempotency: Kept = "key") -> Action:
    return Action(name="stock.set", idempotency=idempotency, reversible=True, risk="low")


@pytest.mark.parametrize(
    ("level", "alone"),
    [
        (None, False),
        (Level.BRONZE, False),
        (Level.SILVER, False),
        (Level.GOLD, True),
        (Level.PLATINUM, True),
    ],
)
def test_only_gold_may_act_alone(level: Level | None, *, alone: bool) -> None:
    assert may_act_alone(level, action()) is alone
    assert mode_allowed(level, action(), "auto") == ("auto" if alone else "ask")


def test_what_a_repeat_does_again_needs_a_person_at_every_level() -> None:
    assert not any(may_act_alone(level, action("none")) for level in Level)
    assert mode_allowed(Level.PLATINUM, action("none"), "auto") == "ask"


@pytest.mark.parametrize("wished", ["shadow", "ask"])
def test_the_modes_with_a_person_stay_as_they_are(wished: Mode) -> None:
    assert mode_allowed(None, action(), wished) == wished


def test_levels_stand_in_their_order() -> None:
    assert is_at_least(Level.SILVER, Level.BRONZE)
    assert is_at_least(Level.SILVER, Level.SILVER)
    assert not is_at_least(Level.SILVER, Level.GOLD)
    assert not is_at_least(None, Level.BRONZE)
