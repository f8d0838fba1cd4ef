"""What is wrong with a vendor's body, told so that a person can act: place, expected, found, to do.

Here stands what every connector has to say of bytes and shapes. What else its vendor may get wrong
stands in a connector's own `fault.py`.
"""

import re

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.errors import ConfigError
from trueup.kernel.limits import JSON_DEPTH_MAX

_NUL = b"\\u0000"
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_FOUND_CHARS_MAX = 200
_ANOTHER = "another value"


class Unsound(Exception):
    """A value in a body decodes but can not become canonical; caught where the body is mapped.

    Attributes:
        found: what stands there, in words; never long.
        expected: what should have stood there.
        pointer: where, if that is known.
    """

    def __init__(self, found: str, expected: str, pointer: str = "") -> None:
        super().__init__(expected)
        self.found, self.expected, self.pointer = found, expected, pointer


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """One connector's way to tell what is wrong with a body.

    Attributes:
        vendor: whose bodies they are, as people say it.
        malformed_code: of the issue for bytes that can not be read.
        invalid_code: of the one for a value that can not be kept.
        missing_code: of the one for a field that is not there; as `invalid_code` where empty.
        kind_code: of the one for a field of another kind; as `invalid_code` where empty.
        text_code: of the one for text that can not be kept; as `invalid_code` where empty.
    """

    vendor: str
    malformed_code: str
    invalid_code: str
    missing_code: str = ""
    kind_code: str = ""
    text_code: str = ""

    def error(self, code: str, pointer: str, expected: str, found: str) -> Issue:
        """Return the issue that parks a body."""
        return Issue(
            code=code,
            severity=Severity.ERROR,
            pointer=pointer,
            expected=expected,
            found=found,
            how_to_fix=f"Look at the body of the event; if {self.vendor} really sends this, "
            "report it to Trueup.",
        )

    def malformed(self, fault: Exception) -> Issue:
        """Return the issue for bytes that are no JSON text, or are nested without end."""
        if isinstance(fault, RecursionError):
            found, expected = "deeper nesting", f"JSON nested at most {JSON_DEPTH_MAX} deep"
        else:
            found, expected = str(fault)[:_FOUND_CHARS_MAX], "one JSON object in UTF-8"
        return self.error(self.malformed_code, "", expected, found)

    def unreadable(self, found: str) -> Issue:
        """Return the issue for bytes that are no JSON object that could be kept."""
        expected = "one JSON object in UTF-8, without the character U+0000"
        return self.error(self.malformed_code, "", expected, found)

    def misshapen(self, fault: msgspec.ValidationError) -> Issue:
        """Return the issue for JSON that does not have the shape of its topic."""
        text, _, place = str(fault).partition(" - at `")
        pointer = pointer_of(place)
        if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
            code = self.missing_code or self.invalid_code
            return self.error(code, f"{pointer}/{missing[1]}", "a value", "nothing")
        told = text.replace("`", "")
        if kinds := re.fullmatch(r"Expected (.+), got (.+)", told):
            expected, found = kinds[1][:_FOUND_CHARS_MAX], kinds[2][:_FOUND_CHARS_MAX]
            return self.error(self.kind_code or self.invalid_code, pointer, expected, found)
        return self.error(self.invalid_code, pointer, told[:_FOUND_CHARS_MAX], _ANOTHER)

    def unsound(self, fault: Unsound) -> Issue:
        """Return the issue for a value that decodes but can not be kept."""
        return self.error(self.invalid_code, fault.pointer, fault.expected, fault.found)

    def null_character(self, body: bytes) -> Issue | None:
        """Return the issue for text that holds U+0000, which no database text can; else None."""
        if _NUL not in body:
            return None
        try:
            held = _holds_nul(msgspec.json.decode(body))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None  # the mapping itself says what is wrong
        if not held:
            return None
        code = self.text_code or self.invalid_code
        return self.error(code, "", "text without the character U+0000", "U+0000")


def file_fault(line: int, column: str, expected: str, found: str) -> ConfigError:
    """Return the error for one place of an imported file.

    Args:
        line: from 1 on; 0 where the file as a whole is meant.
        column: the column's name, the field's, or the path of the element; empty where none is.
        expected: what should have stood there.
        found: what stands there, in words; never what may be personal.
    """
    where = f"line {line}, column {column!r}" if column else f"line {line}"
    return ConfigError(
        f"{where}: expected {expected}, found {found}",
        line=line,
        column=column,
        expected=expected,
        found=found,
    )


def pointer_of(place: str) -> str:
    """Turn a decoder's place such as `$.line_items[0].price` into a JSON pointer."""
    steps = _STEP.findall(place.rstrip("`"))
    return "".join("/" + (name or index.replace("...", "-")) for name, index in steps)


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part) for part in value)
