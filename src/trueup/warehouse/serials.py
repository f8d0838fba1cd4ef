"""Look at serials: what contradicts, and where there are not as many as units.

What is told late may mend it, so it is looked at again: after each booking at the dock of the SKUs
in it, and of all that are tracked every quarter of an hour.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.dock import Arrival, ArrivalLine
from trueup.canon.issue import Issue, Severity
from trueup.canon.record import Record
from trueup.intake.issues import open_pointers, set_issues
from trueup.ledger.model import Place
from trueup.ledger.placing import skus_of
from trueup.ledger.serial import Clash, Clashing, Serial, Uneven
from trueup.ledger.serials import lines_of_record, serials_of, tracked_skus, uneven_serials
from trueup.records.store import lock_name

Conn = psycopg.AsyncConnection[Any]

OVER = "stock.serial_over"
MISSING = "stock.serial_missing"

ISSUES_MAX = 50
"""Of one SKU and code; further serials are counted in one more."""

_SKUS_AT_ONCE = 100
_OTHERS = "others"


class _Text(NamedTuple):
    """What an issue about a clash says."""

    code: str
    expected: str
    how_to_fix: str


_TEXTS = {
    Clashing.TWICE: _Text(
        code="stock.serial_twice",
        expected="a serial that comes in once",
        how_to_fix="One of the two was misread, or the first went back untold: tell the wrong "
        "record again under its ref with --correct.",
    ),
    Clashing.UNKNOWN: _Text(
        code="stock.serial_unknown",
        expected="a serial of which somebody told that it came",
        how_to_fix="Tell the arrival again with its serials, or count the SKU by its serials; if "
        "it was misread, correct the record that names it.",
    ),
    Clashing.SOLD: _Text(
        code="stock.serial_sold",
        expected="a serial that left for one order",
        how_to_fix="Look into the parcels: one of the two was misread. Take the wrong one back by "
        "trueup serials undo, and tell it anew.",
    ),
    Clashing.RETURNED: _Text(
        code="stock.serial_returned",
        expected="a serial that had left with this order",
        how_to_fix="If it was packed untold, tell it by trueup serials ship; if it was misread or "
        "is of another order, tell the inspection again.",
    ),
    Clashing.ELSEWHERE: _Text(
        code="stock.serial_elsewhere",
        expected="a serial that was where it was taken from",
        how_to_fix="If it is there, tell what brought it there; if it was misread, correct the "
        "record that names it. A count by serials settles it.",
    ),
}
_CODES = (*(each.code for each in _TEXTS.values()), OVER, MISSING)


async def look_at_serials(
    conn: Conn,
    now: datetime,
    skus: Collection[str] | None = None,
    *,
    named: Collection[tuple[str, str]] | None = None,
) -> list[Issue]:
    """Look at the serials of some SKUs, open and close issues; returns those that stand.

    Args:
        conn: in autocommit.
        now: what left within a day may be told by the dock or by the channel alone.
        skus: which; None: all that are tracked.
        named: only these (SKU, serial), and those of which an issue is open; None: all serials.
    """
    async with conn.transaction():
        tracked = await tracked_skus(conn, skus)
        codes = sorted(tracked)
        refs = None if skus is None else [_ref(sku) for sku in sorted(set(skus))]
        some = None
        if named is not None and refs is not None:
            some = await _looked_for(conn, named, refs)
        issues: list[Issue] = []
        for start in range(0, len(codes), _SKUS_AT_ONCE):
            found = await serials_of(conn, codes[start : start + _SKUS_AT_ONCE], some)
            issues += clash_issues(found)
        uneven = (await uneven_serials(conn, codes, now=now)).uneven
        issues += [_uneven(each, required=tracked[each.sku]) for each in uneven]
        await lock_name(conn, "serials/issues")  # one after the other, so that none waits in a ring
        await set_issues(conn, _CODES, refs, issues)
    return issues


async def _looked_for(
    conn: Conn, named: Collection[tuple[str, str]], refs: Sequence[str]
) -> set[str] | None:
    """Return the serials that are looked at; None where it must be all of the SKUs."""
    pointers = {pointer for _, pointer in await open_pointers(conn, _CODES, refs)}
    return None if _OTHERS in pointers else pointers | {serial for _, serial in named}


async def look_at_record(conn: Conn, record: Record, now: datetime) -> list[Issue]:
    """Look at what was just booked; returns what is wrong with its own serials.

    More serials than units is among it, and units without one where a person said that they must
    have one, or where it is this record that brought some.
    """
    whole = msgspec.structs.replace(record, deleted=False)  # of one taken back what it named
    named = {(line.sku, line.serial) for line in lines_of_record(whole, 0)}
    pointers = {(_ref(sku), serial) for sku, serial in named}
    brought = {_ref(line.sku) for line in _unread(record)}

    def concerns(issue: Issue) -> bool:
        if issue.code == MISSING:
            return issue.severity is Severity.WARNING or issue.ref in brought
        return issue.code == OVER or (issue.ref or "", issue.pointer) in pointers

    found = await look_at_serials(conn, now, set(skus_of(record)), named=named)
    return [each for each in found if concerns(each)]


def _unread(record: Record) -> list[ArrivalLine]:
    """Return the lines of an arrival with units whose serials nobody read."""
    lines = record.lines if isinstance(record, Arrival) and not record.deleted else ()
    return [
        line
        for line in lines
        if len(line.serials) < line.quantity or len(line.damaged_serials) < line.damaged
    ]


def clash_issues(serials: Iterable[Serial]) -> list[Issue]:
    """Return what is wrong with serials: of each the last of each kind, within bounds."""
    last = {
        (each.sku, clash.code, each.serial): clash for each in serials for clash in each.clashes
    }
    issues: list[Issue] = []
    for (sku, code), group in groupby(sorted(last), key=lambda key: key[:2]):
        keys = list(group)
        issues += [_clash(last[key]) for key in keys[:ISSUES_MAX]]
        if len(keys) > ISSUES_MAX:
            more = f"{len(keys) - ISSUES_MAX} more serials"
            issues.append(_issue(code, sku, _OTHERS, more))
    return issues


def _clash(clash: Clash) -> Issue:
    line = clash.line
    source = f" for order {line.source_ref}" if line.source == "order" and line.source_ref else ""
    told = f"{line.kind.replace('_', ' ')} {line.ref}{source} of {line.at:%Y-%m-%d %H:%M}"
    return _issue(clash.code, line.sku, line.serial, f"{told}, when it was {clash.was}")


def _issue(clashing: Clashing, sku: str, serial: str, found: str) -> Issue:
    text = _TEXTS[clashing]
    return Issue(
        code=text.code,
        severity=Severity.WARNING,
        pointer=serial,
        expected=text.expected,
        found=found,
        how_to_fix=text.how_to_fix,
        ref=_ref(sku),
    )


def _uneven(each: Uneven, *, required: bool) -> Issue:
    where = f"{'on hand' if each.place is Place.ON_HAND else 'set aside'} at {each.site}"
    counted = f"{each.sku}: {each.units} by the books, {each.serials} by serials"
    if each.serials > each.units:
        return Issue(
            code=OVER,
            severity=Severity.WARNING,
            pointer=where,
            expected="at most as many serials as units",
            found=counted,
            how_to_fix="Say which of them left, by trueup serials ship, or were lost; or count "
            "the SKU by its serials.",
            ref=_ref(each.sku),
        )
    return Issue(
        code=MISSING,
        severity=Severity.WARNING if required else Severity.NOTE,
        pointer=where,
        expected="a serial of each unit",
        found=counted,
        how_to_fix="Tell the arrival again with its serials (--correct), or count the SKU by its "
        "serials.",
        ref=_ref(each.sku),
    )


def _ref(sku: str) -> str:
    return f"serial/{sku}"
