"""Pages of what changed, and single records put together from several replies."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from trueup.connectors.woocommerce.reading import PAGE_SIZE, next_page, read, total
from trueup.connectors.woocommerce.shape import MetaShape, instant_of
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.contract.fault import Unsound
from trueup.errors import Refused, invariant

VARIATIONS_MAX = 1_000
"""More variations than one product may have here; they travel in the place of a fetch."""

_DIGITS = "8"
# Amounts as the shop keeps them; by itself the API rounds each one to the shop's decimals.
_PATHS = {
    "orders": "/wc/v3/orders",
    "products": "/wc/v3/products",
    "customers": "/wc/v3/customers",
    # Not in the reference, but the one list of products and variations alike (in WooCommerce
    # itself since version 4, and under the same keys).
    "inventory_levels": "/wc-analytics/reports/stock",
}
_NOUNS = {
    "orders": "order",
    "products": "product",
    "customers": "customer",
    "inventory_levels": "inventory_level",
}
_FIELDS = (
    "id,name,slug,type,status,parent_id,sku,global_unique_id,price,regular_price,manage_stock,"
    "stock_quantity,backorders,virtual,date_created_gmt,date_modified_gmt,variations,tags"
)


class _Head(msgspec.Struct, gc=False):
    date_modified_gmt: str | None = None


class _Variable(msgspec.Struct, gc=False):
    variations: list[int] | None = None


class _Place(msgspec.Struct, gc=False):
    """What a fetch has read so far: the product, and pages of its variations."""

    product: msgspec.Raw
    variations: list[msgspec.Raw]
    page: str = "1"


class _Line(msgspec.Struct, gc=False):
    id: int
    quantity: msgspec.Raw = msgspec.Raw(b"0")
    meta_data: list[MetaShape] | None = None


class _Order(msgspec.Struct, gc=False):
    currency: str
    date_completed_gmt: str | None = None
    line_items: list[_Line] = []


class _Facts(msgspec.Struct, gc=False):
    """What refunds need of their order."""

    currency: str
    left: bool
    restocked: dict[str, int]
    refunded: dict[str, int] = {}
    page: str = "1"


class _RefundLine(msgspec.Struct, gc=False):
    quantity: int = 0
    meta_data: list[MetaShape] | None = None


class _Refund(msgspec.Struct, gc=False):
    line_items: list[_RefundLine] | None = None


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of records changed at or after `since`, by id."""
    query = _query(resource, since)
    if resource == "orders":
        query["dp"] = _DIGITS
    query |= {"per_page": str(PAGE_SIZE), "page": cursor or "1"}
    return Request(method="GET", path=f"{_path(resource)}?{urlencode(query)}")


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds."""
    items = read(reply, list[msgspec.Raw], "list")
    noun = _NOUNS[resource]
    if resource == "inventory_levels":
        bodies: Sequence[bytes] = [_counted(item, reply) for item in items]
        return Page(
            pieces=tuple(Piece(topic=f"pull/{noun}", body=body) for body in bodies),
            next_cursor=next_page(reply),
        )
    stamped = sorted(((_stamp(item), bytes(item)) for item in items), key=lambda each: each[0])
    return Page(
        pieces=tuple(Piece(topic=f"pull/{noun}", body=body) for _, body in stamped),
        next_cursor=next_page(reply),
        latest_at=stamped[-1][0] if stamped and stamped[-1][0] > _NEVER else None,
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one record, or the next part of it.

    Resources: `orders`, `products` (with its variations), `order_refunds` (all of one order's).
    """
    ref = _number(fetch.ref)
    if fetch.resource == "orders":
        return Request(method="GET", path=f"/wc/v3/orders/{ref}?dp={_DIGITS}")
    if fetch.resource == "products":
        if fetch.place is None:
            return Request(method="GET", path=f"/wc/v3/products/{ref}?_fields={_FIELDS}")
        number = msgspec.json.decode(fetch.place, type=_Place).page
        query = {"_fields": _FIELDS, **_by_id(number)}
        return Request(method="GET", path=f"/wc/v3/products/{ref}/variations?{urlencode(query)}")
    invariant(fetch.resource == "order_refunds", f"no resource {fetch.resource!r}")
    if fetch.place is None:
        return Request(
            method="GET",
            path=f"/wc/v3/orders/{ref}?_fields=currency,date_completed_gmt,line_items",
        )
    number = msgspec.json.decode(fetch.place, type=_Facts).page
    query = {"dp": _DIGITS, **_by_id(number)}
    return Request(method="GET", path=f"/wc/v3/orders/{ref}/refunds?{urlencode(query)}")


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the record's pieces, or what must be read next before it is whole."""
    if fetch.resource == "orders":
        return Page(pieces=(Piece(topic="fetch/order", body=reply.body),))
    if fetch.resource == "products":
        return _product(fetch, reply)
    return _refunds(fetch, reply)


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that asks how many records there are; the reply's header tells."""
    query = _query(resource, since) | {"per_page": "1", "page": "1"}
    return Request(method="GET", path=f"{_path(resource)}?{urlencode(query)}")


