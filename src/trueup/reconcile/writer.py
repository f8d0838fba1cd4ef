"""The second writer: somebody besides us writes stock at a channel.

An absolute number is the last writer's: two hubs that do not know of each other end in oversells.
What proves it is that a number changed while no order, refund or restock was read for the whole
time, and nothing of ours was on its way.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from trueup.canon.issue import Issue, Severity
from trueup.db.rows import Row
from trueup.intake.issues import close_issues, raise_issue
from trueup.outbox.channels import further_key
from trueup.pull.access import Access
from trueup.reconcile.cause import Cause, Reading
from trueup.reconcile.trail import Finding, ForeignWrite, foreign_writes

QUIET: Final = timedelta(days=1)
"""After so long without another one the alarm ends."""

CODE: Final = "stock.second_writer"
_NAMED_MAX: Final = 10
_SAME: Final = timedelta(minutes=5)
"""A look and a call that saw a number change so close together saw the same change."""


def writes_of_looks(
    findings: Sequence[Finding], changed_since: Mapping[str, datetime]
) -> list[ForeignWrite]:
    """Return the numbers that looks proved to be somebody else's."""
    return [
        ForeignWrite(
            sku=finding.sku,
            seen_at=changed_since.get(finding.sku, finding.sight.looked_at),
            units=part.amount,
            evidence=part.evidence,
        )
        for finding in findings
        for part in finding.parts
        if part.cause is Cause.SECOND_WRITER
    ]


def writes_forgiven(
    forgiven: Sequence[Row],
    reading: Reading | None,
    calls: Mapping[str, Sequence[Mapping[str, Any]]],
    known: Sequence[Row],
) -> list[ForeignWrite]:
    """Return the numbers that calls found changed, waited for in vain, and no order explains.

    Args:
        forgiven: what was waited for in vain, lately.
        reading: of the vendor's orders since before that; None: nothing is proven.
        calls: the newest of each SKU; those that found another number are the evidence.
        known: foreign writes that were noted before.
    """
    if reading is None or reading.read_at is None:
        return []
    unread = {sku for each in reading.unread for sku in each.units}
    unread |= {
        further_key(sku, variant)
        for each in reading.unread
        for sku, sold in each.variants.items()
        for variant in sold
    }
    found = []
    for row in forgiven:
        sku, since_at = row["key"], row["since_at"]
        told = any(
            k["sku"] == sku and since_at - _SAME <= k["seen_at"] <= row["forgiven_at"]
            for k in known
        )
        if told or sku in unread or reading.since_at > since_at:
            continue
        compared = [
            f"call {c['call_id']} expected {c['expected']} and found {c['observed']}"
            for c in calls.get(sku, ())
            if c["observed"] is not None and c["observed"] != c["expected"]
        ]
        waited = (
            f"{row['dropped']} fell and {row['risen']} rose, seen at "
            f"{since_at.isoformat(timespec='seconds')}; nothing explained it until "
            f"{row['forgiven_at'].isoformat(timespec='seconds')}"
        )
        orders = (
            f"{reading.orders} orders changed since "
            f"{reading.since_at.isoformat(timespec='seconds')} were read: none with this SKU"
        )
        units = row["risen"] - row["dropped"]
        found.append(
            ForeignWrite(
                sku=sku, seen_at=since_at, units=units, evidence=(*compared, waited, orders)
            )
        )
    return found


async def judge_writers(access: Access, now: datetime) -> int:
    """Open the alarm of a channel, keep it true, or end it after a quiet day.

    Returns:
        How many numbers somebody else wrote in the last day.
    """
    name, connection_id = access.connection.name, access.connection.connection_id
    ref = f"connection/{name}/writers"
    writes = await foreign_writes(access.conn, connection_id, now - QUIET)
    if not writes:
        await close_issues(access.conn, CODE, [ref])
        return 0
    named = ", ".join(
        f"{row['sku']} {row['units']:+d} seen {row['seen_at'].isoformat(timespec='seconds')}"
        for row in writes[:_NAMED_MAX]
    )
    more = "" if len(writes) <= _NAMED_MAX else f", and {len(writes) - _NAMED_MAX} more"
    issue = Issue(
        code=CODE,
        severity=Severity.WARNING,
        pointer="stock",
        expected=f"nobody but this hub writes stock at {name}",
        found=f"{named}{more}",
        how_to_fix="Look for another hub, an app or a person in the channel's own history of these "
        "items, and stop one of the two. It closes after a quiet day.",
        ref=ref,
    )
    await raise_issue(access.conn, connection_id, issue)
    return len(writes)
