"""Returns are opened, agreed to and declined: looked at first, and only what is not so is changed.

A return that we open carries our name of the command in the note of each of its lines, so that it
is found again; the shop itself keeps count of the units that may still come back.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.canon.return_command import ApproveReturn, DeclineReturn, OpenReturn, WantedBack
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.mark import mark_of
from trueup.connectors.shopify.node import Connection, Node
from trueup.connectors.shopify.refs import gid, numbered, ref_of
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request

NOTE_CHARS_MAX: Final = 255
_REASONS = {
    "too_small": "SIZE_TOO_SMALL",
    "too_large": "SIZE_TOO_LARGE",
    "unwanted": "UNWANTED",
    "not_as_described": "NOT_AS_DESCRIBED",
    "wrong_item": "WRONG_ITEM",
    "defective": "DEFECTIVE",
    "style": "STYLE",
    "color": "COLOR",
    "other": "OTHER",
    "unknown": "UNKNOWN",
}
_DECLINES = {"late": "RETURN_PERIOD_ENDED", "final_sale": "FINAL_SALE", "other": "OTHER"}
_CREATE, _APPROVE, _DECLINE = "returnCreate", "returnApproveRequest", "returnDeclineRequest"
_LEFT = "returnableFulfillments"
_AGREED = frozenset(("OPEN", "CLOSED"))
Answered = ApproveReturn | DeclineReturn
Content = OpenReturn | Answered


class _Noted(Node, frozen=True, kw_only=True):
    return_reason_note: str | None = None


class _Opened(Node, frozen=True, kw_only=True):
    id: str
    return_line_items: Connection[_Noted]


class _Order(Node, frozen=True, kw_only=True):
    id: str
    returns: Connection[_Opened]


class LineNode(Node, frozen=True, kw_only=True):
    """A line of an order."""

    id: str


class SentNode(Node, frozen=True, kw_only=True):
    """Units of a line in a parcel."""

    id: str
    line_item: LineNode | None = None


class _Free(Node, frozen=True, kw_only=True):
    quantity: int
    fulfillment_line_item: SentNode


class _Parcel(Node, frozen=True, kw_only=True):
    returnable_fulfillment_line_items: Connection[_Free]


class _Return(Node, frozen=True, kw_only=True):
    id: str
    status: str | None = None


class Changed(msgspec.Struct, gc=False, rename="camel"):
    """What a mutation of a return answers."""

    made: _Return | None = msgspec.field(name="return", default=None)
    user_errors: list[UserError] = []


def request(content: Content) -> Request:
    """Return the look that a carrying out begins with.

    Raises:
        Refused: an id is not one of Shopify's.
    """
    if isinstance(content, OpenReturn):
        order = gid("Order", numbered(content.order_ref, "order"))
        return call("return_open_look", {"id": order}, cost=120)
    return call("return_state", {"id": return_gid(content.return_ref)}, cost=1)


def following(content: Content, ref: str, replies: Sequence[Reply]) -> Request | None:
    """Return the call that makes it so where the look says that it is not; None where it is.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if len(replies) > 1:
        return None
    if isinstance(content, OpenReturn):
        return _opening(content, ref, replies[0])
    found = answer(replies[0], "return", _Return)
    return _answering(content) if found is not None and found.status == "REQUESTED" else None


def receipt(content: Content, ref: str, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply: the look itself where nothing was due.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    fields = root_fields(reply)
    changed = next((each for each in (_CREATE, _APPROVE, _DECLINE) if each in fields), None)
    if changed is not None:
        return _changed(reply, changed)
    if isinstance(content, OpenReturn):
        return _seen_order(ref, reply)
    return _seen_return(content, answer(reply, "return", _Return))


def return_gid(return_ref: str) -> str:
    """Return the global id of a return.

    Raises:
        Refused: the id is not one of Shopify's.
    """
    return gid("Return", numbered(return_ref, "return"))


def _changed(reply: Reply, field: str) -> Receipt:
    changed = needed(reply, field, Changed)
    if changed.user_errors:
        return refusal(changed.user_errors)
    if changed.made is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_return")
    return Receipt(state=ReceiptState.DONE, vendor_ref=ref_of(changed.made.id))


def _opening(content: OpenReturn, ref: str, look: Reply) -> Request | None:
    order = answer(look, "order", _Order)
    if order is None or order.returns.is_cut or _ours(order, ref) is not None:
        return None
    taken = _taken(content.lines, look)
    if taken is None:
        return None
    mark = f"[{mark_of(ref)}]"
    note = f"{(content.note or '')[: NOTE_CHARS_MAX - len(mark) - 1]} {mark}".strip()
    lines = [
        {
            "fulfillmentLineItemId": sent,
            "quantity": units,
            "returnReason": _REASONS[line.reason],
            "returnReasonNote": note,
        }
        for line, sent, units in taken
    ]
    made = {"orderId": order.id, "returnLineItems": lines}
    return call("return_open", {"return": made}, cost=12, writes=True)


def _taken(lines: Sequence[WantedBack], look: Reply) -> list[tuple[WantedBack, str, int]] | None:
    """Return from which parcels' lines the units come back; None where too few may.

    Raises:
        ContractBroken: the look does not have the shape that was asked for.
    """
    parcels = needed(look, _LEFT, Connection[_Parcel])
    inside = [parcel.returnable_fulfillment_line_items for parcel in parcels.all()]
    free = [each for part in inside for each in part.all()]
    found = []
    for line in lines:
        left = line.quantity
        for each in free:
            sent = each.fulfillment_line_item
            is_of = sent.line_item is not None and ref_of(sent.line_item.id) == line.line_ref
            units = min(left, each.quantity) if is_of else 0
            if units:
                found.append((line, sent.id, units))
                left -= units
        if left:
            return None
    return found


def _ours(order: _Order, ref: str) -> str | None:
    """Return the return that this command opened."""
    mark = f"[{mark_of(ref)}]"
    for each in order.returns.all():
        notes = (line.return_reason_note or "" for line in each.return_line_items.all())
        if any(mark in note for note in notes):
            return ref_of(each.id)
    return None


def _seen_order(ref: str, reply: Reply) -> Receipt:
    order = answer(reply, "order", _Order)
    if order is None:
        return refused("not_found", "The shop has no such order.")
    ours = _ours(order, ref)
    if ours is not None:
        return Receipt(state=ReceiptState.DONE, vendor_ref=ours)
    if order.returns.is_cut:
        return refused("too_many_returns", "The order has more returns than are looked at.")
    return refused("not_returnable", "Fewer of these units were sent than are to come back.")


def _answering(content: Answered) -> Request:
    return_id = return_gid(content.return_ref)
    if isinstance(content, ApproveReturn):
        variables = {"input": {"id": return_id, "notifyCustomer": False}}
        return call("return_approve", variables, cost=10, writes=True)
    declined = {
        "id": return_id,
        "declineReason": _DECLINES[content.reason],
        "declineNote": content.note,
        "notifyCustomer": content.notify,
    }
    return call("return_decline", {"input": declined}, cost=10, writes=True)


def _seen_return(content: Answered, found: _Return | None) -> Receipt:
    if found is None:
        return refused("not_found", "The shop has no such return.")
    wanted = _AGREED if isinstance(content, ApproveReturn) else frozenset(("DECLINED",))
    if found.status in wanted:
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.return_ref)
    state = (found.status or "unknown").lower()
    return refused("answered_by_others", f"Somebody else answered: the return is {state}.")
