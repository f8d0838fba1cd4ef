"""Sweep: read again, ever further back and ever more rarely, what is told with an older date.

Some vendors let whoever tells something say when it happened, and list it by that date alone. What
is told late then lies before the poll's cursor, and no overlap that a poll can afford is wide
enough: somebody may catch up after an outage of days, or import a year. So the same pages are read
from further back. Each reach is four times the one before it, and read as rarely as it is deep:
what is told with a date that lies a time back is read within a sixth of that time, and each reach
costs a fixed share of what the poll costs. What is read twice is one event all the same.
"""

from datetime import datetime, timedelta

import msgspec
import structlog

from trueup.contract.capability import Resource
from trueup.intake.cursors import PullCursor, read_cursor, write_cursor
from trueup.intake.model import Lane
from trueup.pull.access import Access
from trueup.pull.poll import find_resource
from trueup.pull.walk import Walked, begin_walk, place_of, walk

_log = structlog.get_logger("trueup.pull")

REACH_GROWS = 4
INTERVALS_PER_REACH = 24
PAGES_A_RUN = 200
"""What one run reads; the next goes on. So a reach of a year holds up none of days for long."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far back one of the sweeps reads, and how often."""

    reach_s: int
    interval_s: float

    @property
    def purpose(self) -> str:
        """Name its cursor."""
        return f"sweep.{self.reach_s}"


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the sweeps read.

    Attributes:
        fresh: records that were not in the log, which no poll had seen.
        unfinished: there is more to read now; the next run goes on.
    """

    resource: str
    read: int
    fresh: int
    unfinished: bool = False


def reaches_of(resource: Resource) -> list[Reach]:
    """Return how far back a resource is swept, the nearest first; nowhere without `backdated_s`."""
    reaches: list[Reach] = []
    reach_s = resource.overlap_s
    while reach_s < resource.backdated_s:
        reach_s = min(reach_s * REACH_GROWS, resource.backdated_s)
        interval_s = max(float(resource.interval_s), reach_s / INTERVALS_PER_REACH)
        reaches.append(Reach(reach_s=reach_s, interval_s=interval_s))
    return reaches


async def sweep(access: Access, resource_name: str) -> Swept:
    """Read what is due of one resource's sweeps, the nearest first, as far as one run goes.

    Args:
        access: the account.
        resource_name: of the manifest.

    Raises:
        ConfigError: the connector does not pull such a resource.
        ConnectorError: the vendor did not answer; the next run goes on where this one ended.
    """
    resource = find_resource(access, resource_name)
    read = fresh = 0
    pages_left, unfinished = PAGES_A_RUN, False
    for reach in reaches_of(resource):
        walked = await _sweep_reach(access, resource, reach, pages_left)
        if walked is None:
            continue
        read, fresh = read + walked.read, fresh + walked.fresh
        pages_left -= walked.pages
        unfinished = unfinished or not walked.ended
        if not pages_left:
            break
    if fresh:
        _log.info("told_late", connection=access.connection.name, resource=resource_name, new=fresh)
    return Swept(resource=resource_name, read=read, fresh=fresh, unfinished=unfinished)


async def _sweep_reach(
    access: Access, resource: Resource, reach: Reach, pages_max: int
) -> Walked | None:
    """Read one reach, or go on with it; None where it is not due.

    The first time it only begins to count: what there is by then is read as history.
    """
    now, span = access.clock.now(), timedelta(seconds=reach.reach_s)
    connection_id, name = access.connection.connection_id, resource.resource
    cursor = await read_cursor(access.conn, connection_id, name, reach.purpose)
    if cursor is None:
        await _end(access, name, reach, now - span)
        return None
    place = place_of(cursor)
    since_at = cursor.since_at
    if place is None or since_at is None:
        due_at = (since_at or now) + span + timedelta(seconds=reach.interval_s)
        if since_at is not None and due_at > now:
            return None
        since_at = now - span
        place = await begin_walk(access, name, since_at)
    before = place.read
    walked = await walk(
        access,
        name,
        reach.purpose,
        since_at=since_at,
        place=place,
        lane=Lane.BACKFILL,
        pages_max=pages_max,
    )
    if walked.ended:
        await _end(access, name, reach, since_at, walked.read)
    return msgspec.structs.replace(walked, read=walked.read - before)


async def _end(
    access: Access, resource: str, reach: Reach, since_at: datetime, done: int = 0
) -> None:
    """Note that a reach was read; from where on tells when that began, and when it is due again."""
    await write_cursor(
        access.conn,
        access.connection.connection_id,
        resource,
        reach.purpose,
        PullCursor(since_at=since_at, done=done),
        finished=True,
    )
