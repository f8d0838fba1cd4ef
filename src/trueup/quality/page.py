"""The page of the rules, docs/reference/quality.md, made from the rules themselves."""

import sys

from trueup.quality.check import RULES, SIGN_OFF_DAYS_MAX
from trueup.quality.rule import Level, Rule

_HEAD = """# Quality levels of connectors

A level is computed by `trueup connectors check`, never declared.
It is the highest whose rules, and all lower ones, pass.
Which rules apply follows from what the manifest declares: pulls, webhooks, levels that are set,
commands. A rule about something that the connector does not do is exempt: the reason is printed,
and it is not counted as passed. A level of which every rule is exempt is not reached, so a
connector that only reads ends at silver. A checker that raises has failed.
{checked} of {count} rules ({share} %) have a checker. {signed} are signed off by a person, in
`src/trueup/quality/signoffs.toml`, with the day and what was found; after {days} days the word no
longer counts.
`tests/contract/levels.toml` holds the level below which no connector may fall; it only rises.
An action is offered without a person only from gold on.

This page is written by `python -m trueup.quality.page`, and a test holds it to the rules.
"""
_MEANINGS = {
    Level.BRONZE: "safe to read from",
    Level.SILVER: "safe to leave alone",
    Level.GOLD: "safe to let act",
    Level.PLATINUM: "the exemplar",
}
_NEEDS = {
    "twin": "a simulated vendor",
    "bulk": "a resource with an export",
    "hooks": "subscriptions that it manages itself",
    "acting": "actions",
    "actions": "actions that set a level",
    "commands": "commands",
    "cursors": "pulls since a cursor",
    "mapping": "a mapping",
    "api": "calls to a vendor",
    "pull": "pulls",
    "webhook": "webhooks",
}


def quality_page() -> str:
    """Return the page as Markdown."""
    signed = sum(rule.check is None for rule in RULES)
    parts = [
        _HEAD.format(
            signed=signed,
            checked=len(RULES) - signed,
            share=100 * (len(RULES) - signed) // len(RULES),
            count=len(RULES),
            days=SIGN_OFF_DAYS_MAX,
        )
    ]
    for level in Level:
        parts.append(f"## {level.value.title()}: {_MEANINGS[level]}\n")
        parts += [_paragraph(rule) for rule in RULES if rule.level is level]
    return "\n".join(parts)


def _paragraph(rule: Rule) -> str:
    about = " and ".join(_NEEDS[need] for need in rule.needs)
    parts = [f"**{rule.id}**: {rule.why} {rule.how}"]
    if about:
        parts.append(f"It is about connectors with {about}.")
    if rule.exceptions:
        parts.append(f"Exceptions: {rule.exceptions}")
    return " ".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(quality_page())
