"""Tickets and people by Zendesk's incremental export, and one ticket with its comments.

The export orders by when the vendor generated an entry, which only grows, and is asked at most ten
times a minute. Users come beside tickets; each piece takes those along that it names.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from trueup.connectors.zendesk.api import get, read
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import invariant

PAGE = 1000
COMMENTS_PAGE = 100
_NOUNS = {"tickets": "ticket", "users": "user"}
_KINDS = frozenset(("tickets", "users", "comments"))


class _Stamped(msgspec.Struct, gc=False):
    updated_at: datetime | None = None


class _Names(msgspec.Struct, gc=False):
    id: int | None = None
    requester_id: int | None = None
    author_id: int | None = None


class _Export(msgspec.Struct, gc=False):
    end_of_stream: bool
    after_cursor: str | None = None
    tickets: list[msgspec.Raw] | None = None
    users: list[msgspec.Raw] | None = None


class _Meta(msgspec.Struct, gc=False):
    has_more: bool = False
    after_cursor: str | None = None


class _One(msgspec.Struct, gc=False):
    ticket: msgspec.Raw = msgspec.Raw(b"null")
    user: msgspec.Raw = msgspec.Raw(b"null")
    users: list[msgspec.Raw] | None = None


class _Comments(msgspec.Struct, gc=False):
    comments: list[msgspec.Raw]
    users: list[msgspec.Raw] | None = None
    meta: _Meta = msgspec.field(default_factory=_Meta)


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of what changed at or after `since`."""
    invariant(resource in _NOUNS, f"no resource {resource!r}; known: {sorted(_NOUNS)}")
    query = f"per_page={PAGE}"
    if cursor is not None:
        query += f"&cursor={quote(cursor, safe='')}"
    else:
        query += f"&start_time={0 if since is None else max(0, int(since.timestamp()))}"
    if resource == "tickets":
        query += "&include=users"
    return get(f"/api/v2/incremental/{resource}/cursor?{query}", scope=resource)


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds.

    Raises:
        ContractBroken: the reply is no export.
    """
    found = read(reply, _Export)
    rows = (found.tickets if resource == "tickets" else found.users) or []
    if resource == "tickets":
        users = users_by_id(found.users)
        bodies = [ticket_body(raw, users) for raw in rows]
    else:
        bodies = [bytes(raw) for raw in rows]
    topic = f"pull/{_NOUNS[resource]}"
    stamps = [at for raw in rows if (at := _stamp(raw)) is not None]
    return Page(
        pieces=tuple(Piece(topic=topic, body=body) for body in bodies),
        next_cursor=None if found.end_of_stream else found.after_cursor,
        latest_at=max(stamps, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one ticket, one user, or comments of one ticket."""
    invariant(fetch.resource in _KINDS, f"no resource {fetch.resource!r}; known: {sorted(_KINDS)}")
    ref = quote(fetch.ref, safe="")
    if fetch.resource == "tickets":
        return get(f"/api/v2/tickets/{ref}?include=users")
    if fetch.resource == "users":
        return get(f"/api/v2/users/{ref}")
    return get(comments_path(fetch.ref, "created_at", fetch.place))


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the pieces of a reply, and what must be read after it."""
    if fetch.resource == "comments":
        found = read(reply, _Comments)
        users = users_by_id(found.users)
        pieces = [comment_body(raw, fetch.ref, users) for raw in found.comments]
        cursor = found.meta.after_cursor if found.meta.has_more else None
        return Page(
            pieces=tuple(Piece(topic="fetch/comment", body=body) for body in pieces),
            then=msgspec.structs.replace(fetch, place=cursor) if cursor else None,
        )
    one = read(reply, _One)
    if fetch.resource == "users":
        return Page(pieces=(Piece(topic="fetch/user", body=bytes(one.user)),))
    body = ticket_body(one.ticket, users_by_id(one.users))
    then = Fetch(resource="comments", ref=fetch.ref)
    return Page(pieces=(Piece(topic="fetch/ticket", body=body),), then=then)


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001
    """Return None: Zendesk counts what is there, and not what an export will tell."""
    return None


def count(resource: str, reply: Reply) -> int:  # noqa: ARG001 - never asked
    """Return 0; nothing asks, as there is no request for it."""
    return 0


def comments_path(ticket_ref: str, sort: str, cursor: str | None = None) -> str:
    """Return the address of a ticket's comments; `sort` is "created_at", with "-" newest first."""
    path = f"/api/v2/tickets/{quote(ticket_ref, safe='')}/comments"
    path += f"?include=users&sort={sort}&page%5Bsize%5D={COMMENTS_PAGE}"
    return path if cursor is None else f"{path}&page%5Bafter%5D={quote(cursor, safe='')}"


def ticket_body(ticket: msgspec.Raw, users: Mapping[int, msgspec.Raw]) -> bytes:
    """Return a piece: the ticket as it stands, and its requester."""
    head = _names(ticket)
    return b'{"ticket":%b,"users":[%b]}' % (ticket, _joined(users, (head.requester_id,)))


def comment_body(comment: msgspec.Raw, ticket_ref: str, users: Mapping[int, msgspec.Raw]) -> bytes:
    """Return a piece: the comment as it stands, its ticket's id and its author."""
    head = _names(comment)
    who = _joined(users, (head.author_id,))
    return b'{"ticket_id":%b,"comment":%b,"users":[%b]}' % (ticket_ref.encode(), comment, who)


def users_by_id(users: Iterable[msgspec.Raw] | None) -> dict[int, msgspec.Raw]:
    """Return users by their id; what has none is left out."""
    named = [(_names(raw).id, raw) for raw in users or ()]
    return {user_id: raw for user_id, raw in named if user_id is not None}


def _joined(users: Mapping[int, msgspec.Raw], wanted: Iterable[int | None]) -> bytes:
    known = [users.get(user_id) for user_id in wanted if user_id is not None]
    return b",".join(raw for raw in known if raw is not None)


def _names(raw: msgspec.Raw) -> _Names:
    """Read whom a thing names; what is wrong with it is the mapping's to say."""
    try:
        return msgspec.json.decode(raw, type=_Names)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Names()


def _stamp(raw: msgspec.Raw) -> datetime | None:
    try:
        at = msgspec.json.decode(raw, type=_Stamped).updated_at
        return at.astimezone(UTC) if at and at.tzinfo else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
