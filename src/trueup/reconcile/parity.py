"""Parity: does every channel show what shall stand there? Looked at again and again, in rounds.

A round looks at some listings within the vendor's budget, names the cause of each difference by
what was read, lets the outbox mend a few, and keeps the figures. It is a duty of each connection,
and what `trueup reconcile parity` does on demand.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog

from trueup.canon.release import ReleaseReason
from trueup.errors import RateLimited, Resting
from trueup.ledger.brakes import list_brakes
from trueup.outbox.parity import (
    Standing,
    forgiven_since,
    listings_to_compare,
    newest_calls,
    trim_forgiven,
)
from trueup.outbox.submitted import APPLY_PATIENCE
from trueup.pull.access import Access
from trueup.reconcile.cause import Facts, Reading, changed_there, judge
from trueup.reconcile.look import (
    SHARE,
    Allowance,
    Leaf,
    Sight,
    Unlisted,
    batch_max,
    lists_levels,
    look_at_some,
    look_on,
    page_request,
)
from trueup.reconcile.mend import mend, plan
from trueup.reconcile.pace import Round, keep_figures
from trueup.reconcile.reading import LOOK_BACK, ORDERS, read_orders
from trueup.reconcile.risk import Look, choose, next_rate
from trueup.reconcile.suspects import list_suspects
from trueup.reconcile.trail import (
    Finding,
    Repair,
    Walk,
    drop_looks,
    drop_unmapped,
    foreign_writes,
    mend_repairs,
    note_foreign_writes,
    note_repairs,
    read_looks,
    read_walk,
    repaired_since,
    span_of_rounds,
    trim_trail,
    write_looks,
    write_unmapped,
    write_walk,
)
from trueup.reconcile.writer import QUIET, judge_writers, writes_forgiven, writes_of_looks

_log = structlog.get_logger("trueup.reconcile")

PARITY_INTERVAL_S: Final = 60.0
"""How often a round is made."""

WALK_EVERY: Final = timedelta(hours=20)
"""All levels of a vendor that lists them are walked through once in so long."""

KEPT: Final = timedelta(days=90)
DELAY: Final = timedelta(seconds=60)
_DAY_S: Final = 24 * 3600.0
_PAGES_MAX: Final = 1_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How a round is made.

    Attributes:
        interval_s: how often rounds are: the budget is shared out over it.
        everything: look at every listing, whatever it takes.
        repair: let the outbox mend; otherwise it is only planned.
    """

    interval_s: float = PARITY_INTERVAL_S
    everything: bool = False
    repair: bool = True


Calls = Mapping[str, Sequence[Mapping[str, Any]]]
"""The newest calls of each SKU."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What the looks of a round mean, and what was read to say so."""

    findings: list[Finding]
    calls: Calls
    reading: Reading | None


class Looked(msgspec.Struct, kw_only=True):
    """What was seen in a round, while it is made."""

    sights: dict[str, Sight] = {}
    unlisted: list[Unlisted] = []
    walk: Walk | None = None
    walked_whole: bool = False


def compares(access: Access) -> bool:
    """Whether a connection is told stock, so that there is something to compare."""
    return access.hub.stock_location(access.connection.connection_id) is not None


async def round_of_parity(access: Access, wanted: Wanted | None = None) -> Round:
    """Look at listings, name the causes of what differs, and let the outbox mend some of it.

    Args:
        access: the account.
        wanted: how; a usual round of the scheduler where None.

    Raises:
        ConnectorError: the vendor did not answer, and nothing was seen.
    """
    wanted = wanted or Wanted()
    if not compares(access):
        return Round()
    connection_id = access.connection.connection_id
    standings = [s for s in await listings_to_compare(access.conn, connection_id) if s.counted]
    looks = await read_looks(access.conn, connection_id)
    allowance = _allowance(access, wanted)
    looked = Looked()
    await _look(access, standings, looks, looked, allowance, wanted)
    judged = await _judge(access, looked, looks)
    return await _keep(access, standings, looks, looked, judged, wanted)


