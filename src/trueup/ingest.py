"""Ingest: bodies that somebody hands us, through the real intake and the real pipeline.

What stands here is trusted as local: a person at this machine hands in a file. It takes the same
way as a delivery: into the log first, then applied, and what became of each body is read back.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg

from trueup.canon.inventory import StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.canon.record import Record
from trueup.contract.connector import Mapped, Piece, Source
from trueup.contract.recognition import identify_piece
from trueup.counting import counts_told
from trueup.db.pool import connect, translate_errors
from trueup.errors import BodyTooLarge
from trueup.govern.persons import read_keys
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events, load_events
from trueup.intake.model import Appended, Connection, NewEvent, Origin
from trueup.intake.partitions import PartitionShare
from trueup.intake.reads import fates_of_events, issues_of_events
from trueup.intake.refuse import note_refusal
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import BATCH_EVENTS_MAX, BODY_BYTES_MAX, COMMIT_EVENTS_MAX
from trueup.ledger.brakes import hold_file, reasons_against
from trueup.own import refuse_owned
from trueup.pipeline import Applier
from trueup.records.store import load_entities
from trueup.records.understand import understand
from trueup.worker import refresh_connections

WAIT_S_MAX = 120.0
"""How long a body that fails again and again is waited for before it counts as waiting."""

_IDLE_S = 0.02
_BALANCE_INTERVAL_S = 0.3
_TTL_S = 10.0


Progress = Callable[[str, int], None]
"""Is told a stage, "taken" or "applied", and how many pieces are done."""


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """One piece that somebody handed in, and the name of the file it stood in."""

    name: str
    piece: Piece


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one piece.

    Attributes:
        outcome: "record", "parked", "ignored", "fetch", "refused", "waiting" or "unhandled".
        reason: why it became no record; empty where it did.
        repeated: the log had it already.
    """

    name: str
    topic: str
    entity: str
    event_id: int | None
    outcome: str
    reason: str = ""
    repeated: bool = False


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all that was handed in.

    Attributes:
        accepted: pieces that are new in the log.
        duplicates: pieces that the log had already.
        records: canonical records, each once, with what is personal in them.
        issues: as stored, with their events.
        unhandled: pieces that became neither record nor issue nor have a reason; a bug.
    """

    accepted: int
    duplicates: int
    records: tuple[Record, ...]
    issues: tuple[dict[str, Any], ...]
    events: tuple[Fate, ...]

    @property
    def unhandled(self) -> int:
        """Count the pieces of which nobody can say what became."""
        return sum(fate.outcome == "unhandled" for fate in self.events)


async def take_in(
    conninfo: str,
    hub: Hub,
    connection: Connection,
    handed: Sequence[Handed],
    *,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> Taken:
    """Append pieces to the log, apply them, and say what became of each.

    Args:
        conninfo: of the database.
        hub: knows the connection already.
        connection: whose pieces they are.
        handed: all of them or none are appended.
        clock: says when they came in.
        progress: is told how many pieces are "taken" and then "applied".
    """
    clock = clock or SystemClock()
    folder = hub.connectors[connection.connector]
    fitting = [h for h in handed if len(h.piece.body) <= BODY_BYTES_MAX]
    now = clock.now()
    events = []
    for each in fitting:
        identified = identify_piece(folder, each.piece, now)
        events.append(
            NewEvent(
                connection_id=connection.connection_id,
                external_id=identified.external_id,
                topic=identified.topic,
                entity=identified.entity,
                origin=Origin.FILE,
                raised_at=identified.raised_at,
                received_at=now,
                body=each.piece.body,
            )
        )
    with translate_errors():
        async with await connect(conninfo, application_name="trueup-ingest") as conn:
            appended = await _append(conn, hub, connection, events, progress)
            refused = [
                await _refuse(conn, connection, each)
                for each in handed
                if len(each.piece.body) > BODY_BYTES_MAX
            ]
        event_ids = [a.event_id for a in appended]
        await apply_events(conninfo, hub, event_ids, progress=progress)
        async with await connect(conninfo, application_name="trueup-ingest") as conn:
            names = [each.name for each in fitting]
            return await _read_back(conn, hub, names, events, appended, refused)


async def _append(
    conn: psycopg.AsyncConnection[Any],
    hub: Hub,
    connection: Connection,
    events: Sequence[NewEvent],
    progress: Progress | None,
) -> list[Appended]:
    """Append what was handed in; counts that change too much at once are held, all of them."""
    told = [_meaning_of(hub, connection, event) for event in events]
    _refuse_owned(hub, connection, told)
    counts = [count for mapped in told for count in counts_told(mapped)]
    async with conn.transaction():
        appended = await append_all(conn, hub, events, progress)
        fresh = [a.event_id for a in appended if not (a.repeated or a.conflicting)]
        reason = await reasons_against(conn, counts, hub.limits) if fresh and counts else ""
        if reason:
            at = events[0].received_at
            await hold_file(conn, connection.connection_id, fresh, reason, at)
    return appended


def _refuse_owned(hub: Hub, connection: Connection, told: Sequence[Mapped]) -> None:
    """Refuse movements by hand where somebody else's word counts.

    Raises:
        ConfigError: names the master.
    """
    for movement in (record for mapped in told for record in mapped.records):
        if not isinstance(movement, StockMovement):
            continue
        for site in filter(None, (movement.site, movement.to_site)):
            number = connection.connection_id
            refuse_owned(hub, number, ref=movement.ref, sku=movement.sku, site=site)


def _meaning_of(hub: Hub, connection: Connection, event: NewEvent) -> Mapped:
    source = Source(
        topic=event.topic,
        body=event.body,
        received_at=event.received_at,
        raised_at=event.raised_at,
        settings=connection.settings,
    )
    return hub.connectors[connection.connector].mapping.map_source(source)


async def append_all(
    conn: psycopg.AsyncConnection[Any],
    hub: Hub,
    events: Sequence[NewEvent],
    progress: Progress | None = None,
) -> list[Appended]:
    """Append any number of events in one transaction: all of them or none."""
    appended: list[Appended] = []
    async with conn.transaction():
        for start in range(0, len(events), COMMIT_EVENTS_MAX):
            batch = events[start : start + COMMIT_EVENTS_MAX]
            appended += await append_events(conn, hub.vault, batch)
            if progress is not None:
                progress("taken", len(appended))
    return appended


async def apply_events(
    conninfo: str,
    hub: Hub,
    event_ids: Sequence[int],
    *,
    wait_s_max: float = WAIT_S_MAX,
    progress: Progress | None = None,
) -> bool:
    """Apply events now, or wait while the workers do; False where some still wait at the end.

    This session takes its share of the partitions as a worker would, so both may run at once.
    """
    if not event_ids:
        return True
    wanted = sorted(set(event_ids))
    loop = asyncio.get_running_loop()
    applied = 0
    ends_at, balanced_at = loop.time() + wait_s_max, float("-inf")
    conn = await connect(conninfo, application_name="trueup-ingest")
    async with conn:
        share = PartitionShare(conn, ttl_s=_TTL_S)
        await share.join()
        applier = Applier(conn, hub)
        while loop.time() < ends_at:
            if loop.time() - balanced_at >= _BALANCE_INTERVAL_S:
                await share.balance()
                balanced_at = loop.time()
            events = await claim_events(conn, share.held, BATCH_EVENTS_MAX)
            if any(event.connection_id not in hub.connections for event in events):
                await refresh_connections(conn, hub)
            if events:
                await applier.apply(events)
                applied += len(events)
                if applied < len(wanted):
                    ends_at = loop.time() + wait_s_max  # as long as it goes on, it is waited for
                if progress is not None:
                    progress("applied", min(applied, len(wanted)))
                continue
            fates = await fates_of_events(conn, wanted)
            if not any(fate["queued"] for fate in fates):
                return True
            await asyncio.sleep(_IDLE_S)
    return False


async def _refuse(
    conn: psycopg.AsyncConnection[Any], connection: Connection, handed: Handed
) -> tuple[Fate, Issue]:
    await note_refusal(conn, connection.name, BodyTooLarge.code, handed.piece.body)
    issue = Issue(
        code=BodyTooLarge.code,
        severity=Severity.ERROR,
        pointer=handed.name,
        expected=f"at most {BODY_BYTES_MAX} bytes in one record",
        found=f"{len(handed.piece.body)} bytes",
        how_to_fix="Split the file into one record each, or ask for a smaller export.",
    )
    fate = Fate(
        name=handed.name,
        topic=handed.piece.topic,
        entity="",
        event_id=None,
        outcome="refused",
        reason=BodyTooLarge.code,
    )
    return fate, issue


async def _read_back(
    conn: psycopg.AsyncConnection[Any],
    hub: Hub,
    names: Sequence[str],
    events: Sequence[NewEvent],
    appended: Sequence[Appended],
    refused: Sequence[tuple[Fate, Issue]],
) -> Taken:
    event_ids = sorted({a.event_id for a in appended})
    meanings = await read_meanings(conn, hub, event_ids)
    fates = {row["event_id"]: row for row in await fates_of_events(conn, event_ids)}
    stored = await load_entities(
        conn,
        [
            (event.connection_id, record.entity())
            for event, a in zip(events, appended, strict=True)
            for record in meanings[a.event_id].records
        ],
    )
    told: list[Fate] = []
    records: dict[tuple[str, str, bytes], Record] = {}
    for name, event, one in zip(names, events, appended, strict=True):
        mapped = meanings[one.event_id]
        known = all(
            (r.kind, r.ref) in stored[event.connection_id, r.entity()] for r in mapped.records
        )
        outcome, reason = _outcome(mapped, fates.get(one.event_id, {}), known=known)
        if outcome == "record":
            for record in mapped.records:
                key = (record.kind, record.ref, msgspec.json.encode(record))
                records.setdefault(key, record)
        told.append(
            Fate(
                name=name,
                topic=event.topic,
                entity=event.entity,
                event_id=one.event_id,
                outcome=outcome,
                reason=reason,
                repeated=one.repeated,
            )
        )
    issues = await issues_of_events(conn, event_ids)
    issues += [msgspec.structs.asdict(issue) | {"event_id": None} for _, issue in refused]
    return Taken(
        accepted=sum(not (a.repeated or a.conflicting) for a in appended),
        duplicates=sum(a.repeated or a.conflicting for a in appended),
        records=tuple(records.values()),
        issues=tuple(issues),
        events=(*told, *(fate for fate, _ in refused)),
    )


async def read_meanings(
    conn: psycopg.AsyncConnection[Any], hub: Hub, event_ids: Sequence[int]
) -> dict[int, Mapped]:
    """Return what events of the log mean: mapping is pure, so it says the same again."""
    meanings: dict[int, Mapped] = {}
    for start in range(0, len(event_ids), BATCH_EVENTS_MAX):
        events = await load_events(conn, event_ids[start : start + BATCH_EVENTS_MAX])
        persons = {bytes(event.person) for event in events if event.person is not None}
        keys = await read_keys(conn, hub.vault, persons) if persons else {}
        for event in events:
            folder = hub.reader_of(event.connection_id, event.topic)
            if folder is None:
                meanings[event.event_id] = Mapped(ignored="its connection is gone")
            else:
                meanings[event.event_id] = understand(
                    hub.vault, folder, event, keys, settings=hub.settings_of(event.connection_id)
                ).mapped
    return meanings


def _outcome(mapped: Mapped, fate: dict[str, Any], *, known: bool) -> tuple[str, str]:
    """Return what became of a piece, and why."""
    bug = ("unhandled", "it became nothing, and nothing says why")
    if fate.get("cause"):
        return "parked", f"{fate['cause']}: {fate['detail']}"
    if fate.get("queued"):
        return "waiting", "it could not be applied yet; a worker goes on trying"
    if mapped.records:
        return ("record", "") if known else bug
    if mapped.fetch:
        first = mapped.fetch[0]
        return "fetch", f"it only hints at {first.resource}/{first.ref}, to be read at the vendor"
    return ("ignored", mapped.ignored or mapped.issues[0].code) if _has_reason(mapped) else bug


def _has_reason(mapped: Mapped) -> bool:
    return bool(mapped.ignored or mapped.issues)
