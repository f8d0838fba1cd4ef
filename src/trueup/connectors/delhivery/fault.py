"""What is wrong with a body, told so that a person can act."""

from trueup.canon.issue import Issue
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Delhivery",
    malformed_code="delhivery.body_malformed",
    invalid_code="delhivery.field_invalid",
)
malformed = FAULTS.unreadable
misshapen = FAULTS.misshapen


def unknown_scan(pointer: str, code: str, ref: str) -> Issue:
    """Return the issue for a scan whose words nobody has told us of."""
    return Issue(
        code="delhivery.scan_unknown",
        pointer=pointer,
        expected="a type, a status and a code that Trueup knows",
        found=code[:100],
        how_to_fix="Look at the parcel at the carrier; report type, status and code to Trueup.",
        ref=ref,
    )


def undated_scan(pointer: str, ref: str) -> Issue:
    """Return the issue for a scan that can not be put in order."""
    return Issue(
        code="delhivery.scan_undated",
        pointer=pointer,
        expected="a time such as 2026-03-04T08:30:00",
        found="another value",
        how_to_fix="Look at the parcel at the carrier; this scan is left out of its history.",
        ref=ref,
    )


def undated_parcel() -> Issue:
    """Return the issue for a parcel of which no scan has a time."""
    return FAULTS.error(
        "delhivery.field_invalid",
        "/Shipment/Status/StatusDateTime",
        "at least one scan with a time",
        "none",
    )
