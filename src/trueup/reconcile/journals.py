"""Does every journal still stand in the accounting system as it was posted?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.journal import Journal
from trueup.canon.record import decode
from trueup.journals.model import JournalState
from trueup.journals.reads import list_journals, sums_of_journals
from trueup.ledger.money import EXACT
from trueup.outbox.model import CommandState
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.reads import page_records

_ALL: Final = 10_000_000
_NOTHING: Final = Decimal(0)


async def check_journals(conn: psycopg.AsyncConnection[Any], names: Mapping[int, str]) -> Report:
    """Hold every journal that was posted beside what was read of it since.

    Args:
        conn: any session.
        names: of the connections, by number.

    Returns:
        Left are journals that were posted, right are those of them that were read; amounts are
        what stands there less what was posted, account by account.
    """
    posted = [
        each
        for each in await list_journals(conn, count=_ALL)
        if each.state == CommandState.DONE and each.vendor_ref is not None
    ]
    sums = await sums_of_journals(conn)
    read = await _read(conn, {each.target_id for each in posted})
    found: list[Discrepancy] = []
    seen = matched = 0
    for each in posted:
        there = read.get((each.target_id, each.vendor_ref or ""))
        seen += there is not None
        differing = list(_differences(each, sums[each.number], there, names))
        matched += not differing
        found += differing
    return Report(
        check="journals",
        left=len(posted),
        right=seen,
        matched=matched,
        discrepancies=tuple(sorted(found, key=lambda one: (one.cause, one.left_ref or ""))),
    )


async def _read(
    conn: psycopg.AsyncConnection[Any], targets: Iterable[int]
) -> dict[tuple[int, str], Journal]:
    read: dict[tuple[int, str], Journal] = {}
    for number in sorted(targets):
        rows = await page_records(conn, Journal.kind, count=_ALL, connection_id=number)
        for row in rows:
            read[number, row["ref"]] = msgspec.convert(decode(Journal.kind, row["body"]), Journal)
    return read


def _differences(
    posted: JournalState,
    wanted: Mapping[str, Decimal],
    there: Journal | None,
    names: Mapping[int, str],
) -> Iterable[Discrepancy]:
    """Yield what does not stand there as it was posted, account by account."""
    at = names.get(posted.target_id, "removed")
    right = f"{at}/journal/{posted.vendor_ref}"
    if there is None:
        yield _differing(posted, "not_read", -posted.total, right, "no poll has read it yet")
        return
    if there.deleted or not there.posted:
        said = "it was deleted there" if there.deleted else "it is a draft there"
        yield _differing(posted, "deleted_there", -posted.total, right, said)
        return
    if there.posted_on != posted.posted_on:
        said = f"it is dated {there.posted_on} there, and was posted on {posted.posted_on}"
        yield _differing(posted, "changed_there", _NOTHING, right, said)
    held: dict[str, Decimal] = defaultdict(Decimal)
    for line in there.lines:
        # Some systems name an account in two ways; it was posted by one of them.
        names_of_it = (line.account_ref, line.account or "")
        ref = next((each for each in names_of_it if each in wanted), line.account_ref)
        held[ref] = EXACT.add(held[ref], line.amount.amount)
    for ref in sorted({*wanted, *held}):
        off = EXACT.subtract(held.get(ref, _NOTHING), wanted.get(ref, _NOTHING))
        if off:
            said = f"account {ref}: {held.get(ref, _NOTHING)} there, posted {wanted.get(ref, 0)}"
            yield _differing(posted, "changed_there", off, right, said)


def _differing(
    posted: JournalState, cause: str, amount: Decimal, right: str, said: str
) -> Discrepancy:
    return Discrepancy(
        cause=cause,
        amount=amount,
        currency=posted.currency,
        left_ref=f"journal/{posted.number}",
        right_ref=None if cause == "not_read" else right,
        evidence=(said, right),
    )
