"""Graded returns: what lies in a parcel that came back, told beside what its channel tells.

An inspection of an order is told in the log of the order's connection and in the order's own
entity, so it has its turn among all that is told of the order.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.inspection import Inspection, InspectionLine
from trueup.canon.record import Record, decode
from trueup.errors import ConfigError
from trueup.ledger.inspection import positions_of_inspection
from trueup.ledger.model import Positions
from trueup.ledger.rules import difference
from trueup.own import check_commits, learn_kits, own_connection, refuse_owned
from trueup.records.reads import records_of_entity
from trueup.warehouse.beside import Telling, book_beside, order_named, told_beside
from trueup.warehouse.book import Booked, Desk, Move, refuse_what_is_not_there
from trueup.warehouse.inspected import issues_of, look_at_entity
from trueup.warehouse.serials import look_at_record

Conn = psycopg.AsyncConnection[Any]

TOPIC = "stock/inspection"
WAITS = "stock.inspection_waits"


class Inspecting:
    """Books what people find in parcels that came back.

    Args:
        desk: where it is booked.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def inspect(
        self,
        conn: Conn,
        inspection: Inspection,
        *,
        order: str | None = None,
        channel: str | None = None,
        restate: bool = False,
        dry_run: bool = False,
    ) -> Booked[Inspection]:
        """Book graded units; what is too much is booked too, and told.

        Args:
            conn: in autocommit.
            inspection: whole; which order it is of is found here.
            order: number or ref of the order; None: nobody knows.
            channel: name of the connection whose order it is, where several go by one name, or
                where the hub does not know the order yet.
            restate: an inspection of this ref may be there, and is told anew.
            dry_run: only say what it would move.

        Raises:
            ConfigError: the order can not be found out, the ref is of another order, or somebody
                else owns the stock that it moves.
            KeyReused: the ref names another inspection, and it was not to be restated.
        """
        check_commits(conn)
        connection_id, order_ref = await order_named(conn, self._desk, order, channel)
        told = msgspec.structs.replace(inspection, order_ref=order_ref)
        return await self._book(conn, connection_id, told, restate=restate, dry_run=dry_run)

    async def undo(self, conn: Conn, ref: str) -> Booked[Inspection]:
        """Take back what was entered by mistake; refused where its units are gone already.

        Raises:
            ConfigError: there is no such inspection.
            InsufficientStock: more than is left would have to be taken back.
        """
        check_commits(conn)
        found = await told_beside(conn, Inspection, ref)
        if found is None:
            raise ConfigError(f"There is no inspection with the ref {ref!r}.")
        connection_id, known = found
        gone = msgspec.structs.replace(known, deleted=True)
        await refuse_what_is_not_there(
            conn, await self._planned(conn, connection_id, gone), ahead=True
        )
        return await self._book(conn, connection_id, gone, restate=True)

    async def _book(
        self,
        conn: Conn,
        connection_id: int,
        record: Inspection,
        *,
        restate: bool,
        dry_run: bool = False,
    ) -> Booked[Inspection]:
        own = await own_connection(conn, self._desk.hub)

        async def look() -> Booked[Inspection] | None:
            planned = await self._planned(conn, connection_id, record)
            for move in planned:
                refuse_owned(self._desk.hub, own, ref=record.ref, sku=move.sku, site=move.site)
            if not dry_run:
                return None
            _, after = await self._beside(conn, connection_id, record)
            return Booked(
                record=record,
                moves=planned,
                dry_run=True,
                issues=tuple(issues_of(self._desk.hub, connection_id, after)),
            )

        booked = await book_beside(
            conn,
            self._desk,
            Telling(connection_id, TOPIC, code=WAITS),
            record,
            look,
            restate=restate,
        )
        if booked.repeated:
            return msgspec.structs.replace(booked, dry_run=dry_run)
        if booked.dry_run or booked.issues:
            return booked
        entity = booked.record.entity()
        issues = await look_at_entity(conn, self._desk.hub, connection_id, entity)
        issues += await look_at_record(conn, booked.record, self._desk.clock.now())
        return msgspec.structs.replace(booked, issues=tuple(issues))

    async def _beside(
        self, conn: Conn, connection_id: int, record: Inspection
    ) -> tuple[list[Record], list[Record]]:
        """Return what is known of an inspection's order, without what is told now and with it."""
        await learn_kits(conn, self._desk.hub)
        rows = await records_of_entity(conn, connection_id, record.entity())
        before = [decode(row["kind"], row["body"]) for row in rows]
        others = [each for each in before if (each.kind, each.ref) != (record.kind, record.ref)]
        return before, [*others, record]

    async def _planned(
        self, conn: Conn, connection_id: int, record: Inspection
    ) -> tuple[Move, ...]:
        """Return what an inspection would move, by everything that is known of its order."""
        hub = self._desk.hub
        before, after = await self._beside(conn, connection_id, record)
        site_of = hub.site_of(connection_id)

        def total(known: Sequence[Record]) -> Positions:
            found: Counter[Any] = Counter()
            for each in known:
                if isinstance(each, Inspection):
                    found.update(positions_of_inspection(each, known, site_of, hub.kits))
            return found

        moves: Counter[tuple[str, str, str]] = Counter()
        for position, units in difference(total(after), total(before)).items():
            moves[position.sku, position.place.value, position.site] += units
        return tuple(
            Move(sku=sku, place=place, site=site, units=units)
            for (sku, place, site), units in sorted(moves.items())
            if units
        )


def inspection_of(
    ref: str,
    lines: Sequence[InspectionLine],
    *,
    site: str,
    now: datetime,
    **more: Any,  # noqa: ANN401 - further fields of an inspection
) -> Inspection:
    """Return an inspection as somebody reports it; without an instant it was just now."""
    occurred_at = more.pop("occurred_at", None) or now
    return Inspection(
        ref=ref, updated_at=now, site=site, lines=tuple(lines), occurred_at=occurred_at, **more
    )
