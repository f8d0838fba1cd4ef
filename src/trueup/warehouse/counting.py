"""Cycle counts: sheets are opened, counted blind, closed, and decided by another person."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from trueup.canon.count import CountEntry, CountLine, CountSheet, LineState, SheetState
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record, decode
from trueup.errors import ConfigError, KeyReused
from trueup.kernel.ids import stable_uuid
from trueup.ledger.reads import on_hand_at, skus_at_site
from trueup.own import check_commits, own_connection
from trueup.records.reads import records_of_entity
from trueup.records.store import lock_name
from trueup.warehouse.book import TICK, Desk
from trueup.warehouse.tally import Sheet, is_another, line_of, missing_of, sheet_of, tally

Conn = psycopg.AsyncConnection[Any]

SHEET_TOPIC = "stock/count_sheet"
ENTRY_TOPIC = "stock/count_entry"
LINE_TOPIC = "stock/count_line"
MOVEMENT_TOPIC = "stock/movement"

_MISSING_TOLD_MAX = 10


class Missing(StrEnum):
    """What becomes of SKUs that nobody counted when a sheet is closed."""

    REFUSE = "refuse"
    SKIP = "skip"  # they stay as the books have them
    ZERO = "zero"  # none of them is there


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says that they counted.

    Attributes:
        key: names the entry on its sheet for ever.
        bin: where a SKU lies in several; of one bin the last entry counts.
        counted_at: when; now where nobody says.
    """

    sku: str
    quantity: int
    by: str
    key: str
    bin: str = ""
    counted_at: datetime | None = None


