"""Fulfilment orders: what is to be sent of an order from one place, and the holds on it.

They are read off the order: one for each location of its lines. Their ids are made of the order's,
so that a shop numbers everything else as if there were none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from trueup.sandbox.shopify.model import Line, Order
from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.shop import Hold, Shop, gid
from trueup.sandbox.shopify.view import Ask, Pick, View, number_of

__all__ = ["Part", "PartView", "hold", "is_held", "parts_of", "release"]

HOLDS_MAX: Final = 10
_HANDLE_CHARS_MAX = 64
_PARTS_MAX = 1000
_SCOPE = "write_merchant_managed_fulfillment_orders"


@dataclass(slots=True)
class Part:
    """One fulfilment order."""

    id: int
    order: Order
    lines: list[Line]

    @property
    def open(self) -> bool:
        """Whether anything of it is still to be sent."""
        return any(line.fulfillable for line in self.lines)


def parts_of(shop: Shop, order: Order) -> list[Part]:
    """Return the fulfilment orders; none until they were made, a while after the order."""
    if shop.now() < order.created_at + timedelta(seconds=shop.settings.parts_delay_s):
        return []
    places: dict[int | None, list[Line]] = {}
    for line in order.lines:
        if not line.tip:
            places.setdefault(line.location_id, []).append(line)
    return [Part(order.id * _PARTS_MAX + n, order, held) for n, held in enumerate(places.values())]


def is_held(shop: Shop, order: Order, line: Line) -> bool:
    """Tell whether a line must not be sent."""
    return any(shop.holds.get(p.id) and line in p.lines for p in parts_of(shop, order))


def hold(ask: Ask, part_id: str, given: dict[str, Any]) -> Pick:
    """Put a hold on; a handle stands once at a fulfilment order."""
    allow(ask, "fulfillmentOrderHold", _SCOPE)
    name, shop = "FulfillmentOrderHold", ask.shop
    part = _find(shop, part_id)
    if part is None or not part.open:
        return _wrong(name, "FULFILLMENT_ORDER_NOT_FOUND", "Fulfillment order could not be found.")
    handle, holds = given.get("handle") or "", shop.holds.setdefault(part.id, [])
    if len(handle) > _HANDLE_CHARS_MAX:
        return _wrong(name, None, "Handle is too long.")
    if any(each.handle == handle and each.ours for each in holds):
        text = "The handle provided for the fulfillment hold is already in use by this app."
        return _wrong(name, "DUPLICATE_FULFILLMENT_HOLD_HANDLE", text)
    if len(holds) >= HOLDS_MAX:
        text = f"An app can only have up to {HOLDS_MAX} holds on a fulfillment order."
        return _wrong(name, "FULFILLMENT_ORDER_HOLD_LIMIT_REACHED", text)
    made = Hold(shop.new_id(), handle, given["reason"], given.get("reasonNotes"))
    holds.append(made)
    return Pick(
        f"{name}Payload", fulfillment_hold=_shown(made), fulfillment_order=PartView(ask, part),
        user_errors=[],
    )  # fmt: skip


def release(ask: Ask, part_id: str, hold_ids: list[str] | None) -> Pick:
    """Take holds away, all of them where none is named; what does not stand is passed over."""
    allow(ask, "fulfillmentOrderReleaseHold", _SCOPE)
    name, shop = "FulfillmentOrderReleaseHold", ask.shop
    part = _find(shop, part_id)
    if part is None:
        return _wrong(name, "FULFILLMENT_ORDER_NOT_FOUND", "Fulfillment order wasn't found.")
    named = None if hold_ids is None else {number_of(each, "FulfillmentHold") for each in hold_ids}
    holds = shop.holds.get(part.id, [])
    shop.holds[part.id] = [h for h in holds if named is not None and h.id not in named]
    return Pick(f"{name}Payload", fulfillment_order=PartView(ask, part), user_errors=[])


class PartView(View[Part]):
    """A fulfilment order as the API shows it."""

    typename = "FulfillmentOrder"

    @property
    def order_id(self) -> str:
        """The order's global id."""
        return gid("Order", self.it.order.id)

    @property
    def order_name(self) -> str:
        """The order's number."""
        return self.it.order.name

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return self.it.order.created_at

    @property
    def updated_at(self) -> datetime:
        """When it last changed."""
        return self.it.order.updated_at

    @property
    def status(self) -> str:
        """The vendor's word for how far it is."""
        if not self.it.open:
            return "CANCELLED" if self.it.order.cancelled_at else "CLOSED"
        return "ON_HOLD" if self._holds else "OPEN"

    @property
    def supported_actions(self) -> list[Pick]:
        """What may be done with it now."""
        held = ["RELEASE_HOLD", "HOLD"] if self._holds else ["CREATE_FULFILLMENT", "HOLD"]
        words = held if self.it.open else []
        return [Pick("FulfillmentOrderSupportedAction", action=word) for word in words]

    @property
    def fulfillment_holds(self) -> list[Pick]:
        """What keeps it from being sent."""
        return [_shown(each) for each in self._holds]

    @property
    def _holds(self) -> list[Hold]:
        return self.shop.holds.get(self.it.id, [])


def _shown(held: Hold) -> Pick:
    return Pick(
        "FulfillmentHold", id=gid("FulfillmentHold", held.id), handle=held.handle,
        held_by_requesting_app=held.ours, reason=held.reason, reason_notes=held.note,
    )  # fmt: skip


def _find(shop: Shop, part_id: str) -> Part | None:
    number = number_of(part_id, "FulfillmentOrder") or 0
    order = shop.orders.get(number // _PARTS_MAX)
    parts = [] if order is None else parts_of(shop, order)
    return next((part for part in parts if part.id == number), None)


def _wrong(name: str, code: str | None, message: str) -> Pick:
    error = Pick(f"{name}UserError", field=["id"], code=code, message=message)
    return Pick(
        f"{name}Payload", fulfillment_hold=None, fulfillment_order=None, user_errors=[error]
    )
