"""Suspects: orders that hold units for longer than is usual, found in the books and asked about.

The search goes through the books stretch by stretch, so that a round of it ends. Each suspect is
asked about at its vendor, the oldest first; what the vendor tells goes into the log like anything
else. What facts prove is released by an event of our own; the rest is proposed to a person.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
import structlog

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import LinkSpace
from trueup.canon.order import Order
from trueup.canon.record import Record, decode
from trueup.canon.release import ReleaseLine, ReleaseReason
from trueup.contract.connector import Fetch
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError, RateLimited, Refused, Resting
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.ids import sha256
from trueup.ledger.release import held_units
from trueup.ledger.reserved import end_of_stretch, reserved_between
from trueup.own import learn_kits
from trueup.pull.access import Access
from trueup.reconcile.phantom import (
    GONE_AFTER,
    Asked,
    Elsewhere,
    Verdict,
    held_by_sku,
    judge_order,
    order_among,
    release_lines,
)
from trueup.reconcile.reading import ORDERS, map_piece, read_whole
from trueup.records.reads import (
    find_records,
    old_orders,
    records_linked,
    records_of_entity,
)

_log = structlog.get_logger("trueup.reconcile")
_queries = load_queries("trueup.reconcile")

Conn = psycopg.AsyncConnection[Any]

TOPIC: Final = "stock/release"
PROPOSED: Final = "stock.reservation_phantom"
SEARCH_INTERVAL_S: Final = 60.0
ASK_INTERVAL_S: Final = 600.0
USUAL: Final = timedelta(days=3)
"""An order that holds units for longer is looked at."""

ASK_AGAIN: Final = timedelta(hours=24)
ASKED_MAX: Final = 10
"""So many suspects of a channel a round."""

STRETCH: Final = 100_000
"""So many postings are gone through in one go."""

_LAST: Final = 2**63 - 1
_SPACES: Final = (LinkSpace.ORDER.value, LinkSpace.TRACKING.value)
_NAMED_MAX: Final = 5


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What would be released of a suspect."""

    reason: ReleaseReason
    lines: tuple[ReleaseLine, ...]


async def search_suspects(conn: Conn, now: datetime, *, stretch: int = STRETCH) -> int:
    """Go through one more stretch of the books; returns how many old orders hold units there."""
    rows = await fetch_rows(conn, _queries.read_search)
    done = rows[0]["record_id"] if rows else 0
    began_at = rows[0]["began_at"] if rows and done else now
    upto = await end_of_stretch(conn, done, stretch)
    holding = await reserved_between(conn, done, upto or _LAST)
    found = await old_orders(conn, holding, now - USUAL)
    finished = upto is None
    async with conn.transaction():
        await conn.execute(
            _queries.add_suspects,
            {
                "now": now,
                "record_ids": [row["record_id"] for row in found],
                "connection_ids": [row["connection_id"] for row in found],
                "refs": [row["ref"] for row in found],
                "numbers": [row["number"] or row["ref"] for row in found],
                "placed_ats": [row["placed_at"] for row in found],
            },
        )
        await conn.execute(
            _queries.write_search,
            {
                "record_id": upto or 0,
                "began_at": began_at,
                "finished_at": now if finished else None,
            },
        )
    return len(found)


async def ask_suspects(access: Access) -> dict[str, int]:
    """Ask the vendor about suspects, release what is proven, and propose the rest.

    Raises:
        ConnectorError: the vendor did not answer, and nothing was asked.
    """
    connection_id, now = access.connection.connection_id, access.clock.now()
    due = await fetch_rows(
        access.conn,
        _queries.due_suspects,
        connection_id=connection_id,
        asked_before=now - ASK_AGAIN,
        gone_before=now - GONE_AFTER,
        count=ASKED_MAX,
    )
    counts = {"asked": 0, "released": 0, "proposed": 0}
    for row in due:
        try:
            verdict, released = await _ask(access, row)
        except (RateLimited, Resting):
            if not counts["asked"]:
                raise
            break
        counts["asked"] += 1
        counts["released"] += released
        counts["proposed"] += verdict is not None and not verdict.proven
    await _judge_proposals(access.conn, connection_id, access.connection.name)
    return counts


