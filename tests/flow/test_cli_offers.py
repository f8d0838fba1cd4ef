"""`trueup kits` and `trueup rules`, as a person types them."""

from pathlib import Path

import pytest

from tests.flow.command import Commands


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_kits_are_set_looked_at_and_removed(trueup: Commands) -> None:
    assert trueup.json("kits", "list") == {"kits": []}
    trueup.json("stock", "receive", "CUP", 7)
    trueup.json("stock", "receive", "POT", 2)
    assert trueup.json("kits", "set", "SET-1", "CUP=2", "POT=1", "--dry-run")["dry_run"] is True
    assert trueup.json("kits", "list") == {"kits": []}
    assert trueup.json("kits", "set", "SET-1", "CUP=2", "POT=1")["repeated"] is False
    assert trueup.json("kits", "set", "SET-1", "CUP=2", "POT=1")["repeated"] is True
    [kit] = trueup.json("kits", "list")["kits"]
    assert kit == {"kit": "SET-1", "parts": {"CUP": 2, "POT": 1}, "available": 2, "counted": True}
    assert "2 x CUP" in trueup.run("kits", "list")[1]
    trueup.json("kits", "remove", "SET-1")
    assert trueup.json("kits", "list") == {"kits": []}


def test_a_kit_that_can_not_be_is_refused(trueup: Commands) -> None:
    trueup.json("stock", "receive", "CUP", 7)
    trueup.json("kits", "set", "CUP-2", "CUP=2")
    circular = trueup.json("kits", "set", "CUP", "CUP-2=1", status=2)
    assert "part of itself" in str(circular)
    stocked = trueup.json("kits", "set", "CUP", "TEA=1", status=2)
    assert "lie on hand" in str(stocked)
    assert trueup.run("kits", "set", "X", "CUP")[0] == 2


def test_rules_are_set_looked_at_and_removed(trueup: Commands) -> None:
    trueup.json("stock", "receive", "CUP", 7)  # makes the connection of our own
    nowhere = trueup.json("rules", "set", "nowhere", "--buffer", 2, status=2)
    assert "no connection 'nowhere'" in str(nowhere)
    trueup.json("rules", "set", "manual", "--sku", "CUP", "--buffer", 2, "--share", 50)
    [rule] = trueup.json("rules", "list")["rules"]
    assert {name: value for name, value in rule.items() if value is not None} == {
        "channel": "manual", "sku": "CUP", "buffer": 2, "share_percent": 50,
    }  # fmt: skip
    assert "CUP" in trueup.run("rules", "list")[1]
    trueup.json("rules", "remove", "manual", "--sku", "TEA", status=2)
    trueup.json("rules", "remove", "manual", "--sku", "CUP")
    assert trueup.json("rules", "list") == {"rules": []}


def test_a_rule_may_sell_ahead_what_is_to_come(trueup: Commands) -> None:
    trueup.json("stock", "receive", "CUP", 7)
    trueup.json("rules", "set", "manual", "--ahead-incoming", "--ahead-days", 30, "--ahead", 4)
    [rule] = trueup.json("rules", "list")["rules"]
    assert {name: value for name, value in rule.items() if value is not None} == {
        "channel": "manual", "ahead": 4, "ahead_incoming": True, "ahead_days": 30,
    }  # fmt: skip
    assert "ahead days" in trueup.run("rules", "list")[1]
    trueup.json("rules", "set", "manual", "--no-ahead-incoming")
    [rule] = trueup.json("rules", "list")["rules"]
    assert (rule["ahead_incoming"], rule["ahead_days"]) == (False, None)
    assert trueup.run("rules", "set", "manual", "--no-ahead-incoming", "--ahead-days", 3)[0] == 2
    assert trueup.run("rules", "set", "manual", "--ahead-incoming", "--ahead-days", -1)[0] == 2
