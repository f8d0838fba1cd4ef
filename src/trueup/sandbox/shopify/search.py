"""The vendor's search text: `updated_at:>='2026-01-01T00:00:00Z' status:open -tag:vip`."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

__all__ = ["SearchError", "Term", "keep", "parse"]

Item = TypeVar("Item")
_TERM = re.compile(
    r"""(?P<not>-)?(?P<field>[a-z_]+):(?P<op>>=|<=|>|<|=)?(?P<value>'[^']*'|"[^"]*"|[^\s)]+)"""
)


class SearchError(ValueError):
    """The search text says something that this sandbox does not know."""


class Term(msgspec.Struct, frozen=True):
    """One condition."""

    field: str
    op: str
    value: str
    negated: bool


def parse(text: str | None) -> list[Term]:
    """Split search text into conditions that must all hold.

    Raises:
        SearchError: words outside `field:value`, or OR, which the sandbox does not do.
    """
    if not text or not text.strip():
        return []
    found = [
        Term(
            match["field"],
            match["op"] or "=",
            match["value"].strip("'\""),
            bool(match["not"]),
        )
        for match in _TERM.finditer(text)
    ]
    rest = _TERM.sub(" ", text).replace("(", " ").replace(")", " ").split()
    if any(word.upper() != "AND" for word in rest):
        raise SearchError(f"the sandbox does not understand {' '.join(rest)!r} in a search")
    return found


def keep(
    items: list[Item], text: str | None, fields: Mapping[str, Callable[[Item], object]]
) -> list[Item]:
    """Return the items that meet the search text; `fields` tells how to read each field.

    Raises:
        SearchError: the text names a field that is not in `fields`. The vendor would ignore
            it with a warning; the sandbox is stricter, so that a slip is seen.
    """
    for term in parse(text):
        if term.field not in fields:
            raise SearchError(f"unknown search field {term.field!r}; known: {sorted(fields)}")
        read = fields[term.field]
        items = [item for item in items if _meets(read(item), term) != term.negated]
    return items


def _meets(found: object, term: Term) -> bool:
    if term.value == "*":
        return found is not None
    if isinstance(found, datetime):
        return _compare(found, _instant(term.value), term.op)
    if isinstance(found, int) and not isinstance(found, bool):
        return _compare(found, int(term.value.rsplit("/", 1)[-1]), term.op)
    if isinstance(found, tuple | list | set | frozenset):
        return term.value.lower() in {str(each).lower() for each in found}
    if term.value.lower() == "any" and term.field == "status":
        return True
    return str(found).lower() == term.value.lower()


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise SearchError(f"not a time: {text!r}") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _compare(found: "datetime | int", wanted: "datetime | int", op: str) -> bool:
    if op == "=":
        return found == wanted
    if op.startswith(">"):
        above = found > wanted  # type: ignore[operator]
        return above or (op == ">=" and found == wanted)
    below = found < wanted  # type: ignore[operator]
    return below or (op == "<=" and found == wanted)
