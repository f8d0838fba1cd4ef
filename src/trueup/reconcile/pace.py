"""The pace of looking: the figures of a round, and an issue where a day is not enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.intake.issues import close_issues, raise_issue
from trueup.outbox.parity import Standing
from trueup.pull.access import Access
from trueup.reconcile.risk import overdue
from trueup.reconcile.trail import Finding, read_looks, span_of_rounds, write_round

BEHIND: Final = "stock.parity_behind"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a round did.

    Attributes:
        listings: at which something shall stand.
        looked: of them, in this round.
        differing, unexplained: of those looked at.
        repaired: differences about which something was done.
        overdue: listings that were not looked at for longer than a day.
    """

    listings: int = 0
    looked: int = 0
    differing: int = 0
    unexplained: int = 0
    repaired: int = 0
    overdue: int = 0


async def keep_figures(
    access: Access,
    standings: Sequence[Standing],
    findings: Sequence[Finding],
    repaired: int,
    now: datetime,
    *,
    a_day: int,
) -> Round:
    """Keep the figures of a round, and say so where looking at everything takes over a day.

    Args:
        access: the account; in the transaction that kept the looks.
        standings: all listings.
        findings: of this round.
        repaired: differences about which something was done.
        now: the instant.
        a_day: looks that the vendor's budget allows in a day.
    """
    conn, connection_id = access.conn, access.connection.connection_id
    began_at, _ = await span_of_rounds(conn, connection_id)
    looks = await read_looks(conn, connection_id)
    late = overdue(standings, looks, began_at or now, now)
    oldest_at = min((looks[s.key].looked_at for s in standings if s.key in looks), default=None)
    open_now = [look for look in looks.values() if look.differs_since is not None]
    await write_round(
        conn,
        {
            "connection_id": connection_id,
            "ended_at": now,
            "listings": len(standings),
            "looked": len(findings),
            "differing": len(open_now),
            "unexplained": sum(look.unexplained > 0 for look in open_now),
            "repaired": repaired,
            "overdue": late,
            "oldest_at": oldest_at,
        },
    )
    ref = f"connection/{access.connection.name}/parity"
    if late:
        hours = (now - oldest_at).total_seconds() / 3600 if oldest_at is not None else 0.0
        found = (
            f"{late} of {len(standings)} listings were not, the oldest look is {hours:.0f} h old; "
            f"the budget allows for {a_day} looks a day"
        )
        await raise_issue(conn, connection_id, _behind(found, ref))
    else:
        await close_issues(conn, BEHIND, [ref])
    return Round(
        listings=len(standings),
        looked=len(findings),
        differing=sum(bool(f.parts) for f in findings),
        unexplained=sum(f.unexplained > 0 for f in findings),
        repaired=repaired,
        overdue=late,
    )


def _behind(found: str, ref: str) -> Issue:
    return Issue(
        code=BEHIND,
        severity=Severity.WARNING,
        pointer="listings",
        expected="every listing looked at once a day",
        found=found,
        how_to_fix="Set parity_share of the connection: the part of the vendor's budget that looks "
        "may take, 0.1 by itself. The riskiest listings are looked at first.",
        ref=ref,
    )
