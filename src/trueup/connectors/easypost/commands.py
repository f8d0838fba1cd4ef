"""Commands to requests, replies to receipts: each kind in a file of its own.

EasyPost keeps no keys. So each begins with a look, and is begun anew after whatever broke.
"""

from collections.abc import Sequence

from trueup.canon.postage import BuyLabel, VoidLabel
from trueup.connectors.easypost import label, void
from trueup.contract.connector import Command, Receipt, Reply, Request
from trueup.errors import Refused


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the look that a carrying out begins with.

    Raises:
        Refused: EasyPost can not be told so; says why.
    """
    match command.content:
        case BuyLabel() as content:
            return label.request(command, content)
        case VoidLabel() as content:
            return void.request(content)
    raise _unknown(command)


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - as above
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    match command.content:
        case BuyLabel() as content:
            return label.following(command, content, replies)
        case VoidLabel():
            return void.following(replies)
    raise _unknown(command)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply is not what was asked for.
    """
    match command.content:
        case BuyLabel() as content:
            return label.receipt(command, content, reply)
        case VoidLabel() as content:
            return void.receipt(content, reply)
    raise _unknown(command)


def _unknown(command: Command) -> Refused:
    return Refused(f"EasyPost can not do {command.kind}.", kind=command.kind)
