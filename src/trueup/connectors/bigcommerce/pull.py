"""Pages of what changed, and single records put together from several replies.

Pages of orders and products go by id and not by number: what is deleted while they are read would
otherwise push others from a page that is still to come onto one that was read.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from trueup.connectors.bigcommerce.reading import Paged, read, read_old_list
from trueup.connectors.bigcommerce.stamp import instant_of
from trueup.connectors.bigcommerce.whole import Place, fetched_order, order_request
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.contract.fault import Unsound
from trueup.errors import invariant

_SIZES = {
    "orders": 250,
    "products": 50,
    "customers": 250,
    "inventory_levels": 1000,
    "locations": 250,
}
_PATHS = {
    "orders": "/v2/orders",
    "products": "/v3/catalog/products",
    "customers": "/v3/customers",
    "inventory_levels": "/v3/inventory/items",
    "locations": "/v3/inventory/locations",
}
_NOUNS = {
    "orders": "order",
    "products": "product",
    "customers": "customer",
    "inventory_levels": "inventory_level",
    "locations": "location",
}
_BY_ID = frozenset(("orders", "products"))


class _Head(msgspec.Struct, gc=False):
    id: int | None = None
    date_modified: str | None = None


class _Item(msgspec.Struct, gc=False):
    identity: msgspec.Raw
    locations: list[msgspec.Raw] = []


class _Counted(msgspec.Struct, gc=False):
    count: int


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of records changed at or after `since`."""
    query = {"limit": str(_SIZES[_known(resource)]), **_since(resource, since)}
    if resource == "orders":
        query |= {"sort": "id", **({"min_id": cursor} if cursor else {})}
    elif resource == "products":
        query |= {"include": "variants", "sort": "id", "direction": "asc"}
        query |= {"id:greater": cursor} if cursor else {}
    else:
        query["page"] = cursor or "1"
        if resource == "customers":
            query |= {"include": "addresses", "sort": "date_created:asc"}
    return Request(method="GET", path=f"{_PATHS[resource]}?{urlencode(query)}")


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds."""
    if resource == "orders":
        items = read_old_list(reply, "list of orders")
        is_full, following = len(items) >= _SIZES[resource], None
    else:
        paged = read(reply, Paged[msgspec.Raw], f"page of {_known(resource)}")
        items, following = paged.data, paged.next_page
        is_full = following is not None
    heads = [_head(item) for item in items]
    if resource in _BY_ID:
        ids = [head.id for head in heads if head.id is not None]
        # The older list begins at an id, the newer one after it.
        step = 1 if resource == "orders" else 0
        following = str(max(ids) + step) if is_full and ids else None
    bodies: Sequence[bytes] = [bytes(item) for item in items]
    if resource == "inventory_levels":
        bodies = _levels(items, reply, hourly=True)
    stamps = [at for head in heads if (at := _stamp(head)) is not None]
    return Page(
        pieces=tuple(Piece(topic=f"pull/{_NOUNS[resource]}", body=body) for body in bodies),
        next_cursor=following,
        latest_at=max(stamps, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one record, or the next part of it.

    An inventory level is named "variant-<id>" or "product-<id>": all its locations are read.
    """
    resource, ref = _known(fetch.resource), fetch.ref
    if resource == "orders":
        return order_request(_number(ref), _place(fetch))
    if resource == "products":
        return Request(method="GET", path=f"{_PATHS[resource]}/{_number(ref)}?include=variants")
    if resource == "customers":
        query = urlencode({"id:in": _number(ref), "include": "addresses"})
    elif resource == "inventory_levels":
        noun, _, number = ref.partition("-")
        invariant(noun in {"variant", "product"}, f"no level {ref[:40]!r}")
        query = urlencode({f"{noun}_id:in": _number(number), "limit": _SIZES[resource]})
    else:
        query = urlencode({"location_id:in": _number(ref)})
    return Request(method="GET", path=f"{_PATHS[resource]}?{query}")


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the record's pieces, and what must be read next before it is whole."""
    noun = _NOUNS[_known(fetch.resource)]
    if fetch.resource == "orders":
        bodies, following = fetched_order(_place(fetch), reply)
        then = None
        if following is not None:
            place = msgspec.json.encode(following).decode()
            then = msgspec.structs.replace(fetch, place=place)
        return Page(pieces=bodies, then=then)
    if fetch.resource == "products":
        found = [read(reply, _One, "product").data]
    else:
        found = read(reply, Paged[msgspec.Raw], f"list of {fetch.resource}").data
    bodies_ = (
        _levels(found, reply)
        if fetch.resource == "inventory_levels"
        else [bytes(each) for each in found]
    )
    return Page(pieces=tuple(Piece(topic=f"fetch/{noun}", body=body) for body in bodies_))


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that asks how many records there are; levels are counted by item only."""
    if _known(resource) == "inventory_levels":
        return None
    query = _since(resource, since)
    if resource == "orders":
        text = f"?{urlencode(query)}" if query else ""
        return Request(method="GET", path=f"/v2/orders/count{text}")
    return Request(method="GET", path=f"{_PATHS[resource]}?{urlencode(query | {'limit': '1'})}")


def count(resource: str, reply: Reply) -> int:
    """Return the vendor's own count."""
    if resource == "orders":
        return read(reply, _Counted, "count").count
    return read(reply, Paged[msgspec.Raw], f"page of {resource}").total


class _One(msgspec.Struct, gc=False):
    data: msgspec.Raw


def _levels(items: Iterable[msgspec.Raw], reply: Reply, *, hourly: bool = False) -> list[bytes]:
    """One body per item and location, with the reply's time: a level has no stamp of its own.

    Without, a number that comes back to what it was would be taken for a repeat. A page that is
    asked for again within the hour is the same.
    """
    told: dict[str, Any] = {}
    with suppress(KeyError, ValueError, TypeError):
        read_at = parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
        told["read_at"] = read_at.replace(minute=0, second=0) if hourly else read_at
    bodies = []
    for item in items:
        whole = read(Reply(status=200, headers={}, body=bytes(item)), _Item, "inventory item")
        bodies += [
            msgspec.json.encode({"identity": whole.identity, "location": place, **told})
            for place in whole.locations
        ]
    return bodies


def _since(resource: str, since: datetime | None) -> dict[str, str]:
    if since is None or resource not in {"orders", "products", "customers"}:
        return {}
    name = "min_date_modified" if resource == "orders" else "date_modified:min"
    return {name: since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _known(resource: str) -> str:
    invariant(resource in _PATHS, f"no resource {resource!r}; known: {sorted(_PATHS)}")
    return resource


def _number(ref: str) -> str:
    invariant(ref.isdecimal(), f"an id of BigCommerce is a number, found {ref[:40]!r}")
    return ref


def _place(fetch: Fetch) -> Place:
    return Place() if fetch.place is None else msgspec.json.decode(fetch.place, type=Place)


def _head(item: msgspec.Raw) -> _Head:
    try:
        return msgspec.json.decode(item, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Head()  # the mapping says what is wrong with it


def _stamp(head: _Head) -> datetime | None:
    try:
        return instant_of(head.date_modified)
    except Unsound:
        return None
