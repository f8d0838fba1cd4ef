"""Intents to requests, replies to receipts: how many units a listing offers.

One SKU is patched; many go as a feed of patches, in three calls: a place for the document, the
document, the feed. Either way Amazon only takes the number in; a feed's own report says later what
of it was refused. Whether a number stands there is read back. Numbers are absolute, so that saying
one twice is saying it once.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from trueup.connectors.amazon.document import document_request, unpacked
from trueup.connectors.amazon.listing import ListingShape, offered_units
from trueup.connectors.amazon.marketplace import MERCHANT_CHANNEL
from trueup.connectors.amazon.notification import LISTINGS_FEED
from trueup.contract.connector import (
    Fetch,
    Intent,
    Progress,
    Receipt,
    ReceiptState,
    Reply,
    Request,
)
from trueup.errors import ContractBroken, invariant

FEED_MAX: Final = 10_000
READ_MAX: Final = 20
"""So many listings are read back in one call."""

_PRODUCT_TYPE: Final = "PRODUCT"
"""Of an offer alone: what is changed is no attribute of any kind of product."""

_FEED_TYPE: Final = "application/json; charset=UTF-8"
_LISTINGS: Final = "/listings/2021-08-01/items/{seller_id}"
_DATA: Final = "marketplaceIds={marketplace_id}&includedData=fulfillmentAvailability,issues"


def request(intents: Sequence[Intent], idempotency_key: str) -> Request:
    """Return the first call: a patch for one listing, the place of a feed's document for many.

    Args:
        intents: of the kind stock.set; the target names the `sku`.
        idempotency_key: not sent: the numbers are absolute.
    """
    del idempotency_key
    invariant(0 < len(intents) <= FEED_MAX, f"1 to {FEED_MAX} intents fit one call")
    invariant(all(intent.kind == "stock.set" for intent in intents), "only stock.set is known")
    if len(intents) == 1:
        path = f"{_LISTINGS}/{quote(_sku(intents[0]), safe='')}"
        body = {"productType": _PRODUCT_TYPE, "patches": [_patch(intents[0])]}
        return Request(
            method="PATCH",
            path=f"{path}?marketplaceIds={{marketplace_id}}&includedData=issues",
            headers=_JSON,
            body=msgspec.json.encode(body),
            writes=True,
            scope="stock.set",
        )
    # A place for a document changes no listing yet, so that a repeat does no harm.
    return Request(
        method="POST",
        path="/feeds/2021-06-30/documents",
        headers=_JSON,
        body=msgspec.json.encode({"contentType": _FEED_TYPE}),
    )


_JSON: Final = (("content-type", "application/json"),)


def next_request(
    intents: Sequence[Intent], idempotency_key: str, replies: Sequence[Reply]
) -> Request | None:
    """Return the feed's document, and then the feed itself; a patch is done with one call."""
    del idempotency_key
    if len(intents) == 1 or len(replies) > 2:
        return None
    place = _decoded(replies[0], _Place)
    if len(replies) == 1:
        return Request(
            method="PUT",
            path=place.url,
            headers=(("content-type", _FEED_TYPE),),
            body=feed_document(intents),
        )
    feed = {
        "feedType": LISTINGS_FEED,
        "marketplaceIds": ["{marketplace_ids}"],
        "inputFeedDocumentId": place.feed_document_id,
    }
    return Request(
        method="POST",
        path="/feeds/2021-06-30/feeds",
        headers=_JSON,
        body=msgspec.json.encode(feed),
        writes=True,
        scope="feeds",
    )


def feed_document(intents: Sequence[Intent]) -> bytes:
    """Return the document of a feed: one message per intent, numbered in their order."""
    messages = [
        {
            "messageId": number,
            "sku": _sku(intent),
            "operationType": "PATCH",
            "productType": _PRODUCT_TYPE,
            "patches": [_patch(intent)],
        }
        for number, intent in enumerate(intents, 1)
    ]
    header = {"sellerId": "{seller_id}", "version": "2.0", "issueLocale": "en_US"}
    return msgspec.json.encode({"header": header, "messages": messages})


def _patch(intent: Intent) -> dict[str, Any]:
    """Return a merge: lead times and the like stay as the seller set them."""
    invariant(intent.value >= 0, "a listing offers 0 units or more")
    value = {"fulfillment_channel_code": MERCHANT_CHANNEL, "quantity": intent.value}
    return {"op": "merge", "path": "/attributes/fulfillment_availability", "value": [value]}


def _sku(intent: Intent) -> str:
    return intent.target.get("sku") or intent.target.get("variant_ref") or intent.key


class _Place(msgspec.Struct, gc=False, rename="camel"):
    feed_document_id: str
    url: str


