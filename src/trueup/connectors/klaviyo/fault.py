"""What is wrong with a body, told so that a person can act."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.kernel.limits import JSON_DEPTH_MAX

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_REPORT = "Look at the body of the event; if Klaviyo really sends this, report it to Trueup."


def malformed(fault: Exception) -> Issue:
    """Return the issue for bytes that are no JSON, or are nested without end."""
    if isinstance(fault, RecursionError):
        found, expected = "deeper nesting", f"JSON nested at most {JSON_DEPTH_MAX} deep"
    else:
        found, expected = str(fault)[:200], "one JSON object in UTF-8"
    return _error("klaviyo.body_malformed", "", expected, found)


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its object."""
    text, _, place = str(fault).partition(" - at `")
    pointer = "".join(
        "/" + (name or index.replace("...", "-")) for name, index in _STEP.findall(place)
    )
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return _error("klaviyo.field_missing", f"{pointer}/{missing[1]}", "a value", "nothing")
    if types := re.fullmatch(r"Expected (.+), got (.+)", text):
        expected, found = types[1].replace("`", ""), types[2].replace("`", "")
        return _error("klaviyo.field_type", pointer, expected, found)
    return _error("klaviyo.field_invalid", pointer, text.replace("`", ""), "another value")


def missing(pointer: str) -> Issue:
    """Return the issue for something that a body must hold."""
    return _error("klaviyo.field_missing", pointer, "a value", "nothing")


def unsplit(count: int) -> Issue:
    """Return the issue for a delivery of many that was not taken apart at the door."""
    return _error("klaviyo.delivery_unsplit", "/data", "one event", f"{count} events")


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


def _error(code: str, pointer: str, expected: str, found: str) -> Issue:
    return Issue(
        code=code,
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix=_REPORT,
    )
