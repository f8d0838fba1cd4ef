"""The rule about customers who may be leaving: whom it sees to, how, and whom not."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import Purpose
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.texts import read_texts, write
from trueup.decisions.model import Action, Facts
from trueup.decisions.rules.churn import ChurnSettings, ChurnValues, lapses, propose
from trueup.kernel.money import Money
from trueup.models.value.rfm import Tier

LAST = date(2026, 3, 1)
LATE = LAST + timedelta(days=56)
SETTINGS = ChurnSettings()


def facts(**values: Any) -> Facts[ChurnValues]:
    known = {
        "today": LATE,
        "order": "connection/3/order/1003",
        "purchases": 4,
        "interval_days": 28,
        "last_on": LAST,
        "late_on": LATE,
        "alive": Decimal("0.5"),
        "worth": Money(Decimal("120.5"), "EUR"),
        "spend": Money(Decimal(20), "EUR"),
        "tier": Tier.HIGH,
        "told_by": "rule",
        "bought_since": False,
        "open": False,
    }
    told = ChurnValues(**(known | values))
    return Facts(subject="patron/0a", episode=told.last_on.isoformat(), values=told)


def action(settings: ChurnSettings = SETTINGS, **values: Any) -> Action:
    found = propose(facts(**values), settings)
    assert found is not None
    [one] = found.actions
    return one


def test_each_tier_gets_its_own_step() -> None:
    told = action().content
    assert isinstance(told, Notice)
    assert (told.purpose, told.text) == (Purpose.MARKETING, "come_back")
    named = read_texts({})["come_back"]
    assert all("2026" in write(named, told, each).text for each in ("en", "de"))
    task = action(tier=Tier.TOP).content
    assert isinstance(task, Alert)
    assert "trueup show order 1003" in task.text
    assert propose(facts(tier=Tier.LOW), SETTINGS) is None
    assert isinstance(action(ChurnSettings(low="person"), tier=Tier.LOW).content, Alert)


def test_what_it_brings_is_said_beside_the_reason() -> None:
    found = propose(facts(), SETTINGS)
    assert found is not None
    assert "about 120.50 EUR expected in a year" in found.reason
    assert "about 1.00 EUR (5 % of a purchase of 20.00 EUR)" in found.reason
    assert found.effect is not None
    assert found.effect.without < found.effect.within
    assert {each.what for each in found.alternatives} == {
        "do nothing",
        "let a person of the team see to them",
    }


@pytest.mark.parametrize(
    "values",
    [
        {"today": LATE - timedelta(days=1)},
        {"today": LATE + timedelta(days=15)},
        {"alive": Decimal("0.61")},
        {"bought_since": True},
        {"open": True},
        {"purchases": 2},
    ],
)
def test_who_is_left_in_peace(values: dict[str, Any]) -> None:
    assert propose(facts(**values), SETTINGS) is None


@given(
    alive=st.decimals(0, 1, places=4), days=st.integers(-30, 60), tier=st.sampled_from(list(Tier))
)
def test_same_facts_same_proposal_and_chances_are_chances(
    alive: Decimal, days: int, tier: Tier
) -> None:
    known = facts(alive=alive, today=LATE + timedelta(days=days), tier=tier)
    found = propose(known, SETTINGS)
    assert propose(known, SETTINGS) == found
    if found is not None and found.effect is not None:
        assert 0 <= found.effect.without <= found.effect.within <= 1


def test_in_the_past_somebody_is_late_once_a_silence() -> None:
    days = [LAST, LAST + timedelta(days=28), LAST + timedelta(days=56), LAST + timedelta(days=200)]
    end = LAST + timedelta(days=300)
    assert lapses(days, LAST, end) == [(LAST + timedelta(days=112), days[3])]
    assert lapses(days[:2], LAST, end) == []
