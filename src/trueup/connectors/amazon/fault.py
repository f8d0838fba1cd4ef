"""What is wrong with a body, told so that a person can act: place, expected, found, what to do."""

import re

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.kernel.limits import JSON_DEPTH_MAX

_NUL = b"\\u0000"
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_REPORT = "Look at the body of the event; if Amazon really sends this, report it to Trueup."


class Unsound(Exception):
    """A value decodes but can not be kept."""

    def __init__(self, expected: str, found: str, pointer: str = "") -> None:
        super().__init__(expected)
        self.expected, self.found, self.pointer = expected, found, pointer


def malformed(fault: Exception) -> Issue:
    """Return the issue for bytes that are no JSON text, or are nested without end."""
    if isinstance(fault, RecursionError):
        found, expected = "deeper nesting", f"JSON nested at most {JSON_DEPTH_MAX} deep"
    else:
        found, expected = str(fault)[:200], "one JSON object in UTF-8"
    return _error("amazon.body_malformed", "", expected, found)


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its topic."""
    text, _, place = str(fault).partition(" - at `")
    pointer = "".join(
        "/" + (name or index.replace("...", "-")) for name, index in _STEP.findall(place)
    )
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return _error("amazon.field_wrong", f"{pointer}/{missing[1]}", "a value", "nothing")
    if types := re.fullmatch(r"Expected (.+), got (.+)", text):
        expected, found = types[1].replace("`", ""), types[2].replace("`", "")
        return _error("amazon.field_wrong", pointer, expected, found)
    return _error("amazon.field_wrong", pointer, text.replace("`", ""), "another value")


def unsound(fault: Unsound) -> Issue:
    """Return the issue for a value that decodes but can not be kept."""
    return _error("amazon.field_wrong", fault.pointer, fault.expected, fault.found)


def null_character(body: bytes) -> Issue | None:
    """Return the issue for text that holds U+0000, which no database text can; else None."""
    if _NUL not in body and b"\x00" not in body:
        return None
    return _error("amazon.field_wrong", "", "text without the character U+0000", "U+0000")


def unknown(code: str, pointer: str, expected: str, found: str, ref: str | None = None) -> Issue:
    """Return the warning for a word of Amazon's that is not known; it is kept as unknown."""
    return Issue(
        code=code,
        severity=Severity.WARNING,
        pointer=pointer,
        expected=expected,
        found=found[:80],
        how_to_fix="The record is kept with Amazon's own word. Report the word to Trueup.",
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
