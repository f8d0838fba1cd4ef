"""Orders that are held, released, tagged or cancelled: looked at, written where they differ. Pure.

A status and what we keep beside it are written by calls of their own. They are in an order in which
whatever breaks between them is found by the next look: what is kept first, where it says what the
status was; the status first, where it is given back.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.canon.command import CancelOrder, HoldOrder, ReleaseOrder, TagOrder
from trueup.connectors.bigcommerce.standing import (
    Standing,
    Told,
    keep_request,
    order_request,
    read_told,
    standing_request,
    status_request,
)
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

Content = HoldOrder | ReleaseOrder | TagOrder | CancelOrder

_CANCELLED: Final = 5
_HELD: Final = 12
"""BigCommerce's "Manual Verification Required": nothing is sent until somebody looked."""

_OPEN: Final = frozenset((1, 7, 8, 9, 11))
"""Pending, awaiting payment, pickup, shipment or fulfilment: nothing has left."""

_PAID_FOR: Final = frozenset((8, 9, 11))
_PAID: Final = frozenset(("captured", "capture pending", "paid", "partially refunded"))

Step = Standing | int
"""What is kept, or the status that the order is given."""


def request(content: Content) -> Request:
    """Return the look that a carrying out begins with.

    Raises:
        Refused: BigCommerce can not do it so; says how it can.
    """
    if not content.order_ref.isascii() or not content.order_ref.isdecimal():
        raise Refused("The order's id is none of BigCommerce's: digits.")
    if isinstance(content, CancelOrder) and not content.restock:
        raise Refused("Whether a cancelled order's units go back is a setting of the store.")
    if isinstance(content, TagOrder):
        return standing_request(content.order_ref)
    return order_request(content.order_ref)


def following(content: Content, ref: str, replies: Sequence[Reply]) -> Request | None:
    """Return the next call after these replies; None where nothing is to be set.

    Raises:
        ContractBroken: a reply is not what was asked for.
    """
    told = [read_told(each) for each in replies]
    order = None if isinstance(content, TagOrder) else told.pop(0)
    if order is not None and _why_not(content, order) is not None:
        return None
    if not told:
        return standing_request(content.order_ref)
    kept, written = told[0], told[1:]
    plan = _plan(content, ref, order, kept.standing)
    if len(written) == len(plan) or not all(map(_took, plan, written)):
        return None
    step = plan[len(written)]
    if isinstance(step, Standing):
        return keep_request(content.order_ref, kept, step)
    return status_request(content.order_ref, step)


def receipt(content: Content, ref: str, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply is not what was asked for.
    """
    told = read_told(reply)
    if told.status_id is not None:
        return _of_status(content, told)
    return _of_standing(content, ref, told)


def _plan(content: Content, ref: str, order: Told | None, kept: Standing) -> list[Step]:
    """Return what is to be written, in its order; nothing where all of it stands."""
    status = order.status_id if order is not None else None
    match content:
        case HoldOrder():
            steps: list[Step] = [_held(content.name, status, kept), _HELD]
        case ReleaseOrder():
            steps = _released(content.name, status, kept)
        case TagOrder():
            tags = dict.fromkeys((*kept.tags, *content.added))
            left = tuple(tag for tag in tags if tag not in content.removed)
            steps = [msgspec.structs.replace(kept, tags=left)]
        case CancelOrder():
            by_us = msgspec.structs.replace(kept, cancelled_by=ref)
            steps = [] if status == _CANCELLED else [by_us, _CANCELLED]
    return [step for step in steps if step not in (kept, status)]


def _held(name: str, status: int | None, kept: Standing) -> Standing:
    if status != _HELD:
        # Names of a hold that somebody ended by hand count no more.
        return msgspec.structs.replace(kept, holds=(name,), held_from=status)
    return msgspec.structs.replace(kept, holds=tuple(dict.fromkeys((*kept.holds, name))))


def _released(name: str, status: int | None, kept: Standing) -> list[Step]:
    """Give the order its status back, where ours was the last hold and we put it on hold."""
    left = tuple(each for each in kept.holds if each != name)
    if left == kept.holds:
        return []
    if left or status != _HELD or kept.held_from not in _OPEN:
        before = kept.held_from if left else None
        return [msgspec.structs.replace(kept, holds=left, held_from=before)]
    return [kept.held_from, msgspec.structs.replace(kept, holds=(), held_from=None)]


def _took(step: Step, told: Told) -> bool:
    """Whether what was written stands."""
    return step == (told.standing if isinstance(step, Standing) else told.status_id)


def _why_not(content: Content, order: Told) -> Receipt | None:
    """Return why an order can not be changed so; None where it can, or is so already."""
    status = order.status_id
    if isinstance(content, HoldOrder) and status not in _OPEN and status != _HELD:
        return _refused("nothing_to_hold", f"The order has the status {status}.")
    if not isinstance(content, CancelOrder) or status == _CANCELLED:
        return None
    if status not in _OPEN and status != _HELD:
        return _refused("invalid", f"An order of the status {status} can not be cancelled.")
    paid = (order.payment_status or "").casefold()
    if content.refund and (paid in _PAID or (not paid and status in _PAID_FOR)):
        return _refused(
            "refund_apart",
            "BigCommerce pays nothing back when an order is cancelled. Order the refund at the "
            "vendor of the payment, and the cancellation without it.",
        )
    return None


def _of_status(content: Content, order: Told) -> Receipt:
    wanted = {HoldOrder: _HELD, CancelOrder: _CANCELLED}.get(type(content))
    if order.status_id == wanted:
        return _done(content)
    return _why_not(content, order) or _UNKNOWN


def _of_standing(content: Content, ref: str, told: Told) -> Receipt:
    kept = told.standing
    match content:
        case HoldOrder():
            stands = content.name in kept.holds
        case ReleaseOrder():
            stands = content.name not in kept.holds
        case TagOrder():
            tags = set(kept.tags)
            stands = tags.issuperset(content.added) and tags.isdisjoint(content.removed)
        case CancelOrder():
            stands = told.is_list and kept.cancelled_by == ref
            if told.is_list and not stands:
                return _refused("cancelled_by_others", "Somebody else cancelled the order.")
    return _done(content) if stands else _UNKNOWN


# Another program of the store may have undone it: nobody can say, and it is looked at again.
_UNKNOWN: Final = Receipt(state=ReceiptState.UNKNOWN, code="not_as_written")


def _done(content: Content) -> Receipt:
    return Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)


def _refused(code: str, message: str) -> Receipt:
    return Receipt(state=ReceiptState.REFUSED, code=code, message=message)
