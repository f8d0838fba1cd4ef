"""What other systems tell of an order: each thing in one line."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from trueup.canon.journal import Invoice, Journal
from trueup.canon.message import Message
from trueup.canon.parcel import Parcel
from trueup.canon.payment import Payment
from trueup.canon.payout import BalanceEntry, Dispute, Payout
from trueup.canon.purchase import PurchaseOrder
from trueup.canon.record import Record, decode
from trueup.canon.refund import Refund
from trueup.canon.returns import Return
from trueup.canon.serial import Pack
from trueup.canon.shipment import Shipment
from trueup.canon.ticket import Ticket
from trueup.db.rows import Row


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """One record that is about the same order.

    Attributes:
        told: what it says, in a few words without anything personal.
    """

    kind: str
    ref: str
    connection: str
    told: str
    event_id: int


def read_elsewhere(
    rows: Sequence[Row], names: Mapping[int, str], order_id: int
) -> tuple[Elsewhere, ...]:
    """Return what each record that is related to an order says, oldest first."""
    return tuple(
        Elsewhere(
            kind=row["kind"],
            ref=row["ref"],
            connection=names.get(row["connection_id"], "removed"),
            told=told_of(decode(row["kind"], row["body"])),
            event_id=row["event_id"],
        )
        for row in rows
        if row["record_id"] != order_id
    )


def told_of(record: Record) -> str:
    """Return what a record says, in a few words; empty where its kind says it all."""
    tell = _TELLERS.get(type(record))
    return "" if tell is None else tell(record)


def _payment(record: Payment) -> str:
    return f"{record.payment_kind.value} {record.state.value}, {record.price.booked}"


def _refund(record: Refund) -> str:
    return "" if record.refunded is None else str(record.refunded.booked)


def _shipment(record: Shipment) -> str:
    return " ".join(filter(None, (record.state.value, record.carrier)))


def _parcel(record: Parcel) -> str:
    scans = f"{len(record.scans)} scans"
    attempts = f"{record.attempts} failed attempts" if record.attempts else ""
    status = record.status.value.replace("_", " ")
    return ", ".join(filter(None, (status, record.carrier, scans, attempts)))


def _ticket(record: Ticket) -> str:
    return ", ".join(filter(None, (record.status.value, record.priority.value, record.medium)))


def _message(record: Message) -> str:
    return f"{record.direction.value} by {record.medium}, {record.state.value}"


def _pack(record: Pack) -> str:
    count = sum(len(line.serials) for line in record.lines)
    units = "1 serial" if count == 1 else f"{count} serials"
    return "taken back" if record.deleted else units


def _invoice(record: Invoice) -> str:
    number = record.number or record.ref
    return (
        f"{record.invoice.value.replace('_', ' ')} {number}, {record.state.value}, {record.total}"
    )


_TELLERS: dict[type[Record], Callable[..., str]] = {
    Payment: _payment,
    Refund: _refund,
    Return: lambda record: record.state.value,
    Shipment: _shipment,
    Parcel: _parcel,
    Pack: _pack,
    Ticket: _ticket,
    Message: _message,
    Invoice: _invoice,
    Journal: lambda record: f"{record.number or record.ref}, {record.posted_on}",
    Dispute: lambda record: f"{record.state.value}, {record.amount}",
    Payout: lambda record: f"{record.state.value}, {record.amount}",
    BalanceEntry: lambda record: f"{record.entry.value} {record.gross}, fee {record.fee}",
    PurchaseOrder: lambda record: f"{record.number}, {record.state.value}",
}
