"""What a record says of the command that made it. Pure."""

from trueup.canon.message import Message, MessageState
from trueup.canon.record import Record
from trueup.outbox.command import Told
from trueup.outbox.model import CommandState

_ARRIVED = frozenset((MessageState.DELIVERED, MessageState.READ))


def told_by_record(connection_id: int, record: Record) -> Told | None:
    """Return what a record says of a command; None where it says nothing (yet)."""
    if not isinstance(record, Message):
        return None
    if record.state in _ARRIVED:
        state = CommandState.DONE
    elif record.state is MessageState.FAILED:
        state = CommandState.REFUSED
    else:
        return None
    return Told(
        connection_id=connection_id,
        vendor_ref=record.ref,
        ref=record.command_ref,
        state=state,
        code=record.error_code,
    )
