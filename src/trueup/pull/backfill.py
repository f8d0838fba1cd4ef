"""Backfill: read the history of a resource, by one export or page by page.

The cursor holds the vendor's id of the export from the moment it was started, and how many of its
records are in the log; so a backfill that was killed goes on with the same export.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import IO

import msgspec
import structlog

from trueup.contract.connector import BulkState, Piece, Request
from trueup.errors import ContractBroken, Refused, Unavailable
from trueup.intake.cursors import PullCursor, read_cursor, write_cursor
from trueup.intake.model import Lane, Origin
from trueup.kernel.limits import BATCH_EVENTS_MAX
from trueup.pull.access import Access
from trueup.pull.poll import begin_polling_at, find_resource
from trueup.pull.walk import begin_walk, count_at_vendor, judge_count, place_of, walk

_log = structlog.get_logger("trueup.pull")

EXPORT_BYTES_MAX = 32 * 1024**3
EXPORT_TIMEOUT_S = 6 * 3600.0
EXPORT_WAIT_S_MAX = 48 * 3600.0
STATUS_DELAY_S_MAX = 15.0

_STATUS_DELAY_S = 0.5
_BACKFILL = "backfill"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a backfill is.

    Attributes:
        stage: "waiting" for the export, "reading", or "done".
        done: records in the log so far.
        expected: by the vendor's own count; None where it can not tell.
    """

    resource: str
    stage: str
    done: int
    expected: int | None


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """What a backfill read.

    Attributes:
        way: "bulk" or "pages".
        fresh: records that were not in the log.
        resumed: it went on where one that was stopped had ended.
        complete: as many as the vendor counts.
    """

    resource: str
    way: str
    done: int
    fresh: int
    expected: int | None
    resumed: bool
    complete: bool


class _NoExport(Exception):
    """The export can not be had; its pages can be read instead."""


def _ignore(progress: Progress) -> None:
    """Tell nobody."""


async def backfill(
    access: Access,
    resource_name: str,
    *,
    since_at: datetime | None = None,
    on_progress: Callable[[Progress], None] = _ignore,
) -> Backfilled:
    """Read the history of one resource into the log; goes on where a stopped one ended.

    Args:
        access: the account.
        resource_name: of the manifest.
        since_at: only what changed at or after this; None for everything.
        on_progress: hears how far it is.

    Raises:
        ConfigError: the connector does not pull such a resource.
        ConnectorError: the vendor did not answer; the next call goes on.
    """
    resource = find_resource(access, resource_name)
    began_at = access.clock.now()
    cursor = await read_cursor(
        access.conn, access.connection.connection_id, resource.resource, _BACKFILL
    )
    if cursor is not None and cursor.finished_at is not None:
        cursor = None
    done = None
    if resource.bulk and place_of(cursor) is None:
        try:
            done = await _by_export(access, resource.resource, cursor, since_at, on_progress)
        except _NoExport as reason:
            _log.info("export_refused", resource=resource.resource, reason=str(reason))
    if done is None:
        done = await _by_pages(access, resource.resource, cursor, since_at, on_progress)
    await begin_polling_at(access, resource, began_at)
    on_progress(
        Progress(resource=resource.resource, stage="done", done=done.done, expected=done.expected)
    )
    return done


async def _by_pages(
    access: Access,
    resource: str,
    cursor: PullCursor | None,
    since_at: datetime | None,
    on_progress: Callable[[Progress], None],
) -> Backfilled:
    place = place_of(cursor)
    resumed = place is not None and cursor is not None
    if cursor is not None and place is not None:
        since_at = cursor.since_at
    else:
        place = await begin_walk(access, resource, since_at)
    on_progress(
        Progress(resource=resource, stage="reading", done=place.read, expected=place.counted)
    )
    walked = await walk(
        access, resource, _BACKFILL, since_at=since_at, place=place, lane=Lane.BACKFILL
    )
    ended = PullCursor(since_at=since_at, done=walked.read, expected=place.counted)
    await _write(access, resource, ended, finished=True)
    return Backfilled(
        resource=resource,
        way="pages",
        done=walked.read,
        fresh=walked.fresh,
        expected=place.counted,
        resumed=resumed,
        complete=walked.complete,
    )


