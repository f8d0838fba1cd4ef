"""Intents to requests, replies to receipts: the absolute stock of an item at a location.

`changeFromQuantity` guards the gap between reading and writing; `@idempotent` makes a repeat of the
same call harmless. One refused line makes Shopify change nothing at all in the call, so the
innocent lines may be tried again at once.

An item that sells faster than a call takes never shows what was expected. Its number is lowered by
what was sold elsewhere, without comparing: that raises nothing, whatever was sold meanwhile.
"""

from collections.abc import Sequence

import msgspec

from trueup.connectors.shopify.call import call, needed
from trueup.connectors.shopify.node import Connection
from trueup.connectors.shopify.refs import gid, ref_of
from trueup.contract.connector import Intent, Receipt, ReceiptState, Reply, Request
from trueup.errors import ContractBroken, invariant

BULK_MAX = 50
_DOCUMENT_URI = "trueup://outbox/{key}"
_STALE = frozenset(("CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"))
_BUSY = frozenset(("IDEMPOTENCY_CONCURRENT_REQUEST", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"))
_BUSY_S = 5.0


class _UserError(msgspec.Struct, gc=False):
    field: list[str] | None = None
    message: str = ""
    code: str | None = None


class _Pointed(msgspec.Struct, gc=False):
    id: str


class _Change(msgspec.Struct, gc=False, rename="camel"):
    name: str
    delta: int
    quantity_after_change: int | None = None
    item: _Pointed | None = None
    location: _Pointed | None = None


class _Group(msgspec.Struct, gc=False):
    id: str
    changes: list[_Change] = []


class _Set(msgspec.Struct, gc=False, rename="camel"):
    inventory_adjustment_group: _Group | None = None
    user_errors: list[_UserError] = []


def request(intents: Sequence[Intent], idempotency_key: str) -> Request:
    """Return one call that sets the stock of up to fifty items at their locations.

    Args:
        intents: of the kind stock.set; the target names `item_ref` and `location_ref`.
        idempotency_key: the same in every repeat of this very call, and in no other.
    """
    invariant(0 < len(intents) <= BULK_MAX, f"1 to {BULK_MAX} intents fit one call")
    invariant(all(intent.kind == "stock.set" for intent in intents), "only stock.set is known")
    if intents[0].lowers:
        return _lowering(intents, idempotency_key)
    quantities = [
        {
            "inventoryItemId": gid("InventoryItem", intent.target["item_ref"]),
            "locationId": gid("Location", intent.target["location_ref"]),
            "quantity": intent.value,
            "changeFromQuantity": intent.expected,
        }
        for intent in intents
    ]
    variables = {
        "key": idempotency_key,
        "input": {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": _DOCUMENT_URI.format(key=idempotency_key),
            "quantities": quantities,
        },
    }
    return call("stock_set", variables, cost=10, writes=True)


def _lowering(intents: Sequence[Intent], idempotency_key: str) -> Request:
    """Return the call that takes units off, however many stand there."""
    known = [(intent, intent.expected) for intent in intents if intent.expected is not None]
    invariant(
        len(known) == len(intents) and all(i.lowers and i.value < n for i, n in known),
        "a number that is lowered is known, and falls",
    )
    changes = [
        {
            "inventoryItemId": gid("InventoryItem", intent.target["item_ref"]),
            "locationId": gid("Location", intent.target["location_ref"]),
            "delta": intent.value - expected,
            "changeFromQuantity": None,
        }
        for intent, expected in known
    ]
    variables = {
        "key": idempotency_key,
        "input": {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": _DOCUMENT_URI.format(key=idempotency_key),
            "changes": changes,
        },
    }
    return call("stock_lower", variables, cost=10, writes=True)


def receipts(intents: Sequence[Intent], reply: Reply) -> Sequence[Receipt]:
    """Return one receipt per intent, in their order.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    lowers = intents[0].lowers
    field = "inventoryAdjustQuantities" if lowers else "inventorySetQuantities"
    result = needed(reply, field, _Set)
    if result.user_errors:
        return _refusals(len(intents), result.user_errors)
    group = result.inventory_adjustment_group
    # Where nothing had to change Shopify makes no group: the value stands there already.
    after = _after(group) if group else {}
    return [
        Receipt(
            state=ReceiptState.DONE,
            vendor_ref=group.id if group else None,
            observed=after.get(
                (intent.target["item_ref"], intent.target["location_ref"]), intent.value
            ),
        )
        for intent in intents
    ]


def _after(group: _Group) -> dict[tuple[str | None, str | None], int]:
    """Return how many units are available after a change, by item and location."""
    return {
        (ref_of(change.item.id), ref_of(change.location.id)): change.quantity_after_change
        for change in group.changes
        if change.name == "available"
        and change.item
        and change.location
        and change.quantity_after_change is not None
    }


def _refusals(count: int, errors: Sequence[_UserError]) -> list[Receipt]:
    """Give each error to the line its path names; one without a line concerns the whole call."""
    by_line: dict[int, _UserError] = {}
    whole: _UserError | None = None
    for error in errors:
        index = _line_of(error)
        if index is None:
            whole = whole or error
        else:
            by_line.setdefault(index, error)
    innocent = Receipt(state=ReceiptState.LATER, code="batch_refused", again_now=True)
    receipts = []
    for index in range(count):
        found = by_line.get(index) or whole
        receipts.append(innocent if found is None else _refusal(found))
    return receipts


def _line_of(error: _UserError) -> int | None:
    """Return the line in a path such as input, quantities, 3, quantity; or input, changes, 3."""
    path = error.field or []
    lines = next((name for name in ("quantities", "changes") if name in path), None)
    if lines is None:
        return None
    after = path[path.index(lines) + 1 :]
    return int(after[0]) if after and after[0].isdecimal() else None


def _refusal(error: _UserError) -> Receipt:
    code = error.code or "refused"
    message = error.message[:300]
    if code in _STALE:
        return Receipt(
            state=ReceiptState.LATER, code="compare_failed", message=message, again_now=True
        )
    if code in _BUSY:
        return Receipt(
            state=ReceiptState.LATER, code=code.lower(), message=message, after_s=_BUSY_S
        )
    return Receipt(state=ReceiptState.REFUSED, code=code.lower(), message=message)


def read_request(intents: Sequence[Intent]) -> Request:
    """Return the call that reads what stands at the vendor now."""
    items = dict.fromkeys(gid("InventoryItem", intent.target["item_ref"]) for intent in intents)
    return call("inventory_levels_read", {"ids": list(items)}, cost=5.0 * len(items))


def read(intents: Sequence[Intent], reply: Reply) -> Sequence[int | None]:
    """Return the units that stand at the vendor per intent; None where it is gone.

    Raises:
        ContractBroken: the reply has another shape, or an item lies in more places than asked for.
    """
    items: dict[str | None, _Item] = {}
    for item in needed(reply, "nodes", list[_Item | None]):
        if item is not None:
            items[ref_of(item.id)] = item
    return [_units(items.get(intent.target["item_ref"]), intent) for intent in intents]


class _Quantity(msgspec.Struct, gc=False):
    name: str
    quantity: int


class _Level(msgspec.Struct, gc=False):
    location: _Pointed
    quantities: list[_Quantity]


class _Item(msgspec.Struct, gc=False, rename="camel"):
    id: str | None = None
    inventory_levels: Connection[_Level] | None = None


def _units(item: _Item | None, intent: Intent) -> int | None:
    levels = item.inventory_levels if item else None
    if levels is None:
        return None
    for level in levels.all():
        if ref_of(level.location.id) == intent.target["location_ref"]:
            return next((q.quantity for q in level.quantities if q.name == "available"), None)
    if levels.is_cut:
        raise ContractBroken("the item lies in more places than one reply holds")
    return None