def count(resource: str, reply: Reply) -> int:  # noqa: ARG001 - the protocol's shape
    """Return the vendor's own count."""
    return total(reply)


def _product(fetch: Fetch, reply: Reply) -> Page:
    if fetch.place is None:
        if not read(reply, _Variable, "product").variations:
            return Page(pieces=(Piece(topic="fetch/product", body=reply.body),))
        begun = _Place(product=msgspec.Raw(reply.body), variations=[])
        return _then(fetch, begun)
    place = msgspec.json.decode(fetch.place, type=_Place)
    place.variations = [*place.variations, *read(reply, list[msgspec.Raw], "list of variations")]
    following = next_page(reply)
    if len(place.variations) > VARIATIONS_MAX:
        raise Refused("The product has more variations than are read.", most=VARIATIONS_MAX)
    if following is not None:
        place.page = following
        return _then(fetch, place)
    whole = {"product": place.product, "variations": place.variations}
    return Page(pieces=(Piece(topic="fetch/product", body=msgspec.json.encode(whole)),))


def _refunds(fetch: Fetch, reply: Reply) -> Page:
    """Read an order's refunds; how many units went back to the shelf stands in the order."""
    if fetch.place is None:
        order = read(reply, _Order, "order")
        restocked = {str(line.id): _restocked(line) for line in order.line_items}
        facts = _Facts(
            currency=order.currency,
            left=order.date_completed_gmt is not None,
            restocked={ref: units for ref, units in restocked.items() if units},
        )
        return _then(fetch, facts)
    facts = msgspec.json.decode(fetch.place, type=_Facts)
    raws = read(reply, list[msgspec.Raw], "list of refunds")
    refunded: Counter[str] = Counter()
    for refund in read(reply, list[_Refund], "list of refunds"):
        for line in refund.line_items or ():
            if (ref := refunded_line(line.meta_data)) is not None:
                refunded[ref] += abs(line.quantity)
    bodies = [
        msgspec.json.encode(
            {
                "order_id": int(fetch.ref),
                "currency": facts.currency,
                "left": facts.left,
                "restocked": facts.restocked,
                "refunded": refunded,
                "refund": raw,
            }
        )
        for raw in raws
    ]
    pieces = tuple(Piece(topic="fetch/refund", body=body) for body in bodies)
    facts.page = next_page(reply) or ""
    then = _then(fetch, facts).then if facts.page else None
    return Page(pieces=pieces, then=then)


def refunded_line(entries: Sequence[MetaShape] | None) -> str | None:
    """Return the order line that a refund's line is about."""
    return _entry(entries, "_refunded_item_id")


def _restocked(line: _Line) -> int:
    """Return how many units refunds put back; WooCommerce keeps the running total at the line."""
    text = _entry(line.meta_data, "_restock_refunded_items")
    return int(text) if text else 0


def _entry(entries: Sequence[MetaShape] | None, key: str) -> str | None:
    for entry in entries or ():
        text = bytes(entry.value).strip(b'"')
        # Anybody may write there, so only a plain number counts.
        if entry.key == key and text.isdigit() and len(text) <= 18:
            return text.decode()
    return None


def _then(fetch: Fetch, place: _Place | _Facts) -> Page:
    text = msgspec.json.encode(place).decode()
    return Page(pieces=(), then=msgspec.structs.replace(fetch, place=text))


def _query(resource: str, since: datetime | None) -> dict[str, str]:
    query = {"orderby": "id", "order": "asc"}
    if resource in {"orders", "products"}:
        query["status"] = "any"
        if since is not None:
            # "After" leaves out the very second.
            at = since.astimezone(UTC) - timedelta(seconds=1)
            query["modified_after"] = at.strftime("%Y-%m-%dT%H:%M:%S")
            query["dates_are_gmt"] = "true"
    return query


def _by_id(number: str) -> dict[str, str]:
    return {"orderby": "id", "order": "asc", "per_page": str(PAGE_SIZE), "page": number}


def _path(resource: str) -> str:
    invariant(resource in _PATHS, f"no resource {resource!r}; known: {sorted(_PATHS)}")
    return _PATHS[resource]


def _number(ref: str) -> str:
    invariant(ref.isdecimal(), f"an id of WooCommerce is a number, found {ref[:40]!r}")
    return ref


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _stamp(item: msgspec.Raw) -> datetime:
    try:
        return instant_of(msgspec.json.decode(item, type=_Head).date_modified_gmt) or _NEVER
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unsound):
        return _NEVER  # the mapping says what is wrong with it


def _counted(item: msgspec.Raw, reply: Reply) -> bytes:
    """A level has no stamp of its own: with the reply's hour it is another the next time.

    Without, a number that comes back to what it was would be taken for a repeat.
    """
    told: dict[str, Any] = {"level": item}
    with suppress(KeyError, ValueError, TypeError):
        read_at = parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
        told["read_at"] = read_at.replace(minute=0, second=0)
    return msgspec.json.encode(told)
