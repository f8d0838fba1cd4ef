"""Pages since a cursor, and single objects.

Stripe lists by `created`, newest first, and can not list by last change: an old charge that is
refunded today is on no new page. The list of events is the change feed: it holds 30 days. So
`events` is polled for what changed, and the lists of objects are for the backfill and for gaps of
more than 30 days; their polls look back far enough for objects that change late, such as disputes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from trueup.connectors.stripe.call import below, fault_of, get, needed
from trueup.connectors.stripe.shape import Id, Unix
from trueup.connectors.stripe.stamp import instant
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused, invariant

PAGE_SIZE = 100
EVENT_TYPES = (
    *("charge.captured", "charge.expired", "charge.failed", "charge.pending", "charge.refunded"),
    *("charge.succeeded", "charge.updated", "charge.dispute.created", "charge.dispute.updated"),
    *("charge.dispute.closed", "refund.created", "refund.updated", "refund.failed"),
    *("payout.created", "payout.updated", "payout.paid", "payout.failed", "payout.canceled"),
    "payout.reconciliation_completed",
)
"""What is read of the feed, and what the webhook is subscribed to; Stripe filters by 20 at most."""

_NOUNS = {
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "balance_transactions": "balance_transaction",
    "payouts": "payout",
}
_ENTRIES = "payout_entries"


class _Listed(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    has_more: bool = False


class _Head(msgspec.Struct, gc=False):
    id: Id
    created: Unix
    type: str = ""


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of what was created at or after `since`, newest first."""
    invariant(resource == "events" or resource in _NOUNS, f"no resource {resource!r}")
    pairs = [("limit", str(PAGE_SIZE))]
    if since is not None:
        pairs.append(("created[gte]", str(int(since.astimezone(UTC).timestamp()))))
    if cursor is not None:
        pairs.append(("starting_after", cursor))
    if resource == "events":
        pairs += [("types[]", name) for name in EVENT_TYPES]
    return get(f"/v1/{resource}", pairs)


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds, oldest first.

    Raises:
        Refused: Stripe no longer knows where we were.
        ContractBroken: the reply does not have the shape that was asked for.
    """
    listed, heads = _listed(reply)
    both = list(zip(heads, listed.data, strict=True))
    return Page(
        pieces=tuple(_piece(resource, head, bytes(raw)) for head, raw in reversed(both)),
        next_cursor=heads[-1].id if listed.has_more and heads else None,
        latest_at=instant(max(head.created for head in heads)) if heads else None,
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one object, or the next page of what a payout is made of."""
    if fetch.resource == _ENTRIES:
        pairs = [("limit", str(PAGE_SIZE)), ("payout", fetch.ref)]
        pairs += [("starting_after", fetch.place)] if fetch.place is not None else []
        return get("/v1/balance_transactions", pairs)
    invariant(fetch.resource in _NOUNS, f"no resource {fetch.resource!r}")
    return get(below(f"/v1/{fetch.resource}", fetch.ref))


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the object's piece, or a page of a payout's entries; none where it is gone.

    Raises:
        Refused: Stripe will not tell, such as the entries of a payout that a person ordered.
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if reply.status == 404 and fault_of(reply) is not None:
        return Page(pieces=())
    if fetch.resource == _ENTRIES:
        return _entries(fetch, reply)
    needed(reply, _Head)
    return Page(pieces=(Piece(topic=f"fetch/{_NOUNS[fetch.resource]}", body=reply.body),))


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001 - see below
    """Return None: Stripe does not count."""
    return None


def count(resource: str, reply: Reply) -> int:
    """Never called: there is nothing to ask for a count with.

    Raises:
        Refused: always.
    """
    raise Refused("Stripe does not count its lists", resource=resource, status=reply.status)


def _entries(fetch: Fetch, reply: Reply) -> Page:
    """Wrap each entry with its payout, which it does not name itself."""
    listed, heads = _listed(reply)
    payout = msgspec.json.encode(fetch.ref)
    bodies = [b'{"payout":%b,"balance_transaction":%b}' % (payout, bytes(r)) for r in listed.data]
    then = None
    if listed.has_more and heads:
        then = msgspec.structs.replace(fetch, place=heads[-1].id)
    return Page(
        pieces=tuple(Piece(topic="fetch/payout_entry", body=body) for body in reversed(bodies)),
        then=then,
    )


def _listed(reply: Reply) -> tuple[_Listed, Sequence[_Head]]:
    listed = needed(reply, _Listed)
    try:
        return listed, [msgspec.json.decode(raw, type=_Head) for raw in listed.data]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise ContractBroken("Stripe lists something without id or date") from wrong


def _piece(resource: str, head: _Head, body: bytes) -> Piece:
    topic = head.type if resource == "events" else f"pull/{_NOUNS[resource]}"
    return Piece(topic=topic, body=body)
