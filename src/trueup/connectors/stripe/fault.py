"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Stripe",
    malformed_code="stripe.body_malformed",
    invalid_code="stripe.field_invalid",
    missing_code="stripe.field_missing",
    kind_code="stripe.field_type",
)
malformed = FAULTS.malformed
misshapen = FAULTS.misshapen
unsound = FAULTS.unsound


def unknown(pointer: str, found: str, ref: str, *, code: str) -> Issue:
    """Return the issue for a word of Stripe's that this version does not know."""
    return Issue(
        code=code,
        severity=Severity.WARNING,
        pointer=pointer,
        expected="a word that this version of Trueup knows",
        found=found[:60],
        how_to_fix="It is kept as unknown. Update Trueup, or report the word.",
        ref=ref,
    )


def mismatch(expected: object, found: object, ref: str, *, code: str) -> Issue:
    """Return the issue for figures of one object that do not add up."""
    return Issue(
        code=code,
        severity=Severity.WARNING,
        expected=str(expected),
        found=str(found),
        how_to_fix="Compare with the line in Stripe's own reports; the figures are kept as told.",
        ref=ref,
    )
