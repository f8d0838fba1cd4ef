"""Pages since a cursor, and single records: orders, listings, FBA stock, settlements, the queue."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from trueup.connectors.amazon import queue
from trueup.connectors.amazon.document import document_page, document_request
from trueup.connectors.amazon.notification import LISTINGS_FEED, SETTLEMENTS
from trueup.connectors.amazon.stamp import instant_of
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

ORDER_DATA: Final = (
    "{personal}PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT"
)
LISTING_DATA: Final = "summaries,offers,fulfillmentAvailability,issues"
_ORDERS: Final = "/orders/2026-01-01/orders"
_LISTINGS: Final = "/listings/2021-08-01/items/{seller_id}"
_FBA: Final = "/fba/inventory/v1/summaries"
_BEGINNING: Final = datetime(2010, 1, 1, tzinfo=UTC)
_LISTED: Final = (
    f"marketplaceIds={{marketplace_id}}&includedData={LISTING_DATA}"
    "&sortBy=lastUpdatedDate&sortOrder=ASC"
)


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of records changed at or after `since`."""
    if resource == "notifications":
        return queue.page_request(cursor)
    known = _REQUESTS.get(resource)
    if known is None:
        raise Refused("There is no such resource", resource=resource)
    return known(since, cursor)


def _orders_request(since: datetime | None, cursor: str | None) -> Request:
    query = urlencode(_told({"paginationToken": cursor}))
    fixed = (
        f"lastUpdatedAfter={_text(since or _BEGINNING)}&marketplaceIds={{marketplace_ids}}"
        f"&maxResultsPerPage=100&includedData={ORDER_DATA}"
    )
    return _get(f"{_ORDERS}?{_joined(fixed, query)}", "orders")


def _listings_request(since: datetime | None, cursor: str | None) -> Request:
    after = _text(since) if since else None
    query = urlencode(_told({"lastUpdatedAfter": after, "pageToken": cursor}))
    return _get(f"{_LISTINGS}?{_joined(f'{_LISTED}&pageSize=20', query)}", "listings")


def _fba_request(since: datetime | None, cursor: str | None) -> Request:
    after = _text(since) if since else None
    query = urlencode(_told({"startDateTime": after, "nextToken": cursor}))
    return _get(f"{_FBA}?{_joined(_FBA_FIXED, query)}", "fba_inventory")


_FBA_FIXED = (
    "details=true&granularityType=Marketplace&granularityId={marketplace_id}"
    "&marketplaceIds={marketplace_id}"
)


def _settlements_request(since: datetime | None, cursor: str | None) -> Request:
    if cursor is not None:
        # Amazon wants the token alone.
        return _get(
            f"/reports/2021-06-30/reports?{urlencode({'nextToken': cursor})}", "settlements"
        )
    query = {"reportTypes": f"{SETTLEMENTS}_V2", "processingStatuses": "DONE", "pageSize": "100"}
    query |= {"createdSince": _text(since)} if since else {}
    return _get(f"/reports/2021-06-30/reports?{urlencode(query)}", "settlements")


def _feeds_request(since: datetime | None, cursor: str | None) -> Request:
    if cursor is not None:
        return _get(f"/feeds/2021-06-30/feeds?{urlencode({'nextToken': cursor})}", "feeds")
    query = {"feedTypes": LISTINGS_FEED, "pageSize": "100"}
    query |= {"createdSince": _text(since)} if since else {}
    return _get(f"/feeds/2021-06-30/feeds?{urlencode(query)}", "feeds")


_REQUESTS: Mapping[str, Callable[[datetime | None, str | None], Request]] = {
    "orders": _orders_request,
    "listings": _listings_request,
    "fba_inventory": _fba_request,
    "settlements": _settlements_request,
    "feeds": _feeds_request,
}


class _Pagination(msgspec.Struct, gc=False, rename="camel"):
    next_token: str | None = None


class _Granularity(msgspec.Struct, gc=False, rename="camel"):
    granularity_id: str | None = None


class _Fba(msgspec.Struct, gc=False, rename="camel"):
    inventory_summaries: list[msgspec.Raw]
    granularity: _Granularity | None = None


class _Envelope(msgspec.Struct, gc=False, rename="camel"):
    """A reply of any of the lists."""

    orders: list[msgspec.Raw] | None = None
    items: list[msgspec.Raw] | None = None
    reports: list[msgspec.Raw] | None = None
    feeds: list[msgspec.Raw] | None = None
    order: msgspec.Raw = msgspec.Raw(b"null")
    payload: _Fba | None = None
    pagination: _Pagination | None = None
    next_token: str | None = None
    number_of_results: int | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


