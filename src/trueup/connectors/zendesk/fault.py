"""What is wrong with a body, told so that a person can act: place, expected, found, what to do."""

from collections.abc import Mapping

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Zendesk",
    malformed_code="zendesk.body_malformed",
    invalid_code="zendesk.field_invalid",
    missing_code="zendesk.field_missing",
    text_code="zendesk.text_invalid",
)
malformed = FAULTS.malformed
misshapen = FAULTS.misshapen
null_character = FAULTS.null_character


def out_of_range() -> Issue:
    """Return the issue for an instant that lies outside the years 1 to 9999 in UTC."""
    return FAULTS.error(
        "zendesk.field_invalid", "", "instants in the years 1 to 9999", "another one"
    )


def unknown_word(field: str, word: str, ref: str, known: Mapping[str, object]) -> Issue:
    """Return the issue for a word of the vendor that the connector does not know."""
    return Issue(
        code=f"zendesk.{field}_unknown",
        severity=Severity.WARNING,
        pointer=f"/{field}",
        expected="one of " + ", ".join(sorted(known)),
        found=word[:80],
        how_to_fix=f"Tell Trueup's maintainers what the {field} {word[:40]!r} means; "
        "until then it is kept as unknown.",
        ref=ref,
    )
