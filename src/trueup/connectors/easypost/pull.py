"""Pages of parcels by when they were made, and single ones by id or by tracking number.

EasyPost tells of a parcel whose label it did not sell once it was told to follow it: a tracker,
which costs a fee.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import msgspec

from trueup.connectors.easypost.parcel import instant_of
from trueup.connectors.easypost.shape import TrackersShape
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

PAGE_SIZE = 100
BATCH_MAX = 100
_BEGIN = "tracker"
_BEGINNING = datetime(2012, 1, 1, tzinfo=UTC)
# Without a first day EasyPost lists the last month only.


class _Head(msgspec.Struct, gc=False):
    id: str
    created_at: str | None = None


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of parcels that were made at or after `since`."""
    _known(resource)
    query = {
        "page_size": str(PAGE_SIZE),
        "start_datetime": _text(since or _BEGINNING),
        **({"before_id": cursor} if cursor else {}),
    }
    return Request(method="GET", path=f"/trackers?{urlencode(query)}")


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds, oldest first; EasyPost lists the newest first."""
    _known(resource)
    shape = _trackers(reply)
    heads = [_head(raw) for raw in shape.trackers]
    made = [at for head in heads if (at := instant_of(head.created_at)) is not None]
    pieces = [Piece(topic="pull/parcel", body=bytes(raw)) for raw in reversed(shape.trackers)]
    return Page(
        pieces=tuple(pieces),
        next_cursor=heads[-1].id if shape.has_more and heads else None,
        latest_at=max(made, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one label, one parcel by its id, or parcels by their numbers.

    The numbers of several parcels stand in `ref` with commas between them.
    """
    if fetch.resource == "shipment":
        return Request(method="GET", path=f"/shipments/{quote(fetch.ref, safe='')}")
    if fetch.resource == _BEGIN:
        return Request(
            method="POST",
            path="/trackers",
            headers=(("content-type", "application/json"),),
            body=msgspec.json.encode({"tracker": {"tracking_code": fetch.ref}}),
            writes=True,
        )
    _known(fetch.resource)
    if fetch.ref.startswith("trk_"):
        return Request(method="GET", path=f"/trackers/{quote(fetch.ref, safe='')}")
    codes = fetch.ref.split(",")[:BATCH_MAX]
    return Request(
        method="POST",
        path="/trackers/batch",
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode({"tracking_codes": codes}),
    )


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the pieces; `then` asks for the numbers that did not fit into one call.

    Raises:
        Refused: EasyPost has no such thing.
    """
    if reply.status >= 400:
        raise Refused("EasyPost has no such thing", status=reply.status, ref=fetch.ref)
    if fetch.resource == _BEGIN:
        return Page(pieces=(Piece(topic="fetch/parcel", body=reply.body),))
    if fetch.resource == "shipment" or fetch.ref.startswith("trk_"):
        return Page(pieces=(Piece(topic=f"fetch/{fetch.resource}", body=reply.body),))
    pieces = [Piece(topic="fetch/parcel", body=bytes(raw)) for raw in _trackers(reply).trackers]
    rest = ",".join(fetch.ref.split(",")[BATCH_MAX:])
    return Page(pieces=tuple(pieces), then=Fetch(resource="parcel", ref=rest) if rest else None)


def batches(numbers: Sequence[str]) -> tuple[Fetch, ...]:
    """Return as few fetches as can ask for all these tracking numbers, each once."""
    once = [number for number in dict.fromkeys(numbers) if number and "," not in number]
    starts = range(0, len(once), BATCH_MAX)
    groups = (once[start : start + BATCH_MAX] for start in starts)
    return tuple(Fetch(resource="parcel", ref=",".join(group)) for group in groups)


def begin(numbers: Sequence[str]) -> tuple[Fetch, ...]:
    """Return one fetch per tracking number, each of which makes EasyPost follow the parcel."""
    return tuple(Fetch(resource=_BEGIN, ref=number) for number in dict.fromkeys(numbers) if number)


def count_request(resource: str, since: datetime | None) -> Request | None:  # noqa: ARG001 - the protocol's shape
    """Return None: EasyPost does not count parcels."""
    return None


def count(resource: str, reply: Reply) -> int:  # noqa: ARG001 - the protocol's shape
    """Refuse: there is no call that counts."""
    raise Refused("EasyPost does not count parcels", resource=resource)


def _known(resource: str) -> None:
    if resource != "parcel":
        raise Refused("EasyPost has no such resource here", resource=resource)


def _trackers(reply: Reply) -> TrackersShape:
    try:
        return msgspec.json.decode(reply.body, type=TrackersShape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("EasyPost's reply is no list of parcels") from fault


def _head(raw: msgspec.Raw) -> _Head:
    try:
        return msgspec.json.decode(raw, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("EasyPost's list holds what is no parcel") from fault


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
