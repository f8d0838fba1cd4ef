"""The rules themselves: each can fail, levels are computed, the page equals the code."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tidy.tree import ROOT
from trueup.cli.connectors import connectors
from trueup.contract.loader import ConnectorFolder, load_connector
from trueup.errors import ConfigError, InvariantBroken
from trueup.quality.blank import write_connector
from trueup.quality.branches import Measured, judge_measured, measure, own_tests
from trueup.quality.check import (
    RULES,
    SIGN_OFF_DAYS_MAX,
    check_connector,
    read_sign_offs,
    run_rule,
)
from trueup.quality.closed import closed_world
from trueup.quality.floor import read_floors
from trueup.quality.leaf import leaves, personal_leaves
from trueup.quality.page import quality_page
from trueup.quality.rooms import held_by
from trueup.quality.rule import Level, Outcome, Result, SignOff, level_of
from trueup.quality.subject import Subject

TODAY = date(2026, 11, 21)
BY_ID = {rule.id: rule for rule in RULES}
Spoil = Callable[[Path], object]


@pytest.fixture
def blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a new connector into a package of its own, which nobody imported before."""
    package = tmp_path / f"vendors_{abs(hash(tmp_path)):x}"
    package.mkdir()
    (package / "__init__.py").touch()
    write_connector(package, "fern_stock", owner="ines", today=TODAY)
    monkeypatch.syspath_prepend(tmp_path)
    return package / "fern_stock"


def subject_of(folder: Path, today: date = TODAY) -> Subject:
    package = folder.parent.name
    return Subject(load_connector(folder, package), package=package, today=today)


def outcome(rule_id: str, folder: Path, today: date = TODAY) -> tuple[str, str]:
    found = run_rule(BY_ID[rule_id], subject_of(folder, today), ())
    return found.outcome, found.found


