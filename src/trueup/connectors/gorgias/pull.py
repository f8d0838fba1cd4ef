"""Tickets by their last change, and one ticket with its messages.

Gorgias lists tickets by `updated_datetime` and has no filter on it. So a poll reads from the newest
down until it is past `since`; the walk has no other end than a reply without a next page, so its
last call asks for the last ticket alone. A walk through everything goes by creation, oldest first:
no change on the way moves a ticket out of it.

A list leaves out messages and what shops know of the customer, so each ticket of it is read once
more, whole. That one reply has the messages too; where they could be more, they are listed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from trueup.connectors.gorgias.api import get, read
from trueup.connectors.gorgias.reading import utc
from trueup.connectors.gorgias.shape import Id
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import invariant

PAGE = 100
INLINE_MAX = 30
"""Messages in a ticket's own body that are believed to be all of them: the vendor's usual page."""

RESOURCE = "tickets"
_KINDS = frozenset(("tickets", "messages"))


class _Meta(msgspec.Struct, gc=False):
    next_cursor: str | None = None


class _List(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    meta: _Meta = msgspec.field(default_factory=_Meta)


class _Stamped(msgspec.Struct, gc=False):
    id: Id | None = None
    updated_datetime: datetime | None = None


class _Inline(msgspec.Struct, gc=False):
    id: Id
    ticket_id: Id


class _Whole(msgspec.Struct, gc=False):
    messages: list[msgspec.Raw] | None = None


class _Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a walk is: the vendor's cursor, and the last ticket read before it."""

    cursor: str
    id: str = ""
    at: datetime | None = None


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of tickets changed at or after `since`."""
    invariant(resource == RESOURCE, f"no resource {resource!r}; known: {RESOURCE}")
    place = msgspec.json.decode(cursor, type=_Place) if cursor else None
    if place and since is not None and place.at is not None and place.at < since:
        return get(f"/api/tickets?ticket_ids={place.id}&limit=1")
    order = "created_datetime:asc" if since is None else "updated_datetime:desc"
    query = f"order_by={quote(order)}&limit={PAGE}"
    if place:
        query += f"&cursor={quote(place.cursor, safe='')}"
    return get(f"/api/tickets?{query}")


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds, the oldest change first.

    Raises:
        ContractBroken: the reply is no list.
    """
    invariant(resource == RESOURCE, f"no resource {resource!r}; known: {RESOURCE}")
    found = read(reply, _List)
    heads = [_head(raw) for raw in found.data]
    stamps = [at for head in heads if (at := _at(head)) is not None]
    ordered = sorted(
        zip(heads, found.data, strict=True), key=lambda pair: _at(pair[0]) or _BEGINNING
    )
    return Page(
        pieces=tuple(Piece(topic="pull/ticket", body=bytes(raw)) for _, raw in ordered),
        next_cursor=_next(found, heads),
        latest_at=max(stamps, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one ticket, or the messages of one."""
    invariant(fetch.resource in _KINDS, f"no resource {fetch.resource!r}; known: {sorted(_KINDS)}")
    ref = quote(fetch.ref, safe="")
    if fetch.resource == "tickets":
        return get(f"/api/tickets/{ref}")
    return get(messages_path(fetch.ref, "asc", fetch.place))


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the pieces of a reply, and what must be read after it."""
    if fetch.resource == "tickets":
        piece = Piece(topic="fetch/ticket", body=reply.body)
        inline = _inline(reply)
        if inline is None:
            return Page(pieces=(piece,), then=Fetch(resource="messages", ref=fetch.ref))
        messages = [Piece(topic="fetch/message", body=bytes(raw)) for raw in inline]
        return Page(pieces=(piece, *messages))
    found = read(reply, _List)
    following = found.meta.next_cursor
    return Page(
        pieces=tuple(Piece(topic="fetch/message", body=bytes(raw)) for raw in found.data),
        then=msgspec.structs.replace(fetch, place=following) if following else None,
    )


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001
    """Return None: Gorgias does not tell how many there are."""
    return None


def count(resource: str, reply: Reply) -> int:  # noqa: ARG001 - never asked
    """Return 0; nothing asks, as there is no request for it."""
    return 0


def messages_path(ticket_ref: str, order: str, cursor: str | None = None) -> str:
    """Return the address of a ticket's messages; `order` is "asc" or "desc"."""
    by = quote(f"created_datetime:{order}")
    path = f"/api/messages?ticket_id={quote(ticket_ref, safe='')}&order_by={by}&limit={PAGE}"
    return path if cursor is None else f"{path}&cursor={quote(cursor, safe='')}"


_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def _head(raw: msgspec.Raw) -> _Stamped:
    """Read what the walk needs; what is wrong with a ticket is the mapping's to say."""
    try:
        return msgspec.json.decode(raw, type=_Stamped)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Stamped()


def _inline(reply: Reply) -> list[msgspec.Raw] | None:
    """Return the messages in a ticket's body; None where they may not be all, or not whole."""
    try:
        messages = msgspec.json.decode(reply.body, type=_Whole).messages
        for raw in messages or ():
            msgspec.json.decode(raw, type=_Inline)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return messages if messages and len(messages) < INLINE_MAX else None


def _at(head: _Stamped) -> datetime | None:
    try:
        return utc(head.updated_datetime)
    except OverflowError:
        return None


def _next(found: _List, heads: Sequence[_Stamped]) -> str | None:
    if not found.meta.next_cursor:
        return None
    last = heads[-1] if heads else _Stamped()
    known = last.id is not None
    place = _Place(
        cursor=found.meta.next_cursor,
        id=str(last.id) if known else "",
        at=_at(last) if known else None,
    )
    return msgspec.json.encode(place).decode()
