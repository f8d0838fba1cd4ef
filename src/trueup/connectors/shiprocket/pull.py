"""The list of shipments, which names the waybills, and single parcels by waybill."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

PAGE_SIZE = 100


class _Pagination(msgspec.Struct, gc=False):
    current_page: int = 1
    total_pages: int = 1
    total: int | None = None


class _Meta(msgspec.Struct, gc=False):
    pagination: _Pagination | None = None


class _List(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    meta: _Meta | None = None


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:  # noqa: ARG001 - it lists all
    """Return the call for the next page of shipments."""
    _known(resource)
    page_number = cursor if cursor and cursor.isascii() and cursor.isdigit() else "1"
    return Request(method="GET", path=f"/shipments?page={page_number}&per_page={PAGE_SIZE}")


def page(resource: str, reply: Reply) -> Page:
    """Return the rows that the reply holds; each leads to a reading of its parcel."""
    _known(resource)
    listed = _listed(reply)
    place = (listed.meta.pagination if listed.meta else None) or _Pagination()
    more = listed.data and place.current_page < place.total_pages
    return Page(
        pieces=tuple(Piece(topic="pull/parcel", body=bytes(raw)) for raw in listed.data),
        next_cursor=str(place.current_page + 1) if more else None,
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads the first of the waybills that `ref` names."""
    _known(fetch.resource)
    awb = fetch.ref.partition(",")[0]
    return Request(method="GET", path=f"/courier/track/awb/{quote(awb, safe='')}")


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the reading; `then` asks for the next waybill."""
    rest = fetch.ref.partition(",")[2]
    return Page(
        pieces=(Piece(topic="fetch/parcel", body=reply.body),),
        then=Fetch(resource="parcel", ref=rest) if rest else None,
    )


def batches(waybills: Sequence[str]) -> tuple[Fetch, ...]:
    """Return one fetch per waybill, each once: a reading is of one parcel."""
    once = [each for each in dict.fromkeys(waybills) if each and "," not in each]
    return tuple(Fetch(resource="parcel", ref=awb) for awb in once)


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001 - it counts all
    """Return the call whose reply says how many shipments there are."""
    _known(resource)
    return Request(method="GET", path="/shipments?page=1&per_page=1")


def count(resource: str, reply: Reply) -> int:
    """Return Shiprocket's own count of shipments.

    Raises:
        ContractBroken: the reply has none.
    """
    _known(resource)
    listed = _listed(reply)
    total = listed.meta.pagination.total if listed.meta and listed.meta.pagination else None
    if total is None:
        raise ContractBroken("Shiprocket's list of shipments has no total")
    return total


def _known(resource: str) -> None:
    if resource != "parcel":
        raise Refused("Shiprocket has no such resource here", resource=resource)


def _listed(reply: Reply) -> _List:
    try:
        return msgspec.json.decode(reply.body, type=_List)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Shiprocket's reply is no list of shipments") from fault
