"""What is wrong with a body, told so that a person can act."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity

_REPORT = "Look at the body of the event; if Delhivery really sends this, report it to Trueup."
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def malformed(found: str) -> Issue:
    """Return the issue for bytes that are no JSON object that could be kept."""
    return Issue(
        code="delhivery.body_malformed",
        severity=Severity.ERROR,
        expected="one JSON object in UTF-8, without the character U+0000",
        found=found,
        how_to_fix=_REPORT,
    )


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its topic."""
    text, _, place = str(fault).partition(" - at `")
    pointer = "".join(
        "/" + (name or index.replace("...", "-")) for name, index in _STEP.findall(place)
    )
    expected, _, found = text.replace("`", "").partition(", got ")
    return Issue(
        code="delhivery.field_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected[:200],
        found=found or "another value",
        how_to_fix=_REPORT,
    )


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
    return Issue(
        code="delhivery.field_invalid",
        severity=Severity.ERROR,
        pointer="/Shipment/Status/StatusDateTime",
        expected="at least one scan with a time",
        found="none",
        how_to_fix=_REPORT,
    )
