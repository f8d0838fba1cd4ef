"""What a record says of the command that made it. Pure."""

from trueup.canon.message import Message, MessageState
from trueup.canon.payment import Payment, PaymentState
from trueup.canon.record import Record
from trueup.outbox.command import Told
from trueup.outbox.model import CommandState

_OF_MESSAGES = {
    MessageState.DELIVERED: CommandState.DONE,
    MessageState.READ: CommandState.DONE,
    MessageState.FAILED: CommandState.REFUSED,
}
_OF_PAYMENTS = {
    PaymentState.SUCCEEDED: CommandState.DONE,
    PaymentState.FAILED: CommandState.REFUSED,
    PaymentState.ERRORED: CommandState.REFUSED,
}

TELLING_KINDS = (Message.kind, Payment.kind)
"""Kinds of records that say what came of a command."""


def told_by_record(connection_id: int, record: Record) -> Told | None:
    """Return what a record says of a command; None where it says nothing (yet)."""
    if isinstance(record, Message):
        state = _OF_MESSAGES.get(record.state)
        ref = record.command_ref
    elif isinstance(record, Payment):
        state, ref = _OF_PAYMENTS.get(record.state), None
    else:
        return None
    if state is None:
        return None
    return Told(
        connection_id=connection_id,
        vendor_ref=record.ref,
        ref=ref,
        state=state,
        code=record.error_code,
    )