class _Problem(msgspec.Struct, gc=False):
    code: str = "refused"
    message: str = ""
    severity: str = "ERROR"


class _Submission(msgspec.Struct, gc=False, rename="camel"):
    status: str
    submission_id: str
    issues: list[_Problem] | None = None


class _Feed(msgspec.Struct, gc=False, rename="camel"):
    feed_id: str


def receipts(intents: Sequence[Intent], reply: Reply) -> Sequence[Receipt]:
    """Return one receipt per intent: taken in is not applied.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if len(intents) > 1:
        feed = _decoded(reply, _Feed)
        taken_in = Receipt(state=ReceiptState.SUBMITTED, vendor_ref=feed.feed_id)
        return [taken_in] * len(intents)
    found = _decoded(reply, _Submission)
    if found.status in {"ACCEPTED", "VALID"}:
        return [Receipt(state=ReceiptState.SUBMITTED, vendor_ref=found.submission_id)]
    if found.status != "INVALID":
        return [Receipt(state=ReceiptState.UNKNOWN, code=f"status {found.status[:40]}")]
    errors = [each for each in found.issues or [] if each.severity == "ERROR"]
    first = errors[0] if errors else _Problem()
    code, message = first.code[:60], first.message[:300]
    return [Receipt(state=ReceiptState.REFUSED, code=code, message=message)]


def batch_progress(
    intents: Sequence[Intent], vendor_ref: str, replies: Sequence[Reply]
) -> Progress:
    """Return how far a feed is: three calls lead to its report, of each message.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    if not replies:
        path = f"/feeds/2021-06-30/feeds/{quote(vendor_ref, safe='')}"
        return Progress(request=Request(method="GET", path=path))
    feed = _decoded(replies[0], _FeedState)
    if feed.processing_status in {"IN_QUEUE", "IN_PROGRESS"}:
        return Progress()
    accepted = Receipt(state=ReceiptState.SUBMITTED, vendor_ref=vendor_ref)
    if feed.result_feed_document_id is None:
        # It died, and nothing says how far it came: what stands there will show it.
        return Progress(receipts=(accepted,) * len(intents))
    if len(replies) == 1:
        return Progress(
            request=document_request(Fetch(resource="feeds", ref=feed.result_feed_document_id))
        )
    if len(replies) == 2:
        return Progress(request=Request(method="GET", path=_decoded(replies[1], _Address).url))
    refused = _refusals(replies[2])
    return Progress(
        receipts=tuple(refused.get(number, accepted) for number in range(1, len(intents) + 1))
    )


def _refusals(reply: Reply) -> dict[int, Receipt]:
    """Return what the report of a feed says of the messages that were refused, by their number."""
    plain = msgspec.structs.replace(reply, body=unpacked(reply.body))
    return {
        each.message_id: Receipt(
            state=ReceiptState.REFUSED, code=each.code[:60], message=each.message[:300]
        )
        for each in reversed(_decoded(plain, _FeedReport).issues or [])
        if each.severity == "ERROR" and each.message_id is not None
    }


class _FeedState(msgspec.Struct, gc=False, rename="camel"):
    processing_status: str
    result_feed_document_id: str | None = None


class _Address(msgspec.Struct, gc=False):
    url: str


class _FeedProblem(_Problem, gc=False, rename="camel"):
    message_id: int | None = None


class _FeedReport(msgspec.Struct, gc=False):
    issues: list[_FeedProblem] | None = None


def read_request(intents: Sequence[Intent]) -> Request:
    """Return the call that reads what the listings offer now, of up to twenty."""
    invariant(0 < len(intents) <= READ_MAX, f"1 to {READ_MAX} listings are read at once")
    skus = ",".join(quote(sku, safe="") for sku in dict.fromkeys(map(_sku, intents)))
    path = f"{_LISTINGS}?{_DATA}&identifiersType=SKU&identifiers={skus}&pageSize={READ_MAX}"
    return Request(method="GET", path=path, scope="listings")


class _Found(msgspec.Struct, gc=False):
    items: list[ListingShape]


def read(intents: Sequence[Intent], reply: Reply) -> Sequence[int | None]:
    """Return the units that each listing offers; None where it is gone, or Amazon sends it out.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    items = {item.sku: item for item in _decoded(reply, _Found).items}
    levels: list[int | None] = []
    for intent in intents:
        item = items.get(_sku(intent))
        levels.append(None if item is None else offered_units(item))
    return levels


def _decoded(reply: Reply, shape: type[Any]) -> Any:  # noqa: ANN401 - the shape that was asked for
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Amazon's reply does not have its shape") from fault