async def plan_of_parity(access: Access) -> tuple[list[Finding], list[Repair]]:
    """Look at every listing and return what would be done; nothing is kept and nothing mended.

    What is found unread in the vendor's orders is appended to the log all the same: reading is not
    mending.
    """
    connection_id, now = access.connection.connection_id, access.clock.now()
    standings = [s for s in await listings_to_compare(access.conn, connection_id) if s.counted]
    looks = await read_looks(access.conn, connection_id)
    looked = Looked()
    await _look(access, standings, looks, looked, None, Wanted(everything=True))
    judged = await _judge(access, looked, looks)
    done = await repaired_since(access.conn, connection_id, now - QUIET)
    foreign = await _foreign(access, now)
    planned = plan(_first(judged.findings), done, foreign, judged.calls, now)
    return judged.findings, planned


def _allowance(access: Access, wanted: Wanted) -> Allowance | None:
    if wanted.everything:
        return None
    share = float(access.connection.settings.get("parity_share", SHARE))
    return Allowance(access.folder.manifest.limits, wanted.interval_s, share)


async def _look(
    access: Access,
    standings: Sequence[Standing],
    looks: Mapping[str, Look],
    looked: Looked,
    allowance: Allowance | None,
    wanted: Wanted,
) -> None:
    now = access.clock.now()
    if wanted.everything:
        chosen: Sequence[Standing] = standings
    else:
        chosen = choose(standings, looks, now, _places(access, standings, allowance))
    for sight in await look_at_some(access, chosen, allowance):
        looked.sights[sight.before.key] = sight
    if lists_levels(access):
        await _walk(access, looked, allowance, now)


def _places(access: Access, standings: Sequence[Standing], allowance: Allowance | None) -> int:
    """Return how many listings a round can look at."""
    if not standings or allowance is None:
        return len(standings)
    size = batch_max(access)
    request = access.folder.actions.read_request([s.intent for s in standings[:size]])
    return int(allowance.calls(request)) * size


def _a_day(access: Access, standings: Sequence[Standing]) -> int:
    """Return how many listings a usual budget looks at in a day."""
    places = _places(access, standings, _allowance(access, Wanted()))
    return int(places * _DAY_S / PARITY_INTERVAL_S)


async def _walk(access: Access, looked: Looked, allowance: Allowance | None, now: datetime) -> None:
    """Go on walking through all levels; begin anew where the last walk is old enough."""
    connection_id = access.connection.connection_id
    walk = await read_walk(access.conn, connection_id)
    finished = walk is not None and walk.finished_at is not None
    if walk is None or (finished and (allowance is None or _is_old(walk, now))):
        walk = Walk(began_at=now)
    elif finished:
        return
    position = walk.position
    for _ in range(_PAGES_MAX):
        request = page_request(access, position)
        if allowance is not None and not allowance.may(request):
            break
        try:
            leaf = await look_on(access, position)
        except (RateLimited, Resting):
            break
        if allowance is not None:
            allowance.spend(request)
        _take(looked, leaf)
        position = leaf.next_cursor
        if position is None:
            looked.walked_whole = True
            looked.walk = Walk(began_at=walk.began_at, finished_at=access.clock.now())
            return
    looked.walk = Walk(began_at=walk.began_at, position=position)


def _is_old(walk: Walk, now: datetime) -> bool:
    return walk.finished_at is not None and now - walk.finished_at >= WALK_EVERY


def _take(looked: Looked, leaf: Leaf) -> None:
    for sight in leaf.sights:
        if sight.before.counted:
            looked.sights[sight.before.key] = sight
    looked.unlisted += leaf.unlisted


