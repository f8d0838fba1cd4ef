"""Forms: fields as bounded text, and a key that makes sending twice once.

Who says what a form says is never in it: that is who signed in.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import uuid4

TEXT_CHARS_MAX: Final = 255
COMMENT_CHARS_MAX: Final = 4000
DIGITS_MAX: Final = 18


def read_form(data: Mapping[str, Any], longest: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return a form's fields as bounded text without what the database can not hold.

    Args:
        data: as it came; of a field that came several times the last counts.
        longest: of fields that may be longer, or shall be shorter, than others.
    """
    bounds = longest or {}
    return {
        name: _text(value).replace("\x00", "")[: bounds.get(name, TEXT_CHARS_MAX)]
        for name, value in data.items()
    }


def read_many(data: Mapping[str, Any], name: str, *, most: int = 100) -> tuple[str, ...]:
    """Return every value of a field that may come several times, each once, in its order."""
    value = data.get(name, ())
    values = value if isinstance(value, list | tuple) else (value,)
    texts = (str(each).replace("\x00", "")[:TEXT_CHARS_MAX] for each in values)
    return tuple(dict.fromkeys(each for each in texts if each))[:most]


def day_in(text: str) -> date | None:
    """Return the day in a field; None where it is empty.

    Raises:
        ValueError: it is none.
    """
    return date.fromisoformat(text) if text else None


def comment_of(form: Mapping[str, str], name: str = "comment") -> str:
    """Return what was written in a field of several lines; browsers end lines with CR LF."""
    return form.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()


def whole(text: str) -> int | None:
    """Return a whole number that the database can hold; None where it is none."""
    known = text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX
    return int(text) if known else None


def new_key() -> str:
    """Return a key for a form: the same form sent twice has the same."""
    return str(uuid4())


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return str(value[-1]) if value else ""
    return str(value)
