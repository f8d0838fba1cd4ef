"""Tell what we say ourselves of a channel's order: in the log of its connection, in its turn.

What is told so stands in the order's own entity, and is applied by the worker that holds its
partition, among all that is told of the order.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.canon.order import Order
from trueup.canon.record import Record, decode
from trueup.errors import ConfigError, KeyReused
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.intake.reads import fates_of_events
from trueup.kernel.ids import partition_of, sha256
from trueup.own import apply_told, check_commits, own_connection
from trueup.records.reads import find_records
from trueup.records.store import lock_name
from trueup.warehouse.book import TICK, Booked, Desk, body_of, check_understood, content, moves_of

Conn = psycopg.AsyncConnection[Any]

RecordT = TypeVar("RecordT", bound=Record)

_NAMED_MAX = 8


class Telling(NamedTuple):
    """In whose log something is told, under which topic, and the issue's code while it waits."""

    connection_id: int
    topic: str
    code: str


async def order_named(
    conn: Conn, desk: Desk, order: str | None, channel: str | None
) -> tuple[int, str | None]:
    """Return in whose log something is told of an order, and the order's ref.

    An order that nobody has told of is taken by the name that was given.

    Args:
        conn: in autocommit.
        desk: where it is booked.
        order: number or ref of the order; None: nobody knows.
        channel: name of the connection whose order it is, where several go by one name, or where
            the hub does not know the order yet.

    Raises:
        ConfigError: there is no such connection, or several orders go by this name.
    """
    own = await own_connection(conn, desk.hub)
    names = desk.hub.names()
    numbers = {name: number for number, name in names.items()}
    if channel is not None and channel not in numbers:
        some = ", ".join(sorted(numbers)[:_NAMED_MAX])
        raise ConfigError(f"channel: expected the name of a connection ({some}).")
    if order is None:
        if channel is not None:
            raise ConfigError("order: expected which order of the channel it is of.")
        return own, None
    rows = await find_records(conn, Order.kind, order, vault=desk.hub.vault)
    if channel is not None:
        rows = [row for row in rows if row["connection_id"] == numbers[channel]]
    if len(rows) > 1:
        some = ", ".join(
            sorted({names.get(row["connection_id"], "removed") for row in rows})[:_NAMED_MAX]
        )
        raise ConfigError(f"Several orders go by the name {order!r}: say whose: {some}.")
    if rows:
        return rows[0]["connection_id"], rows[0]["ref"]
    return own if channel is None else numbers[channel], order


async def told_beside(conn: Conn, kind: type[RecordT], ref: str) -> tuple[int, RecordT] | None:
    """Return what was told under a ref, with the connection in whose log; what stands, if any."""
    found = [
        (row["connection_id"], decode(row["kind"], row["body"]))
        for row in await find_records(conn, kind.kind, ref)
        if row["ref"] == ref
    ]
    known = [(number, each) for number, each in found if isinstance(each, kind)]
    known.sort(key=lambda pair: pair[1].deleted)
    return known[0] if known else None


async def book_beside(
    conn: Conn,
    desk: Desk,
    telling: Telling,
    record: RecordT,
    look: Callable[[], Awaitable[Booked[RecordT] | None]],
    *,
    restate: bool,
) -> Booked[RecordT]:
    """Book a record of ours beside a channel's order; the same again changes nothing.

    Args:
        conn: in autocommit.
        desk: where it is booked.
        telling: where it is told.
        record: whole; its `updated_at` is set here.
        look: called before it is told, in the same transaction; raises what refuses it, and
            returns the answer of a dry run.
        restate: a record of this ref may be there, and is told anew.

    Returns:
        What was booked; its only issue can be that it waits for a worker.

    Raises:
        ConfigError: the ref is of another order, or it could not be applied.
        KeyReused: the ref names another record, and it was not to be restated.
    """
    check_commits(conn)
    async with conn.transaction():
        await lock_name(conn, f"{record.kind}/{record.ref}")
        found = await told_beside(conn, type(record), record.ref)
        known = None if found is None else found[1]
        here = (telling.connection_id, record.entity())
        if found is not None and (found[0], found[1].entity()) != here:
            raise ConfigError(
                f"The {record.kind} {record.ref!r} is of another order: take that one back, and "
                "tell this one under another ref."
            )
        if known is not None and content(known) == content(record, restate=restate, of=known):
            return Booked(record=known, repeated=True)
        if known is not None and not restate:
            raise KeyReused(f"This ref names another {record.kind} already.", ref=record.ref)
        if (planned := await look()) is not None:
            return planned
        now = desk.clock.now()
        at = now if known is None else max(now, known.updated_at + TICK)
        told = msgspec.structs.replace(record, updated_at=at)
        event_id = await _append(conn, desk, telling, told)
    partition = partition_of(f"{telling.connection_id}/{told.entity()}")
    applied = await apply_told(conn, desk.hub, event_id, partition)
    await _check_applied(conn, event_id)
    waits = () if applied else (_waits(telling.code, told),)
    return Booked(record=told, moves=await moves_of(conn, [event_id]), issues=waits)


async def _append(conn: Conn, desk: Desk, telling: Telling, told: Record) -> int:
    body = body_of(told)
    event = NewEvent(
        connection_id=telling.connection_id,
        external_id=f"{told.kind}/{sha256(body).hex()}",
        topic=telling.topic,
        entity=told.entity(),
        origin=Origin.OWN,
        raised_at=told.updated_at,
        received_at=desk.clock.now(),
        body=body,
    )
    [appended] = await append_events(conn, desk.hub.vault, [event])
    return appended.event_id


async def _check_applied(conn: Conn, event_id: int) -> None:
    await check_understood(conn, [event_id])
    for fate in await fates_of_events(conn, [event_id]):
        if fate["cause"]:
            raise ConfigError(f"It was parked: {fate['detail']}", code=fate["cause"])


def _waits(code: str, told: Record) -> Issue:
    return Issue(
        code=code,
        severity=Severity.NOTE,
        pointer="/ref",
        expected="to be applied at once",
        found="it waits in the log for a worker",
        how_to_fix="Nothing: it is booked as soon as a worker comes to it. See trueup doctor.",
        ref=f"{told.kind}/{told.ref}",
    )
