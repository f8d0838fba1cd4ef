"""Every rule on every connector that lies in the folder: a new one needs no test code."""

from datetime import UTC, datetime

import pytest

from trueup.contract.loader import find_connectors
from trueup.quality.check import RULES, check_connector, read_sign_offs, run_rule
from trueup.quality.floor import read_floors
from trueup.quality.rule import Level, Rule, is_at_least, level_of
from trueup.quality.subject import Subject

TODAY = datetime.now(UTC).date()
CONNECTORS = find_connectors()
FLOORS = read_floors()
WANTED = [
    (name, rule)
    for name in CONNECTORS
    for rule in RULES
    if is_at_least(FLOORS.floor_of(name), rule.level)
]


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    return {name: Subject(folder, today=TODAY) for name, folder in CONNECTORS.items()}


@pytest.mark.parametrize(("name", "rule"), WANTED, ids=[f"{n}-{r.id}" for n, r in WANTED])
def test_a_rule_up_to_the_floor_holds(subjects: dict[str, Subject], name: str, rule: Rule) -> None:
    found = run_rule(rule, subjects[name], read_sign_offs())
    assert found.outcome != "failed", found.found
    assert found.found


def test_every_floor_is_of_a_connector_and_the_storefront_may_act() -> None:
    assert set(FLOORS.levels) == set(CONNECTORS)
    assert is_at_least(FLOORS.floor_of("shopify"), Level.GOLD)


@pytest.mark.parametrize("name", CONNECTORS)
def test_the_level_is_not_below_the_floor(name: str) -> None:
    checked = check_connector(CONNECTORS[name], today=TODAY)
    assert is_at_least(checked.level, FLOORS.floor_of(name))
    assert level_of(checked.rules) == checked.level
    assert [result.id for result in checked.rules] == [rule.id for rule in RULES]
