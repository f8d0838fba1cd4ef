"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Klaviyo",
    malformed_code="klaviyo.body_malformed",
    invalid_code="klaviyo.field_invalid",
    missing_code="klaviyo.field_missing",
    kind_code="klaviyo.field_type",
)
malformed = FAULTS.malformed
misshapen = FAULTS.misshapen


def missing(pointer: str) -> Issue:
    """Return the issue for something that a body must hold."""
    return FAULTS.error("klaviyo.field_missing", pointer, "a value", "nothing")


def unsplit(count: int) -> Issue:
    """Return the issue for a delivery of many that was not taken apart at the door."""
    return FAULTS.error("klaviyo.delivery_unsplit", "/data", "one event", f"{count} events")


def unknown(pointer: str, found: str, ref: str, *, code: str) -> Issue:
    """Return the issue for a word of Klaviyo's that this version does not know."""
    return Issue(
        code=code,
        severity=Severity.WARNING,
        pointer=pointer,
        expected="a word that this version of Trueup knows",
        found=found[:60],
        how_to_fix="It is kept as unknown. Update Trueup, or report the word.",
        ref=ref,
    )
