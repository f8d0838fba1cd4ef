"""The words in which a setting that can not be read is told of; pure."""

import difflib
from collections.abc import Iterable
from typing import Any

import msgspec

_KINDS: dict[type, str] = {
    bool: "a boolean",
    dict: "a table",
    float: "a number with a fraction",
    int: "a whole number",
    list: "a list",
    str: "a text",
}


def found_at(raw: dict[str, Any], where: str) -> str | None:
    """Say what kind of value stands at a place, never the value: it may be a secret."""
    value: Any = raw
    for name in where.split("."):
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return f"{kind_of(value)} {value}" if isinstance(value, int | float) else kind_of(value)


def default_at(whole: msgspec.Struct, where: str) -> str:
    """Return the default at a place of a table, in brackets; empty where it is none of a line."""
    value: object = whole
    for name in where.split(".") if where else []:
        value = getattr(value, name, None)
    is_plain = isinstance(value, str | int | float)
    return f" ({value})" if is_plain else ""


def kind_of(value: object) -> str:
    """Return what kind of value this is, as people say it."""
    if isinstance(value, str) and not value.strip():
        return "an empty text"
    return _KINDS.get(type(value), type(value).__name__)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the name that was meant, perhaps, and all that are known."""
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"
