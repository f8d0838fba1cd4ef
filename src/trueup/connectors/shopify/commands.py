"""Commands to requests, replies to receipts: each kind in a file of its own.

Shopify keeps no keys for these mutations. So each either sets a value, or looks first and writes
only what does not stand there: begun anew after whatever broke, it ends in the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from trueup.canon.command import (
    CancelOrder,
    CommandContent,
    CreateDiscount,
    FlagListing,
    GiveCredit,
    HoldOrder,
    PublishListing,
    ReleaseOrder,
    TagOrder,
)
from trueup.canon.postage import AttachLabel
from trueup.canon.return_command import ApproveReturn, DeclineReturn, OpenReturn, RefundReturn
from trueup.connectors.shopify import (
    cancel,
    credit,
    discount,
    flag,
    hold,
    publish,
    return_change,
    return_label,
    return_refund,
    tag,
)
from trueup.contract.connector import Command, Receipt, Reply, Request
from trueup.errors import Refused


class _Kind(Protocol):
    """A file of one kind of command, or of some that are alike."""

    def request(self, content: Any) -> Request: ...  # noqa: ANN401 - its own content, and below
    def receipt(self, content: Any, ref: str, reply: Reply) -> Receipt: ...  # noqa: ANN401


class _Stepped(_Kind, Protocol):
    """One whose carrying out takes several calls."""

    def following(self, content: Any, ref: str, replies: Sequence[Reply]) -> Request | None: ...  # noqa: ANN401


_STEPPED: Final[Mapping[type[CommandContent], _Stepped]] = {
    PublishListing: publish,
    HoldOrder: hold,
    ReleaseOrder: hold,
    CancelOrder: cancel,
    CreateDiscount: discount,
    OpenReturn: return_change,
    ApproveReturn: return_change,
    DeclineReturn: return_change,
    RefundReturn: return_refund,
    AttachLabel: return_label,
}
_KINDS: Final[Mapping[type[CommandContent], _Kind]] = {
    **_STEPPED,
    FlagListing: flag,
    TagOrder: tag,
}


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the call that carries a command out, or its first step.

    Raises:
        Refused: Shopify can not be told so; says why.
    """
    if isinstance(command.content, GiveCredit):
        return credit.request(command.content)
    return _kind(command).request(command.content)


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - as above
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    if isinstance(command.content, GiveCredit):  # what was given is told by when it was ordered
        return credit.following(command, command.content, replies)
    kind = _STEPPED.get(type(command.content))
    return None if kind is None else kind.following(command.content, command.ref, replies)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if isinstance(command.content, GiveCredit):
        return credit.receipt(command, command.content, reply)
    return _kind(command).receipt(command.content, command.ref, reply)


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


def _kind(command: Command) -> _Kind:
    kind = _KINDS.get(type(command.content))
    if kind is None:
        raise Refused(f"Shopify can not do {command.kind}.", kind=command.kind)
    return kind
