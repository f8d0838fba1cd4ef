"""Mend what a look found: through the outbox alone, a bounded number a round, with a trail.

Nothing here writes a number to a vendor. The outbox is told what stands there, or that it may try
again, and its next call mends it by its own rules: so nothing is ever raised over a drop that may
be a sale. What was read from the vendor's orders is in the log already, and mends itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from trueup.db.rows import Row
from trueup.outbox.parity import Found, hasten_listings, note_levels, revive_listings
from trueup.pull.access import Access
from trueup.reconcile.cause import Cause
from trueup.reconcile.trail import Finding, Repair

REPAIRS_MAX: Final = 20
"""So many a round; what is left has its turn in the next."""

FOREIGN_MAX: Final = 3
"""A number that somebody else wrote so often in a day is left to a person: two writers would
otherwise write against each other for ever."""

REVIVE_AFTER: Final = timedelta(hours=6)

_READ: Final = frozenset((Cause.LOST_WEBHOOK, Cause.PHANTOM_RESERVATION))
_ROSE: Final = frozenset((Cause.UNEXPLAINED, Cause.SECOND_WRITER))
_FELL: Final = frozenset((*_ROSE, *_READ, Cause.PARKED_EVENT))
_FINAL_CODES: Final = frozenset(("item_gone",))


def plan(
    findings: Sequence[Finding],
    done: Mapping[tuple[str, str], Row],
    foreign: Mapping[str, int],
    calls: Mapping[str, Sequence[Mapping[str, Any]]],
    now: datetime,
) -> list[Repair]:
    """Return what would be done about differences. Pure.

    Args:
        findings: of the looks, those that differ first.
        done: what was done in the last day, by (SKU, action).
        foreign: how often somebody else wrote a SKU's number in the last day.
        calls: the newest of each SKU.
        now: the instant.
    """
    planned: list[Repair] = []
    for finding in findings:
        for action, cause in _actions(finding, done, foreign, calls.get(finding.sku, ()), now):
            part = next(p for p in finding.parts if p.cause is cause)
            repair = Repair(
                sku=finding.sku,
                action=action,
                cause=cause,
                shall=finding.sight.before.shall,
                stood=finding.sight.stands,
                evidence=part.evidence,
            )
            planned.append(repair)
    return planned[:REPAIRS_MAX]


def _actions(
    finding: Finding,
    done: Mapping[tuple[str, str], Row],
    foreign: Mapping[str, int],
    calls: Sequence[Mapping[str, Any]],
    now: datetime,
) -> list[tuple[str, Cause]]:
    standing = finding.sight.before
    causes = {part.cause for part in finding.parts}
    found: list[tuple[str, Cause]] = [("read", cause) for cause in sorted(causes & _READ)]
    if foreign.get(finding.sku, 0) < FOREIGN_MAX:
        found += [("noted", cause) for cause in _to_note(finding)]
    revived = (finding.sku, "revived") in done
    if Cause.GIVEN_UP in causes and not revived and _may_be_over(calls, now):
        found.append(("revived", Cause.GIVEN_UP))
    waits = standing.state == "due" and standing.attempts > 0 and standing.due_at > now
    if Cause.IN_FLIGHT in causes and waits:
        found.append(("hastened", Cause.IN_FLIGHT))
    return found


def _may_be_over(calls: Sequence[Mapping[str, Any]], now: datetime) -> bool:
    """Whether what the vendor refused some time ago may be taken by now."""
    if not calls:
        return True
    last = calls[0]
    return now - last["started_at"] >= REVIVE_AFTER and last["code"] not in _FINAL_CODES


def _to_note(finding: Finding) -> list[Cause]:
    """Return the cause for which the outbox is told what stands there; none: it is not.

    What fell may be a sale, so it is noted whatever its cause. What rose is noted, and so said
    down, only where no restock of which we know explains it.
    """
    sight, believed = finding.sight, finding.sight.before.believed
    if sight.stands is None or believed is None or sight.stands == believed:
        return []
    if sight.before.state not in {"settled", "due"}:
        return []
    wanted = _FELL if sight.stands < believed else _ROSE
    return [part.cause for part in finding.parts if part.cause in wanted][:1]


async def mend(
    access: Access, repairs: Sequence[Repair], findings: Sequence[Finding], now: datetime
) -> list[Repair]:
    """Do what was planned, in the caller's transaction; returns what was done."""
    connection_id = access.connection.connection_id
    wanted: dict[str, list[str]] = {}
    for repair in repairs:
        wanted.setdefault(repair.action, []).append(repair.sku)
    found = [
        Found(standing=f.sight.before, level=f.sight.stands)
        for f in findings
        if f.sku in wanted.get("noted", ()) and f.sight.stands is not None
    ]
    done = {
        "read": set(wanted.get("read", ())),
        "noted": await note_levels(access.conn, connection_id, found, now),
        "revived": await revive_listings(
            access.conn, connection_id, wanted.get("revived", []), now
        ),
        "hastened": await hasten_listings(
            access.conn, connection_id, wanted.get("hastened", []), now
        ),
    }
    return [repair for repair in repairs if repair.sku in done[repair.action]]