class _Stamped(msgspec.Struct, gc=False, rename="camel"):
    last_updated_time: str | None = None
    created_time: str | None = None
    summaries: list["_Dated"] | None = None


class _Dated(msgspec.Struct, gc=False, rename="camel"):
    last_updated_date: str | None = None


_STAMPED = msgspec.json.Decoder(_Stamped)


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if resource == "notifications":
        return queue.page(reply)
    envelope = _envelope(reply)
    if resource == "fba_inventory":
        return _fba_page(envelope)
    lists: Mapping[str, tuple[list[msgspec.Raw] | None, tuple[str, ...]]] = {
        "orders": (envelope.orders, ("order",)),
        "listings": (envelope.items, ("listing", "listing_level")),
        "settlements": (envelope.reports, ("report",)),
        "feeds": (envelope.feeds, ("feed",)),
    }
    bodies, topics = lists.get(resource, (None, ()))
    if bodies is None:
        raise ContractBroken("Amazon's page lacks its list", resource=resource)
    return Page(
        pieces=tuple(Piece(topic=t, body=bytes(body)) for body in bodies for t in topics),
        next_cursor=_token(envelope),
        latest_at=_latest(bodies),
    )


def _fba_page(envelope: _Envelope) -> Page:
    if envelope.payload is None or envelope.payload.granularity is None:
        raise ContractBroken("Amazon's page lacks its list", resource="fba_inventory")
    marketplace = envelope.payload.granularity.granularity_id or ""
    place = Piece(topic="fba_place", body=msgspec.json.encode({"marketplace": marketplace}))
    summaries = envelope.payload.inventory_summaries
    levels = [
        Piece(
            topic="fba_level",
            body=msgspec.json.encode({"marketplace": marketplace, "summary": summary}),
        )
        for summary in summaries
    ]
    return Page(pieces=(place, *levels), next_cursor=_token(envelope), latest_at=_latest(summaries))


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one record."""
    ref = quote(fetch.ref, safe="")
    match fetch.resource:
        case "orders":
            return _get(f"{_ORDERS}/{ref}?includedData={ORDER_DATA}", "all")
        case "listings":
            data = f"marketplaceIds={{marketplace_id}}&includedData={LISTING_DATA}"
            return _get(f"{_LISTINGS}/{ref}?{data}", "listings")
        case "fba_inventory":
            return _get(f"{_FBA}?{_FBA_FIXED}&sellerSkus={ref}", "fba_inventory")
        case "settlements" | "feeds":
            return document_request(fetch)
    raise Refused("There is no such resource", resource=fetch.resource)


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the record's pieces; none where Amazon no longer has it.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if fetch.resource in {"settlements", "feeds"}:
        return document_page(fetch, reply)
    if fetch.resource == "listings":
        return Page(
            pieces=tuple(Piece(topic=t, body=reply.body) for t in ("listing", "listing_level"))
        )
    envelope = _envelope(reply)
    if fetch.resource == "fba_inventory":
        return msgspec.structs.replace(_fba_page(envelope), next_cursor=None)
    order = bytes(envelope.order)
    if order == b"null":
        raise ContractBroken("Amazon's reply lacks the order")
    return Page(pieces=(Piece(topic="order", body=order),))


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that asks how many records there are: only listings are counted."""
    if resource != "listings":
        return None
    after = f"&lastUpdatedAfter={_text(since)}" if since else ""
    return _get(f"{_LISTINGS}?marketplaceIds={{marketplace_id}}&pageSize=1{after}", "listings")


def count(resource: str, reply: Reply) -> int:
    """Return Amazon's own count of what a walk reads: each listing is two pieces."""
    counted = _envelope(reply).number_of_results
    if counted is None:
        raise ContractBroken("Amazon's reply lacks the count", resource=resource)
    return 2 * counted


def _envelope(reply: Reply) -> _Envelope:
    try:
        return _ENVELOPE.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Amazon's reply does not have its shape") from fault


def _token(envelope: _Envelope) -> str | None:
    inner = envelope.pagination.next_token if envelope.pagination else None
    return inner or envelope.next_token or None


def _latest(bodies: list[msgspec.Raw]) -> datetime | None:
    stamps: list[datetime | None] = []
    for body in bodies:
        try:
            told = _STAMPED.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # the mapping says what is wrong with it
        stamps += [instant_of(told.last_updated_time or told.created_time)]
        stamps += [instant_of(each.last_updated_date) for each in told.summaries or []]
    return max(filter(None, stamps), default=None)


def _get(path: str, scope: str) -> Request:
    return Request(method="GET", path=path, scope=scope)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(fields: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _joined(*parts: str) -> str:
    return "&".join(filter(None, parts))
