"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="BigCommerce",
    malformed_code="bigcommerce.body_malformed",
    invalid_code="bigcommerce.field_invalid",
)
malformed = FAULTS.unreadable
misshapen = FAULTS.misshapen
unsound = FAULTS.unsound


def unknown_word(field: str, word: str, ref: str) -> Issue:
    """Return the issue for a word that the connector does not know."""
    return Issue(
        code=f"bigcommerce.{field}_unknown",
        pointer=f"/{field}",
        expected="a word of BigCommerce's own that Trueup knows",
        found=word[:80],
        how_to_fix="It is kept as unknown. Tell Trueup's maintainers what it means.",
        ref=ref,
    )


def note(code: str, ref: str, expected: str, found: str, how_to_fix: str) -> Issue:
    """Return a note of this connector."""
    return Issue(
        code=f"bigcommerce.{code}",
        severity=Severity.NOTE,
        expected=expected,
        found=found,
        how_to_fix=how_to_fix,
        ref=ref,
    )
