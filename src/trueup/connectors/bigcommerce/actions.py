"""Intents to calls, replies to receipts: the stock of variants at locations.

BigCommerce has neither a key nor a condition, and answers a change with nothing but its number. So
a call reads first, and sets either all that it was asked for, because all of it stands as believed,
or nothing: then every intent knows what became of it.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from trueup.connectors.bigcommerce.reading import Paged
from trueup.connectors.bigcommerce.reading import read as read_reply
from trueup.contract.connector import Intent, Receipt, ReceiptState, Reply, Request
from trueup.errors import invariant

BULK_MAX = 100
_READ_MAX = 1000


class _Standing(msgspec.Struct, gc=False):
    location_id: int
    available_to_sell: int | None = None
    total_inventory_onhand: int | None = None


class _Identity(msgspec.Struct, gc=False):
    variant_id: int | None = None


class _Item(msgspec.Struct, gc=False):
    identity: _Identity
    locations: list[_Standing] = []


class _Done(msgspec.Struct, gc=False):
    transaction_id: str | None = None


def request(intents: Sequence[Intent], idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the call that a carrying out begins with: what stands at the store now."""
    return read_request(intents)


def next_request(
    intents: Sequence[Intent], idempotency_key: str, replies: Sequence[Reply]
) -> Request | None:
    """Return the call that sets everything; None where something does not stand as believed."""
    if len(replies) > 1:
        return None
    standing = _read(intents, replies[0])
    items = []
    for intent, found in zip(intents, standing, strict=True):
        if found is None or found.available_to_sell != intent.expected:
            return None
        # What the store holds back, its safety stock, lies there as well.
        on_hand, available = found.total_inventory_onhand, found.available_to_sell or 0
        held_back = max(0, on_hand - available) if on_hand is not None else 0
        items.append(
            {
                "location_id": found.location_id,
                "sku": intent.target["sku"],
                "quantity": intent.value + held_back,
            }
        )
    return Request(
        method="PUT",
        path="/v3/inventory/adjustments/absolute",
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode({"reason": f"Trueup {idempotency_key}", "items": items}),
        writes=True,
    )


def receipts(intents: Sequence[Intent], reply: Reply) -> Sequence[Receipt]:
    """Return one receipt per intent, from the reply to the change, or to the reading before it."""
    done = _done(reply)
    if done is not None:
        return [Receipt(state=ReceiptState.DONE, vendor_ref=done) for _ in intents]
    return [
        _undone(intent, found) for intent, found in zip(intents, _read(intents, reply), strict=True)
    ]


def read_request(intents: Sequence[Intent]) -> Request:
    """Return the call that reads what stands at the store."""
    invariant(0 < len(intents) <= BULK_MAX, f"1 to {BULK_MAX} intents fit one call")
    invariant(all(intent.kind == "stock.set" for intent in intents), "only stock.set is known")
    query = {
        "variant_id:in": ",".join(dict.fromkeys(i.target["item_ref"] for i in intents)),
        "location_id:in": ",".join(dict.fromkeys(i.target["location_ref"] for i in intents)),
        "limit": _READ_MAX,
    }
    path = f"/v3/inventory/items?{urlencode(query, safe=',:')}"
    return Request(method="GET", path=path)


def read(intents: Sequence[Intent], reply: Reply) -> Sequence[int | None]:
    """Return the units that can be sold per intent; None where it is gone."""
    return [found.available_to_sell if found else None for found in _read(intents, reply)]


def _read(intents: Sequence[Intent], reply: Reply) -> list[_Standing | None]:
    standing = {
        (str(item.identity.variant_id), str(place.location_id)): place
        for item in read_reply(reply, Paged[_Item], "page of inventory items").data
        for place in item.locations
    }
    return [standing.get((i.target["item_ref"], i.target["location_ref"])) for i in intents]


def _done(reply: Reply) -> str | None:
    return read_reply(reply, _Done, "inventory reply").transaction_id


def _undone(intent: Intent, found: _Standing | None) -> Receipt:
    units = found.available_to_sell if found else None
    if units is None:
        return Receipt(state=ReceiptState.REFUSED, code="item_gone")
    code = "batch_refused" if units == intent.expected else "compare_failed"
    return Receipt(state=ReceiptState.LATER, code=code, observed=units, again_now=True)