class Counting:
    """Takes count sheets from open to decided.

    Args:
        desk: where it is booked.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, conn: Conn, sheet: CountSheet) -> Sheet:
        """Open a count sheet; the same again is the same sheet.

        Raises:
            KeyReused: the ref names another sheet.
        """
        check_commits(conn)
        async with conn.transaction():
            await lock_name(conn, sheet.entity())
            known = await self.find(conn, sheet.ref)
            if known is not None:
                same = msgspec.structs.replace(
                    known.sheet, updated_at=sheet.updated_at, created_at=sheet.created_at
                )
                if msgspec.structs.replace(same, state=sheet.state) != sheet:
                    raise KeyReused("This ref names another count sheet already.", ref=sheet.ref)
                return known
            await self._tell(conn, [(SHEET_TOPIC, sheet)])
        return Sheet(sheet=sheet)

    async def find(self, conn: Conn, ref: str) -> Sheet | None:
        """Return a count sheet with all that was entered; None where there is none."""
        connection_id = await own_connection(conn, self._desk.hub)
        rows = await records_of_entity(conn, connection_id, f"{CountSheet.kind}/{ref}")
        return sheet_of(decode(row["kind"], row["body"]) for row in rows)

    async def enter(self, conn: Conn, ref: str, said: Said) -> CountEntry:
        """Take down what somebody counted; the same key again changes nothing.

        Args:
            conn: in autocommit.
            ref: of the sheet.
            said: what was counted.

        Raises:
            ConfigError: the sheet is not open, or the SKU does not stand on it.
            KeyReused: the key names another entry.
        """
        check_commits(conn)
        now = self._desk.clock.now()
        async with conn.transaction():
            sheet = await self._open(conn, ref)
            self._check_asked(sheet, said.sku)
            entry = CountEntry(
                ref=stable_uuid("count_entry", ref, said.key),
                updated_at=now,
                sheet=ref,
                sku=said.sku,
                quantity=said.quantity,
                counted_at=min(said.counted_at or now, now),
                by=said.by.strip(),
                round=sheet.round_of(said.sku),
                bin=said.bin,
            )
            for known in sheet.entries:
                if known.ref == entry.ref:
                    if (known.sku, known.quantity, known.bin) != (
                        entry.sku,
                        entry.quantity,
                        entry.bin,
                    ):
                        raise KeyReused("This key names another entry already.", ref=said.key)
                    return known
            await self._tell(conn, [(ENTRY_TOPIC, entry)])
        return entry

    async def undo_entry(self, conn: Conn, ref: str, key: str) -> CountEntry:
        """Take back an entry of an open sheet; again changes nothing."""
        check_commits(conn)
        async with conn.transaction():
            sheet = await self._open(conn, ref)
            entry_ref = stable_uuid("count_entry", ref, key)
            known = [each for each in sheet.entries if each.ref == entry_ref]
            if not known:
                raise ConfigError("There is no such entry on this sheet.", ref=ref)
            gone = msgspec.structs.replace(known[0], deleted=True, updated_at=self._after(known[0]))
            await self._tell(conn, [(ENTRY_TOPIC, gone)])
        return gone

    async def close(
        self, conn: Conn, ref: str, *, missing: Missing = Missing.REFUSE, by: str = ""
    ) -> Sheet:
        """Hold what was counted beside the books; what is within tolerance is booked at once.

        Args:
            conn: in autocommit.
            ref: of the sheet.
            missing: what becomes of SKUs that nobody counted.
            by: who closes it.

        Raises:
            ConfigError: it is not open, or something was not counted and nobody said what that
                means.
        """
        check_commits(conn)
        now = self._desk.clock.now()
        async with conn.transaction():
            sheet = await self._open(conn, ref)
            sheet = await self._complete(conn, sheet, missing, by=by, now=now)
            lines = await self._lines(conn, sheet, now)
            closed = msgspec.structs.replace(
                sheet.sheet, state=SheetState.CLOSED, updated_at=self._after(sheet.sheet)
            )
            told: list[tuple[str, Record]] = [(SHEET_TOPIC, closed)]
            told += [(LINE_TOPIC, line) for line in lines]
            told += [_movement(sheet, line) for line in lines if line.state is LineState.POSTED]
            await self._tell(conn, told)
        return await self._found(conn, ref)

    async def decide(self, conn: Conn, ref: str, sku: str, *, approve: bool, by: str) -> CountLine:
        """Approve a variance, which is booked as of when it was counted, or have it counted again.

        Raises:
            ConfigError: nothing of this SKU waits, or who decides has counted it.
        """
        check_commits(conn)
        if not by.strip():
            raise ConfigError("Say who decides.", field="by")
        async with conn.transaction():
            await lock_name(conn, f"{CountSheet.kind}/{ref}")
            sheet = await self._found(conn, ref)
            waiting = [line for line in sheet.waiting if line.sku == sku]
            if not waiting:
                raise ConfigError(f"Nothing of {sku!r} waits on this sheet.", ref=ref)
            line = waiting[0]
            if not is_another(by, line.counted_by):
                raise ConfigError(
                    f"{by.strip()} counted it; another person decides.", field="by", ref=ref
                )
            state = LineState.APPROVED if approve else LineState.REFUSED
            decided = msgspec.structs.replace(
                line, state=state, by=by.strip(), updated_at=self._after(line)
            )
            told: list[tuple[str, Record]] = [(LINE_TOPIC, decided)]
            if approve:
                told.append(_movement(sheet, decided))
            elif sheet.sheet.state is SheetState.CLOSED:
                again = msgspec.structs.replace(
                    sheet.sheet, state=SheetState.OPEN, updated_at=self._after(sheet.sheet)
                )
                told.append((SHEET_TOPIC, again))
            await self._tell(conn, told)
        return decided

    async def cancel(self, conn: Conn, ref: str) -> Sheet:
        """Give a sheet up; what was booked of it stays booked."""
        check_commits(conn)
        async with conn.transaction():
            sheet = await self._open(conn, ref)
            gone = msgspec.structs.replace(
                sheet.sheet, state=SheetState.CANCELLED, updated_at=self._after(sheet.sheet)
            )
            await self._tell(conn, [(SHEET_TOPIC, gone)])
        return await self._found(conn, ref)

    async def missing(self, conn: Conn, ref: str) -> tuple[str, ...]:
        """Return what is still to be counted."""
        sheet = await self._found(conn, ref)
        return missing_of(sheet, await skus_at_site(conn, sheet.sheet.site))

    async def _complete(
        self, conn: Conn, sheet: Sheet, missing: Missing, *, by: str, now: datetime
    ) -> Sheet:
        left = missing_of(sheet, await skus_at_site(conn, sheet.sheet.site))
        if not left or missing is Missing.SKIP:
            return sheet
        if missing is Missing.REFUSE:
            named = ", ".join(left[:_MISSING_TOLD_MAX])
            more = f" and {len(left) - _MISSING_TOLD_MAX} more" if len(left) > 10 else ""
            raise ConfigError(f"Not counted yet: {named}{more}. Count them, or say what it means.")
        zeros = tuple(
            CountEntry(
                ref=stable_uuid("count_entry", sheet.sheet.ref, sku, f"zero/{now.isoformat()}"),
                updated_at=now,
                sheet=sheet.sheet.ref,
                sku=sku,
                quantity=0,
                counted_at=now,
                by=by.strip() or sheet.sheet.by or "nobody",
                round=sheet.round_of(sku),
            )
            for sku in left
        )
        await self._tell(conn, [(ENTRY_TOPIC, entry) for entry in zeros])
        return msgspec.structs.replace(sheet, entries=(*sheet.entries, *zeros))

    async def _lines(self, conn: Conn, sheet: Sheet, now: datetime) -> list[CountLine]:
        counted = tally(sheet)
        site = sheet.sheet.site
        spells = [(each.sku, site, each.first_at, each.counted_at) for each in counted]
        books = await on_hand_at(conn, spells)
        lines = []
        for each in counted:
            book, moved = books.get(each.sku, (0, False))
            ref = stable_uuid("count_line", sheet.sheet.ref, each.sku, str(each.round))
            lines.append(line_of(sheet.sheet, each, ref=ref, book=book, moved=moved, now=now))
        return lines

    async def _open(self, conn: Conn, ref: str) -> Sheet:
        await lock_name(conn, f"{CountSheet.kind}/{ref}")
        sheet = await self._found(conn, ref)
        if sheet.sheet.state is not SheetState.OPEN:
            raise ConfigError(f"This count sheet is {sheet.sheet.state.value}.", ref=ref)
        return sheet

    async def _found(self, conn: Conn, ref: str) -> Sheet:
        sheet = await self.find(conn, ref)
        if sheet is None:
            raise ConfigError(f"There is no count sheet {ref!r}.")
        return sheet

    def _check_asked(self, sheet: Sheet, sku: str) -> None:
        if sheet.sheet.skus and sku not in sheet.sheet.skus:
            raise ConfigError(f"{sku!r} does not stand on this count sheet.", ref=sheet.sheet.ref)
        if sheet.is_decided(sku):
            raise ConfigError(f"{sku!r} was counted and decided.", ref=sheet.sheet.ref)

    def _after(self, record: Record) -> datetime:
        """Return an instant for what follows on a record: the clocks of two machines may differ."""
        return max(self._desk.clock.now(), record.updated_at + TICK)

    async def _tell(self, conn: Conn, told: Sequence[tuple[str, Record]]) -> None:
        await self._desk.tell(conn, await own_connection(conn, self._desk.hub), told)


def _movement(sheet: Sheet, line: CountLine) -> tuple[str, Record]:
    """Return the count that a decided line books, as of when it was counted."""
    movement = StockMovement(
        ref=f"count/{line.ref}",
        updated_at=line.updated_at,
        movement=MovementKind.COUNT,
        sku=line.sku,
        quantity=line.counted,
        site=sheet.sheet.site,
        reason=f"count sheet {line.sheet}"[:200],
        occurred_at=line.counted_at,
    )
    return MOVEMENT_TOPIC, movement