def replace(name: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return spoil


def find(connector: str) -> ConnectorFolder:
    """Load one connector of the product, whatever state its neighbours are in."""
    return load_connector(ROOT / "src/trueup/connectors" / connector)


SPOILT: dict[str, tuple[str, Spoil, str]] = {
    "the page is read tomorrow": (
        "manifest-valid",
        replace("manifest.toml", "docs_read_on = 2026-11-21", "docs_read_on = 2027-01-01"),
        "future",
    ),
    "a sample without what is expected": (
        "standard-files",
        lambda folder: (folder / "samples/other.json").write_text("{}"),
        "other has no expected file",
    ),
    "a README without an end": (
        "readme-sections",
        replace("README.md", "## Remove it", "## Farewell"),
        "Remove it",
    ),
    "a secret of no form": (
        "fail-closed",
        replace("manifest.toml", 'secrets = ["webhook_secret"]', 'secrets = ["other"]'),
        "other is no secret",
    ),
    "a secret in the open": (
        "secrets-redacted",
        replace("manifest.toml", 'type = "secret"', 'type = "text"'),
        "webhook_secret is no secret",
    ),
    "two things with one identity": (
        "event-identity",
        replace("webhook.py", 'piece.topic.encode(errors="replace") + b"\\n" + piece.body', 'b""'),
        "same external id",
    ),
    "the delivery's own id left aside": (
        "event-identity",
        replace("webhook.py", 'headers.get("x-fern-stock-delivery") or ', ""),
        "does not count",
    ),
    "another entity at the door": (
        "entity-agrees",
        replace("webhook.py", 'f"stock_movement/', 'f"count/'),
        "at the door",
    ),
    "a door that raises": (
        "door-total",
        replace("webhook.py", "except (msgspec.MsgspecError, ", "except (KeyError, "),
        "Error",
    ),
    "a topic without a sample": (
        "topics-sampled",
        replace("samples/counted.expected.json", '"counted"', '"other"'),
        "counted has no sample",
    ),
    "another number": (
        "samples-mean",
        replace("mapping.py", "quantity=count.pieces", "quantity=count.pieces + 1"),
        "other records",
    ),
    "a clock": (
        "mapping-pure",
        replace("mapping.py", "count.at.astimezone(UTC)", "datetime.now(UTC)"),
        "uses now()",
    ),
    "a socket": (
        "mapping-pure",
        replace(
            "mapping.py",
            "    try:\n        count",
            "    import socket\n    socket.socket()\n    try:\n        count",
        ),
        "socket",
    ),
    "a mapping that raises": (
        "mapping-total",
        replace("mapping.py", "except (msgspec.MsgspecError, ", "except (KeyError, "),
        "Error",
    ),
    "nothing said of bad bytes": (
        "mapping-total",
        replace("mapping.py", "return Mapped(issues=(issue,))", "return Mapped(issues=()[:0])"),
        "neither record nor reason",
    ),
    "a time of the vendor's own zone": (
        "money-and-time-exact",
        replace("mapping.py", "count.at.astimezone(UTC)", "count.at"),
        "not in UTC",
    ),
    "a float": (
        "money-and-time-exact",
        replace("mapping.py", "quantity=count.pieces", "quantity=count.pieces * 1.0"),
        "a float",
    ),
    "an e-mail nobody declared": (
        "personal-declared",
        replace("manifest.toml", '"$.counted_by"', '"$.other"'),
        "/counted_by reads like personal data",
    ),
    "a person in a record": (
        "personal-kept-apart",
        replace("manifest.toml", '"$.counted_by"', '"$.counted_by", "$.sku"'),
        "in the stock_movement",
    ),
    "a guess": (
        "unknown-surfaced",
        replace(
            "mapping.py",
            "movement=MovementKind.COUNT",
            'movement=MovementKind.COUNT if count.site == "main" else MovementKind.RECEIPT',
        ),
        "guessed away",
    ),
    "an answer that remembers": (
        "replay-identical",
        replace("mapping.py", "sku=count.sku", 'sku=f"{count.sku}{hash(count.sku)}"'),
        "another process",
    ),
    "a new field that changes the meaning": (
        "drift-tolerated",
        replace("mapping.py", "quantity=count.pieces", "quantity=len(source.body)"),
        "a new field",
    ),
    "no owner": ("owner-active", replace("manifest.toml", '"ines"', '"nobody"'), "nobody"),
    "no annotation": (
        "typed",
        replace("mapping.py", "def _wrong(expected: str,", "def _wrong(expected,"),
        "_wrong",
    ),
    "a mapping that falls over nonsense": (
        "nonsense-survived",
        replace("mapping.py", "except (msgspec.MsgspecError, ", "except (KeyError, "),
        "Error",
    ),
    "webhooks and nothing else": ("silence-noticed", lambda _folder: None, "noticed by nobody"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_rule_sees_what_is_spoilt(blank: Path, name: str) -> None:
    """Spoil one thing of a connector that passes: its rule fails and says what it found."""
    rule_id, spoil, words = SPOILT[name]
    spoil(blank)
    state, found = outcome(rule_id, blank)
    assert state == "failed", found
    assert words in found


def test_a_new_connector_passes_its_rules_at_once(blank: Path) -> None:
    folder = load_connector(blank, blank.parent.name)
    checked = check_connector(folder, today=TODAY, package=blank.parent.name)
    failed = [result.id for result in checked.rules if result.outcome == "failed"]
    assert failed == [
        "silence-noticed",
        "branches-covered",
        "simulation-passed",
        "operator-reviewed",
    ]
    assert checked.level is Level.BRONZE


def test_an_owner_who_no_longer_reads_and_a_version_that_ended_cost_silver(blank: Path) -> None:
    replace("manifest.toml", 'version = "1"', 'version = "1"\nsunset_on = 2026-12-01')(blank)
    assert outcome("version-served", blank)[0] == "passed"
    assert outcome("version-served", blank, date(2026, 12, 2)) == (
        "failed",
        "version 1 ended on 2026-12-01, 1 days ago",
    )
    assert outcome("owner-active", blank, TODAY + timedelta(days=366))[0] == "failed"


def test_what_can_act_and_has_no_simulated_vendor_is_not_excused(blank: Path) -> None:
    """To be untried is not the same as to have nothing to try."""
    shutil.copytree(find("shopify").folder, blank.parent / "shopify_two")
    folder = blank.parent / "shopify_two"
    for path in folder.rglob("*.py"):
        text = path.read_text().replace(
            "trueup.connectors.shopify", f"{folder.parent.name}.shopify_two"
        )
        path.write_text(text)
    replace("manifest.toml", 'id = "shopify"', 'id = "shopify_two"')(folder)
    subject = subject_of(folder)
    for rule_id in ("gap-recovered", "actions-idempotent", "bulk-equals-pages", "cursor-safe"):
        found = run_rule(BY_ID[rule_id], subject, ())
        assert (found.outcome, "simulated vendor" in found.found) == ("failed", True)


def result(level: Level, state: Outcome) -> Result:
    passed = state in {"passed", "signed_off"}
    return Result(id="any", level=level, outcome=state, passed=passed, found="")


def test_a_level_needs_all_lower_ones() -> None:
    bronze, silver = result(Level.BRONZE, "passed"), result(Level.SILVER, "signed_off")
    gold = result(Level.GOLD, "passed")
    platinum = result(Level.PLATINUM, "failed")
    assert level_of([bronze, silver, gold, platinum]) is Level.GOLD
    assert level_of([bronze, result(Level.SILVER, "failed"), gold]) is Level.BRONZE
    assert level_of([result(Level.BRONZE, "failed"), silver, gold]) is None
    assert level_of([bronze, silver, result(Level.GOLD, "exempt"), platinum]) is Level.SILVER


def test_what_does_not_apply_is_not_passed() -> None:
    checked = check_connector(find("manual"), today=TODAY)
    exempt = [each for each in checked.rules if each.outcome == "exempt"]
    assert exempt
    assert not any(each.passed for each in exempt)
    assert all(each.found for each in exempt)


def test_who_does_nothing_at_the_vendor_is_not_trusted_to_act(blank: Path) -> None:
    """A level is not reached by having nothing to be judged by."""
    found = [run_rule(rule, subject_of(blank), ()) for rule in RULES if rule.level is Level.GOLD]
    assert {each.outcome for each in found} == {"exempt"}


def test_a_sign_off_counts_for_a_year(blank: Path) -> None:
    signed = SignOff(
        connector="fern_stock", rule="operator-reviewed", on=TODAY, by="ines", found="read"
    )
    rule = BY_ID["operator-reviewed"]
    assert run_rule(rule, subject_of(blank), [signed]).outcome == "signed_off"
    late = subject_of(blank, TODAY + timedelta(days=SIGN_OFF_DAYS_MAX + 1))
    assert run_rule(rule, late, [signed]).outcome == "failed"
    other = SignOff(connector="other", rule="operator-reviewed", on=TODAY, by="i", found="read")
    assert run_rule(rule, subject_of(blank), [other]).outcome == "failed"


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (None, "nobody has measured it"),
        (Measured(on=TODAY, taken=94, branches=100), "94.0%, wanted 95%"),
        (Measured(on=TODAY - timedelta(days=366), taken=9, branches=9), "more than a year ago"),
    ],
)
def test_branches_that_no_test_takes_cost_silver(measured: Measured | None, words: str) -> None:
    found = judge_measured(measured, TODAY)
    assert (found.outcome, words in found.found) == ("failed", True)


def test_branches_that_are_taken_are_told() -> None:
    found = judge_measured(Measured(on=TODAY, taken=95, branches=100), TODAY)
    assert found.outcome == "passed"
    assert found.found == "95 of 100 branches, 95.0%, measured on 2026-11-21"
    assert judge_measured(Measured(on=TODAY, taken=0, branches=0), TODAY).outcome == "passed"


def test_a_connectors_own_tests_are_found() -> None:
    names = {path.name for path in own_tests("stripe")}
    assert {"stripe", "test_stripe_bodies.py", "test_stripe_twin.py"} <= names
    assert not {"test_quality.py", "test_connectors.py", "test_smtp_sandbox.py"} & names
    with pytest.raises(ConfigError):
        measure("fern_stock")


def test_at_most_a_fifth_of_the_rules_are_signed_off_and_each_signs_a_rule() -> None:
    signed = {rule.id for rule in RULES if rule.check is None}
    print(f"{len(RULES) - len(signed)} of {len(RULES)} rules have a checker")
    assert len(signed) <= len(RULES) / 5
    assert len(BY_ID) == len(RULES)
    assert {each.rule for each in read_sign_offs()} <= signed


def test_a_promise_of_a_room_is_held_by_a_test_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("async def test_one() -> None: ...\n")
    check = held_by("test_it.py::test_one", root=tmp_path)
    subject = Subject(find("manual"), today=TODAY)
    assert check(subject).outcome == "passed"
    gone = held_by("test_it.py::test_one", "test_it.py::test_two", root=tmp_path)(subject)
    assert (gone.outcome, gone.found) == ("failed", "there is no test_it.py::test_two")
    assert held_by("no.py::test_one", root=tmp_path)(subject).outcome == "failed"
    assert held_by("test_it.py::test_one", root=tmp_path / "none")(subject).outcome == "exempt"


def test_the_page_of_the_rules_equals_the_rules() -> None:
    page = (ROOT / "docs/reference/quality.md").read_text(encoding="utf-8")
    assert page == quality_page(), "python -m trueup.quality.page > docs/reference/quality.md"


def test_the_world_is_shut_out(tmp_path: Path) -> None:
    import socket

    with pytest.raises(InvariantBroken), closed_world():
        socket.socket()
    with pytest.raises(InvariantBroken), closed_world():
        (tmp_path / "x").write_text("no")
    (tmp_path / "x").write_text("afterwards it opens again")
    with closed_world():
        assert (tmp_path / "x").read_text() == "afterwards it opens again"


def test_personal_paths_find_their_leaves() -> None:
    body = {"a": {"email": "1", "b": [{"email": "2"}]}, "email": ["3"], "c": [{"d": "4"}]}
    everywhere = personal_leaves(body, ("$..email",))
    assert {value for path, value in leaves(body) if path in everywhere} == {"1", "2", "3"}
    assert personal_leaves(body, ("$.a.email",)) == {("a", "email")}
    assert personal_leaves(body, ("$.c[*].d",)) == {("c", 0, "d")}
    assert personal_leaves(body, ("$.a.d", "$.c.d")) == set()


def test_the_command_prints_levels_and_nothing_else() -> None:
    done = CliRunner().invoke(connectors, ["check", "manual", "--json"])
    (told,) = json.loads(done.stdout)["connectors"]
    assert (done.exit_code, told["id"], told["level"]) == (0, "manual", "silver")
    assert set(told["rules"][0]) == {"id", "level", "outcome", "passed", "found"}
    table = CliRunner().invoke(connectors, ["check", "manual"])
    assert "manual: silver" in table.stdout
    assert CliRunner().invoke(connectors, ["check", "nothing", "--json"]).exit_code == 2


def test_the_command_ends_with_1_below_the_floor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = tmp_path / "levels.toml"
    floor.write_text('manual = "platinum"\n')
    monkeypatch.setattr("trueup.cli.connectors.read_floors", lambda: read_floors(floor))
    done = CliRunner().invoke(connectors, ["check", "manual"])
    assert done.exit_code == 1
    assert "manual is below its floor, platinum" in done.stdout


def test_the_command_writes_a_connector_once(tmp_path: Path) -> None:
    arguments = ["new", "fern_stock", "--owner", "ines", "--root", str(tmp_path), "--json"]
    done = CliRunner().invoke(connectors, arguments)
    files = json.loads(done.stdout)["files"]
    assert (done.exit_code, len(files)) == (0, 7)
    assert all(Path(file).is_file() for file in files)
    assert CliRunner().invoke(connectors, arguments).exit_code == 2
    with pytest.raises(ConfigError):
        write_connector(tmp_path, "Fern-Stock", owner="ines", today=TODAY)
