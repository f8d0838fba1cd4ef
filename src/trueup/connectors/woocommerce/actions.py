"""Intents to calls, replies to receipts: the stock of products and variations.

WooCommerce has neither a key nor a condition. So a call reads first, and what does not stand there
as believed is left alone; what does is set, all products in one call, or all variations of one
product. The rest of the intents are told to come again.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from trueup.connectors.woocommerce.product import units_of
from trueup.connectors.woocommerce.reading import read as read_reply
from trueup.contract.connector import Intent, Receipt, ReceiptState, Reply, Request
from trueup.contract.fault import Unsound
from trueup.errors import ContractBroken, invariant

BULK_MAX = 100
_FIELDS = "id,sku,manage_stock,stock_quantity"


class _Stock(msgspec.Struct, gc=False):
    id: int
    manage_stock: bool | str | None = None
    stock_quantity: msgspec.Raw = msgspec.Raw(b"null")


class _Fault(msgspec.Struct, gc=False):
    code: str | None = None
    message: str | None = None


class _Changed(_Stock, gc=False):
    error: _Fault | None = None


class _Batch(msgspec.Struct, gc=False):
    update: list[_Changed] = []


def request(intents: Sequence[Intent], idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the call that a carrying out begins with: what stands at the shop now."""
    return read_request(intents)


def next_request(
    intents: Sequence[Intent],
    idempotency_key: str,  # noqa: ARG001 - there are no keys
    replies: Sequence[Reply],
) -> Request | None:
    """Return the one call that sets what stands as believed; None where there is nothing to set."""
    if len(replies) > 1:
        return None
    standing = zip(intents, read(intents, replies[0]), strict=True)
    due = [intent for intent, units in standing if units is not None and units == intent.expected]
    if not due:
        return None
    parents = [_parent(intent) for intent in due]
    parent = max(dict.fromkeys(parents), key=parents.count)
    updates = [
        {
            "id": int(intent.target["item_ref"]),
            "manage_stock": True,
            "stock_quantity": intent.value,
        }
        for intent, each in zip(due, parents, strict=True)
        if each == parent
    ]
    path = f"/wc/v3/products/{parent}/variations/batch" if parent else "/wc/v3/products/batch"
    return Request(
        method="POST",
        path=f"{path}?_fields=id,stock_quantity,manage_stock,error",
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode({"update": updates}),
        writes=True,
    )


def receipts(intents: Sequence[Intent], reply: Reply) -> Sequence[Receipt]:
    """Return one receipt per intent, from the reply to the change, or to the reading before it."""
    if reply.body.lstrip()[:1] == b"[":
        return [_unlike(units) for units in read(intents, reply)]
    changed = {each.id: each for each in read_reply(reply, _Batch, "batch of products").update}
    return [_receipt(changed.get(int(intent.target["item_ref"]))) for intent in intents]


def read_request(intents: Sequence[Intent]) -> Request:
    """Return the call that reads what stands at the shop; by SKU, which finds variations too."""
    invariant(0 < len(intents) <= BULK_MAX, f"1 to {BULK_MAX} intents fit one call")
    invariant(all(intent.kind == "stock.set" for intent in intents), "only stock.set is known")
    skus = ",".join(dict.fromkeys(intent.target["sku"] for intent in intents))
    query = {"sku": skus, "status": "any", "per_page": "100", "_fields": _FIELDS}
    return Request(method="GET", path=f"/wc/v3/products?{urlencode(query)}")


def read(intents: Sequence[Intent], reply: Reply) -> Sequence[int | None]:
    """Return the units that stand at the shop per intent; None where none are counted."""
    try:
        standing = {
            each.id: units_of(each.stock_quantity)
            for each in read_reply(reply, list[_Stock], "list of products")
            if each.manage_stock is True
        }
    except Unsound as fault:
        raise ContractBroken("The shop counts parts of units.") from fault
    return [standing.get(int(intent.target["item_ref"])) for intent in intents]


def _parent(intent: Intent) -> str:
    """Return the product whose variation it is; empty where it is the product itself."""
    product, item = intent.target["product_ref"], intent.target["item_ref"]
    return "" if product == item else product


def _receipt(changed: _Changed | None) -> Receipt:
    if changed is None:
        return _unlike(None, again=True)
    if changed.error is not None:
        return Receipt(
            state=ReceiptState.REFUSED,
            code=(changed.error.code or "refused")[:80],
            message=(changed.error.message or "")[:300] or None,
        )
    try:
        observed = units_of(changed.stock_quantity)
    except Unsound:
        observed = None
    return Receipt(state=ReceiptState.DONE, vendor_ref=str(changed.id), observed=observed)


def _unlike(units: int | None, *, again: bool = False) -> Receipt:
    """What did not stand there as believed, or did not fit into this call."""
    if units is None and not again:
        return Receipt(state=ReceiptState.REFUSED, code="item_gone")
    return Receipt(state=ReceiptState.LATER, code="compare_failed", observed=units, again_now=True)
