"""Klaviyo's filters: `equals(email,"a@b.example"),greater-than(updated,2026-01-01T00:00:00Z)`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from trueup.sandbox.klaviyo.refusal import Refusal

_TERM = re.compile(r'([a-z-]+)\(([a-z_.]+),("(?:[^"\\]|\\.)*"|[^,()"]+)\)')
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": lambda found, wanted: found == wanted,
    "greater-than": lambda found, wanted: found > wanted,
    "greater-or-equal": lambda found, wanted: found >= wanted,
    "less-than": lambda found, wanted: found < wanted,
    "less-or-equal": lambda found, wanted: found <= wanted,
}


def matcher(
    text: str, allowed: Mapping[str, tuple[str, ...]]
) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a resource's attributes pass a filter.

    Args:
        text: terms parted by commas, all of which must hold.
        allowed: the operators of each field that may be asked for.

    Raises:
        Refusal: the text is no filter, or asks for what can not be asked for.
    """
    terms: list[tuple[str, str, Any]] = []
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None or found[1] not in allowed.get(found[2], ()):
            raise Refusal(400, "invalid", "Invalid filter provided.", parameter="filter")
        terms.append((found[1], found[2], _value(found[3])))
        place = found.end() + (text[found.end() : found.end() + 1] == ",")
    return lambda attributes: all(
        attributes.get(field) is not None and _COMPARE[name](_same(attributes[field], value), value)
        for name, field, value in terms
    )


def _value(text: str) -> Any:  # noqa: ANN401 - a text or an instant
    if text.startswith('"'):
        return text[1:-1].replace('\\"', '"')
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, "invalid", "Invalid filter value.", parameter="filter") from None


def _same(found: Any, wanted: Any) -> Any:  # noqa: ANN401 - as above
    return datetime.fromisoformat(found) if isinstance(wanted, datetime) else found
