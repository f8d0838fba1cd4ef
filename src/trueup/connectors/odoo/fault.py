"""What is wrong with a body, told so that a person can act."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity

_REPORT = "Look at the body of the event; if Odoo really sends this, report it to Trueup."
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def malformed(found: str) -> Issue:
    """Return the issue for bytes that are no JSON object that could be kept."""
    return Issue(
        code="odoo.body_malformed",
        severity=Severity.ERROR,
        expected="one JSON object in UTF-8, without the character U+0000",
        found=found,
        how_to_fix=_REPORT,
    )


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its model."""
    told, _, place = str(fault).partition(" - at `")
    pointer = "".join(
        "/" + (name or index.replace("...", "-")) for name, index in _STEP.findall(place)
    )
    expected, _, found = told.replace("`", "").partition(", got ")
    return invalid(pointer, expected[:200], found or "another value")


def invalid(pointer: str, expected: str, found: str = "another value") -> Issue:
    """Return the issue for a value without which there is no record."""
    return Issue(
        code="odoo.field_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix=_REPORT,
    )


def unknown_state(pointer: str, found: str, ref: str) -> Issue:
    """Return the issue for a state or a type that a module of this Odoo has added."""
    return Issue(
        code="odoo.state_unknown",
        pointer=pointer,
        expected="a state of Odoo's own modules",
        found=found[:100],
        how_to_fix="Ask who set this Odoo up what the state means; report it to Trueup.",
        ref=ref,
    )


def fraction(pointer: str, ref: str) -> Issue:
    """Return the issue for a quantity that is no whole number of units."""
    return Issue(
        code="odoo.quantity_fraction",
        pointer=pointer,
        expected="whole units",
        found="a fraction, or no number",
        how_to_fix="Count this product in a unit of measure that is never divided.",
        ref=ref,
    )


def unbalanced(ref: str) -> Issue:
    """Return the issue for a posted journal whose lines do not sum to zero."""
    return Issue(
        code="odoo.journal_unbalanced",
        pointer="/line_ids",
        expected="lines that sum to zero",
        found="another sum",
        how_to_fix="Check that the key's user may read all lines of the journal.",
        ref=ref,
    )
