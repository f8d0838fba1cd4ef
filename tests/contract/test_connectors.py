"""Every rule on every connector that lies in the folder: a new one needs no test code."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

import trueup
from trueup.contract.loader import load_connector
from trueup.quality.branches import read_measured
from trueup.quality.check import RULES, Checked, check_connector, read_sign_offs
from trueup.quality.floor import read_floors
from trueup.quality.rule import Level, Rule, is_at_least, level_of

TODAY = datetime.now(UTC).date()
FOLDERS = Path(trueup.__file__).parent / "connectors"
CONNECTORS = sorted(path.parent.name for path in FOLDERS.glob("*/manifest.toml"))
FLOORS = read_floors()
WANTED = [
    (name, rule)
    for name in CONNECTORS
    for rule in RULES
    if is_at_least(FLOORS.floor_of(name), rule.level)
]


@cache
def checked(name: str) -> Checked:
    """Check a connector once; each is loaded by itself, so that one can not hide another."""
    return check_connector(load_connector(FOLDERS / name), today=TODAY)


@pytest.mark.parametrize(("name", "rule"), WANTED, ids=[f"{n}-{r.id}" for n, r in WANTED])
def test_a_rule_up_to_the_floor_holds(name: str, rule: Rule) -> None:
    (found,) = [result for result in checked(name).rules if result.id == rule.id]
    assert found.outcome != "failed", found.found
    assert found.found


def test_every_floor_is_of_a_connector() -> None:
    """One without a floor is new, and is held to bronze."""
    assert set(FLOORS.levels) <= set(CONNECTORS)
    assert is_at_least(FLOORS.floor_of("shopify"), Level.GOLD)


@pytest.mark.parametrize("name", CONNECTORS)
def test_the_level_is_not_below_the_floor(name: str) -> None:
    found = checked(name)
    assert is_at_least(found.level, FLOORS.floor_of(name))
    assert level_of(found.rules) == found.level
    assert [result.id for result in found.rules] == [rule.id for rule in RULES]


@pytest.mark.parametrize("name", CONNECTORS)
def test_who_does_nothing_at_the_vendor_is_at_most_silver(name: str) -> None:
    acts = bool(load_connector(FOLDERS / name).manifest.actions)
    assert acts or not is_at_least(checked(name).level, Level.GOLD)


def test_each_sign_off_and_each_figure_is_of_a_connector() -> None:
    assert {each.connector for each in read_sign_offs()} <= set(CONNECTORS)
    assert set(read_measured()) <= set(CONNECTORS)
