"""Walk the pages of one resource: a page and the cursor behind it are one transaction."""

from datetime import datetime

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Page
from trueup.errors import ContractBroken, Refused
from trueup.intake.cursors import PullCursor, write_cursor
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.model import Lane, Origin
from trueup.pull.access import Access

PAGES_MAX = 100_000
"""More pages than any shop has: a walk without an end is stopped here."""

COUNT_DIFFERS = "pull.count_differs"


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a walk is, as its cursor keeps it.

    Attributes:
        page: the vendor's cursor of the next page; None at the first one.
        read: records read so far.
        pages: how many pages they were.
        began_at: when the walk began, by our clock.
        latest_at: the newest last-change stamp seen.
        counted: how many there are by the vendor's count when it began; None if it can not tell.
    """

    began_at: datetime
    page: str | None = None
    read: int = 0
    pages: int = 0
    latest_at: datetime | None = None
    counted: int | None = None


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk read.

    Attributes:
        fresh: records that were not in the log.
        complete: as many as the vendor counts, or more.
        pages: read by this call.
        ended: there are no more pages.
    """

    resource: str
    read: int
    fresh: int
    complete: bool
    latest_at: datetime | None = None
    pages: int = 0
    ended: bool = True


async def begin_walk(access: Access, resource: str, since_at: datetime | None) -> Place:
    """Ask the vendor how much there is, and stand before the first page."""
    counted = await count_at_vendor(access, resource, since_at)
    return Place(began_at=access.clock.now(), counted=counted)


async def walk(
    access: Access,
    resource: str,
    purpose: str,
    *,
    since_at: datetime | None,
    place: Place,
    lane: Lane = Lane.LIVE,
    pages_max: int = PAGES_MAX,
) -> Walked:
    """Read all pages from a place on; after each, the cursor says where to go on.

    Args:
        access: the account.
        resource: of the manifest.
        purpose: "poll", "backfill" or a sweep's: which cursor.
        since_at: reads what changed at or after this; None reads everything.
        place: where to go on.
        lane: of the events.
        pages_max: read no more now; another call goes on.

    Raises:
        ConnectorError: a page could not be read; what came before it is kept.
    """
    fresh = pages = 0
    ended = complete = False
    while not ended and pages < pages_max:
        if place.pages >= PAGES_MAX:
            raise ContractBroken("The vendor's pages have no end.", resource=resource)
        asked_at = access.clock.now()
        page = await _read_page(access, resource, since_at, place.page)
        place = msgspec.structs.replace(
            place,
            page=page.next_cursor,
            read=place.read + len(page.pieces),
            pages=place.pages + 1,
            latest_at=_later(place.latest_at, page.latest_at),
        )
        async with access.conn.transaction():
            appended = await access.append(list(page.pieces), Origin.POLL, lane, asked_at=asked_at)
            await _keep(access, resource, purpose, since_at, place)
        fresh += sum(not each.repeated for each in appended)
        pages, ended = pages + 1, page.next_cursor is None
    if ended:
        complete = await _is_complete(access, resource, since_at, place)
    return Walked(
        resource=resource,
        read=place.read,
        fresh=fresh,
        complete=complete,
        latest_at=place.latest_at,
        pages=pages,
        ended=ended,
    )


def place_of(cursor: PullCursor | None) -> Place | None:
    """Return where an unfinished walk stands; None where none is under way."""
    if cursor is None or cursor.position is None:
        return None
    try:
        return msgspec.json.decode(cursor.position, type=Place)
    except msgspec.MsgspecError:
        return None  # written by another version; the walk begins anew


async def count_at_vendor(access: Access, resource: str, since_at: datetime | None) -> int | None:
    """Return how many records there are by the vendor's own count; None if it can not tell."""
    request = access.folder.pull.count_request(resource, since_at)
    if request is None:
        return None
    return access.folder.pull.count(resource, await access.send(request))


async def judge_count(access: Access, resource: str, *, read: int, counted: int | None) -> bool:
    """Open an issue where fewer records were read than the vendor counts, else close it."""
    ref = f"pull/{access.connection.name}/{resource}"
    if counted is None or read >= counted:
        await close_issues(access.conn, COUNT_DIFFERS, [ref])
        return True
    issue = Issue(
        code=COUNT_DIFFERS,
        severity=Severity.WARNING,
        pointer=resource,
        expected=f"{counted} records, as the vendor counts",
        found=f"{read} records read",
        how_to_fix="Check that the app may read all records, then backfill this resource.",
        ref=ref,
    )
    await raise_issue(access.conn, access.connection.connection_id, issue)
    return False


async def _read_page(
    access: Access, resource: str, since_at: datetime | None, cursor: str | None
) -> Page:
    pull = access.folder.pull
    request = pull.page_request(resource, since_at, cursor)
    try:
        return pull.page(resource, await access.send(request))
    except Refused:
        if cursor is None:
            raise
        # The vendor no longer knows where we were: begin anew. What is known is a repeat.
        request = pull.page_request(resource, since_at, None)
        return pull.page(resource, await access.send(request))


async def _keep(
    access: Access, resource: str, purpose: str, since_at: datetime | None, place: Place
) -> None:
    await write_cursor(
        access.conn,
        access.connection.connection_id,
        resource,
        purpose,
        PullCursor(
            since_at=since_at,
            position=msgspec.json.encode(place).decode(),
            done=place.read,
            expected=place.counted,
        ),
    )


async def _is_complete(
    access: Access, resource: str, since_at: datetime | None, place: Place
) -> bool:
    """Compare with the vendor's count; records that went away meanwhile are not missing."""
    counted = place.counted
    if counted is not None and place.read < counted:
        again = await count_at_vendor(access, resource, since_at)
        counted = min(counted, again if again is not None else counted)
    return await judge_count(access, resource, read=place.read, counted=counted)


def _later(left: datetime | None, right: datetime | None) -> datetime | None:
    return max((each for each in (left, right) if each is not None), default=None)
