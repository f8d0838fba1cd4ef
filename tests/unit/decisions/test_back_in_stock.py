"""The rule that tells those who asked: who, when, and no more than there are units."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import Purpose
from trueup.decisions.contact.notice import Notice
from trueup.decisions.model import Facts
from trueup.decisions.rules.back_in_stock import (
    BackSettings,
    BackValues,
    came_back,
    propose,
    restocks,
)
from trueup.ledger.demand import Day

TODAY = date(2026, 3, 10)
SETTINGS = BackSettings()


def facts(**values: Any) -> Facts[BackValues]:
    known = {
        "sku": "LAMP",
        "product": "Lamp",
        "ask": "connection/4/activity/abc",
        "asked_on": date(2026, 3, 1),
        "today": TODAY,
        "sold_out_days": 5,
        "back_on": TODAY,
        "available": 3,
        "free": 3,
        "place": 1,
        "bought_since": False,
    }
    told = BackValues(**(known | values))
    return Facts(subject=told.ask, episode=told.back_on.isoformat(), values=told)


def days(*left: int) -> list[Day]:
    first = TODAY - timedelta(days=len(left))
    return [
        Day(on=first + timedelta(days=n), units=0, open=units > 0, left=units)
        for n, units in enumerate(left)
    ]


def test_who_asked_is_answered() -> None:
    found = propose(facts(), SETTINGS)
    assert found is not None
    [action] = found.actions
    assert isinstance(action.content, Notice)
    assert action.content.purpose is Purpose.SERVICE
    assert action.content.values == {"product": "Lamp"}
    assert action.content.useful_until == datetime.fromisoformat("2026-03-13T00:00:00+00:00")
    assert "sold out for 5 days" in found.reason
    assert propose(facts(), SETTINGS) == found, "same facts, same proposal"


@pytest.mark.parametrize(
    "values",
    [{"sold_out_days": 1}, {"place": 4}, {"free": 0}, {"place": 0}, {"bought_since": True}],
)
def test_who_is_not_told(values: dict[str, Any]) -> None:
    assert propose(facts(**values), SETTINGS) is None


@given(free=st.integers(-5, 20), asked=st.integers(0, 40))
def test_never_more_are_told_than_there_are(free: int, asked: int) -> None:
    told = [
        place for place in range(1, asked + 1) if propose(facts(place=place, free=free), SETTINGS)
    ]
    assert len(told) <= max(0, free)
    assert told == list(range(1, len(told) + 1)), "who asked first comes first"


def test_it_is_back_since_the_day_after_it_was_sold_out() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert came_back(days(5, 0, 0, 0), TODAY) == (TODAY, 3)
    assert came_back(days(5, 0, 0, 7), TODAY) == (yesterday, 2)
    assert came_back(days(0, 3, 0, 0, 7, 7), TODAY) == (TODAY - timedelta(days=2), 2)
    assert came_back(days(5, 5), TODAY) is None
    assert came_back((), TODAY) is None


def test_each_time_it_came_back_counts_once() -> None:
    past = days(0, 0, 4, 4, 0, 2, 0, 0, 0, 9)
    since = TODAY - timedelta(days=30)
    assert [units for _, units in restocks(past, 2, since)] == [4, 9]
    assert [units for _, units in restocks(past, 1, since)] == [4, 2, 9]
    assert restocks(past, 2, TODAY) == []
