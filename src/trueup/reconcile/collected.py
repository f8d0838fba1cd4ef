"""Did a provider's account take in what a seller says was paid?

Each names a payment in its own way, and both carry names of the other: an authorisation code, a
charge's id, the number of the order. Rows that share an item or a name are one payment; what is
left of it is what only one of the two has told, or what they tell otherwise.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from trueup.ledger.money import EXACT
from trueup.ledger.money_book import Collected, money_collected
from trueup.reconcile.money.graph import components
from trueup.reconcile.money.model import Cause
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.reads import payment_names

Conn = psycopg.AsyncConnection[Any]

LAG: Final = timedelta(days=7)
"""So long one of the two may be silent before the other's word counts as alone."""

_SHOWN_MAX: Final = 5


async def check_collected(
    conn: Conn, names: Mapping[int, str], *, today: date, lag: timedelta = LAG
) -> Report:
    """Hold what sellers say was paid beside what providers' accounts took in, payment by payment.

    Args:
        conn: any session.
        names: of the connections, by number.
        today: by which it is judged whether the other is late.
        lag: how long it may be.

    Returns:
        Left are payments as sellers tell them, right are entries; amounts are what the accounts
        took in less what sellers say.
    """
    rows = await money_collected(conn)
    linked = await payment_names(conn, {row.record_id for row in rows})
    found: list[Discrepancy] = []
    matched = 0
    for group in _groups(rows, linked):
        differing = _judge(group, names, today - lag)
        found += differing
        matched += 0 if differing else sum(not row.by_entry for row in group)
    value = sum((abs(row.amount) for row in rows), Decimal(0))
    late = (Decimal(each.amount) for each in found if each.cause != Cause.TIMING)
    unexplained = sum((abs(amount) for amount in late), Decimal(0))
    sellers = sum(not row.by_entry for row in rows)
    return Report(
        check="collected",
        left=sellers,
        right=len(rows) - sellers,
        matched=matched,
        discrepancies=tuple(sorted(found, key=_order)),
        share=None if not value else max(0.0, float(round(1 - unexplained / value, 4))),
    )


def _groups(
    rows: Sequence[Collected], linked: Iterable[tuple[int, bytes]]
) -> list[list[Collected]]:
    """Return the rows of each payment: those of one item, and those that share a name."""
    edges = {(str(record_id), digest.hex()) for record_id, digest in linked}
    for row in rows:
        edges.add((str(row.record_id), f"{row.connection_id}/{row.item}"))
    by_record: dict[str, list[Collected]] = defaultdict(list)
    for row in rows:
        by_record[str(row.record_id)].append(row)
    groups = [
        [row for record_id in records for row in by_record.get(record_id, ())]
        for records, _ in components(edges)
    ]
    # Numbers of records tell in which order they came, and that is nobody's business.
    return [sorted(group, key=_told) for group in groups if group]


def _judge(
    group: Sequence[Collected], names: Mapping[int, str], late_before: date
) -> list[Discrepancy]:
    """Return what is left of one payment, by currency, with its cause."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in group:
        sums[row.currency] = EXACT.add(sums[row.currency], row.amount)
    left = {currency: amount for currency, amount in sums.items() if amount}
    sellers = [row for row in group if not row.by_entry]
    entries = [row for row in group if row.by_entry]
    late = max(row.on_day for row in group) < late_before
    cause = _cause(group, sums, late=late)
    return [
        Discrepancy(
            cause=cause.value,
            amount=EXACT.minus(amount),
            currency=currency,
            left_ref=_ref(sellers[0], names) if sellers else None,
            right_ref=_ref(entries[0], names) if entries else None,
            evidence=tuple(_said(row, names) for row in group[:_SHOWN_MAX]),
        )
        for currency, amount in sorted(left.items())
    ]


def _cause(group: Sequence[Collected], sums: Mapping[str, Decimal], *, late: bool) -> Cause:
    """Return why a payment did not come to nothing, as far as its own rows show it."""
    sellers = [row for row in group if not row.by_entry]
    entries = [row for row in group if row.by_entry]
    if not entries:
        return Cause.MISSING_ENTRY if late else Cause.TIMING
    if not sellers:
        return Cause.MISSING_PAYMENT if late else Cause.TIMING
    if len(sums) > 1:
        return Cause.CURRENCY_CONVERSION
    [left] = sums.values()
    # On the account of what was collected a provider's refund stands with a plus.
    given_back = sum((row.amount for row in entries if row.amount > 0), Decimal(0))
    told_back = sum((row.amount for row in sellers if row.amount < 0), Decimal(0))
    if given_back and left == given_back and not told_back:
        return Cause.MISSING_REFUND
    if told_back and left == told_back and not given_back:
        return Cause.MISSING_ENTRY if late else Cause.TIMING
    return Cause.UNEXPLAINED


def _ref(row: Collected, names: Mapping[int, str]) -> str:
    name = names.get(row.connection_id, str(row.connection_id))
    return f"{name}/{'entry' if row.by_entry else 'payment'}/{row.item}"


def _said(row: Collected, names: Mapping[int, str]) -> str:
    what = "took in" if row.by_entry else "was paid"
    amount = EXACT.minus(row.amount) if row.by_entry else row.amount
    return f"{_ref(row, names)} {what} {amount:f} {row.currency} on {row.on_day}"


def _told(row: Collected) -> tuple[bool, date, int, str, str]:
    return row.by_entry, row.on_day, row.connection_id, row.item, row.currency


def _order(each: Discrepancy) -> tuple[bool, str, str]:
    return each.cause != Cause.UNEXPLAINED, each.cause, each.left_ref or each.right_ref or ""
