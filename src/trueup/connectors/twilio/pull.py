"""Pages of messages by the day on which they were sent, and single ones by their id."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from trueup.connectors.twilio.api import MESSAGES, needed
from trueup.connectors.twilio.shape import MessageShape, PageShape
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import Refused

PAGE_SIZE = 100


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of messages that were sent on or after a day."""
    _known(resource, "messages")
    if cursor is not None:
        return Request(method="GET", path=f"{MESSAGES}.json?{cursor}")
    query = {"PageSize": str(PAGE_SIZE)}
    if since is not None:
        query["DateSent>"] = since.astimezone(UTC).date().isoformat()
    return Request(method="GET", path=f"{MESSAGES}.json?{urlencode(query)}")


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds, oldest first; Twilio lists the newest first."""
    _known(resource, "messages")
    shape = needed(reply.body, PageShape)
    heads = [needed(raw, MessageShape) for raw in shape.messages]
    told = [head.updated_at for head in heads if head.updated_at is not None]
    pieces = [Piece(topic="pull/message", body=bytes(raw)) for raw in reversed(shape.messages)]
    return Page(
        pieces=tuple(pieces),
        next_cursor=shape.next_query if heads else None,
        latest_at=max(told, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one message."""
    _known(fetch.resource, "message")
    return Request(method="GET", path=f"{MESSAGES}/{quote(fetch.ref, safe='')}.json")


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the message."""
    _known(fetch.resource, "message")
    return Page(pieces=(Piece(topic="fetch/message", body=reply.body),))


def batches(numbers: Sequence[str]) -> Sequence[Fetch]:  # noqa: ARG001 - the protocol's shape
    """Return none: messages are not followed by numbers."""
    return ()


def begin(numbers: Sequence[str]) -> Sequence[Fetch]:  # noqa: ARG001 - as above
    """Return none: there is nothing to begin."""
    return ()


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001 - as above
    """Return None: Twilio does not count messages."""
    return None


def count(resource: str, reply: Reply) -> int:  # noqa: ARG001 - as above
    """Refuse: there is no call that counts."""
    raise Refused("Twilio does not count messages", resource=resource)


def _known(resource: str, wanted: str) -> None:
    if resource != wanted:
        raise Refused("Twilio has no such resource here", resource=resource)
