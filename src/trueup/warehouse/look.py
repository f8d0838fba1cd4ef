"""Look at what was ordered and what came, and say what is wrong until it is put right.

What is wrong depends on two records that may come in any order and from two systems, so it is not
told by either: whatever changes is marked, and looked at afterwards, by whoever is first.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any

import psycopg

from trueup.canon.dock import ArrivalSource
from trueup.canon.issue import Issue, Severity
from trueup.hub import Hub
from trueup.intake.issues import close_issues, open_refs, raise_issue
from trueup.records.expected import (
    Document,
    arrivals_of,
    documents_named,
    note_looked,
    overdue_transfers,
    unlooked,
)
from trueup.records.match import LineProgress
from trueup.warehouse.inspected import look_at_inspected

Conn = psycopg.AsyncConnection[Any]

OVER = "stock.arrived_over"
UNEXPECTED = "stock.arrived_unexpected"
UNKNOWN = "stock.arrived_for_nothing"
OVERDUE = "stock.transfer_overdue"
_CODES = (OVER, UNEXPECTED)


async def look_at(conn: Conn, hub: Hub) -> int:
    """Compare what changed since the last look; returns how many names were looked at.

    What came back from customers is looked at too, and is not counted.

    Args:
        conn: in autocommit.
        hub: names connections.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for source, name in await unlooked(conn):
        names[source].add(name)
    for source, changed in names.items():
        await look_at_named(conn, hub, source, changed)
    await look_at_inspected(conn, hub)
    return sum(len(changed) for changed in names.values())


async def look_at_named(conn: Conn, hub: Hub, source: str, names: Collection[str]) -> list[Issue]:
    """Compare what goes by some names, open and close issues; returns those that stand."""
    numbers = {name: number for number, name in hub.names().items()}
    async with conn.transaction():
        # Marked first: the rows are held until the commit, so what changes later is marked anew.
        await note_looked(conn, source, names)
        documents = await documents_named(conn, source, names, connection_numbers=numbers)
        known = {part for each in documents for part in (each.ref, each.number)}
        issues = [issue for each in documents for issue in _issues_of(each)]
        issues += [
            _unknown(source, name)
            for name in sorted(set(names) - known)
            if await arrivals_of(conn, source, [name])
        ]
        await _set(conn, [_ref(each) for each in documents], _CODES, issues)
        strays = [f"{source}/{name}" for name in names]
        await _set(conn, strays, (UNKNOWN,), issues)
        done = [each for each in documents if not (each.is_open and each.match.left)]
        await close_issues(conn, OVERDUE, [_ref(each) for each in done])
    return issues


async def look_at_overdue(conn: Conn, today: date) -> int:
    """Open an issue for each transfer that should have come; returns how many there are."""
    late = await overdue_transfers(conn, today)
    documents = {
        each.ref: each
        for each in await documents_named(
            conn, ArrivalSource.TRANSFER.value, [row["ref"] for row in late]
        )
    }
    for row in late:
        left = documents[row["ref"]].match.left
        if not left:
            continue
        await raise_issue(
            conn,
            None,
            Issue(
                code=OVERDUE,
                severity=Severity.WARNING,
                pointer=f"expected on {row['expected_on']}",
                expected="all units of the transfer at their site",
                found=f"{left} units still on their way to {row['site']}",
                how_to_fix="Ask the carrier; take in what came, or close the transfer.",
                ref=f"transfer/{row['ref']}",
            ),
        )
    return sum(1 for row in late if documents[row["ref"]].match.left)


async def _set(
    conn: Conn, refs: Collection[str], codes: Collection[str], issues: Collection[Issue]
) -> None:
    for code in codes:
        standing = {(each.ref, each.pointer) for each in issues if each.code == code}
        stale = await open_refs(conn, code, sorted(refs))
        gone = sorted(stale - {ref for ref, _ in standing})
        await close_issues(conn, code, gone)
        changed = sorted(stale & {ref or "" for ref, _ in standing})
        # A line that is right again closes with the others, which are told anew.
        await close_issues(conn, code, changed)
        for issue in issues:
            if issue.code == code:
                await raise_issue(conn, None, issue)


def _issues_of(document: Document) -> list[Issue]:
    word = "transfer" if document.source == ArrivalSource.TRANSFER else "purchase order"
    found = [_over(document, line, word) for line in document.match.lines if line.over]
    found += [_unexpected(document, sku, units, word) for sku, units in document.match.unexpected]
    return found


def _over(document: Document, line: LineProgress, word: str) -> Issue:
    return Issue(
        code=OVER,
        severity=Severity.WARNING,
        pointer=f"line {line.line_ref}",
        expected=f"{line.quantity} of {line.sku}",
        found=f"{line.arrived} arrived, {line.over} more than the {word} says",
        how_to_fix="Keep and pay for them, or send them back; if they were counted wrongly, tell "
        "the arrival again under its ref.",
        ref=_ref(document),
    )


def _unexpected(document: Document, sku: str, units: int, word: str) -> Issue:
    return Issue(
        code=UNEXPECTED,
        severity=Severity.WARNING,
        pointer=f"sku {sku}",
        expected=f"SKUs of the {word}",
        found=f"{units} of {sku}",
        how_to_fix="Look whether the label was read wrongly, or the supplier sent the wrong goods. "
        "They are booked as what was scanned.",
        ref=_ref(document),
    )


def _unknown(source: str, name: str) -> Issue:
    return Issue(
        code=UNKNOWN,
        severity=Severity.WARNING,
        pointer="/source_ref",
        expected=f"a {source} that is known",
        found=name,
        how_to_fix="Wait until its system tells of it, or tell the arrival again with the right "
        "name.",
        ref=f"{source}/{name}",
    )


def _ref(document: Document) -> str:
    if document.source == ArrivalSource.TRANSFER:
        return f"transfer/{document.ref}"
    return f"purchase_order/{document.connection_id}/{document.ref}"