async def _judge(access: Access, looked: Looked, looks: Mapping[str, Look]) -> Judged:
    """Name the causes of what differs, from calls, events and the vendor's own orders."""
    connection_id, now = access.connection.connection_id, access.clock.now()
    differing = [s for s in looked.sights.values() if not _agrees(s)]
    forgiven = await _new_forgiven(access, now)
    keys = sorted({s.before.key for s in differing} | {row["key"] for row in forgiven})
    calls: Calls = await newest_calls(access.conn, connection_id, keys) if keys else {}
    after = {
        s.before.key: _changed_after(s, looks.get(s.before.key), calls.get(s.before.key, []))
        for s in differing
    }
    gone = await _gone_orders(access) if differing else {}
    facts = {
        s.before.key: msgspec.structs.replace(
            _facts(access, s, looks.get(s.before.key), calls, after),
            phantoms=tuple(gone.get(s.before.sku, ())),
        )
        for s in differing
    }
    begins = [after[sku] for sku, fact in facts.items() if changed_there(fact)]
    begins += [row["since_at"] - timedelta(hours=1) for row in forgiven]
    reading = None
    if begins:
        since_at = min(at or now - LOOK_BACK for at in begins)
        looked_at = max((s.looked_at for s in differing), default=now)
        reading = await read_orders(access, since_at, looked_at)
    findings = []
    for sku, sight in looked.sights.items():
        fact = facts.get(sku)
        if fact is not None and reading is not None:
            fact = msgspec.structs.replace(fact, reading=reading)
        look = looks.get(sku)
        parts = () if fact is None else judge(fact)
        findings.append(
            Finding(
                sight=sight,
                parts=parts,
                changed=fact is not None and bool(parts) and changed_there(fact) != 0,
                rate=next_rate(look, sight.before.sequence, sight.looked_at),
            )
        )
    return Judged(findings=findings, calls=calls, reading=reading)


async def _gone_orders(access: Access) -> dict[str, list[tuple[str, int, str]]]:
    """Return orders that hold units and that the vendor knows no more, by SKU.

    Where it gave their units back, its number is higher than what was left there.
    """
    found: dict[str, list[tuple[str, int, str]]] = {}
    for row in await list_suspects(access.conn, connection_id=access.connection.connection_id):
        if row["cause"] == ReleaseReason.GONE.value and row["told_at"] is None:
            for sku, units in row["units"].items():
                found.setdefault(sku, []).append((row["ref"], units, row["evidence"][0]))
    return found


def _agrees(sight: Sight) -> bool:
    """Whether what shall stand there does, or did while it was looked at."""
    wanted = {sight.before.shall} | ({sight.after.shall} if sight.after is not None else set())
    return sight.stands in wanted


def _changed_after(
    sight: Sight, look: Look | None, calls: Sequence[Mapping[str, Any]]
) -> datetime | None:
    """Return the instant at which what was left there stood there for certain; None: unknown."""
    known = [call["started_at"] for call in calls if call["receipt"] == "done"][:1]
    if look is not None and look.agreed_at is not None:
        known.append(look.agreed_at)
    changed = [at for at in known if at <= sight.looked_at]
    since = look.changed_since if look is not None else None
    if since is not None:
        # What was done after it had changed says nothing of how it stood before.
        changed = [at for at in changed if at <= since]
    return max(changed, default=None)


def _facts(
    access: Access,
    sight: Sight,
    look: Look | None,
    calls: Calls,
    after: Mapping[str, datetime | None],
) -> Facts:
    return Facts(
        before=sight.before,
        after=sight.after,
        stands=sight.stands,
        looked_at=sight.looked_at,
        calls=tuple(calls.get(sight.before.key, ())),
        changed_since=look.changed_since if look is not None else None,
        changed_after=after.get(sight.before.key),
        before_at=look.looked_at if look is not None else None,
        before_stood=look.stands if look is not None else None,
        delay=vendor_delay(access),
    )


