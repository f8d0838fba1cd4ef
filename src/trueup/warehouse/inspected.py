"""Look at what came back of an order, and say what is wrong until it is put right.

The order and its parcels may be told later than what came back of it, so this is looked at again
whenever something of the order changes.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from trueup.canon.inspection import Inspection
from trueup.canon.issue import Issue, Severity
from trueup.canon.record import Record, decode
from trueup.hub import Hub
from trueup.intake.issues import close_issues, raise_issue
from trueup.ledger.inspection import Over, order_beside, over_of
from trueup.own import learn_kits
from trueup.records.inspected import note_inspected_looked, unlooked_inspected
from trueup.records.reads import records_of_entity

Conn = psycopg.AsyncConnection[Any]

OVER = "stock.inspected_over"
UNKNOWN = "stock.inspected_for_nothing"


async def look_at_inspected(conn: Conn, hub: Hub) -> int:
    """Look at what changed since the last look; returns how many orders that were.

    Args:
        conn: in autocommit.
        hub: names connections.
    """
    changed = await unlooked_inspected(conn)
    for connection_id, entity in changed:
        await look_at_entity(conn, hub, connection_id, entity)
    return len(changed)


async def look_at_entity(conn: Conn, hub: Hub, connection_id: int, entity: str) -> list[Issue]:
    """Hold what came back of one order beside what had left; returns the issues that stand."""
    await learn_kits(conn, hub)
    async with conn.transaction():
        # Marked first: the row is held until the commit, so what changes later is marked anew.
        await note_inspected_looked(conn, connection_id, entity)
        rows = await records_of_entity(conn, connection_id, entity)
        records = [decode(row["kind"], row["body"]) for row in rows]
        issues = issues_of(hub, connection_id, records)
        for code in (OVER, UNKNOWN):
            await close_issues(conn, code, [_ref(connection_id, entity)])
        for issue in issues:
            await raise_issue(conn, connection_id, issue)
    return issues


def issues_of(hub: Hub, connection_id: int, records: Sequence[Record]) -> list[Issue]:
    """Return what is wrong with what came back of one order.

    Args:
        hub: names connections, and knows kits and masters.
        connection_id: in whose log it is told.
        records: all of the order's entity.
    """
    graded = [r for r in records if isinstance(r, Inspection) and not r.deleted]
    named = next((each.order_ref for each in graded if each.order_ref is not None), None)
    if named is None:
        return []
    ref = _ref(connection_id, graded[0].entity())
    order = order_beside(records)
    if order is None:
        name = hub.names().get(connection_id, "removed")
        return [_unknown(named, name, sorted(each.ref for each in graded), ref)]
    over = over_of(
        records,
        hub.site_of(connection_id),
        hub.kits,
        by_sold=hub.masters.bridges(order),
    )
    return [_over(order.number or order.ref, each, ref) for each in over]


def _ref(connection_id: int, entity: str) -> str:
    return f"inspected/{connection_id}/{entity}"


def _over(number: str, over: Over, ref: str) -> Issue:
    return Issue(
        code=OVER,
        severity=Severity.WARNING,
        pointer=f"sku {over.sku}",
        expected=f"at most {over.left} of {over.sku}, which had left for order {number}",
        found=f"{over.came} came back",
        how_to_fix="They are booked, as coming from a customer. If they are of another order or "
        "were counted wrongly, tell the inspection again; if its shipment is not told yet, this "
        "closes by itself once it is.",
        ref=ref,
    )


def _unknown(named: str, connection: str, refs: list[str], ref: str) -> Issue:
    return Issue(
        code=UNKNOWN,
        severity=Severity.WARNING,
        pointer="/order_ref",
        expected=f"an order that {connection} has told of",
        found=f"{named}, in {', '.join(refs[:5])}",
        how_to_fix="The units are booked, as coming from a customer. If the name is wrong, take "
        "the inspection back and tell it with the right one, and its channel; an order that is "
        "told later under this very ref closes this by itself.",
        ref=ref,
    )
