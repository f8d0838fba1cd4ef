"""Followed: what was done about a thing, and the messages that were sent on account of it.

A message to a customer names no order of its own, on most media. That it is about one is known by
the command that sent it, whose key names the thing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.command import BuyLabel, ReplyToTicket, SendMessage
from trueup.canon.message import Message
from trueup.canon.parcel import Parcel, ParcelPerson, ParcelStatus
from trueup.canon.record import decode
from trueup.db.rows import Row
from trueup.errors import invariant
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.kernel.money import Money
from trueup.outbox.command import list_commands
from trueup.records.reads import find_records
from trueup.records.sealed import open_row

_SAYING: Final = frozenset((SendMessage.command, ReplyToTicket.command))


class BoughtLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label that a command bought.

    Attributes:
        connection_id: of the carrier's connection.
        parcel_ref: by which it is taken back.
        price: what was paid.
        status: where the parcel is; `shipped_at`: when the carrier first had it.
        person: whose the parcel is.
        tracking_number, tracking_url, label_url: personal; None once its person was erased.
    """

    connection_id: int
    parcel_ref: str
    carrier: str | None = None
    service: str | None = None
    price: Money | None = None
    status: ParcelStatus = ParcelStatus.UNKNOWN
    shipped_at: datetime | None = None
    person: bytes | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    label_url: str | None = None


async def commands_about(conn: psycopg.AsyncConnection[Any], rows: Sequence[Row]) -> list[Row]:
    """Return the commands whose key names one of some records, without what they say."""
    keys = sorted({f"{row['kind']}/{row['ref']}" for row in rows})
    return [command for key in keys for command in await list_commands(conn, key=key)]


async def messages_sent(
    conn: psycopg.AsyncConnection[Any], commands: Sequence[Row], known: Sequence[Row]
) -> list[Row]:
    """Return the records of messages that some commands sent, as far as vendors told of them.

    Args:
        conn: any session.
        commands: of `commands_about`.
        known: records that are not returned again.
    """
    seen = {row["record_id"] for row in known}
    found: list[Row] = []
    for command in commands:
        if command["kind"] not in _SAYING or command["vendor_ref"] is None:
            continue
        for row in await find_records(conn, Message.kind, command["vendor_ref"]):
            same = row["connection_id"] == command["connection_id"]
            if same and row["record_id"] not in seen:
                seen.add(row["record_id"])
                found.append(row)
    return found


async def label_of(
    conn: psycopg.AsyncConnection[Any], vault: Vault, command_ref: str
) -> BoughtLabel | None:
    """Return the label that a command bought; None until its parcel is in the records."""
    for command in await list_commands(conn, ref=command_ref):
        if command["kind"] != BuyLabel.command or command["vendor_ref"] is None:
            continue
        for row in await find_records(conn, Parcel.kind, command["vendor_ref"]):
            if row["connection_id"] == command["connection_id"]:
                return await _label_of(conn, vault, row)
    return None


async def _label_of(conn: psycopg.AsyncConnection[Any], vault: Vault, row: Row) -> BoughtLabel:
    parcel = decode(Parcel.kind, row["body"])
    invariant(isinstance(parcel, Parcel), "records of a kind are of its type")
    assert isinstance(parcel, Parcel)  # noqa: S101 - for the reader of types
    keys = await read_keys(conn, vault, {bytes(row["person"])} if row["person"] else set())
    opened = open_row(vault, row, Parcel.kind, keys)
    told = ParcelPerson() if opened is None else msgspec.json.decode(opened, type=ParcelPerson)
    return BoughtLabel(
        connection_id=row["connection_id"],
        parcel_ref=row["ref"],
        carrier=parcel.carrier,
        service=parcel.service,
        price=parcel.postage,
        status=parcel.status,
        shipped_at=parcel.shipped_at,
        person=None if row["person"] is None else bytes(row["person"]),
        tracking_number=told.tracking_number,
        tracking_url=told.tracking_url,
        label_url=told.label_url,
    )