def vendor_delay(access: Access) -> timedelta:
    """Return how long the vendor may take until a number, or an order, shows."""
    manifest, settings = access.folder.manifest, access.connection.settings
    if settings.get("vendor_delay_s"):
        return timedelta(seconds=float(settings["vendor_delay_s"]))
    action = manifest.action("stock.set")
    known = [DELAY]
    if action is not None and action.confirm != "reply":
        known.append(APPLY_PATIENCE)
    known += [timedelta(seconds=r.overlap_s) for r in manifest.pull if r.resource == ORDERS]
    return max(known)


async def _new_forgiven(access: Access, now: datetime) -> list[Any]:
    """Return what was waited for in vain since the last round."""
    connection_id = access.connection.connection_id
    _, ended_at = await span_of_rounds(access.conn, connection_id)
    return await forgiven_since(access.conn, connection_id, ended_at or now - QUIET)


async def _foreign(access: Access, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in await foreign_writes(access.conn, access.connection.connection_id, now - QUIET):
        counts[row["sku"]] = counts.get(row["sku"], 0) + 1
    return counts


def _first(findings: Sequence[Finding]) -> list[Finding]:
    """Return what differs, the least explained first."""
    return sorted((f for f in findings if f.parts), key=lambda f: (-f.unexplained, f.sku))


async def _keep(
    access: Access,
    standings: Sequence[Standing],
    looks: Mapping[str, Look],
    looked: Looked,
    judged: Judged,
    wanted: Wanted,
) -> Round:
    """Keep what was found and let the outbox mend some of it, in one transaction."""
    conn, connection_id, now = access.conn, access.connection.connection_id, access.clock.now()
    findings, calls = judged.findings, judged.calls
    known = await foreign_writes(conn, connection_id, now - QUIET)
    forgiven = await _new_forgiven(access, now)
    since = {
        sku: look.changed_since for sku, look in looks.items() if look.changed_since is not None
    }
    writes = writes_of_looks(findings, since)
    writes += writes_forgiven(forgiven, judged.reading, calls, known)
    async with conn.transaction():
        await write_looks(conn, connection_id, findings)
        if len(looks) > len(standings):
            await drop_looks(conn, connection_id, [s.key for s in standings])
        await _keep_walk(access, standings, looked, now)
        await note_foreign_writes(conn, connection_id, writes, now)
        agreed = [f.sku for f in findings if not f.parts]
        await mend_repairs(conn, connection_id, agreed, now)
        repairs: list[Repair] = []
        if wanted.repair and not await is_held(access):
            done = await repaired_since(conn, connection_id, now - QUIET)
            planned = plan(_first(findings), done, await _foreign(access, now), calls, now)
            repairs = await mend(access, planned, findings, now)
            await note_repairs(conn, connection_id, repairs, now)
        await judge_writers(access, now)
        figures = await keep_figures(
            access, standings, findings, len(repairs), now, a_day=_a_day(access, standings)
        )
        await trim_trail(conn, connection_id, now - KEPT)
        await trim_forgiven(conn, connection_id, now - KEPT)
    if figures.differing:
        _log.info(
            "parity_differs",
            connection=access.connection.name,
            differing=figures.differing,
            unexplained=figures.unexplained,
            repaired=figures.repaired,
        )
    return figures


async def is_held(access: Access) -> bool:
    """Whether nothing is mended for now: a person wants it so, or counts are held by a brake.

    While it is not decided what lies there, no number is worth saying again.
    """
    if access.connection.settings.get("parity_repair", "on") == "off":
        return True
    return bool(await list_brakes(access.conn, count=1, state="held"))


async def _keep_walk(
    access: Access, standings: Sequence[Standing], looked: Looked, now: datetime
) -> None:
    connection_id = access.connection.connection_id
    if looked.walk is None:
        return
    await write_walk(access.conn, connection_id, looked.walk)
    await write_unmapped(access.conn, connection_id, looked.unlisted, now)
    if looked.walked_whole:
        listed = [s.target.get("item_ref", "") for s in standings]
        await drop_unmapped(access.conn, connection_id, looked.walk.began_at, listed)
