"""Commands to requests, replies to receipts: each kind in a file of its own.

Shopify keeps no keys for these mutations. So each either sets a value, or looks first and writes
only what does not stand there: begun anew after whatever broke, it ends in the same.
"""

from collections.abc import Sequence

from trueup.canon.command import FlagListing, HoldOrder, ReleaseOrder
from trueup.connectors.shopify import flag, hold
from trueup.contract.connector import Command, Receipt, Reply, Request
from trueup.errors import Refused


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the call that carries a command out, or its first step.

    Raises:
        Refused: Shopify can not be told so; says why.
    """
    content = command.content
    if isinstance(content, FlagListing):
        return flag.request(content)
    if isinstance(content, HoldOrder | ReleaseOrder):
        return hold.request(content)
    raise _unknown(command)


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - as above
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    content = command.content
    if isinstance(content, HoldOrder | ReleaseOrder):
        return hold.following(content, replies)
    return None


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    content = command.content
    if isinstance(content, FlagListing):
        return flag.receipt(reply)
    if isinstance(content, HoldOrder | ReleaseOrder):
        return hold.receipt(content, reply)
    raise _unknown(command)


def _unknown(command: Command) -> Refused:
    return Refused(f"Shopify can not do {command.kind}.", kind=command.kind)
