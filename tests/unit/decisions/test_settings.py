"""`[decisions.NAME]` of the configuration: what is wrong is named with how to put it right."""

from decimal import Decimal

import pytest

from trueup.decisions.rules import find_rules
from trueup.decisions.rules.reorder import ReorderSettings
from trueup.decisions.settings import read_settings
from trueup.errors import ConfigError


def test_every_rule_has_a_file_a_title_and_settings_with_defaults() -> None:
    rules = find_rules()
    assert "reorder" in rules
    for name, rule in rules.items():
        assert rule.name == name
        assert rule.title.endswith(".")
        assert rule.kinds
        assert rule.settings()


def test_what_is_set_is_taken_and_the_rest_has_its_default() -> None:
    table = {"service_percent": 90, "spend_per_day": {"EUR": "5000"}}
    found = read_settings(find_rules(), {"reorder": table})["reorder"]
    assert isinstance(found, ReorderSettings)
    assert (found.service_percent, found.review_days) == (90, 14)
    assert dict(found.spend_per_day) == {"EUR": Decimal(5000)}


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"reoder": {}}, ("knows no rule 'reoder'", "did you mean 'reorder'?")),
        ({"reorder": {"service": 90}}, ("no field 'service'", "service_percent")),
        ({"reorder": {"service_percent": "much"}}, ("service_percent must be", "a text", "(95)")),
        ({"reorder": {"service_percent": 120}}, ("service_percent must be", "99", "120")),
        ({"reorder": {"spend_per_day": {"EUR": 5}}}, ("spend_per_day", "exact amounts as text")),
        ({"reorder": 5}, ("a table", "a whole number")),
    ],
)
def test_what_is_wrong_is_named(tables: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings(find_rules(), tables)
    for word in words:
        assert word in str(refused.value)