async def _ask(access: Access, row: Row) -> tuple[Verdict | None, bool]:
    """Ask about one suspect and act on the answer; returns the verdict, and whether it was told."""
    conn, connection_id = access.conn, access.connection.connection_id
    asked_at = access.clock.now()
    knows, told = await _read_order(access, row["ref"])
    stored = await _stored(conn, connection_id, row["ref"])
    records = _newer(stored, told)
    order = order_among(records)
    site_of = access.hub.site_of(connection_id)
    # What the vendor told just now is in the log, and frees what it frees when it is applied.
    await learn_kits(conn, access.hub)
    kits = access.hub.kits
    holds = held_units(stored, site_of, kits) and held_units(records, site_of, kits)
    if order is None or not holds:
        await conn.execute(_queries.drop_suspects, {"record_ids": [row["record_id"]]})
        return None, False
    gone_at = None
    if knows is False:
        gone_at = row["asked_at"] if row["cause"] == ReleaseReason.GONE.value else asked_at
    settings = access.connection.settings
    asked = Asked(
        order=order,
        records=tuple(records),
        open_units=held_units(records, site_of, kits),
        asked_at=asked_at,
        knows=knows,
        gone_at=gone_at,
        elsewhere=await _elsewhere(conn, access.hub, connection_id, row["ref"]),
        alone=await _is_alone(conn, order),
        unpaid_after=timedelta(days=float(settings.get("unpaid_after_days", 7))),
        old_after=timedelta(days=float(settings.get("old_after_days", 30))),
    )
    verdict = judge_order(asked)
    released = verdict is not None and verdict.proven
    async with conn.transaction():
        if verdict is not None and released:
            await tell_release(conn, access.hub, connection_id, row["ref"], verdict.lines, asked_at)
        await _keep(conn, row["record_id"], asked, verdict, told_at=asked_at if released else None)
    return verdict, released


async def _read_order(access: Access, ref: str) -> tuple[bool | None, list[Record]]:
    """Read an order from its vendor into the log.

    Returns:
        Whether the vendor knows it (None: it can not be asked), and what it tells.
    """
    pulled = access.folder.manifest.pulled(access.connection.settings)
    if not any(each.resource == ORDERS for each in pulled):
        return None, []
    asked_at = access.clock.now()
    try:
        pieces = await read_whole(access, Fetch(resource=ORDERS, ref=ref))
    except Refused as error:
        if error.context.get("status") != _NOT_FOUND:
            return None, []
        # An address that is wrong as a whole answers so too: then nothing is known.
        api = access.folder.api
        api.checked(await access.send(api.check_request()))
        return False, []
    if not pieces:
        return False, []
    async with access.conn.transaction():
        await access.append(pieces, Origin.POLL, asked_at=asked_at)
    return True, [record for piece in pieces for record in map_piece(access, piece).records]


_NOT_FOUND: Final = 404


def _newer(stored: Sequence[Record], told: Sequence[Record]) -> list[Record]:
    newest = {(each.kind, each.ref): each for each in stored}
    for each in told:
        known = newest.get((each.kind, each.ref))
        if known is None or each.updated_at > known.updated_at:
            newest[each.kind, each.ref] = each
    return list(newest.values())


async def _stored(conn: Conn, connection_id: int, ref: str) -> list[Record]:
    rows = await records_of_entity(conn, connection_id, f"order/{ref}")
    return [decode(row["kind"], row["body"]) for row in rows]


async def _elsewhere(conn: Conn, hub: Hub, connection_id: int, ref: str) -> tuple[Elsewhere, ...]:
    """Return what other systems tell of an order, by its number and its parcels' numbers."""
    own = await records_of_entity(conn, connection_id, f"order/{ref}")
    names = hub.names()
    linked = await records_linked(conn, [row["record_id"] for row in own], _SPACES)
    return tuple(
        Elsewhere(
            record=decode(row["kind"], row["body"]),
            name=names.get(row["connection_id"], "removed"),
            event_id=row["event_id"],
            spaces=frozenset(row["namespaces"]),
        )
        for row in linked
        if row["connection_id"] != connection_id and not row["deleted"]
    )


async def _is_alone(conn: Conn, order: Order) -> bool:
    """Whether no other shop has an order of this number."""
    return len(await find_records(conn, Order.kind, order.number)) <= 1


async def _keep(
    conn: Conn,
    record_id: int,
    asked: Asked,
    verdict: Verdict | None,
    *,
    told_at: datetime | None,
) -> None:
    wish = None
    if verdict is not None:
        wish = _json(Wish(reason=verdict.reason, lines=verdict.lines))
    await conn.execute(
        _queries.judge_suspect,
        {
            "record_id": record_id,
            "asked_at": asked.asked_at,
            "units": _json(held_by_sku(asked.order, asked.open_units)),
            "cause": None if verdict is None else verdict.reason.value,
            "proven": verdict is not None and verdict.proven,
            "evidence": _json(() if verdict is None else verdict.evidence),
            "wish": wish,
            "told_at": told_at,
        },
    )


