"""Follow: ask a carrier for single parcels by number, because it has no list that is whole.

Which they are is in the records of all connections: numbers of shipments whose carrier has one of
the connector's names, and the connection's own parcels. Each is asked for as often as its news is
worth: often on the day of its delivery, once a day when it has lain still for long, and no more
after its end. No list of them is kept: when each is due follows from the time alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

import msgspec
import structlog

from trueup.canon.issue import Issue, Severity
from trueup.canon.parcel import ParcelStatus
from trueup.contract.connector import Fetch, Page
from trueup.errors import ConfigError, ContractBroken, Refused
from trueup.intake.cursors import PullCursor, read_cursor, write_cursor
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.model import Origin
from trueup.pull.access import Access
from trueup.pull.poll import find_resource
from trueup.records.following import Open, open_parcels

_log = structlog.get_logger("trueup.pull")

FOLLOW_INTERVAL_S: Final = 600.0
"""How often it is looked which parcels are due; none is asked for more often."""

REFUSED: Final = "follow.refused"

BEGUN_MAX: Final = 500
"""So many parcels a carrier is told to follow in one go, because each may cost."""

NEAR_S: Final = 1800.0
MOVING_S: Final = 3 * 3600.0
WAITING_S: Final = 6 * 3600.0
STILL_S: Final = 24 * 3600.0
STILL_AFTER: Final = timedelta(days=10)

_NEAR: Final = frozenset((ParcelStatus.OUT_FOR_DELIVERY, ParcelStatus.ATTEMPT_FAILED))
_STEPS_MAX: Final = 1_000
_PURPOSE: Final = "follow"


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of following.

    Attributes:
        open: parcels of which the end is not known.
        asked: those of them that were due.
        begun: those that the carrier was told to follow.
        read: bodies that it answered with.
        fresh: those of them that were not in the log.
        refused: calls that it would not answer; what they asked for is asked again.
    """

    resource: str
    open: int
    asked: int
    begun: int = 0
    read: int = 0
    fresh: int = 0
    refused: int = 0


async def follow(access: Access, resource_name: str) -> Followed:
    """Ask for the parcels that are due.

    Args:
        access: the carrier's account.
        resource_name: of the manifest, with `by_ref`.

    Raises:
        ConfigError: the connector follows no such resource.
        ConnectorError: the carrier did not answer; what it told before is kept, and all is asked
            again.
    """
    resource = find_resource(access, resource_name)
    if not resource.by_ref:
        raise ConfigError(f"{access.folder.id} follows no {resource_name}.")
    connection = access.connection
    now = access.clock.now()
    cursor = await read_cursor(access.conn, connection.connection_id, resource.resource, _PURPOSE)
    found = await open_parcels(
        access.conn,
        access.hub.vault,
        connection.connection_id,
        carriers=access.folder.manifest.carriers,
        since_at=now - timedelta(days=resource.follow_days),
    )
    must_begin = bool(resource.begin_setting)
    if must_begin and connection.settings.get(resource.begin_setting) != "yes":
        found = [each for each in found if each.status is not None]
    since_at = None if cursor is None else cursor.since_at
    due = [each for each in found if is_due(each, since_at, now)]
    known = [each.number for each in due if each.status is not None or not must_begin]
    told = Followed(resource=resource.resource, open=len(found), asked=len(due))
    for start in range(0, len(known), resource.batch_max):
        told = await _ask(access, known[start : start + resource.batch_max], told)
    if must_begin:
        told = await _begin(access, [each.number for each in due if each.status is None], told)
    await _judge(access, told)
    await write_cursor(
        access.conn,
        connection.connection_id,
        resource.resource,
        _PURPOSE,
        PullCursor(since_at=now, done=told.asked),
        finished=True,
    )
    return told


async def _judge(access: Access, told: Followed) -> None:
    """Open an issue where the carrier would not answer a call, else close it."""
    ref = f"follow/{access.connection.name}/{told.resource}"
    if not told.refused:
        await close_issues(access.conn, REFUSED, [ref])
        return
    issue = Issue(
        code=REFUSED,
        severity=Severity.WARNING,
        pointer=told.resource,
        expected=f"an answer for each of {told.asked} parcels",
        found=f"{told.refused} calls refused, {told.read} parcels read",
        how_to_fix="Look whether the shipments name the right carrier, and the account may read "
        "parcels. They are asked for again.",
        ref=ref,
    )
    await raise_issue(access.conn, access.connection.connection_id, issue)


def interval_s(parcel: Open, now: datetime) -> float:
    """Return how often a parcel is asked for."""
    if now - parcel.told_at > STILL_AFTER:
        return STILL_S
    if parcel.status in _NEAR:
        return NEAR_S
    return WAITING_S if parcel.status is ParcelStatus.CREATED else MOVING_S


def is_due(parcel: Open, since_at: datetime | None, now: datetime) -> bool:
    """Tell whether a parcel is asked for now; each has its own beat, so that not all come at once.

    Args:
        parcel: which.
        since_at: when it was last looked which are due; None: never.
        now: our clock.
    """
    if since_at is None:
        return True
    every_s = interval_s(parcel, now)
    shift_s = crc32(parcel.number.encode()) % every_s
    return (now.timestamp() - shift_s) // every_s > (since_at.timestamp() - shift_s) // every_s


async def _ask(access: Access, numbers: Sequence[str], told: Followed) -> Followed:
    for fetch in access.folder.pull.batches(numbers):
        told = await _read(access, fetch, told)
    return told


async def _begin(access: Access, numbers: Sequence[str], told: Followed) -> Followed:
    """Have the carrier follow what it does not know of; look first, for each may cost.

    Where a look finds some of them, they are in the log now, and the others wait for their next
    turn: a body does not say which number was asked for.
    """
    pull, begun = access.folder.pull, 0
    for look in pull.batches(numbers[:BEGUN_MAX]):
        looked = await _read(access, look, told)
        if looked.read > told.read or looked.refused > told.refused:
            told = looked
            continue
        for fetch in pull.begin(look.ref.split(",")):
            before, told = told, await _read(access, fetch, told)
            begun += told.read > before.read
    return msgspec.structs.replace(told, begun=begun)


async def _read(access: Access, fetch: Fetch, told: Followed) -> Followed:
    """Read what a fetch asks for into the log, in as many calls as it takes."""
    pull, read, fresh = access.folder.pull, 0, 0
    step = fetch
    for _ in range(_STEPS_MAX):
        asked_at = access.clock.now()
        try:
            page: Page = pull.fetched(step, await access.send(pull.fetch_request(step)))
        except Refused as error:
            # One number that the carrier does not like must not hold up the others.
            _log.info("follow_refused", connection=access.connection.name, reason=error.code)
            return msgspec.structs.replace(told, refused=told.refused + 1)
        async with access.conn.transaction():
            appended = await access.append(list(page.pieces), Origin.POLL, asked_at=asked_at)
        read += len(page.pieces)
        fresh += sum(not each.repeated for each in appended)
        if page.then is None:
            return msgspec.structs.replace(told, read=told.read + read, fresh=told.fresh + fresh)
        step = page.then
    raise ContractBroken("The carrier's answer has no end.", resource=fetch.resource)
