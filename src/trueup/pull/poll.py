"""Poll: read what changed since the last time.

What a vendor commits late may carry an earlier stamp, so each poll begins some time before the
newest stamp that the last one saw: the overlap. What is read twice is one event all the same. A
connection without webhooks lives on polls alone, and one with webhooks heals its gaps by them.
"""

from datetime import datetime, timedelta

from trueup.contract.capability import Resource
from trueup.errors import ConfigError
from trueup.intake.cursors import PullCursor, read_cursor, write_cursor
from trueup.pull.access import Access
from trueup.pull.walk import Place, Walked, begin_walk, place_of, walk

FIRST_LOOK_BACK = timedelta(days=1)
"""How far the first poll looks back where no backfill has been made; the rest is history."""

_POLL = "poll"


async def poll(access: Access, resource_name: str, *, since_at: datetime | None = None) -> Walked:
    """Read what changed in one resource since the last poll.

    Args:
        access: the account.
        resource_name: of the manifest.
        since_at: read from here on, where that is earlier: to fill a known gap.

    Raises:
        ConfigError: the connector does not pull such a resource.
        ConnectorError: the vendor did not answer; the next poll goes on where this one ended.
    """
    resource = find_resource(access, resource_name)
    connection_id = access.connection.connection_id
    cursor = await read_cursor(access.conn, connection_id, resource.resource, _POLL)
    place = None if since_at is not None else place_of(cursor)
    if place is None or cursor is None:
        begins_at = _begin(access, resource, cursor, since_at)
        place = await begin_walk(access, resource.resource, begins_at)
    else:
        begins_at = cursor.since_at
    walked = await walk(access, resource.resource, _POLL, since_at=begins_at, place=place)
    await _finish(access, resource, begins_at, place, walked)
    return walked


def find_resource(access: Access, name: str) -> Resource:
    """Return a resource of the manifest.

    Raises:
        ConfigError: there is none of this name; the message lists those that are.
    """
    resources = {each.resource: each for each in access.folder.manifest.pull}
    if name not in resources:
        raise ConfigError(f"There is no resource {name!r}; there are: {', '.join(resources)}.")
    return resources[name]


async def begin_polling_at(access: Access, resource: Resource, at: datetime) -> None:
    """Let polls begin where a backfill began, unless there are polls already."""
    connection_id = access.connection.connection_id
    if await read_cursor(access.conn, connection_id, resource.resource, _POLL) is None:
        await write_cursor(
            access.conn, connection_id, resource.resource, _POLL, PullCursor(since_at=at)
        )


def _begin(
    access: Access, resource: Resource, cursor: PullCursor | None, since_at: datetime | None
) -> datetime | None:
    if not resource.cursor:
        return None  # a snapshot: the whole of it, each time
    high = access.clock.now() - FIRST_LOOK_BACK if cursor is None else cursor.since_at
    known = [instant for instant in (high, since_at) if instant is not None]
    return min(known) - timedelta(seconds=resource.overlap_s) if known else None


async def _finish(
    access: Access,
    resource: Resource,
    begins_at: datetime | None,
    place: Place,
    walked: Walked,
) -> None:
    """Move the cursor to the newest stamp seen, and never beyond the moment the poll began."""
    overlap = timedelta(seconds=resource.overlap_s)
    high = begins_at + overlap if begins_at is not None else None
    seen_at = walked.latest_at
    if resource.cursor and seen_at is not None:
        seen_at = min(seen_at, place.began_at)
        high = seen_at if high is None else max(high, seen_at)
    await write_cursor(
        access.conn,
        access.connection.connection_id,
        resource.resource,
        _POLL,
        PullCursor(since_at=high, done=walked.read),
        finished=True,
    )
