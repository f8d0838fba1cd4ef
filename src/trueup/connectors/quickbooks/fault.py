"""What is wrong with a body, told so that a person can act."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity

_REPORT = "Look at the body of the event; if QuickBooks really sends this, report it to Trueup."
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def malformed(found: str) -> Issue:
    """Return the issue for bytes that are no JSON object that could be kept."""
    return Issue(
        code="quickbooks.body_malformed",
        severity=Severity.ERROR,
        expected="one JSON object in UTF-8, without the character U+0000",
        found=found,
        how_to_fix=_REPORT,
    )


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its entity."""
    told, _, place = str(fault).partition(" - at `")
    pointer = "".join(
        "/" + (name or index.replace("...", "-")) for name, index in _STEP.findall(place)
    )
    expected, _, found = told.replace("`", "").partition(", got ")
    return invalid(pointer, expected[:200], found or "another value")


def invalid(pointer: str, expected: str, found: str = "another value") -> Issue:
    """Return the issue for a value without which there is no record."""
    return Issue(
        code="quickbooks.field_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix=_REPORT,
    )


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
