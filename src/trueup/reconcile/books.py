"""Is every balance the sum of its postings, and do serials agree with the units?"""

from typing import Any

import psycopg

from trueup.ledger.money_book import prove_money
from trueup.ledger.proof import prove_ledger
from trueup.ledger.serials import prove_serials
from trueup.reconcile.report import Discrepancy, Report


async def check_books(conn: psycopg.AsyncConnection[Any]) -> Report:
    """Re-sum the whole ledger and compare; hold the serials of tracked SKUs beside their units."""
    proof = await prove_ledger(conn)
    found = [
        Discrepancy(
            cause="balance_differs",
            amount=each.balance - each.posted,
            left_ref=f"postings/{each.sku}/{each.place}/{each.site}".rstrip("/"),
            right_ref=f"sku/{each.sku}",
            evidence=(f"{each.posted} posted, {each.balance} in the balance",),
        )
        for each in proof.differences
    ]
    if proof.unbalanced or proof.total:
        found.append(
            Discrepancy(
                cause="transaction_unbalanced",
                amount=proof.total,
                left_ref=None,
                right_ref=None,
                evidence=(f"{proof.unbalanced} transactions do not sum to zero",),
            )
        )
    money = await prove_money(conn)
    if not money.holds:
        found.append(
            Discrepancy(
                cause="money_unbalanced",
                amount=money.total,
                left_ref=None,
                right_ref=None,
                evidence=(f"{money.unbalanced} money transactions do not sum to zero",),
            )
        )
    serials = await prove_serials(conn)
    found += [
        Discrepancy(
            cause="serials_differ",
            amount=each.serials - each.units,
            left_ref=f"sku/{each.sku}",
            right_ref=f"serials/{each.sku}/{each.place}/{each.site}",
            evidence=(
                f"{each.units} units, {each.serials} serials: {each.place.value} at {each.site}",
            ),
        )
        for each in serials.uneven
    ]
    return Report(
        check="ledger",
        left=proof.postings,
        right=proof.transactions,
        matched=proof.transactions - proof.unbalanced,
        discrepancies=tuple(found),
    )
