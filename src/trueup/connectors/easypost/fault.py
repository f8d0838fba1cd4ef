"""What is wrong with a body, told so that a person can act."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity

_REPORT = "Look at the body of the event; if EasyPost really sends this, report it to Trueup."
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def malformed(found: str) -> Issue:
    """Return the issue for bytes that are no JSON object that could be kept."""
    return Issue(
        code="easypost.body_malformed",
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
        code="easypost.field_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected[:200],
        found=found or "another value",
        how_to_fix=_REPORT,
    )


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
