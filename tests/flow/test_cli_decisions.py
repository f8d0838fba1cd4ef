"""`trueup decisions` as a person would use it, on books without anything to decide."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.flow.command import Commands
from tests.flow.shop import KEY
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.intake.connections import create_connection


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def reorder_of(trueup: Commands) -> dict[str, Any]:
    """Return how the rule that drafts purchase orders stands."""
    rules = trueup.json("decisions", "rules")["rules"]
    [found] = [each for each in rules if each["rule"] == "reorder"]
    return dict(found)


def test_rules_begin_as_shadows_and_are_played_before_they_ask(trueup: Commands) -> None:
    rule = reorder_of(trueup)
    assert (rule["rule"], rule["mode"], rule["replay"]) == ("reorder", "shadow", None)
    assert rule["came"] == []
    assert "not played yet" in trueup.run("decisions", "rules")[1]
    refused = trueup.json("decisions", "mode", "reorder", "ask", status=2)["error"]
    assert "trueup decisions replay reorder" in refused["message"]
    found = trueup.json("decisions", "replay", "reorder", "--days", "30")
    assert found["figures"] == {"skus": 0.0, "orders": 0.0}
    assert "it would have ordered 0 times" in found["sentence"]
    told = trueup.json("decisions", "mode", "reorder", "ask", "--by", "ada")
    assert told == {"rule": "reorder", "mode": "ask"}
    rule = reorder_of(trueup)
    assert (rule["mode"], rule["stale"], rule["stopped"]) == ("ask", False, False)


def test_a_setting_that_changed_makes_it_a_shadow_again(trueup: Commands) -> None:
    trueup.json("decisions", "replay", "reorder")
    trueup.json("decisions", "mode", "reorder", "auto")
    trueup.config.write_text(
        trueup.config.read_text() + "[decisions.reorder]\nservice_percent = 80\n"
    )
    rule = reorder_of(trueup)
    assert (rule["mode"], rule["stale"]) == ("shadow", True)
    assert "until it is played as it is now" in trueup.run("decisions", "rules")[1]


def test_all_rules_are_stopped_and_go_on(trueup: Commands) -> None:
    assert trueup.json("decisions", "stop", "--why", "stock count") == {"stopped": True}
    rule = reorder_of(trueup)
    assert (rule["mode"], rule["stopped"]) == ("off", True)
    assert (trueup.json("decisions", "propose"))["proposed"] == {}
    assert trueup.json("decisions", "resume") == {"stopped": False}
    turn = trueup.json("decisions", "propose")
    assert turn["proposed"]["reorder"] == []
    assert not any(turn["proposed"].values())
    assert (turn["approved"], turn["moved"]) == ([], {})


def test_where_there_is_nothing_it_says_what_to_do(trueup: Commands) -> None:
    assert trueup.json("decisions", "list") == {"decisions": []}
    assert trueup.json("decisions", "waiting") == {"waiting": []}
    assert "Nothing waits." in trueup.run("decisions", "waiting")[1]
    assert "trueup decisions propose --dry-run" in trueup.run("decisions", "list")[1]
    assert trueup.json("decisions", "propose", "--dry-run") == {"proposals": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", 7), "There is no decision 7"),
        (("approve", 7), "There is no decision 7"),
        (("reject", 7), "There is no decision 7"),
        (("mode", "reoder", "off"), "There is no rule 'reoder'"),
        (("replay", "reoder"), "There is no rule 'reoder'"),
    ],
)
def test_what_does_not_exist_is_named(
    trueup: Commands, words: tuple[object, ...], said: str
) -> None:
    assert said in trueup.json("decisions", *words, status=2)["error"]["message"]


def test_a_rule_that_is_set_wrongly_is_refused_with_the_field(trueup: Commands) -> None:
    trueup.config.write_text(trueup.config.read_text() + "[decisions.reorder]\nservice = 80\n")
    refused = trueup.json("decisions", "rules", status=2)["error"]
    assert "there is no field 'service'; did you mean 'service_percent'?" in refused["message"]


WRITTEN = """\
name = "big_refunds"
title = "Tells the team of refunds above 100 euros."
kind = "refund"
deed = "tell_team"
connection = "team"
[[if]]
field = "refunded"
op = "more_than"
value = "100 EUR"
[inputs]
to = "#care"
text = "Refund {ref} of {refunded}."
"""


async def connected(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await create_connection(
            conn, Vault(KEY), name="team", connector="slack", settings={}, secrets={}
        )


def test_a_rule_is_written_shown_kept_and_taken_away(
    trueup: Commands, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "rule.toml"
    file.write_text(WRITTEN)
    refused = trueup.json("decisions", "written", "keep", file, status=2)["error"]
    assert "there is no connection 'team'; there are: none" in refused["message"]
    asyncio.run(connected(database_url))
    file.write_text(WRITTEN.replace("more_than", "more"))
    refused = trueup.json("decisions", "written", "preview", file, status=2)["error"]
    assert "Invalid enum value 'more'" in refused["message"]
    file.write_text(WRITTEN.replace('"100 EUR"', '"100"'))
    refused = trueup.json("decisions", "written", "preview", file, status=2)["error"]
    assert 'an amount and its currency, such as "500 EUR"' in refused["message"]
    file.write_text(WRITTEN + 'speed = "3"\n')
    refused = trueup.json("decisions", "written", "keep", file, status=2)["error"]
    assert "tell_team takes no 'speed'" in refused["message"]
    file.write_text(WRITTEN)
    assert trueup.json("decisions", "written", "preview", file) == {"count": 0, "would": []}
    told = trueup.json("decisions", "written", "keep", file, "--by", "ada")
    assert told == {"rule": "big_refunds", "version": 1}
    [shown] = trueup.json("decisions", "written", "list")["written"]
    assert (shown["connection"], shown["if"][0]["value"]) == ("team", "100 EUR")
    names = [rule["rule"] for rule in trueup.json("decisions", "rules")["rules"]]
    assert names[-1] == "big_refunds"
    trueup.json("decisions", "replay", "big_refunds")
    assert trueup.json("decisions", "mode", "big_refunds", "ask")["mode"] == "ask"
    assert trueup.json("decisions", "written", "remove", "big_refunds")["removed"]
    assert trueup.json("decisions", "written", "list") == {"written": []}


def test_the_fields_of_a_kind_are_shown(trueup: Commands) -> None:
    found = trueup.json("decisions", "written", "fields", "ticket")
    assert {"field": "status", "kind": "choice"}.items() <= found["fields"][4].items()
    assert "tag_ticket (tag)" in trueup.run("decisions", "written", "fields", "ticket")[1]
    assert trueup.run("decisions", "written", "fields", "unheard")[0] == 2
