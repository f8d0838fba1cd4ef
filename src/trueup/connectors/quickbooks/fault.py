"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="QuickBooks",
    malformed_code="quickbooks.body_malformed",
    invalid_code="quickbooks.field_invalid",
)
malformed = FAULTS.unreadable
misshapen = FAULTS.misshapen


def invalid(pointer: str, expected: str, found: str = "another value") -> Issue:
    """Return the issue for a value without which there is no record."""
    return FAULTS.error("quickbooks.field_invalid", pointer, expected, found)


def unknown_word(code: str, pointer: str, found: str, ref: str) -> Issue:
    """Return the issue for a word that nobody has told us of."""
    return Issue(
        code=code,
        pointer=pointer,
        expected="a word of QuickBooks' own pages",
        found=found[:100],
        how_to_fix="Look at the document in QuickBooks; report the word to Trueup.",
        ref=ref,
    )


def currency_missing(ref: str) -> Issue:
    """Return the issue for a document of a company that does not tell its currency."""
    return Issue(
        code="quickbooks.currency_missing",
        pointer="/CurrencyRef",
        expected="a currency",
        found="none",
        how_to_fix="Fill in the home currency of the connection, then put the event back.",
        ref=ref,
    )


def fraction(pointer: str, ref: str) -> Issue:
    """Return the issue for a quantity that is no whole number of units."""
    return Issue(
        code="quickbooks.quantity_fraction",
        pointer=pointer,
        expected="whole units",
        found="a fraction, or no number",
        how_to_fix="Count this item in a unit that is never divided.",
        ref=ref,
    )


def unbalanced(ref: str) -> Issue:
    """Return the issue for a journal whose lines do not sum to zero."""
    return Issue(
        code="quickbooks.journal_unbalanced",
        pointer="/Line",
        expected="debits that equal credits",
        found="another sum",
        how_to_fix="Look at the journal entry in QuickBooks; report it to Trueup.",
        ref=ref,
    )
