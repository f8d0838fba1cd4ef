"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Odoo",
    malformed_code="odoo.body_malformed",
    invalid_code="odoo.field_invalid",
)
malformed = FAULTS.unreadable
misshapen = FAULTS.misshapen


def invalid(pointer: str, expected: str, found: str = "another value") -> Issue:
    """Return the issue for a value without which there is no record."""
    return FAULTS.error("odoo.field_invalid", pointer, expected, found)


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
