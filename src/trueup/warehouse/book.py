"""Book what somebody in the warehouse reports: looked at, told and applied in one transaction.

A report is a fact and is booked whatever the books say. A command (send, release, undo) may be
refused: it is applied, the books are looked at, and all is undone where it took more than there is.
A dry run does the same and undoes it always, so what it shows is what would be booked.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

import msgspec
import psycopg

from trueup.canon.issue import Issue
from trueup.canon.kit import Kit
from trueup.canon.purchase import PurchaseOrder
from trueup.canon.record import Record, encode
from trueup.canon.reservation import Shortage
from trueup.canon.rule import ChannelRule
from trueup.errors import ConfigError, InsufficientStock, KeyReused, invariant
from trueup.hub import Hub
from trueup.intake.model import NewEvent, Origin
from trueup.intake.reads import issues_of_events
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.ids import sha256
from trueup.ledger.holds import known_skus, left_at_sites
from trueup.ledger.model import Place
from trueup.ledger.post import lock_balances
from trueup.ledger.reads import list_sites, postings_of_events
from trueup.ledger.serials import refuse_elsewhere
from trueup.own import check_commits, own_connection, refuse_owned, tell_own
from trueup.records.reads import seek_record
from trueup.records.store import RecordNumbers, lock_name

Conn = psycopg.AsyncConnection[Any]

RecordT = TypeVar("RecordT", bound=Record)

TICK = timedelta(microseconds=1)
_TOLD_MAX = 5
_UNTOLD = ("updated_at", "occurred_at")


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU that came to a place, or left it with a minus."""

    sku: str
    place: str
    site: str
    units: int


class Booked(msgspec.Struct, Generic[RecordT], frozen=True, kw_only=True):
    """What was booked.

    Attributes:
        record: as it stands after it.
        moves: what it moved; on a dry run what it would move.
        repeated: it was booked before, in the same words; nothing moved.
        dry_run: nothing was booked.
        issues: what is wrong or surprising with it.
    """

    record: RecordT
    moves: tuple[Move, ...] = ()
    repeated: bool = False
    dry_run: bool = False
    issues: tuple[Issue, ...] = ()


class Desk:
    """Where what is reported is booked; one for a process, over any sessions.

    Args:
        hub: vault, connectors and connections.
        clock: says when it was told.
    """

    def __init__(self, hub: Hub, *, clock: Clock | None = None) -> None:
        self.hub = hub
        self.clock = clock or SystemClock()
        self._record_numbers = RecordNumbers()

    async def find(self, conn: Conn, kind: type[RecordT], ref: str) -> RecordT | None:
        """Return the current version of one of our own records; None where there is none."""
        connection_id = await own_connection(conn, self.hub)
        found = await seek_record(conn, kind, connection_id, ref)
        return None if found is None else found[0]

    async def book(
        self,
        conn: Conn,
        topic: str,
        record: RecordT,
        *,
        restate: bool = False,
        command: bool = False,
        dry_run: bool = False,
    ) -> Booked[RecordT]:
        """Book a record; the same again changes nothing.

        Args:
            conn: in autocommit.
            topic: of the connector `manual`.
            record: whole; its `updated_at` is set here.
            restate: a record of this ref may be there, and is told anew.
            command: it is refused where it would take what is not there.
            dry_run: undo it again.

        Raises:
            KeyReused: the ref names another record, and it was not to be restated.
            ConfigError: somebody else owns the stock that it moves.
            InsufficientStock: a command took more than there is; `context` has the shortages.
            SerialElsewhere: a command names a serial that is not where it takes it from.
        """
        check_commits(conn)
        connection_id = await own_connection(conn, self.hub)
        booked: Booked[RecordT] | None = None
        async with conn.transaction() as transaction:
            await lock_name(conn, f"{record.kind}/{record.ref}")
            found = await seek_record(conn, type(record), connection_id, record.ref)
            known = None if found is None else found[0]
            if known is not None and content(known) == content(record, restate=restate, of=known):
                return Booked(record=known, repeated=True, dry_run=dry_run)
            if known is not None and not restate:
                message = f"This ref names another {record.kind.replace('_', ' ')} already."
                raise KeyReused(message, ref=record.ref)
            now = self.clock.now()
            # The clocks of two machines may differ; what follows is newer all the same.
            at = now if known is None else max(now, known.updated_at + TICK)
            told = msgspec.structs.replace(record, updated_at=at)
            if command:
                await refuse_elsewhere(conn, told, connection_id)
            moves = await moves_of(conn, await self.tell(conn, connection_id, [(topic, told)]))
            for move in moves:
                refuse_owned(self.hub, connection_id, ref=record.ref, sku=move.sku, site=move.site)
            if command:
                await refuse_what_is_not_there(conn, moves)
            booked = Booked(record=told, moves=moves, dry_run=dry_run)
            if dry_run:
                raise psycopg.Rollback(transaction)
        invariant(booked is not None, "what was not booked was raised")
        return booked

    async def tell(
        self, conn: Conn, connection_id: int, told: Sequence[tuple[str, Record]]
    ) -> list[int]:
        """Append records as events of our own and apply them, in the caller's transaction.

        Args:
            conn: in a transaction.
            connection_id: of our own events.
            told: (topic, record); each version of a record has an instant of its own.

        Raises:
            ConfigError: one of them can not be: its field, and what was expected.
        """
        events = []
        for topic, record in told:
            body = body_of(record)
            events.append(
                NewEvent(
                    connection_id=connection_id,
                    external_id=f"{record.kind}/{sha256(topic.encode() + body).hex()}",
                    topic=topic,
                    entity=record.entity(),
                    origin=Origin.OWN,
                    raised_at=record.updated_at,
                    received_at=self.clock.now(),
                    body=body,
                )
            )
        event_ids = await tell_own(conn, self.hub, events, self._record_numbers)
        invariant(event_ids is not None, "a telling has an instant of its own")
        await check_understood(conn, event_ids or [])
        return event_ids or []


