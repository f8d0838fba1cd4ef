"""Refunds: commands to requests, replies to receipts.

Two things keep a refund from being made twice. The call carries a key made of our own name of the
command, the same in every repeat, which Stripe keeps for at least a day. And our name stands in the
refund's metadata, so that it is found among the charge's refunds for ever after.
"""

import re

import msgspec

from trueup.canon.command import RefundPayment
from trueup.connectors.stripe.amount import minor_of
from trueup.connectors.stripe.call import Fault, below, fault_of, get, needed, post
from trueup.connectors.stripe.shape import Id
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import ContractBroken, Refused

_PATH = "/v1/refunds"
_PAGE = 100
_OUR_NAME = "trueup_ref"
_REASONS = frozenset(("duplicate", "fraudulent", "requested_by_customer"))
_TEXT_CHARS_MAX = 500
_REF = re.compile(r"(ch|py|pi)_[A-Za-z0-9_]{1,250}")
_MADE = {
    "succeeded": ReceiptState.DONE,
    "pending": ReceiptState.SUBMITTED,
    "requires_action": ReceiptState.SUBMITTED,
    "failed": ReceiptState.REFUSED,
    "canceled": ReceiptState.REFUSED,
}
_MEANING = {
    "charge_already_refunded": "the payment was refunded in full already",
    "charge_disputed": "the customer's bank has the payment in dispute; a refund would pay twice",
    "amount_too_large": "more than what is left of the payment",
    "amount_too_small": "less than Stripe moves",
    "resource_missing": "there is no such payment in this account",
    "charge_not_refundable": "this payment can not be refunded",
    "balance_insufficient": "the balance at Stripe does not cover it",
    "insufficient_funds": "the balance at Stripe does not cover it",
    "invalid_charge_amount_no_decimal_compatible": "only whole units of this currency",
}
_LOCKED_S = 5.0


class _Made(msgspec.Struct, gc=False):
    id: Id
    status: str | None = None
    metadata: dict[str, str] | None = None
    failure_reason: str | None = None


class _Listed(msgspec.Struct, gc=False):
    data: list[_Made]
    has_more: bool = False


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - our name is the key
    """Return the call that refunds.

    Raises:
        Refused: the payment is none of Stripe's, or the amount can not be moved.
    """
    content = _content(command)
    if content.amount.amount <= 0:
        raise Refused("A refund is above zero.", command=command.ref)
    pairs = [_payment(content), ("amount", str(minor_of(content.amount)))]
    if content.reason in _REASONS:
        pairs.append(("reason", content.reason))
    elif content.reason:
        pairs.append(("metadata[reason]", content.reason[:_TEXT_CHARS_MAX]))
    if content.order_ref:
        pairs.append(("metadata[order_id]", content.order_ref[:_TEXT_CHARS_MAX]))
    pairs.append((f"metadata[{_OUR_NAME}]", command.ref))
    return post(_PATH, pairs, key=f"trueup-refund-{command.ref}"[:255])


def command_receipt(command: Command, reply: Reply) -> Receipt:  # noqa: ARG001 - the reply says it all
    """Return what came of it; a refund that Stripe has yet to make is submitted."""
    fault = fault_of(reply)
    if fault is not None:
        return _refused(fault, reply)
    try:
        return _receipt(needed(reply, _Made))
    except (Refused, ContractBroken):
        return Receipt(state=ReceiptState.UNKNOWN, message="Stripe's reply can not be read")


def find_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - found by our name
    """Return the call that looks for the refund among those of the payment."""
    return get(_PATH, [_payment(_content(command)), ("limit", str(_PAGE))])


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as above
    """Return what is known of it; LATER where it surely was not made.

    A first call that Stripe is still working on is in no list yet: the repeat carries the same key,
    and Stripe answers it with the first one's result, or with a conflict while it works.
    """
    fault = fault_of(reply)
    if fault is not None and fault.code == "resource_missing":
        return _refused(fault, reply)
    try:
        listed = needed(reply, _Listed)
    except (Refused, ContractBroken):
        return Receipt(state=ReceiptState.UNKNOWN, message="Stripe does not list the refunds")
    for made in listed.data:
        if (made.metadata or {}).get(_OUR_NAME) == command.ref:
            return _receipt(made)
    if listed.has_more:
        return Receipt(state=ReceiptState.UNKNOWN, message="more refunds than one page holds")
    return Receipt(state=ReceiptState.LATER, message="no such refund was made")


def confirm_request(command: Command, vendor_ref: str) -> Request:  # noqa: ARG001 - asked by its id
    """Return the call that asks what became of a refund."""
    return get(below(_PATH, vendor_ref))


def confirmed(command: Command, reply: Reply) -> Receipt:
    """Return DONE, REFUSED, or SUBMITTED while Stripe is still at it."""
    return command_receipt(command, reply)


def _content(command: Command) -> RefundPayment:
    if not isinstance(command.content, RefundPayment):
        raise Refused("Stripe carries out refunds only.", command=command.ref)
    return command.content


def _payment(content: RefundPayment) -> tuple[str, str]:
    if not _REF.fullmatch(content.payment_ref):
        raise Refused("The payment is none of Stripe's: its id begins with ch_, py_ or pi_.")
    name = "payment_intent" if content.payment_ref.startswith("pi_") else "charge"
    return name, content.payment_ref


def _receipt(made: _Made) -> Receipt:
    # Versions before 2014 tell no status: such a refund had succeeded.
    state = _MADE.get(made.status or "succeeded", ReceiptState.SUBMITTED)
    code = made.failure_reason or made.status if state is ReceiptState.REFUSED else None
    return Receipt(state=state, vendor_ref=made.id, code=code)


def _refused(fault: Fault, reply: Reply) -> Receipt:
    """Say what a refusal means for the refund: most are final, a conflict says nothing."""
    if reply.status == 409 or fault.type == "idempotency_error":
        # In use: the first call is still at work. Used with another body: the first one may have
        # been done, so nobody may say that it was not.
        return Receipt(
            state=ReceiptState.UNKNOWN, code=fault.word, after_s=_LOCKED_S, message=_told(fault)
        )
    word = fault.word
    if fault.code is None and fault.param == "amount":
        word = "amount_too_large"  # Stripe has no word for it, only a sentence
    return Receipt(
        state=ReceiptState.REFUSED, code=word, message=_MEANING.get(word, "Stripe refused it")
    )


def _told(fault: Fault) -> str:
    if fault.code == "idempotency_key_in_use":
        return "Stripe is still at work on the first call"
    return "Stripe knows the key from another call; look there before trying again"
