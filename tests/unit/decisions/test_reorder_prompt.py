"""The rule that reminds regular customers: when, of what, and when not."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import Purpose
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.texts import read_texts, write
from trueup.decisions.model import Facts
from trueup.decisions.rules.reorder_prompt import (
    ReorderPromptSettings,
    ReorderPromptValues,
    prompts,
    propose,
)

LAST = date(2026, 3, 1)
DAY_25 = LAST + timedelta(days=25)
SETTINGS = ReorderPromptSettings()
LINK = "https://north.myshopify.com/cart/41:1"


def facts(**values: Any) -> Facts[ReorderPromptValues]:
    known = {
        "sku": "TEA",
        "today": DAY_25,
        "order": "connection/3/order/1003",
        "number": "#1003",
        "purchases": 3,
        "interval_days": 28,
        "spread": Decimal("0.1"),
        "last_on": LAST,
        "next_on": LAST + timedelta(days=28),
        "products": "Tea",
        "bought_since": False,
        "open_order": False,
        "open_ticket": False,
        "open_return": False,
        "available": 9,
        "link": LINK,
    }
    told = ReorderPromptValues(**(known | values))
    return Facts(subject="patron/0a/TEA", episode=told.last_on.isoformat(), values=told)


def notice(**values: Any) -> Notice:
    found = propose(facts(**values), SETTINGS)
    assert found is not None
    [action] = found.actions
    assert isinstance(action.content, Notice)
    return action.content


def test_from_day_25_until_day_32_they_are_reminded() -> None:
    told = [day for day in range(60) if propose(facts(today=LAST + timedelta(days=day)), SETTINGS)]
    assert told == list(range(25, 33))
    assert notice().useful_until == datetime.fromisoformat("2026-04-03T00:00:00+00:00")


@pytest.mark.parametrize(
    "values",
    [
        {"purchases": 2},
        {"spread": Decimal("0.6")},
        {"bought_since": True},
        {"open_order": True},
        {"open_ticket": True},
        {"open_return": True},
        {"available": 0},
        {"sku": "", "link": None},
    ],
)
def test_what_speaks_against_it(values: dict[str, Any]) -> None:
    assert propose(facts(**values), SETTINGS) is None


@pytest.mark.parametrize(
    ("values", "text", "fields"),
    [
        ({}, "reorder_prompt", {"product", "link"}),
        ({"link": None}, "reorder", {"product"}),
        ({"sku": ""}, "reorder_basket", {"order", "link"}),
    ],
)
def test_each_text_gets_what_it_names(values: dict[str, Any], text: str, fields: set[str]) -> None:
    told = notice(**values)
    assert (told.text, set(told.values), told.purpose) == (text, fields, Purpose.MARKETING)
    named = read_texts({})[text]
    assert set(named.languages) == {"en", "de", "hi"}
    for language in named.languages:
        assert ("link" not in fields) or LINK in write(named, told, language).text


def test_what_is_expected_is_a_chance_and_more_with_a_reminder() -> None:
    found = propose(facts(), SETTINGS)
    assert found is not None
    assert found.effect is not None
    assert Decimal("0.9") < found.effect.without <= found.effect.within <= 1


@given(
    after=st.lists(st.integers(1, 60), min_size=0, max_size=12),
    before=st.integers(0, 20),
)
def test_in_the_past_nobody_is_reminded_twice_an_interval(after: list[int], before: int) -> None:
    settings = ReorderPromptSettings(days_before=before)
    days = [LAST]
    for gap in after:
        days.append(days[-1] + timedelta(days=gap))
    told = prompts(days, settings, LAST, LAST + timedelta(days=1000))
    assert len(told) <= max(0, len(days) - 2)
    assert all(later is None or later > on for on, later in told)


def test_played_day_by_day_only_what_was_known_counts() -> None:
    days = [LAST + timedelta(days=28 * n) for n in range(4)]
    told = prompts(days, SETTINGS, LAST, LAST + timedelta(days=200))
    assert told == [(days[2] + timedelta(days=25), days[3]), (days[3] + timedelta(days=25), None)]
    assert prompts(days[:2], SETTINGS, LAST, LAST + timedelta(days=200)) == []
