"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="EasyPost",
    malformed_code="easypost.body_malformed",
    invalid_code="easypost.field_invalid",
)
malformed = FAULTS.unreadable
misshapen = FAULTS.misshapen


def unknown_scan(pointer: str, code: str, ref: str) -> Issue:
    """Return the issue for a status or a detail that nobody has told us of."""
    return Issue(
        code="easypost.scan_unknown",
        pointer=pointer,
        expected="a status and a detail that EasyPost's page on trackers lists",
        found=code[:100],
        how_to_fix="Look at the parcel at the carrier; report the word to Trueup.",
        ref=ref,
    )


def undated_scan(pointer: str, ref: str) -> Issue:
    """Return the issue for a scan that can not be put in order."""
    return Issue(
        code="easypost.scan_undated",
        pointer=pointer,
        expected="a time with its zone",
        found="another value",
        how_to_fix="Look at the parcel at the carrier; this scan is left out of its history.",
        ref=ref,
    )


def status_differs(own: str, newest: str, ref: str) -> Issue:
    """Return the issue for a parcel whose own status is not that of its newest scan."""
    return Issue(
        code="easypost.status_differs",
        severity=Severity.NOTE,
        pointer="/status",
        expected=newest,
        found=own,
        how_to_fix="Nothing, if the next update agrees; else look at the parcel at the carrier.",
        ref=ref,
    )


def delivered_back(ref: str) -> Issue:
    """Return the issue for a delivery that follows a return, taken as back at the sender."""
    return Issue(
        code="easypost.return_delivered",
        severity=Severity.NOTE,
        expected="no delivery after a return to the sender",
        found="one, taken as back at the sender",
        how_to_fix="Check that the parcel lies at your warehouse, and not at the customer's.",
        ref=ref,
    )
