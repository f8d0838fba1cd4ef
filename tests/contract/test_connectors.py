"""Every rule on every connector that lies in the folder: a new one needs no test code."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import trueup
from trueup.contract.loader import load_connector
from trueup.quality.branches import read_measured
from trueup.quality.check import RULES, check_connector, read_sign_offs
from trueup.quality.floor import read_floors
from trueup.quality.rule import Level, is_at_least, level_of

TODAY = datetime.now(UTC).date()
FOLDERS = Path(trueup.__file__).parent / "connectors"
CONNECTORS = sorted(path.parent.name for path in FOLDERS.glob("*/manifest.toml"))
FLOORS = read_floors()


@pytest.mark.parametrize("name", CONNECTORS)
def test_every_rule_up_to_the_floor_holds(name: str) -> None:
    """A connector is checked once here, because that is work; and loaded by itself.

    So one can not hide another. One that does nothing at its vendor is at most silver.
    """
    folder = load_connector(FOLDERS / name)
    found = check_connector(folder, today=TODAY)
    assert [result.id for result in found.rules] == [rule.id for rule in RULES]
    floor = FLOORS.floor_of(name)
    wanted = {rule.id for rule in RULES if is_at_least(floor, rule.level)}
    failed = {r.id: r.found for r in found.rules if r.id in wanted and r.outcome == "failed"}
    assert not failed
    assert all(result.found for result in found.rules if result.id in wanted)
    assert level_of(found.rules) == found.level
    assert is_at_least(found.level, floor)
    assert folder.manifest.actions or not is_at_least(found.level, Level.GOLD)


def test_every_floor_is_of_a_connector() -> None:
    """One without a floor is new, and is held to bronze."""
    assert set(FLOORS.levels) <= set(CONNECTORS)
    assert is_at_least(FLOORS.floor_of("shopify"), Level.GOLD)


def test_each_sign_off_and_each_figure_is_of_a_connector() -> None:
    assert {each.connector for each in read_sign_offs()} <= set(CONNECTORS)
    assert set(read_measured()) <= set(CONNECTORS)
