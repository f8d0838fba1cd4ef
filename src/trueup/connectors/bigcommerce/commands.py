"""Commands to requests, replies to receipts: what an order of the store shall be.

BigCommerce keeps no keys. So each begins with a look, and writes only what does not stand there:
begun anew after whatever broke, it ends in the same.
"""

from collections.abc import Sequence

from trueup.canon.command import CancelOrder, HoldOrder, ReleaseOrder, TagOrder
from trueup.connectors.bigcommerce import change
from trueup.contract.connector import Command, Receipt, Reply, Request
from trueup.errors import Refused


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the look that a carrying out begins with.

    Raises:
        Refused: BigCommerce can not be told so; says why.
    """
    return change.request(_changed(command))


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - as above
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    return change.following(_changed(command), command.ref, replies)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply is not what was asked for.
    """
    return change.receipt(_changed(command), command.ref, reply)


def _changed(command: Command) -> change.Content:
    content = command.content
    if not isinstance(content, HoldOrder | ReleaseOrder | TagOrder | CancelOrder):
        raise Refused(f"BigCommerce can not do {command.kind}.", kind=command.kind)
    return content
