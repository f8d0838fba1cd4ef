"""Is every payout the sum of its entries, to the cent?

Entries of a provider's account and the payout they went out with are told apart from each other. On
the account `clearing` they meet, payout by payout: what is left of one is what nobody accounts for.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import psycopg

from trueup.ledger.money import EXACT, MoneyAccount
from trueup.ledger.money_book import MoneyItem, money_items
from trueup.reconcile.report import UNEXPLAINED, Discrepancy, Report

Key = tuple[int, str, str]
"""Connection, payout, currency."""


async def check_payouts(
    conn: psycopg.AsyncConnection[Any],
    names: Mapping[int, str],
    *,
    connection_id: int | None = None,
) -> Report:
    """Hold every payout beside the entries that name it.

    Args:
        conn: any session.
        names: of the connections, by number.
        connection_id: only this provider's; None: all.

    Returns:
        Left are payouts, right are those that entries name; amounts are what the entries say less
        what the payout says. `explained_share` is of the value paid out.
    """
    cleared = await _by_payout(conn, MoneyAccount.CLEARING, connection_id)
    paid = await _by_payout(conn, MoneyAccount.TRANSIT, connection_id)
    found = []
    for key in sorted({*cleared, *paid}):
        difference = _judge(key, cleared.get(key), paid.get(key), names)
        if difference is not None:
            found.append(difference)
    value = sum(abs(item.debits) for item in paid.values())
    unexplained = {each.left_ref for each in found}
    open_value = sum(
        abs(item.debits) for key, item in paid.items() if _ref(key, names) in unexplained
    )
    return Report(
        check="payouts",
        left=len(paid),
        right=sum(1 for key, item in cleared.items() if _entries(item, paid.get(key)) > 0),
        matched=len(paid.keys() - {key for key in paid if _ref(key, names) in unexplained}),
        discrepancies=tuple(sorted(found, key=lambda each: each.cause != UNEXPLAINED)),
        share=None if not value else float(round(1 - open_value / value, 4)),
    )


async def _by_payout(
    conn: psycopg.AsyncConnection[Any], account: MoneyAccount, connection_id: int | None
) -> dict[Key, MoneyItem]:
    items = await money_items(conn, [account], connection_id=connection_id)
    return {(each.connection_id, each.item, each.currency): each for each in items if each.item}


def _ref(key: Key, names: Mapping[int, str]) -> str:
    return f"{names.get(key[0], str(key[0]))}/payout/{key[1]}"


def _entries(cleared: MoneyItem, paid: MoneyItem | None) -> int:
    """Return how many postings of a payout's item are not the payout's own."""
    return cleared.postings - (0 if paid is None else paid.postings)


def _judge(
    key: Key, cleared: MoneyItem | None, paid: MoneyItem | None, names: Mapping[int, str]
) -> Discrepancy | None:
    """Return the difference of one payout with its cause; None where it is explained."""
    left = Decimal(0) if cleared is None else cleared.amount
    if cleared is None or not left:
        return None
    out = Decimal(0) if paid is None else paid.amount
    entries = _entries(cleared, paid)
    said = f"{entries} entries come to {EXACT.add(left, out)}, the payout says {out}"
    if paid is None:
        cause, said = "payout_missing", f"{entries} entries come to {left}, and no payout is told"
    elif not entries:
        cause, said = "entries_missing", f"the payout says {out}, and no entry names it"
    else:
        cause = UNEXPLAINED
    return Discrepancy(
        cause=cause,
        amount=left,
        currency=key[2],
        left_ref=_ref(key, names),
        right_ref=None if not entries else f"{_ref(key, names)}/entries",
        evidence=(said, f"between {cleared.first_on} and {cleared.last_on}"),
    )
