"""Is every balance the sum of its postings, and does every transaction sum to zero?"""

from typing import Any

import psycopg

from trueup.ledger.proof import prove_ledger
from trueup.reconcile.report import Discrepancy, Report


async def check_books(conn: psycopg.AsyncConnection[Any]) -> Report:
    """Re-sum the whole ledger and compare."""
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
    return Report(
        check="ledger",
        left=proof.postings,
        right=proof.transactions,
        matched=proof.transactions - proof.unbalanced,
        discrepancies=tuple(found),
    )
