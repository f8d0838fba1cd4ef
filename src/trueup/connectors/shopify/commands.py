"""Commands to requests, replies to receipts: each kind in a file of its own.

Shopify keeps no keys for these mutations. So each either sets a value, or looks first and writes
only what does not stand there: begun anew after whatever broke, it ends in the same.
"""

from collections.abc import Sequence

from trueup.canon.command import (
    CancelOrder,
    CreateDiscount,
    FlagListing,
    HoldOrder,
    PublishListing,
    ReleaseOrder,
    TagOrder,
)
from trueup.connectors.shopify import cancel, discount, flag, hold, publish, tag
from trueup.contract.connector import Command, Receipt, Reply, Request
from trueup.errors import Refused


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the call that carries a command out, or its first step.

    Raises:
        Refused: Shopify can not be told so; says why.
    """
    match command.content:
        case FlagListing() as content:
            return flag.request(content)
        case PublishListing() as content:
            return publish.request(content)
        case HoldOrder() | ReleaseOrder() as content:
            return hold.request(content)
        case TagOrder() as content:
            return tag.request(content)
        case CancelOrder() as content:
            return cancel.request(content)
        case CreateDiscount() as content:
            return discount.request(content)
    raise _unknown(command)


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - as above
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    match command.content:
        case HoldOrder() | ReleaseOrder() as content:
            return hold.following(content, replies)
        case PublishListing() as content:
            return publish.following(content, replies)
        case CancelOrder() as content:
            return cancel.following(content, command.ref, replies)
        case CreateDiscount() as content:
            return discount.following(content, command.ref, replies)
    return None


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    match command.content:
        case FlagListing():
            return flag.receipt(reply)
        case PublishListing() as content:
            return publish.receipt(content, reply)
        case HoldOrder() | ReleaseOrder() as content:
            return hold.receipt(content, reply)
        case TagOrder() as content:
            return tag.receipt(content, reply)
        case CancelOrder() as content:
            return cancel.receipt(content, command.ref, reply)
        case CreateDiscount() as content:
            return discount.receipt(content, command.ref, reply)
    raise _unknown(command)


def confirm_request(command: Command, vendor_ref: str) -> Request:
    """Return the call that asks what became of an order that a job cancels."""
    return cancel.asking(_cancelled(command), vendor_ref)


def confirmed(command: Command, reply: Reply) -> Receipt:
    """Return DONE, REFUSED, or SUBMITTED while the job is at it."""
    return cancel.asked(_cancelled(command), command.ref, reply)


def _cancelled(command: Command) -> CancelOrder:
    if not isinstance(command.content, CancelOrder):
        raise Refused("Only cancellations are asked about.", kind=command.kind)
    return command.content


def _unknown(command: Command) -> Refused:
    return Refused(f"Shopify can not do {command.kind}.", kind=command.kind)
