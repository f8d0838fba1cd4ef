"""An order is cancelled: asked for once it was looked at, and done by a job of Shopify's.

Our name stands in the note for the team, so that our cancellation is told from somebody else's. An
order is cancelled once, so the same again is refused by Shopify and pays nothing back twice.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trueup.canon.command import CancelOrder
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.mark import mark_of
from trueup.connectors.shopify.refs import gid, numbered, ref_of
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request

_NOTE_CHARS_MAX = 255
_REASONS = {
    "customer": "CUSTOMER",
    "fraud": "FRAUD",
    "stock": "INVENTORY",
    "payment": "DECLINED",
    "staff": "STAFF",
    "other": "OTHER",
}
_IMPOSSIBLE = "INVALID"
_FIELD = "orderCancel"


class _Cancellation(msgspec.Struct, gc=False, rename="camel"):
    staff_note: str | None = None


class _Order(msgspec.Struct, gc=False, rename="camel"):
    id: str
    cancelled_at: datetime | None = None
    cancellation: _Cancellation | None = None


class _Job(msgspec.Struct, gc=False):
    id: str
    done: bool = False


class _Taken(msgspec.Struct, gc=False, rename="camel"):
    job: _Job | None = None
    order_cancel_user_errors: list[UserError] = []


def request(content: CancelOrder) -> Request:
    """Return the look at the order that a carrying out begins with.

    Raises:
        Refused: the order's id is not one of Shopify's.
    """
    return call("order_cancellation", {"id": _gid(content)}, cost=2)


def following(content: CancelOrder, ref: str, replies: Sequence[Reply]) -> Request | None:
    """Return the call that cancels what is not cancelled yet; and a look where it may just be."""
    if len(replies) == 1:
        order = answer(replies[0], "order", _Order)
        stands = order is not None and order.cancelled_at is None
        return _cancel(content, ref) if stands else None
    codes = {error.code for error in _taken(replies[1]).order_cancel_user_errors}
    # An earlier call of ours may be at work, or may have done it since the first look.
    return request(content) if len(replies) == 2 and _IMPOSSIBLE in codes else None


def receipt(content: CancelOrder, ref: str, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply: submitted, where a job is at it.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if "order" in root_fields(reply):
        known = _known(content, ref, answer(reply, "order", _Order))
        return known or refused(
            "invalid",
            "Shopify can not cancel the order: something of it was sent, a return or a payment's "
            "authorisation is open, or it is being cancelled already.",
        )
    taken = _taken(reply)
    if taken.order_cancel_user_errors:
        return refusal(taken.order_cancel_user_errors)
    if taken.job is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_job")
    return Receipt(state=ReceiptState.SUBMITTED, vendor_ref=ref_of(taken.job.id))


def asking(content: CancelOrder, job_ref: str) -> Request:
    """Return the call that asks how far the job is, and how the order stands."""
    return call("order_cancelled", {"id": _gid(content), "job": gid("Job", job_ref)}, cost=4)


def asked(content: CancelOrder, ref: str, reply: Reply) -> Receipt:
    """Return what became of the order; submitted while the job is at it.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    known = _known(content, ref, answer(reply, "order", _Order))
    if known is not None:
        return known
    job = answer(reply, "job", _Job)
    if job is not None and not job.done:
        return Receipt(state=ReceiptState.SUBMITTED, vendor_ref=ref_of(job.id))
    return refused("not_cancelled", "Shopify ended its work on it, and the order is not cancelled.")


def _known(content: CancelOrder, ref: str, order: _Order | None) -> Receipt | None:
    """Return what the order itself says; None where it is not cancelled."""
    if order is None:
        return refused("not_found", "The shop has no such order.")
    if order.cancelled_at is None:
        return None
    note = order.cancellation.staff_note if order.cancellation else None
    if mark_of(ref) in (note or ""):
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)
    return refused(
        "cancelled_by_others",
        "Somebody else cancelled the order. Look whether units and money went back.",
    )


def _cancel(content: CancelOrder, ref: str) -> Request:
    mark = f"[{mark_of(ref)}]"
    note = (content.note or "")[: _NOTE_CHARS_MAX - len(mark) - 1]
    variables = {
        "id": _gid(content),
        "reason": _REASONS[content.reason],
        "restock": content.restock,
        "refund": {"originalPaymentMethodsRefund": content.refund},
        "notify": content.notify,
        "note": f"{note} {mark}".strip(),
    }
    return call("order_cancel", variables, cost=10, writes=True)


def _gid(content: CancelOrder) -> str:
    return gid("Order", numbered(content.order_ref, "order"))


def _taken(reply: Reply) -> _Taken:
    return needed(reply, _FIELD, _Taken)
