"""Pages since a cursor, bulk exports and single records.

An opaque cursor is the vendor's own, save for inventory levels, which hang below locations: theirs
holds the place in both walks.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from trueup.connectors.shopify.call import answer, call, needed
from trueup.connectors.shopify.documents import document
from trueup.connectors.shopify.export import fold
from trueup.connectors.shopify.node import Connection, CountNode, PointerNode
from trueup.connectors.shopify.refs import gid, ref_of
from trueup.connectors.shopify.shape import Instant
from trueup.contract.connector import BulkState, Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused, invariant

_Nodes = Connection[msgspec.Raw]


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """How one resource is read.

    Attributes:
        field: the root field of the page.
        noun: the last part of the pieces' topic.
        size: records in one page; chosen so that the page stays below 1,000 points.
        cost: the points that Shopify wants to be there before it answers a page.
        gid: the type in its global ids.
        since: the search field by which changes are found.
        stamp: the node's field that `since` is about.
    """

    field: str
    noun: str
    size: int
    cost: float
    gid: str
    since: str = "updated_at"
    stamp: str = "updatedAt"


WALKS = {
    "orders": Walk(field="orders", noun="order", size=5, cost=480, gid="Order"),
    "products": Walk(field="products", noun="product", size=20, cost=200, gid="Product"),
    "customers": Walk(field="customers", noun="customer", size=50, cost=150, gid="Customer"),
    "inventory_items": Walk(
        field="inventoryItems", noun="inventory_item", size=100, cost=60, gid="InventoryItem"
    ),
    "inventory_levels": Walk(
        field="locations", noun="inventory_level", size=100, cost=100, gid="InventoryLevel"
    ),
    "locations": Walk(field="locations", noun="location", size=50, cost=20, gid="Location"),
    "returns": Walk(field="orders", noun="return", size=10, cost=1180, gid="Return"),
    "fulfillments": Walk(
        field="fulfillment", noun="fulfillment", size=1, cost=60, gid="Fulfillment"
    ),
    "payouts": Walk(
        field="payouts",
        noun="payout",
        size=50,
        cost=100,
        gid="ShopifyPaymentsPayout",
        since="issued_at",
        stamp="issuedAt",
    ),
    "balance_transactions": Walk(
        field="balanceTransactions",
        noun="balance_transaction",
        size=50,
        cost=300,
        gid="ShopifyPaymentsBalanceTransaction",
        since="processed_at",
        stamp="transactionDate",
    ),
}
_OF_PAYMENTS = frozenset(("payouts", "balance_transactions"))
_LINES_PAGE = 25
_LISTS_PAGE = 5
_LINES_ONE = 100
_LISTS_ONE = 30
_COUNTED = frozenset(("orders", "products", "customers"))
_BULK = frozenset(("orders", "products", "customers", "inventory_items", "inventory_levels"))


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of records changed at or after `since`."""
    walk = _walk(resource)
    variables: dict[str, Any] = {"first": walk.size, "after": cursor}
    if resource != "locations":
        variables["query"] = _since(since, walk.since)
    if resource == "orders":
        variables |= {"lines": _LINES_PAGE, "lists": _LISTS_PAGE}
    if resource == "inventory_levels":
        place = _place(cursor)
        variables |= {"after": place.level, "places": place.search}
    return call(f"{resource}_page", variables, cost=walk.cost)


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    walk = _walk(resource)
    if resource == "inventory_levels":
        return _levels(reply)
    if resource in _OF_PAYMENTS:
        account = answer(reply, "shopifyPaymentsAccount", dict[str, _Nodes])
        if account is None:
            return Page(pieces=())  # a shop without Shopify Payments
        if walk.field not in account:
            raise ContractBroken("Shopify's reply lacks what was asked for", field=walk.field)
        connection = account[walk.field]
    else:
        connection = needed(reply, walk.field, _Nodes)
    nodes = connection.all()
    bodies = _returns(nodes) if resource == "returns" else [bytes(node) for node in nodes]
    return Page(
        pieces=tuple(Piece(topic=f"pull/{walk.noun}", body=body) for body in bodies),
        next_cursor=_next(connection),
        latest_at=_latest((bytes(node) for node in nodes), walk.stamp),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one record.

    Args:
        fetch: the resource and the vendor's id; of an inventory level "<item>@<location>".
    """
    walk = _walk(fetch.resource)
    name = f"{_SINGULAR[fetch.resource]}_one"
    if fetch.resource == "inventory_levels":
        item, _, location = fetch.ref.partition("@")
        both = {"item": gid("InventoryItem", item), "location": gid("Location", location)}
        return call(name, both, cost=5)
    variables: dict[str, Any] = {"id": gid(walk.gid, fetch.ref)}
    if fetch.resource == "orders":
        variables |= {"lines": _LINES_ONE, "lists": _LISTS_ONE}
    if fetch.resource == "fulfillments":
        variables["lines"] = _LINES_ONE
    return call(name, variables, cost=walk.cost)


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the record's piece; none where the vendor no longer has it."""
    noun = _SINGULAR[fetch.resource]
    if fetch.resource == "inventory_levels":
        item = answer(reply, "inventoryItem", _LevelOfItem)
        body = item.inventory_level if item else _NULL
    else:
        body = answer(reply, _ROOT.get(noun, noun), msgspec.Raw) or _NULL
    if bytes(body) in {b"null", b""}:
        return Page(pieces=())
    return Page(pieces=(Piece(topic=f"fetch/{noun}", body=bytes(body)),))


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that asks how many records there are; None where Shopify can not tell."""
    if resource not in _COUNTED:
        return None
    return call(f"{resource}_count", {"query": _since(since)}, cost=1)


def count(resource: str, reply: Reply) -> int:
    """Return the vendor's own count."""
    return needed(reply, f"{resource}Count", CountNode).count


def bulk_request(resource: str, since: datetime | None) -> Request:
    """Return the call that starts a bulk export.

    Raises:
        Refused: Shopify can not export this resource in bulk; its pages can be read instead.
    """
    if resource not in _BULK:
        raise Refused(f"no bulk export of {resource}; there is one of {', '.join(sorted(_BULK))}")
    query = document(f"bulk_{resource}").replace("%QUERY%", _since(since) or "")
    return call("bulk_run", {"query": query}, cost=10, writes=True)


class _UserError(msgspec.Struct, gc=False):
    message: str = ""
    code: str | None = None


class _Started(msgspec.Struct, gc=False, rename="camel"):
    bulk_operation: PointerNode | None = None
    user_errors: list[_UserError] = []


def bulk_started(reply: Reply) -> str:
    """Return the vendor's id of the export that was started.

    Raises:
        Refused: Shopify's own reason; at most five exports run at a time.
    """
    result = needed(reply, "bulkOperationRunQuery", _Started)
    if result.user_errors:
        reasons = "; ".join(error.message[:200] for error in result.user_errors)
        raise Refused(f"Shopify did not start the export: {reasons}")
    if result.bulk_operation is None or result.bulk_operation.id is None:
        raise ContractBroken("Shopify neither started the export nor said why not")
    return str(result.bulk_operation.id)


def bulk_status_request(bulk_ref: str) -> Request:
    """Return the call that asks how far the export is."""
    return call("bulk_status", {"id": bulk_ref}, cost=1)


class _Bulk(msgspec.Struct, gc=False, rename="camel"):
    status: str
    error_code: str | None = None
    object_count: str | int = 0
    root_object_count: str | int = 0
    url: str | None = None


def bulk_state(reply: Reply) -> BulkState:
    """Return how far the export is; an export without records is done and has no address."""
    bulk = needed(reply, "bulkOperation", _Bulk)
    done = str(bulk.root_object_count)
    total = int(done) if done.isdecimal() else 0
    if bulk.status == "COMPLETED":
        return BulkState(state="done", count=total, url=bulk.url)
    if bulk.status in {"CREATED", "RUNNING"}:
        return BulkState(state="running", count=total)
    reason = (bulk.error_code or bulk.status).lower()
    return BulkState(state="failed", count=total, reason=reason)


def bulk_pieces(resource: str, lines: Iterable[bytes]) -> Iterator[Piece]:
    """Yield one piece per record of the export, its children folded in; holds one at a time.

    Raises:
        ContractBroken: a line is not of an export.
    """
    return fold(_walk(resource).noun, lines)


class _LevelOfItem(msgspec.Struct, gc=False, rename="camel"):
    inventory_level: msgspec.Raw = msgspec.Raw(b"null")


class _Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the walk over levels is: in the midst of a location's, or after the location."""

    location: str = "0"
    level: str | None = None

    @property
    def search(self) -> str:
        """Which location is next, in Shopify's search syntax."""
        if self.level is not None:
            return f"id:{self.location}"
        return f"id:>={int(self.location) + 1}" if self.location.isdecimal() else "id:>=0"


class _LevelsOfLocation(msgspec.Struct, gc=False, rename="camel"):
    id: str
    inventory_levels: _Nodes


def _levels(reply: Reply) -> Page:
    """Stay at a location while it has levels, then go on after it until there is none."""
    found = needed(reply, "locations", Connection[_LevelsOfLocation]).all()
    if not found:
        return Page(pieces=())
    levels = found[0].inventory_levels
    nodes = [bytes(node) for node in levels.all()]
    place = _Place(location=ref_of(found[0].id) or "0", level=_next(levels))
    return Page(
        pieces=tuple(Piece(topic="pull/inventory_level", body=node) for node in nodes),
        next_cursor=msgspec.json.encode(place).decode(),
        latest_at=_latest(nodes),
    )


def _place(cursor: str | None) -> _Place:
    return msgspec.json.decode(cursor, type=_Place) if cursor else _Place()


class _ReturnsOfOrder(msgspec.Struct, gc=False):
    returns: _Nodes


def _returns(nodes: Iterable[msgspec.Raw]) -> list[bytes]:
    found: list[bytes] = []
    for node in nodes:
        returns = msgspec.json.decode(node, type=_ReturnsOfOrder).returns
        if returns.is_cut:
            raise ContractBroken("an order has more returns than one reply holds")
        found += [bytes(one) for one in returns.all()]
    return found


def _next(connection: _Nodes) -> str | None:
    info = connection.page_info
    return info.end_cursor if info is not None and info.has_next_page else None


class _Stamps(msgspec.Struct, gc=False):
    updatedAt: Instant | None = None  # noqa: N815 - the API's own spelling, looked up by it
    issuedAt: Instant | None = None  # noqa: N815 - as above
    transactionDate: Instant | None = None  # noqa: N815 - as above


def _latest(nodes: Iterable[bytes], name: str = "updatedAt") -> datetime | None:
    stamps = [getattr(msgspec.json.decode(node, type=_Stamps), name) for node in nodes]
    return max((stamp.astimezone(UTC) for stamp in stamps if stamp), default=None)


def _since(since: datetime | None, field: str = "updated_at") -> str | None:
    """Return Shopify's search for what changed since; seconds are the finest it knows."""
    if since is None:
        return None
    return f"{field}:>='{since.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}'"


def _walk(resource: str) -> Walk:
    invariant(resource in WALKS, f"no resource {resource!r}; known: {sorted(WALKS)}")
    return WALKS[resource]


_NULL = msgspec.Raw(b"null")
_SINGULAR = {resource: walk.noun for resource, walk in WALKS.items()}
_ROOT = {"inventory_item": "inventoryItem", "payout": "node", "balance_transaction": "node"}
