"""What is wrong with a body, told so that a person can act: place, expected, found, what to do."""

import re
from collections.abc import Mapping

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.kernel.limits import JSON_DEPTH_MAX

_NUL = b"\\u0000"
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_REPORT = "Look at the body of the event; if Zendesk really sends this, report it to Trueup."


def malformed(fault: Exception) -> Issue:
    """Return the issue for bytes that are no JSON text, or are nested without end."""
    if isinstance(fault, RecursionError):
        found, expected = "deeper nesting", f"JSON nested at most {JSON_DEPTH_MAX} deep"
    else:
        found, expected = type(fault).__name__, "one JSON object in UTF-8"
    return _error("zendesk.body_malformed", "", expected, found)


def misshapen(fault: msgspec.ValidationError) -> Issue:
    """Return the issue for JSON that does not have the shape of its topic."""
    text, _, place = str(fault).partition(" - at `")
    pointer = "".join("/" + (name or index) for name, index in _STEP.findall(place.rstrip("`")))
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return _error("zendesk.field_missing", f"{pointer}/{missing[1]}", "a value", "nothing")
    if types := re.fullmatch(r"Expected (.+), got (.+)", text):
        expected, found = types[1].replace("`", ""), types[2].replace("`", "")
        return _error("zendesk.field_invalid", pointer, expected, found)
    return _error("zendesk.field_invalid", pointer, text.replace("`", ""), "another value")


def out_of_range() -> Issue:
    """Return the issue for an instant that lies outside the years 1 to 9999 in UTC."""
    return _error("zendesk.field_invalid", "", "instants in the years 1 to 9999", "another one")


def null_character(body: bytes) -> Issue | None:
    """Return the issue for text that holds U+0000, which no database text can; else None."""
    if _NUL not in body:
        return None
    try:
        held = _holds_nul(msgspec.json.decode(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None  # the mapping itself says what is wrong
    if not held:
        return None
    return _error("zendesk.text_invalid", "", "text without the character U+0000", "U+0000")


def unknown_word(field: str, word: str, ref: str, known: Mapping[str, object]) -> Issue:
    """Return the issue for a word of the vendor that the connector does not know."""
    return Issue(
        code=f"zendesk.{field}_unknown",
        severity=Severity.WARNING,
        pointer=f"/{field}",
        expected="one of " + ", ".join(sorted(known)),
        found=word[:80],
        how_to_fix=f"Tell Trueup's maintainers what the {field} {word[:40]!r} means; "
        "until then it is kept as unknown.",
        ref=ref,
    )


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part) for part in value)


def _error(code: str, pointer: str, expected: str, found: str) -> Issue:
    return Issue(
        code=code,
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix=_REPORT,
    )
