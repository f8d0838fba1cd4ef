"""The part of QuickBooks' query language that its clients use."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

_QUERY: Final = re.compile(
    r"select (?P<what>\*|count\(\*\)) from (?P<entity>\w+)"
    r"(?: where (?P<where>.+?))?"
    r"(?: orderby (?P<order>metadata\.lastupdatedtime|id))?"
    r"(?: startposition (?P<start>\d+))?(?: maxresults (?P<most>\d+))?",
    re.IGNORECASE,
)
_CHANGED: Final = re.compile(r"metadata\.lastupdatedtime >= '([^']+)'", re.IGNORECASE)
_EQUALS: Final = re.compile(r"(docnumber|txndate) = '((?:[^'\\]|\\.)*)'", re.IGNORECASE)
_FIELDS: Final = {"docnumber": "DocNumber", "txndate": "TxnDate"}
_ACTIVE: Final = re.compile(r"active in \(true, ?false\)", re.IGNORECASE)


class BadQueryError(Exception):
    """The query is not in the language: (code, message)."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One query; `since` is None where it asks for all, `equals` names (field, value)."""

    entity: str
    counts: bool
    since: datetime | None
    equals: tuple[tuple[str, str], ...]
    inactive_too: bool
    ordered: bool
    start: int
    most: int


def parse_query(text: str) -> Query:
    """Read a query.

    Raises:
        BadQueryError: it is not understood.
    """
    found = _QUERY.fullmatch(text.strip())
    if found is None:
        raise BadQueryError("4000", "Error parsing query")
    since, inactive_too = None, False
    equals: list[tuple[str, str]] = []
    for term in re.split(r" and ", found["where"] or "", flags=re.IGNORECASE):
        if changed := _CHANGED.fullmatch(term):
            since = datetime.fromisoformat(changed[1])
        elif equal := _EQUALS.fullmatch(term):
            value = re.sub(r"\\(.)", r"\1", equal[2])
            equals.append((_FIELDS[equal[1].lower()], value))
        elif _ACTIVE.fullmatch(term):
            inactive_too = True
        elif term:
            raise BadQueryError("4001", f"Invalid query: {term[:80]}")
    start, most = int(found["start"] or 1), int(found["most"] or 100)
    if start < 1 or not 1 <= most <= 1000:
        raise BadQueryError("4001", "QueryValidationError: value is out of range")
    return Query(
        entity=found["entity"],
        counts=found["what"] != "*",
        since=since,
        equals=tuple(equals),
        inactive_too=inactive_too,
        ordered=(found["order"] or "").lower().startswith("metadata"),
        start=start,
        most=most,
    )


def run_query(query: Query, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what QuickBooks answers for the rows of the query's entity."""
    found = [row for row in rows if query.inactive_too or row.get("Active", True)]
    if query.since is not None:
        found = [row for row in found if changed_at(row) >= query.since]
    found = [row for row in found if all(row.get(name) == value for name, value in query.equals)]
    if query.counts:
        return {"totalCount": len(found)}
    if query.ordered:
        found = sorted(found, key=lambda row: (changed_at(row), int(row["Id"])))
    page = found[query.start - 1 : query.start - 1 + query.most]
    if not page:
        return {}
    return {query.entity: page, "startPosition": query.start, "maxResults": len(page)}


def changed_at(row: dict[str, Any]) -> datetime:
    """Return when an entity changed last."""
    return datetime.fromisoformat(row["MetaData"]["LastUpdatedTime"])
