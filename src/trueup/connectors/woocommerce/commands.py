"""Commands to requests, replies to receipts: what an order or a coupon shall be.

WooCommerce keeps no keys. So each begins with a look, and writes only what does not stand there:
begun anew after whatever broke, it ends in the same.
"""

from collections.abc import Sequence

from trueup.canon.command import (
    CancelOrder,
    CreateDiscount,
    HoldOrder,
    PublishListing,
    ReleaseOrder,
    TagOrder,
)
from trueup.connectors.woocommerce import change, coupon, publish
from trueup.contract.connector import Command, Receipt, Reply, Request
from trueup.errors import Refused


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the look that a carrying out begins with.

    Raises:
        Refused: WooCommerce can not be told so; says why.
    """
    match command.content:
        case CreateDiscount() as content:
            return coupon.request(command, content)
        case PublishListing() as content:
            return publish.request(content)
        case HoldOrder() | ReleaseOrder() | TagOrder() | CancelOrder() as content:
            return change.request(content)
    raise _unknown(command)


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - as above
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    match command.content:
        case CreateDiscount() as content:
            return coupon.following(content, command.ref, replies)
        case PublishListing() as content:
            return publish.following(content, replies[0]) if len(replies) == 1 else None
        case HoldOrder() | ReleaseOrder() | TagOrder() | CancelOrder() as content:
            is_look = len(replies) == 1
            return change.following(content, command.ref, replies[0]) if is_look else None
    raise _unknown(command)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply is not what was asked for.
    """
    match command.content:
        case CreateDiscount() as content:
            return coupon.receipt(content, command.ref, reply)
        case PublishListing() as content:
            return publish.receipt(content, reply)
        case HoldOrder() | ReleaseOrder() | TagOrder() | CancelOrder() as content:
            return change.receipt(content, command.ref, reply)
    raise _unknown(command)


def _unknown(command: Command) -> Refused:
    return Refused(f"WooCommerce can not do {command.kind}.", kind=command.kind)