async def tell_release(
    conn: Conn,
    hub: Hub,
    connection_id: int,
    order_ref: str,
    lines: Sequence[ReleaseLine],
    now: datetime,
) -> int:
    """Tell the log what is released, about the order itself; a worker applies it in its turn.

    So it is handled in one serial order with everything else that is told of the order.
    """
    shape = {"order_ref": order_ref, "occurred_at": now, "lines": list(lines)}
    body = msgspec.json.encode(shape)
    event = NewEvent(
        connection_id=connection_id,
        external_id=f"release/{sha256(body).hex()}",
        topic=TOPIC,
        entity=f"order/{order_ref}",
        origin=Origin.OWN,
        raised_at=now,
        received_at=now,
        body=body,
    )
    [appended] = await append_events(conn, hub.vault, [event])
    _log.info("units_released", order_ref=order_ref, event_id=appended.event_id)
    return appended.event_id


async def list_suspects(
    conn: Conn,
    *,
    connection_id: int | None = None,
    record_id: int | None = None,
    judged: bool = False,
    count: int = 500,
) -> list[Row]:
    """Return orders that hold units and may never take them: those with a cause first.

    Args:
        conn: any session.
        connection_id: whose; None: of all.
        record_id: one of them.
        judged: only those with a cause, and those that wait for a person first.
        count: rows at most.
    """
    return await fetch_rows(
        conn,
        _queries.list_suspects,
        connection_id=connection_id,
        record_id=record_id,
        judged=judged,
        count=count,
    )


async def count_suspects(conn: Conn) -> Row:
    """Return how many orders wait for a person, the units they hold, how many are only old."""
    [row] = await fetch_rows(conn, _queries.count_suspects)
    return row


async def release_suspect(
    conn: Conn, hub: Hub, record_id: int, now: datetime, *, by: str = "person"
) -> int:
    """Release what a suspect holds, because a person says so; returns the event.

    Args:
        conn: in autocommit.
        hub: seals the event.
        record_id: of the order.
        now: the instant.
        by: who decided.

    Raises:
        ConfigError: there is no such suspect, or it holds nothing any more.
    """
    rows = await list_suspects(conn, record_id=record_id)
    if not rows:
        raise ConfigError(f"No order with the number {record_id} is suspected to hold units.")
    row = rows[0]
    connection_id = row["connection_id"]
    records = await _stored(conn, connection_id, row["ref"])
    order = order_among(records)
    await learn_kits(conn, hub)
    open_units = held_units(records, hub.site_of(connection_id), hub.kits)
    if order is None or not open_units:
        raise ConfigError(f"The order {row['number']} holds nothing any more.")
    asked = Asked(
        order=order,
        records=tuple(records),
        open_units=open_units,
        asked_at=now,
        knows=None,
    )
    wish = None if row["wish"] is None else msgspec.convert(row["wish"], Wish)
    evidence = [*row["evidence"], f"{by} decided at {now.isoformat(timespec='seconds')}"]
    if wish is None:
        lines = release_lines(asked, ReleaseReason.PERSON, evidence, by=by)
    else:
        units = {line.line_ref: line.units for line in wish.lines}
        shipped_at = next((line.shipped_at for line in wish.lines), None)
        lines = release_lines(asked, wish.reason, evidence, units, by=by, shipped_at=shipped_at)
    if not lines:
        raise ConfigError(f"The order {row['number']} holds nothing of this any more.")
    async with conn.transaction():
        event_id = await tell_release(conn, hub, connection_id, row["ref"], lines, now)
        await conn.execute(_queries.drop_suspects, {"record_ids": [record_id]})
    await _judge_proposals(conn, connection_id, hub.names().get(connection_id, "removed"))
    return event_id


async def _judge_proposals(conn: Conn, connection_id: int, name: str) -> None:
    """Say what waits for a person, in one issue of the channel."""
    rows = await list_suspects(conn, connection_id=connection_id)
    open_ = [row for row in rows if row["cause"] is not None and not row["proven"]]
    ref = f"connection/{name}/phantoms"
    if not open_:
        await close_issues(conn, PROPOSED, [ref])
        return
    units = sum(sum(row["units"].values()) for row in open_)
    named = ", ".join(f"{row['number']} ({row['cause']})" for row in open_[:_NAMED_MAX])
    more = "" if len(open_) <= _NAMED_MAX else f", and {len(open_) - _NAMED_MAX} more"
    issue = Issue(
        code=PROPOSED,
        severity=Severity.NOTE,
        pointer="reserved",
        expected="orders that hold units, and will take them",
        found=f"{len(open_)} orders hold {units} units and may never take them: {named}{more}",
        how_to_fix="Look: trueup reservations phantoms list; let go: ... release <number>.",
        ref=ref,
    )
    await raise_issue(conn, connection_id, issue)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
