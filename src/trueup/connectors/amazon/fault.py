"""What is wrong with a body, told so that a person can act: place, expected, found, what to do."""

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Amazon",
    malformed_code="amazon.body_malformed",
    invalid_code="amazon.field_wrong",
)
malformed = FAULTS.malformed
misshapen = FAULTS.misshapen
unsound = FAULTS.unsound


_NUL = b"\\u0000"


def null_character(body: bytes) -> Issue | None:
    """Return the issue for text that holds U+0000, which no database text can; else None."""
    if _NUL not in body and b"\x00" not in body:
        return None
    return FAULTS.error("amazon.field_wrong", "", "text without the character U+0000", "U+0000")


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
