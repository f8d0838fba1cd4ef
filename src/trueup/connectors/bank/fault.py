"""What may be wrong with a piece of a statement."""

from typing import Final

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

_CHARS_MAX = 60

FAULTS: Final = Faults(
    vendor="the bank", malformed_code="bank.piece_malformed", invalid_code="bank.piece_invalid"
)


def unknown(code: str, pointer: str, found: str, ref: str) -> Issue:
    """Return the issue for a word that nobody knows; the record says unknown, and keeps it."""
    return Issue(
        code=code,
        severity=Severity.WARNING,
        pointer=pointer,
        expected="a word of ISO 20022",
        found=found[:_CHARS_MAX],
        how_to_fix="Look the word up in the bank's manual; if it is a standard one, report it.",
        ref=ref,
    )
