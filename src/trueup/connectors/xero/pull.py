"""Pages of manual journals by id, and single ones.

Pages go by id, which never changes: a journal that changes while its pages are read, or is made,
may be read twice, and pushes none out of sight. By the last change it would.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from trueup.connectors.xero.api import JOURNALS, accounting_request
from trueup.connectors.xero.shape import instant_of
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

PAGE_SIZE = 100
TOPIC: Final = "pull/journal"
_RESOURCE: Final = "manual_journals"


class _Pages(msgspec.Struct, gc=False):
    page: int
    count: int = msgspec.field(name="itemCount")


class _List(msgspec.Struct, gc=False):
    journals: list[msgspec.Raw] = msgspec.field(name="ManualJournals")
    pagination: _Pages | None = None


class _Head(msgspec.Struct, gc=False):
    updated: str | None = msgspec.field(default=None, name="UpdatedDateUTC")


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of journals that changed since an instant."""
    _check(resource)
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
        raise Refused("This is no place in Xero's pages", cursor=cursor[:40])
    return _listed(since, page=int(cursor or 1), size=PAGE_SIZE)


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds."""
    _check(resource)
    found = _list(reply)
    stamps = [at for raw in found.journals if (at := instant_of(_head(raw).updated)) is not None]
    following = None
    if len(found.journals) >= PAGE_SIZE:
        following = str(_pages(found).page + 1)
    return Page(
        pieces=tuple(Piece(topic=TOPIC, body=bytes(raw)) for raw in found.journals),
        next_cursor=following,
        latest_at=max(stamps, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one journal by its id."""
    if fetch.resource != "journal" or not fetch.ref.replace("-", "").isalnum():
        raise Refused("Xero has no such record here", resource=fetch.resource)
    return accounting_request(f"{JOURNALS}/{fetch.ref}", {})


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the journal."""
    del fetch
    return Page(pieces=tuple(Piece(topic=TOPIC, body=bytes(raw)) for raw in _list(reply).journals))


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that counts: a page tells how many there are in all."""
    _check(resource)
    return _listed(since, page=1, size=1)


def count(resource: str, reply: Reply) -> int:
    """Return Xero's own count."""
    _check(resource)
    return _pages(_list(reply)).count


def _listed(since: datetime | None, *, page: int, size: int) -> Request:
    query = {"order": "ManualJournalID ASC", "page": str(page), "pageSize": str(size)}
    headers = () if since is None else (("if-modified-since", _text(since)),)
    return accounting_request(JOURNALS, query, headers=headers)


def _list(reply: Reply) -> _List:
    try:
        return msgspec.json.decode(reply.body, type=_List)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Xero's reply is no list of journals") from fault


def _pages(found: _List) -> _Pages:
    if found.pagination is None:
        raise ContractBroken("Xero's reply does not say which page it is")
    return found.pagination


def _head(raw: msgspec.Raw) -> _Head:
    try:
        return msgspec.json.decode(raw, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Xero's list holds what is no journal") from fault


def _check(resource: str) -> None:
    if resource != _RESOURCE:
        raise Refused("Xero has no such resource here", resource=resource)


def _text(at: datetime) -> str:
    """Return an instant as Xero reads it: whole seconds in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
