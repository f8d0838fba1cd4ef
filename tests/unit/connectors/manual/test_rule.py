"""A rule of a channel, as a person or a program tells it: what can not be is named."""

from typing import Any

import msgspec
import pytest

from trueup.canon.rule import ChannelRule
from trueup.connectors.manual.rule import map_rule
from trueup.kernel.limits import AHEAD_DAYS_MAX


def told(**rule: Any) -> bytes:
    body = {"channel": "north", "sku": "TEE", "occurred_at": "2026-03-02T09:00:00Z"}
    return msgspec.json.encode(body | rule)


def test_what_is_to_come_may_be_sold_ahead() -> None:
    [rule] = map_rule(told(ahead_incoming=True, ahead_days=30, ahead=20)).records
    assert isinstance(rule, ChannelRule)
    assert (rule.ahead_incoming, rule.ahead_days, rule.ahead) == (True, 30, 20)


def test_days_may_stand_alone_because_a_wider_rule_may_count_what_is_to_come() -> None:
    [rule] = map_rule(told(ahead_days=0)).records
    assert isinstance(rule, ChannelRule)
    assert (rule.ahead_incoming, rule.ahead_days) == (None, 0)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"ahead_days": -1}, f"0 to {AHEAD_DAYS_MAX} days"),
        ({"ahead_days": AHEAD_DAYS_MAX + 1}, f"0 to {AHEAD_DAYS_MAX} days"),
        ({"ahead_days": 3, "ahead_incoming": False}, "no days where ahead_incoming is false"),
    ],
)
def test_days_that_can_not_be_are_refused(rule: dict[str, Any], expected: str) -> None:
    mapped = map_rule(told(**rule))
    assert not mapped.records
    [issue] = mapped.issues
    assert (issue.code, issue.pointer) == ("manual.rule_invalid", "/ahead_days")
    assert expected in issue.expected


@pytest.mark.parametrize(
    ("name", "wrong"), [("ahead_incoming", 1), ("ahead_incoming", "yes"), ("ahead_days", "30")]
)
def test_a_value_of_another_kind_names_its_field(name: str, wrong: Any) -> None:
    [issue] = map_rule(told(**{name: wrong})).issues
    assert issue.code == "manual.rule_invalid"
    assert name in f"{issue.pointer} {issue.found}"
