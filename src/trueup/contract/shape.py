"""The shape of a body: which fields it has, and of what kind. Pure; names, never values."""

import re
from collections.abc import Mapping

import msgspec

PATHS_MAX = 600
"""More fields than any vendor's body; what lies beyond is not looked at."""

_DEPTH_MAX = 12
_ITEMS_MAX = 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")

NULL = "null"


def fields_of(body: bytes) -> Mapping[str, str] | None:
    """Return the kind of each field by its path; None where the body is not JSON.

    A path is written `$.lines[*].price`; a kind is text, number, flag, null, object or list. Where
    a list holds several kinds the first that is not null counts. A name that is not a plain word,
    such as an id or an address that a vendor uses as a key, is written `{}`: it is content.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    found: dict[str, str] = {}
    waiting: list[tuple[str, object, int]] = [("$", document, 0)]
    while waiting and len(found) < PATHS_MAX:
        path, value, depth = waiting.pop()
        kind = _kind(value)
        if found.get(path, NULL) == NULL:
            found[path] = kind
        if depth < _DEPTH_MAX:
            waiting += _inner(path, value, depth + 1)
    return found


def _inner(path: str, value: object, depth: int) -> list[tuple[str, object, int]]:
    if isinstance(value, dict):
        return [(f"{path}.{_name(key)}", child, depth) for key, child in value.items()]
    if isinstance(value, list):
        return [(f"{path}[*]", child, depth) for child in value[:_ITEMS_MAX]]
    return []


def _name(key: object) -> str:
    return str(key) if _NAME.fullmatch(str(key)) else "{}"


def _kind(value: object) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "object"
