"""A bought label is put on a return: looked at first, and put where its number does not stand.

A return has one way back for each place that its units were sent from. One label is for one parcel
with all of them, so its number shall stand on each way back that is open.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.canon.link import LinkSpace, normal_value
from trueup.canon.postage import AttachLabel
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.node import Connection, Node
from trueup.connectors.shopify.refs import gid, numbered, ref_of
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request

_FIELD: Final = "reverseDeliveryCreateWithShipping"
_OPEN: Final = "OPEN"


class _Tracking(Node, frozen=True, kw_only=True):
    number: str | None = None


class _Shipped(Node, frozen=True, kw_only=True):
    tracking: _Tracking | None = None


class _Delivery(Node, frozen=True, kw_only=True):
    id: str
    deliverable: _Shipped | None = None


class _Way(Node, frozen=True, kw_only=True):
    """One way back."""

    id: str
    status: str
    reverse_deliveries: Connection[_Delivery]

    def holds(self, number: str) -> str | None:
        """Return the id of the delivery with this tracking number; None where there is none."""
        for each in self.reverse_deliveries.all():
            tracking = each.deliverable.tracking if each.deliverable else None
            if tracking and normal_value(LinkSpace.TRACKING, tracking.number or "") == number:
                return each.id
        return None


class _Return(Node, frozen=True, kw_only=True):
    id: str
    status: str | None = None
    reverse_fulfillment_orders: Connection[_Way]


class _Made(msgspec.Struct, gc=False, rename="camel"):
    reverse_delivery: _Delivery | None = None
    user_errors: list[UserError] = []


def request(content: AttachLabel) -> Request:
    """Return the look at the return that a carrying out begins with.

    Raises:
        Refused: the return's id is not one of Shopify's.
    """
    ref = gid("Return", numbered(content.return_ref, "return"))
    return call("return_label_look", {"id": ref}, cost=60)


def following(content: AttachLabel, ref: str, replies: Sequence[Reply]) -> Request | None:  # noqa: ARG001 - found by the label's own number
    """Return the call for the next way back without the label; None: no more.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    found = answer(replies[0], "return", _Return)
    if found is None or any(needed(each, _FIELD, _Made).user_errors for each in replies[1:]):
        return None
    if _why_not(found) is not None:
        return None
    due = [way for way in _open(found) if way.holds(_number(content)) is None]
    rest = due[len(replies) - 1 :]
    return _attach(content, rest[0]) if rest else None


def receipt(content: AttachLabel, ref: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as above
    """Return what came of it, from the last reply: the look itself where nothing was due.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if "return" in root_fields(reply):
        return _seen(content, answer(reply, "return", _Return))
    made = needed(reply, _FIELD, _Made)
    if made.user_errors:
        return refusal(made.user_errors)
    if made.reverse_delivery is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_delivery")
    return Receipt(state=ReceiptState.DONE, vendor_ref=ref_of(made.reverse_delivery.id))


def _seen(content: AttachLabel, found: _Return | None) -> Receipt:
    if found is None:
        return refused("not_found", "The shop has no such return.")
    ways = found.reverse_fulfillment_orders.all()
    held = next(filter(None, (way.holds(_number(content)) for way in ways)), None)
    if held is not None:
        return Receipt(state=ReceiptState.DONE, vendor_ref=ref_of(held))
    code, why = _why_not(found) or ("nothing_open", "All of the return has come back already.")
    return refused(code, why)


def _why_not(found: _Return) -> tuple[str, str] | None:
    """Return why nothing is put on a return; None where it may be."""
    ways = found.reverse_fulfillment_orders
    if found.status != _OPEN:
        return "not_open", f"The return is {(found.status or 'unknown').lower()}, and not open."
    if ways.is_cut or any(way.reverse_deliveries.is_cut for way in ways.all()):
        return "too_many", "The return has more ways back than can be looked at."
    return None


def _open(found: _Return) -> list[_Way]:
    return [way for way in found.reverse_fulfillment_orders.all() if way.status == _OPEN]


def _attach(content: AttachLabel, way: _Way) -> Request:
    tracking = {"number": content.tracking_number}
    if content.tracking_url is not None:
        tracking["url"] = content.tracking_url
    variables = {
        "id": way.id,
        "tracking": tracking,
        "label": {"fileUrl": content.label_url} if content.label_url else None,
        "notify": content.notify,
    }
    return call("return_label", variables, cost=10, writes=True)


def _number(content: AttachLabel) -> str:
    return normal_value(LinkSpace.TRACKING, content.tracking_number)