async def _by_export(
    access: Access,
    resource: str,
    cursor: PullCursor | None,
    since_at: datetime | None,
    on_progress: Callable[[Progress], None],
) -> Backfilled:
    resumed = cursor is not None and cursor.bulk_ref is not None
    if cursor is None or cursor.bulk_ref is None:
        counted = await count_at_vendor(access, resource, since_at)
        bulk_ref = await _start(access, resource, since_at)
        cursor = PullCursor(since_at=since_at, bulk_ref=bulk_ref, expected=counted)
        await _write(access, resource, cursor)
    state = await _await_export(access, resource, cursor, on_progress)
    fresh = 0
    if state.url is not None:
        try:
            with tempfile.TemporaryFile(prefix="trueup-export-") as file:
                await _download(access, state.url, file)
                cursor, fresh = await _take(access, resource, cursor, file, on_progress)
        except (Refused, ContractBroken) as error:
            # Its address is no longer good, or its lines can not be read.
            await _forget(access, resource, cursor)
            raise _NoExport(error.message) from error
    expected = cursor.expected if cursor.expected is not None else state.count
    complete = await judge_count(access, resource, read=cursor.done, counted=expected)
    ended = PullCursor(since_at=cursor.since_at, done=cursor.done, expected=expected)
    await _write(access, resource, ended, finished=True)
    return Backfilled(
        resource=resource,
        way="bulk",
        done=cursor.done,
        fresh=fresh,
        expected=expected,
        resumed=resumed,
        complete=complete,
    )


async def _start(access: Access, resource: str, since_at: datetime | None) -> str:
    pull = access.folder.pull
    try:
        return pull.bulk_started(await access.send(pull.bulk_request(resource, since_at)))
    except (Refused, ContractBroken) as error:
        raise _NoExport(error.message) from error


async def _await_export(
    access: Access,
    resource: str,
    cursor: PullCursor,
    on_progress: Callable[[Progress], None],
) -> BulkState:
    """Wait until the vendor has prepared the export; one that failed is forgotten."""
    pull = access.folder.pull
    delay_s = waited_s = _STATUS_DELAY_S
    while True:
        try:
            state = pull.bulk_state(
                await access.send(pull.bulk_status_request(cursor.bulk_ref or ""))
            )
        except (Refused, ContractBroken) as error:
            state = BulkState(state="failed", reason=error.message)
        if state.state == "done":
            return state
        if state.state == "failed" or waited_s > EXPORT_WAIT_S_MAX:
            await _forget(access, resource, cursor)
            raise _NoExport(state.reason or "the export took too long")
        on_progress(
            Progress(resource=resource, stage="waiting", done=state.count, expected=cursor.expected)
        )
        await access.sleep(delay_s)
        waited_s += delay_s
        delay_s = min(delay_s * 1.5, STATUS_DELAY_S_MAX)


async def _download(access: Access, url: str, file: IO[bytes]) -> None:
    """Bring the export into a file; an address that is no longer good ends the export."""

    def sink(chunk: bytes) -> None:
        file.write(chunk)

    for tries_left in (2, 1, 0):
        file.seek(0)
        file.truncate()
        try:
            await access.caller.download(
                Request(method="GET", path=url),
                sink,
                bytes_max=EXPORT_BYTES_MAX,
                timeout_s=EXPORT_TIMEOUT_S,
            )
        except Unavailable:
            if tries_left == 0:
                raise
            await access.sleep(1.0)
        else:
            file.seek(0)
            return


async def _take(
    access: Access,
    resource: str,
    cursor: PullCursor,
    file: IO[bytes],
    on_progress: Callable[[Progress], None],
) -> tuple[PullCursor, int]:
    """Append the export's records in batches, each with the cursor behind it."""
    pieces: Iterator[Piece] = access.folder.pull.bulk_pieces(resource, file)
    for _ in islice(pieces, cursor.done):
        pass  # in the log already
    fresh = 0
    while batch := list(islice(pieces, BATCH_EVENTS_MAX)):
        cursor = msgspec.structs.replace(cursor, done=cursor.done + len(batch))
        async with access.conn.transaction():
            appended = await access.append(batch, Origin.BULK, Lane.BACKFILL)
            await _write(access, resource, cursor)
        fresh += sum(not each.repeated for each in appended)
        on_progress(
            Progress(resource=resource, stage="reading", done=cursor.done, expected=cursor.expected)
        )
        await asyncio.sleep(0)  # others of this process go on, too
    return cursor, fresh


async def _forget(access: Access, resource: str, cursor: PullCursor) -> None:
    await _write(access, resource, PullCursor(since_at=cursor.since_at))


async def _write(
    access: Access, resource: str, cursor: PullCursor, *, finished: bool = False
) -> None:
    connection_id = access.connection.connection_id
    await write_cursor(access.conn, connection_id, resource, _BACKFILL, cursor, finished=finished)
