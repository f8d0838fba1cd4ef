"""Parcels by their waybills, up to fifty in one call. There is no list of parcels."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from trueup.connectors.delhivery.api import check_request, checked
from trueup.connectors.delhivery.shape import ReadingShape
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

BATCH_MAX = 50


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:  # noqa: ARG001 - the protocol's shape
    """Return a call that proves the token; nothing lists the parcels that changed."""
    _known(resource)
    return check_request()


def page(resource: str, reply: Reply) -> Page:
    """Return no piece: which parcels there are, the hub knows from the shops' shipments."""
    _known(resource)
    checked(reply)
    return Page(pieces=())


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads the first fifty of the waybills that `ref` names."""
    _known(fetch.resource)
    waybills = ",".join(quote(each, safe="") for each in fetch.ref.split(",")[:BATCH_MAX])
    return Request(method="GET", path=f"/api/v1/packages/json/?waybill={waybills}")


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return one piece per parcel; `then` asks for the waybills that did not fit.

    Raises:
        ContractBroken: the reply is neither parcels nor the word that there are none.
    """
    try:
        reading = msgspec.json.decode(reply.body, type=ReadingShape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Delhivery's reply is no reading of parcels") from fault
    if reading.shipment_data is None and not reading.error:
        raise ContractBroken("Delhivery neither told of the parcels nor said why not")
    pieces = [Piece(topic="fetch/parcel", body=bytes(raw)) for raw in reading.shipment_data or ()]
    rest = ",".join(fetch.ref.split(",")[BATCH_MAX:])
    return Page(pieces=tuple(pieces), then=Fetch(resource="parcel", ref=rest) if rest else None)


def batches(waybills: Sequence[str]) -> tuple[Fetch, ...]:
    """Return as few fetches as can ask for all these waybills, each once."""
    once = [each for each in dict.fromkeys(waybills) if each and "," not in each]
    starts = range(0, len(once), BATCH_MAX)
    groups = (once[start : start + BATCH_MAX] for start in starts)
    return tuple(Fetch(resource="parcel", ref=",".join(group)) for group in groups)


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001 - the protocol's shape
    """Return None: Delhivery does not count parcels."""
    return None


def count(resource: str, reply: Reply) -> int:  # noqa: ARG001 - the protocol's shape
    """Refuse: there is no call that counts."""
    raise Refused("Delhivery does not count parcels", resource=resource)


def _known(resource: str) -> None:
    if resource != "parcel":
        raise Refused("Delhivery has no such resource here", resource=resource)
