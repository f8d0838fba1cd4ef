"""Cursors: where a page ended, as text that a program hands back unread."""

import base64
import binascii
from datetime import datetime
from typing import TypeVar

import msgspec
from litestar.exceptions import ValidationException

NUMBER_MAX = 2**63 - 1

T = TypeVar("T")


def cursor_of(*parts: datetime | int | str) -> str:
    """Return the cursor of a row by what its page is ordered by."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def cursor_at(text: str) -> tuple[datetime, int]:
    """Return instant and number."""
    at, number = _read(text, tuple[datetime, int])
    if at.tzinfo is None or not 0 <= number <= NUMBER_MAX:
        raise _wrong()
    return at, number


def cursor_number(text: str) -> int:
    """Return a number."""
    (number,) = _read(text, tuple[int])
    if not 0 <= number <= NUMBER_MAX:
        raise _wrong()
    return number


def cursor_text(text: str) -> str:
    """Return a text."""
    (found,) = _read(text, tuple[str])
    if "\x00" in found:
        raise _wrong()
    return found


def _read(text: str, kind: type[T]) -> T:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(plain, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise _wrong() from error


def _wrong() -> ValidationException:
    message = "It is not a cursor of this list; take `next_cursor` as it came."
    return ValidationException(extra=[{"key": "cursor", "message": message}])
