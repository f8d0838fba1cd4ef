"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Xero",
    malformed_code="xero.body_malformed",
    invalid_code="xero.field_invalid",
)
malformed = FAULTS.unreadable
misshapen = FAULTS.misshapen


def invalid(pointer: str, expected: str, found: str = "another value") -> Issue:
    """Return the issue for a value without which there is no record."""
    return FAULTS.error("xero.field_invalid", pointer, expected, found)


def status_unknown(found: str, ref: str) -> Issue:
    """Return the issue for a status that nobody has told us of."""
    return Issue(
        code="xero.status_unknown",
        pointer="/Status",
        expected="DRAFT, POSTED, DELETED or VOIDED",
        found=found[:100],
        how_to_fix="Look at the journal in Xero; report the word to Trueup.",
        ref=ref,
    )


def currency_missing(ref: str) -> Issue:
    """Return the issue for a journal while nobody has said what the base currency is."""
    return Issue(
        code="xero.currency_missing",
        pointer="/JournalLines",
        expected="the base currency of the organisation",
        found="none",
        how_to_fix="Fill in the base currency of the connection, then put the event back.",
        ref=ref,
    )


def unbalanced(ref: str) -> Issue:
    """Return the issue for a journal whose lines do not sum to zero."""
    return Issue(
        code="xero.journal_unbalanced",
        pointer="/JournalLines",
        expected="lines that sum to zero",
        found="another sum",
        how_to_fix="Look at the journal in Xero: a draft, or taxes that Xero works out by itself.",
        ref=ref,
    )
