"""Compute a connector's level: run every rule, and see how far it comes."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from trueup.contract.loader import ConnectorFolder
from trueup.quality.rule import (
    Level,
    Result,
    Rule,
    SignOff,
    Verdict,
    exempt,
    level_of,
    verdict,
)
from trueup.quality.rules_bronze import BRONZE
from trueup.quality.rules_gold import GOLD, PLATINUM
from trueup.quality.rules_silver import SILVER
from trueup.quality.subject import Subject

RULES: Final[tuple[Rule, ...]] = (*BRONZE, *SILVER, *GOLD, *PLATINUM)
SIGN_OFF_DAYS_MAX: Final = 365

_SIGN_OFFS: Final = Path(__file__).with_name("signoffs.toml")
_LACKS: Final = {
    "twin": "there is no simulated vendor to run it against",
    "acting": "it does nothing at the vendor",
    "api": "it calls no vendor",
    "bulk": "no resource has an export",
    "cursors": "nothing is read since a cursor",
    "hooks": "it manages no webhooks itself",
    "mapping": "it reads nothing",
    "actions": "it sets no level",
    "commands": "it carries out no command",
    "pull": "it pulls nothing",
    "webhook": "it hears no webhooks",
}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A connector's level and what came of each rule; `level` is None below bronze."""

    id: str
    level: Level | None
    rules: tuple[Result, ...]


def check_connector(
    folder: ConnectorFolder,
    *,
    today: date,
    package: str = "trueup.connectors",
    sign_offs: Sequence[SignOff] | None = None,
) -> Checked:
    """Run every rule on a connector.

    Args:
        folder: the loaded connector.
        today: decides what is past.
        package: what the folder's parent is imported as.
        sign_offs: what persons saw; those of this build by default.
    """
    known = read_sign_offs() if sign_offs is None else sign_offs
    subject = Subject(folder, package=package, today=today)
    results = tuple(_result(rule, run_rule(rule, subject, known)) for rule in RULES)
    return Checked(id=folder.id, level=level_of(results), rules=results)


def run_rule(rule: Rule, subject: Subject, sign_offs: Sequence[SignOff]) -> Verdict:
    """Return what one rule finds; a checker that raises has failed."""
    lacks = [need for need in rule.needs if not subject.has(need)]
    if lacks and _excuses(rule, subject, lacks):
        return exempt(_LACKS.get(lacks[0], f"it declares no {lacks[0]}"))
    if lacks:
        return verdict([_LACKS["twin"]], "")
    if rule.check is None:
        return _signed(rule, subject, sign_offs)
    try:
        return rule.check(subject)
    except Exception as fault:  # noqa: BLE001 - whatever a connector raises is the finding
        return verdict([f"{type(fault).__name__}: {fault}"[:300]], "")


def _excuses(rule: Rule, subject: Subject, lacks: list[str]) -> bool:
    """Tell whether a lack excuses: one that can not do the thing is excused, an untried one not."""
    return lacks != ["twin"] or not all(subject.has(need) for need in rule.needs if need != "twin")


def _signed(rule: Rule, subject: Subject, sign_offs: Sequence[SignOff]) -> Verdict:
    for signed in sign_offs:
        if (signed.connector, signed.rule) == (subject.id, rule.id):
            if subject.today - signed.on > timedelta(days=SIGN_OFF_DAYS_MAX):
                return verdict([f"signed off on {signed.on}, more than a year ago"], "")
            return Verdict(outcome="signed_off", found=f"{signed.found} ({signed.by}, {signed.on})")
    return verdict(["nobody has signed it off"], "")


def _result(rule: Rule, found: Verdict) -> Result:
    return Result(
        id=rule.id,
        level=rule.level,
        outcome=found.outcome,
        passed=found.outcome in {"passed", "signed_off"},
        found=found.found,
    )


def read_sign_offs(path: Path = _SIGN_OFFS) -> tuple[SignOff, ...]:
    """Read what persons signed off.

    Raises:
        msgspec.ValidationError: the file has another form.
    """
    raw: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    return msgspec.convert(raw.get("signed", []), tuple[SignOff, ...])