def content(record: Record, *, restate: bool = True, of: Record | None = None) -> Record:
    """Return what a record says, without when it was told.

    When something happened counts only where a record is told anew: whoever does not say takes
    the present, and asks again a moment later.
    """
    aside: dict[str, Any] = {"updated_at": (of or record).updated_at}
    if not restate and hasattr(record, "occurred_at"):
        aside["occurred_at"] = getattr(of or record, "occurred_at")  # noqa: B009 - not of all
    return msgspec.structs.replace(record, **aside)


def body_of(record: Record) -> bytes:
    """Return a record in the form of the connector `manual`."""
    fields: dict[str, Any] = msgspec.json.decode(encode(record))
    if isinstance(record, Kit):
        parts = fields.get("parts", [])
        body = {"kit": record.ref, "parts": parts, "occurred_at": fields["updated_at"]}
        return msgspec.json.encode(body)
    if isinstance(record, ChannelRule):
        named = {k: v for k, v in fields.items() if k not in {"ref", "updated_at", "deleted"}}
        named |= {"removed": record.deleted, "occurred_at": fields["updated_at"]}
        return msgspec.json.encode(named)
    fields["told_at"] = fields.pop("updated_at")
    if isinstance(record, PurchaseOrder):
        # Of our own the ref is the number, and the place is a site of ours.
        fields.pop("number")
        fields["site"] = fields.pop("location_ref")
    return msgspec.json.encode(fields)


async def check_understood(conn: Conn, event_ids: Sequence[int]) -> None:
    """Make sure that what was told could be read; whatever is wrong with it is the wish's fault."""
    for issue in await issues_of_events(conn, list(event_ids)):
        if issue["severity"] == "error":
            message = f"{issue['pointer']}: expected {issue['expected']}."
            raise ConfigError(message, code=issue["code"])


async def moves_of(conn: Conn, event_ids: Sequence[int]) -> tuple[Move, ...]:
    """Return what some events moved."""
    rows = await postings_of_events(conn, event_ids)
    fields = ("sku", "place", "site", "units")
    return tuple(Move(**{name: row[name] for name in fields}) for row in rows)


async def refuse_what_is_not_there(
    conn: Conn, moves: Sequence[Move], *, ahead: bool = False
) -> None:
    """Look at the books that a command left, under the locks of its SKUs' balances.

    Args:
        conn: any session.
        moves: of the command.
        ahead: they are not booked yet.

    Raises:
        InsufficientStock: it takes more than there is; `context` has the shortages.
    """
    units: Counter[tuple[str, str, str]] = Counter()
    for move in moves:  # one shelf may stand there for several instants
        units[move.sku, move.place, move.site] += move.units
    moves = [Move(sku=sku, place=p, site=s, units=n) for (sku, p, s), n in units.items()]
    taken = [move for move in moves if move.units < 0 and move.place in _TOUCHED]
    if not taken:
        return
    numbers = await known_skus(conn, {move.sku for move in taken})
    balances = await lock_balances(conn, numbers)
    places = sorted({(move.sku, move.site) for move in taken})
    at_sites = await left_at_sites(conn, places, numbers)
    set_aside = await _set_aside(conn, {move.sku for move in taken})
    short: list[Shortage] = []
    for move in taken:
        where = (move.sku, move.site)
        left = set_aside.get(where, 0)
        if move.place == Place.ON_HAND:
            elsewhere = 0 if ahead else _elsewhere(moves, move)
            left = min(at_sites.get(where, 0), balances[move.sku][0] + elsewhere)
        left += move.units if ahead else 0
        if left < 0:
            before = max(0, left - move.units)
            short.append(Shortage(sku=move.sku, wanted=-move.units, left=before, site=move.site))
    if short:
        raise InsufficientStock(_told(short), shortages=tuple(short))


_TOUCHED = (Place.ON_HAND, Place.QUARANTINE)


def _elsewhere(moves: Sequence[Move], taken: Move) -> int:
    """Return what the same moves brought to other sites: it does not pay for what left this one."""
    return -sum(
        m.units for m in moves if (m.sku, m.place) == (taken.sku, taken.place) and m.units > 0
    )


async def _set_aside(conn: Conn, skus: set[str]) -> dict[tuple[str, str], int]:
    return {
        (sku, row["site"]): row["quarantine"]
        for sku in sorted(skus)
        for row in await list_sites(conn, sku)
    }


def _told(short: Sequence[Shortage]) -> str:
    parts = [f"{s.sku} at {s.site}: {s.wanted} wanted, {s.left} left" for s in short[:_TOLD_MAX]]
    more = len(short) - len(parts)
    return f"Too little is left. {'; '.join(parts)}{f'; and {more} more' if more else ''}."
