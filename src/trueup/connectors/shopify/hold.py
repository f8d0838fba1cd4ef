"""Holds of an order: on each of its fulfilment orders, under a handle that is ours.

An order has one fulfilment order for each place that it is sent from, so a carrying out looks first
which there are, and then holds or releases those where our hold does not stand as it shall, each by
a call of its own. The same again changes nothing: Shopify takes a handle once for a fulfilment
order, and only holds that we named are released.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.canon.command import HoldOrder, ReleaseOrder
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.refs import gid, numbered
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request

PARTS_MAX: Final = 8
"""Fulfilment orders of one order that are held: each takes a call. Shops have few places."""

_NOTE_CHARS_MAX = 255
_NONE_YET_S = 60.0
_REASONS = {
    "payment": "AWAITING_PAYMENT",
    "fraud": "HIGH_RISK_OF_FRAUD",
    "address": "INCORRECT_ADDRESS",
    "stock": "INVENTORY_OUT_OF_STOCK",
    "other": "OTHER",
}
_STANDS_ALREADY = "DUPLICATE_FULFILLMENT_HOLD_HANDLE"
_HOLD = "fulfillmentOrderHold"
_RELEASE = "fulfillmentOrderReleaseHold"
Content = HoldOrder | ReleaseOrder


class _Held(msgspec.Struct, gc=False, rename="camel"):
    id: str
    handle: str | None = None
    held_by_requesting_app: bool = False


class _Offered(msgspec.Struct, gc=False):
    action: str


class _Part(msgspec.Struct, gc=False, rename="camel"):
    """One fulfilment order."""

    id: str
    status: str
    supported_actions: list[_Offered] = []
    fulfillment_holds: list[_Held] = []

    @property
    def can_be_held(self) -> bool:
        """Tell whether one more hold may be put on it."""
        return self.status == "ON_HOLD" or any(o.action == "HOLD" for o in self.supported_actions)

    def ours(self, handle: str) -> list[str]:
        """Return the ids of our holds of this name."""
        holds = self.fulfillment_holds
        return [each.id for each in holds if each.held_by_requesting_app and each.handle == handle]


class _PageInfo(msgspec.Struct, gc=False, rename="camel"):
    has_next_page: bool = False


class _Parts(msgspec.Struct, gc=False, rename="camel"):
    nodes: list[_Part]
    page_info: _PageInfo


class _Order(msgspec.Struct, gc=False, rename="camel"):
    id: str
    fulfillment_orders: _Parts


class _Changed(msgspec.Struct, gc=False, rename="camel"):
    user_errors: list[UserError] = []


def request(content: Content) -> Request:
    """Return the look at the order's fulfilment orders that a carrying out begins with.

    Raises:
        Refused: the order's id is not one of Shopify's.
    """
    ref = numbered(content.order_ref, "order")
    return call("order_holds", {"id": gid("Order", ref), "first": PARTS_MAX}, cost=20)


def following(
    content: Content,
    ref: str,  # noqa: ARG001 - as others
    replies: Sequence[Reply],
) -> Request | None:
    """Return the call for the next fulfilment order that is not as it shall be; None: no more.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    order = answer(replies[0], "order", _Order)
    if order is None or any(_errors(reply) for reply in replies[1:]):
        return None
    due = _due(content, order)[len(replies) - 1 :]
    return _change(content, due[0]) if due else None


def receipt(content: Content, ref: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as others
    """Return what came of it, from the last reply: the look itself where nothing was due.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if "order" in root_fields(reply):
        return _seen(content, answer(reply, "order", _Order))
    if errors := _errors(reply):
        return refusal(errors)
    return Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)


def _seen(content: Content, order: _Order | None) -> Receipt:
    """Say what the look means where nothing was to be changed."""
    if order is None:
        return refused("not_found", "The shop has no such order.")
    parts = order.fulfillment_orders
    if parts.page_info.has_next_page:
        return refused("too_many_parts", f"The order is sent in more than {PARTS_MAX} parts.")
    done = Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)
    if isinstance(content, ReleaseOrder) or any(part.ours(content.name) for part in parts.nodes):
        return done
    if not parts.nodes:
        # They are made a while after the order.
        return Receipt(state=ReceiptState.LATER, code="no_fulfillment_orders", after_s=_NONE_YET_S)
    return refused("nothing_to_hold", "Nothing of the order is left that could be held.")


def _due(content: Content, order: _Order) -> list[_Part]:
    parts = order.fulfillment_orders
    if parts.page_info.has_next_page:
        return []
    if isinstance(content, HoldOrder):
        return [p for p in parts.nodes if p.can_be_held and not p.ours(content.name)]
    return [part for part in parts.nodes if part.ours(content.name)]


def _change(content: Content, part: _Part) -> Request:
    if isinstance(content, ReleaseOrder):
        variables = {"id": part.id, "holds": part.ours(content.name)}
        return call("order_release", variables, cost=10, writes=True)
    hold = {
        "reason": _REASONS[content.reason],
        "reasonNotes": (content.note or "")[:_NOTE_CHARS_MAX],
        "handle": content.name,
    }
    return call("order_hold", {"id": part.id, "hold": hold}, cost=10, writes=True)


def _errors(reply: Reply) -> list[UserError]:
    """Return why a hold was not put on or released; none where it was, or stood already.

    Raises:
        ContractBroken: the reply is to none of the two, or can not be read.
    """
    field = _RELEASE if _RELEASE in root_fields(reply) else _HOLD
    errors = needed(reply, field, _Changed).user_errors
    return [error for error in errors if error.code != _STANDS_ALREADY]
