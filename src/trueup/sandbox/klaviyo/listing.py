"""Pages of a list: filtered, sorted, and gone through by an opaque cursor."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from trueup.sandbox.klaviyo.filters import matcher
from trueup.sandbox.klaviyo.refusal import Refusal
from trueup.sandbox.line import Asked

Body = dict[str, Any]


def page_of(
    asked: Asked,
    found: Sequence[Body],
    *,
    size: tuple[int, int],
    allowed: Mapping[str, tuple[str, ...]],
    sorts: tuple[str, ...],
) -> tuple[list[Body], Body]:
    """Return a page of resources, and its links.

    Args:
        asked: filter, sort, cursor and size.
        found: all resources.
        size: by default, and at most.
        allowed: which fields may be filtered by which operators.
        sorts: which fields may be sorted by.

    Raises:
        Refusal: a parameter is not valid.
    """
    query = dict(asked.query)
    passes = matcher(query.get("filter", ""), allowed)
    field = query.get("sort", sorts[0])
    if field not in sorts:
        raise Refusal(400, "invalid", "Invalid sort provided.", parameter="sort")
    rows = [(_key(each, field), each) for each in found if passes(each["attributes"])]
    rows.sort(key=lambda row: row[0])
    limit = _size(query.get("page[size]"), size)
    after = _after(query.get("page[cursor]"))
    if after is not None:
        rows = [row for row in rows if row[0] > after]
    page = rows[:limit]
    here = f"{asked.base_url}{asked.path}/"
    links: Body = {"self": _link(here, query), "prev": None, "next": None}
    if len(rows) > limit:
        cursor = base64.urlsafe_b64encode(msgspec.json.encode(page[-1][0])).decode()
        links["next"] = _link(here, query | {"page[cursor]": cursor})
    return [each for _, each in page], {name: link for name, link in links.items() if link}


def _key(resource: Body, field: str) -> tuple[str, str]:
    value = resource["attributes"].get(field) or ""
    at = datetime.fromisoformat(value).timestamp() if value else 0.0
    return f"{at:020.6f}", resource["id"]


def _link(here: str, query: Mapping[str, str]) -> str:
    return f"{here}?{urlencode(query)}"


def _size(text: str | None, size: tuple[int, int]) -> int:
    default, most = size
    if text is None:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Refusal(400, "invalid", "Invalid page size.", parameter="page[size]")
    return int(text)


def _after(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[str, str])
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise Refusal(400, "invalid", "Invalid cursor.", parameter="page[cursor]") from None
