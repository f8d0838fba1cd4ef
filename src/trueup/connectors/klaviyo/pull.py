"""Pages since a cursor, and single resources.

Profiles are listed by their last change. Events never change and are listed by when they happened;
their page names each metric and each profile once, and a piece has its own beside it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from trueup.connectors.klaviyo.call import below, fault_of, get, needed, stamp
from trueup.connectors.klaviyo.event import occurred_at
from trueup.connectors.klaviyo.profile import newest
from trueup.connectors.klaviyo.shape import NULL, EventShape, ProfileShape
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused, invariant

PROFILES_PAGE = 100
EVENTS_PAGE = 200
_WITH_CONSENT = ("additional-fields[profile]", "subscriptions")
_OF_EVENTS = (
    ("include", "metric,profile"),
    ("fields[event]", "datetime,event_properties,timestamp,uuid"),
    ("fields[metric]", "name"),
    # Only what an event is known by: a profile that changes otherwise makes no event new.
    ("fields[profile]", "email,phone_number,external_id"),
)

T = TypeVar("T")


class _Links(msgspec.Struct, gc=False):
    next: str | None = None


class _Included(msgspec.Struct, gc=False):
    type: str
    id: str


class _Listed(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    included: list[msgspec.Raw] = []
    links: _Links | None = None


class _One(msgspec.Struct, gc=False):
    data: msgspec.Raw
    included: list[msgspec.Raw] = []


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of what changed or happened at or after `since`."""
    invariant(resource in {"profiles", "events"}, f"no resource {resource!r}")
    after = [("page[cursor]", cursor)] if cursor is not None else []
    if resource == "profiles":
        # Klaviyo has no "at or after" for profiles; a second earlier is the same to the second.
        at = since - timedelta(seconds=1) if since is not None else None
        when = [("filter", f"greater-than(updated,{stamp(at)})")] if at is not None else []
        pairs = [_WITH_CONSENT, *when, ("sort", "updated"), ("page[size]", str(PROFILES_PAGE))]
        return get("/api/profiles", [*pairs, *after], scope="profiles")
    when = [("filter", f"greater-or-equal(datetime,{stamp(since)})")] if since is not None else []
    pairs = [*_OF_EVENTS, *when, ("sort", "datetime"), ("page[size]", str(EVENTS_PAGE))]
    return get("/api/events", [*pairs, *after], scope="events")


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds, oldest first.

    Raises:
        Refused: Klaviyo's own reason.
        ContractBroken: the reply does not have the shape that was asked for.
    """
    listed = needed(reply, _Listed)
    next_cursor = _cursor(listed.links)
    if resource == "profiles":
        stamps = [newest(_decoded(raw, ProfileShape)) for raw in listed.data]
        bodies = [bytes(raw) for raw in listed.data]
    else:
        events = [_decoded(raw, EventShape) for raw in listed.data]
        stamps = [occurred_at(event) for event in events]
        bodies = _beside(listed.data, events, listed.included)
    noun = resource.removesuffix("s")
    return Page(
        pieces=tuple(Piece(topic=f"pull/{noun}", body=body) for body in bodies),
        next_cursor=next_cursor,
        latest_at=max((at for at in stamps if at is not None), default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one resource; a single event counts against the slowest limit."""
    invariant(fetch.resource in {"profiles", "events"}, f"no resource {fetch.resource!r}")
    if fetch.resource == "profiles":
        return get(below("/api/profiles", fetch.ref), [_WITH_CONSENT], scope="profiles")
    return get(below("/api/events", fetch.ref), _OF_EVENTS)


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the resource's piece; none where it is gone, such as a profile that was merged.

    Raises:
        Refused: Klaviyo's own reason.
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if reply.status == 404 and fault_of(reply) is not None:
        return Page(pieces=())
    one = needed(reply, _One)
    if fetch.resource == "profiles":
        _decoded(one.data, ProfileShape)
        return Page(pieces=(Piece(topic="fetch/profile", body=bytes(one.data)),))
    event = _decoded(one.data, EventShape)
    (body,) = _beside([one.data], [event], one.included)
    return Page(pieces=(Piece(topic="fetch/event", body=body),))


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001 - see below
    """Return None: Klaviyo does not count."""
    return None


def count(resource: str, reply: Reply) -> int:
    """Never called: there is nothing to ask for a count with.

    Raises:
        Refused: always.
    """
    raise Refused("Klaviyo does not count its lists", resource=resource, status=reply.status)


def _beside(
    raws: Sequence[msgspec.Raw], events: Sequence[EventShape], included: Sequence[msgspec.Raw]
) -> list[bytes]:
    """Put each event beside its own metric and profile."""
    named: dict[tuple[str, str], msgspec.Raw] = {}
    for raw in included:
        head = _decoded(raw, _Included)
        named[head.type, head.id] = raw
    return [_piece(raw, event, named) for raw, event in zip(raws, events, strict=True)]


def _piece(
    raw: msgspec.Raw, event: EventShape, named: Mapping[tuple[str, str], msgspec.Raw]
) -> bytes:
    relations = event.relationships
    pointed = {
        "metric": relations.metric if relations else None,
        "profile": relations.profile if relations else None,
    }
    metric, profile = (
        bytes(named.get((kind, to.data.id), NULL)) if to and to.data else b"null"
        for kind, to in pointed.items()
    )
    return b'{"event":%b,"metric":%b,"profile":%b}' % (bytes(raw), metric, profile)


def _decoded(raw: msgspec.Raw, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise ContractBroken("Klaviyo's list holds something else than was asked for") from wrong


def _cursor(links: _Links | None) -> str | None:
    """Return the cursor of the next page: its address is not followed, only the place in it."""
    if links is None or not links.next:
        return None
    found = parse_qs(urlsplit(links.next).query).get("page[cursor]", [])
    if not found:
        raise ContractBroken("Klaviyo's address of the next page has no cursor")
    return found[0]
