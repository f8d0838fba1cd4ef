"""`trueup doctor`: is everything as it must be? Each check says what to do where it is not."""

import shutil
import stat
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.config import MasterConfig
from trueup.contract.calendar import Entry, Service, calendar_of
from trueup.contract.manifest import Manifest
from trueup.db.migrate import check_schema
from trueup.db.safety import check_safety
from trueup.hub import Hub
from trueup.intake.model import Connection
from trueup.intake.reads import count_issues, list_clusters, oldest_queued
from trueup.outbox.reads import count_outbox
from trueup.pull.health import Condition, read_health
from trueup.session import Session

QUEUE_AGE_S_MAX = 60.0
CLOCK_SKEW_S_MAX = 2.0
DISK_BYTES_MIN = 2 * 1024**3

Conn = psycopg.AsyncConnection[Any]


class Verdict(StrEnum):
    """How a check went."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found, and what to do about it."""

    check: str
    verdict: Verdict
    found: str
    how_to_fix: str = ""


def doctor(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Check database, queue, webhooks, vendors' versions, clock, key and disk.

    Ends with 1 where a check is bad; warnings alone end with 0.
    """
    found = run(_examine, config_path=config, as_json=as_json)
    if as_json:
        print_json({"checks": found})
    else:
        table = Table("check", "", "found", "what to do")
        colours = {Verdict.GOOD: "green", Verdict.WARN: "yellow", Verdict.BAD: "red"}
        for each in found:
            mark = f"[{colours[each.verdict]}]{each.verdict.value}[/]"
            table.add_row(each.check, mark, escape(each.found), escape(each.how_to_fix))
        out.print(table)
    bad = any(each.verdict is Verdict.BAD for each in found)
    raise typer.Exit(FOUND_PROBLEMS if bad else DONE)


async def _examine(session: Session) -> list[Finding]:
    findings: list[Finding] = []
    async with session.connection() as conn:
        for look in _LOOKS:
            findings += await look(conn, session)
    return findings


async def _database(conn: Conn, session: Session) -> list[Finding]:
    # Both raise, with what to do, where something is wrong; the command then ends with 3.
    await check_safety(conn)
    await check_schema(conn)
    where = "embedded" if session.config.database.url is None else "by URL"
    return [_good("database", f"{where}, commits reach the disk, schema fits this code")]


async def _queue(conn: Conn, session: Session) -> list[Finding]:
    del session
    queue = await oldest_queued(conn)
    told = f"{queue['queued']} events wait, the oldest for {queue['oldest_age_s']:.0f} s"
    late = queue["oldest_age_s"] > QUEUE_AGE_S_MAX
    fix = "Start a worker: trueup worker, or trueup serve."
    parked = sum(row["events"] for row in await list_clusters(conn))
    outbox = await count_outbox(conn)
    return [
        _bad("queue", told, fix) if late else _good("queue", told),
        _judge("parked", parked, "events could not be applied", "trueup dead list"),
        _judge("dead", outbox["dead"], "stock calls were given up", "trueup dead list"),
        _judge("unexplained", outbox["unexplained"], "odd levels", "trueup reconcile stock"),
    ]


async def _connections(conn: Conn, session: Session) -> list[Finding]:
    findings = []
    for one in await read_health(conn, session.hub, datetime.now(UTC)):
        name = f"connection {one.name}"
        if one.health is Condition.FAILING:
            why = "; ".join(f"{duty}: {reason}" for duty, reason in one.failing.items())
            refused = ", ".join(one.hooks.refused)
            told = why or f"topics that are refused: {refused}"
            findings.append(_bad(name, told, "trueup connections, trueup issues"))
        elif one.health is Condition.HEALTHY and not one.hooks.url:
            findings.append(_good(name, "polls only; a public_url would make it faster"))
        else:
            told = f"{one.health.value}, {one.hooks.registered} webhooks"
            findings.append(_good(name, told))
    issues = sum(row["issues"] for row in await count_issues(conn) if row["severity"] == "error")
    return [*findings, _judge("issues", issues, "open errors", "trueup issues")]


async def _sunsets(conn: Conn, session: Session) -> list[Finding]:
    del conn
    used = {connection.connector for connection in session.hub.connections.values()}
    folders = session.hub.connectors
    manifests = [folders[connector].manifest for connector in used & folders.keys()]
    return judge_calendar(manifests, datetime.now(UTC).date())


def judge_calendar(manifests: Iterable[Manifest], today: date) -> list[Finding]:
    """Return how each vendor serves the version we speak; what ends first stands first."""
    return [_judge_entry(entry) for entry in calendar_of(manifests, today)]


def _judge_entry(entry: Entry) -> Finding:
    check = f"API of {entry.connector}"
    if entry.service is Service.ENDED:
        return _bad(check, entry.told, "Update Trueup: what this version answers now is a guess.")
    if entry.service is Service.ENDING:
        return _warn(check, entry.told, "Update Trueup before that day.")
    return _good(check, entry.told)


async def _masters(conn: Conn, session: Session) -> list[Finding]:
    del conn
    return judge_masters(session.config.stock.master, session.hub)


def judge_masters(masters: Sequence[MasterConfig], hub: Hub) -> list[Finding]:
    """Return whether each master exists, tells levels of its site, and is the only one there."""
    by_name = {connection.name: connection for connection in hub.connections.values()}
    findings: list[Finding] = []
    taken: set[tuple[str, str]] = set()
    for each in masters:
        check = f"master of {each.site}"
        pairs = {(each.site, pattern) for pattern in each.skus}
        twice = sorted(pattern for _, pattern in pairs & taken)
        taken |= pairs
        known = by_name.get(each.connection)
        told = "" if known is None else _told_by(known, each.site, hub)
        if known is None:
            fix = f"Connect it, or correct [[stock.master]]: {', '.join(sorted(by_name)) or 'none'}"
            findings.append(_bad(check, f"there is no connection {each.connection!r}", fix))
        elif told:
            findings.append(_bad(check, told, "Correct [[stock.master]] or the connection."))
        elif twice:
            fix = "Give each SKU of a site one master: the first in the file counts."
            findings.append(_bad(check, f"two masters own {', '.join(twice)}", fix))
        elif selling := _selling_everywhere(known, hub) if each.basis == "available" else "":
            fix = "Set sell_sites of these connections, or they sell what they can not send."
            findings.append(_warn(check, f"{selling} sell from every site, this one too", fix))
        else:
            findings.append(_good(check, f"{each.connection} owns {', '.join(each.skus)}"))
    return findings


def _selling_everywhere(master: Connection, hub: Hub) -> str:
    """Return the channels that are offered what lies at another's site, as names."""
    return ", ".join(
        connection.name
        for number, connection in sorted(hub.connections.items())
        if number != master.connection_id
        and number not in hub.sell_sites
        and hub.stock_location(number) is not None
    )


def _told_by(connection: Connection, site: str, hub: Hub) -> str:
    """Return why a connection's word can not count at a site; empty where it can."""
    folder = hub.connectors.get(connection.connector)
    resources = {each.resource for each in folder.manifest.pull} if folder else set()
    if not resources & {"inventory_levels", "fba_inventory"}:
        return f"{connection.connector} tells no levels"
    if site not in hub.mapped_sites(connection.connection_id).values():
        return f"no location of {connection.name} is mapped to {site} (location_sites)"
    return ""


async def _clock(conn: Conn, session: Session) -> list[Finding]:
    del session
    before = datetime.now(UTC)
    cursor = await conn.execute("SELECT clock_timestamp()")
    row = await cursor.fetchone()
    after = datetime.now(UTC)
    theirs: datetime = row[0] if row else after
    # Half of the round trip belongs to either way.
    skew_s = abs((theirs - (before + (after - before) / 2)).total_seconds())
    told = f"{skew_s:.3f} s between this machine and the database"
    if skew_s > CLOCK_SKEW_S_MAX:
        return [_bad("clock", told, "Set both by NTP: signatures and polls go by the time.")]
    return [_good("clock", told)]


async def _key(conn: Conn, session: Session) -> list[Finding]:
    del conn
    path = session.config.master_key_path
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [_bad("master key", f"{path} is open to others", f"chmod 600 {path}")]
    return [_good("master key", f"{path}, for its owner only; keep a copy elsewhere")]


async def _disk(conn: Conn, session: Session) -> list[Finding]:
    cursor = await conn.execute("SELECT pg_database_size(current_database())")
    row = await cursor.fetchone()
    held = int(row[0]) if row else 0
    folder = session.config.data_dir
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    told = f"{held / 1024**2:.0f} MB in the database, {free / 1024**3:.1f} GB free here"
    if free < DISK_BYTES_MIN:
        return [_bad("disk", told, "Make room: without it nothing is acknowledged.")]
    return [_good("disk", told)]


_LOOKS: tuple[Callable[[Conn, Session], Awaitable[list[Finding]]], ...] = (
    _database,
    _queue,
    _connections,
    _sunsets,
    _masters,
    _clock,
    _key,
    _disk,
)


def _judge(check: str, count: int, what: str, fix: str) -> Finding:
    return _warn(check, f"{count} {what}", fix) if count else _good(check, "none")


def _good(check: str, found: str) -> Finding:
    return Finding(check=check, verdict=Verdict.GOOD, found=found)


def _warn(check: str, found: str, fix: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARN, found=found, how_to_fix=fix)


def _bad(check: str, found: str, fix: str) -> Finding:
    return Finding(check=check, verdict=Verdict.BAD, found=found, how_to_fix=fix)
