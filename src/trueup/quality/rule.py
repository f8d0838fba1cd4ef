"""What a rule is, what comes of it, and which level the results add up to."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Final, Literal

import msgspec

from trueup.contract.trust import Level, is_at_least
from trueup.quality.subject import Subject

__all__ = [
    "Level",
    "Outcome",
    "Result",
    "Rule",
    "SignOff",
    "Verdict",
    "exempt",
    "is_at_least",
    "level_of",
    "verdict",
]

Outcome = Literal["passed", "failed", "exempt", "signed_off"]
"""`signed_off`: a person said so on a day, because no program can. `exempt`: it does not apply."""

FAULTS_TOLD_MAX: Final = 3


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one checker found."""

    outcome: Outcome
    found: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that holds of a good connector.

    Attributes:
        id: stable, in words with dashes.
        why: what goes wrong without it.
        how: what is run to see it.
        exceptions: when it does not apply, beyond `needs`; empty: never.
        needs: capabilities it is about, such as `webhook`; a connector without one is exempt.
            `twin` is a simulated vendor.
        check: runs it; None where a person signs it off.
    """

    id: str
    level: Level
    why: str
    how: str
    check: Callable[[Subject], Verdict] | None = None
    needs: tuple[str, ...] = ()
    exceptions: str = ""


class SignOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person saw, and when; it counts for a year."""

    connector: str
    rule: str
    on: date
    by: str
    found: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one rule for one connector; `passed` is false where it does not apply."""

    id: str
    level: Level
    outcome: Outcome
    passed: bool
    found: str


def verdict(faults: Sequence[str], found: str) -> Verdict:
    """Return passed with what was found, or failed with the first faults."""
    if not faults:
        return Verdict(outcome="passed", found=found)
    told = "; ".join(faults[:FAULTS_TOLD_MAX])
    more = len(faults) - FAULTS_TOLD_MAX
    return Verdict(outcome="failed", found=f"{told}; and {more} more" if more > 0 else told)


def exempt(reason: str) -> Verdict:
    """Return that the rule does not apply, and why."""
    return Verdict(outcome="exempt", found=reason)


def level_of(results: Iterable[Result]) -> Level | None:
    """Return the highest level whose rules, and all lower ones, pass.

    A level of which every rule is exempt says nothing of the connector, and is not reached.

    Returns:
        None when it is below bronze.
    """
    listed = list(results)
    reached: Level | None = None
    for level in Level:
        of_level = [result for result in listed if result.level is level]
        if any(result.outcome == "failed" for result in of_level):
            break
        if all(result.outcome == "exempt" for result in of_level):
            break
        reached = level
    return reached
