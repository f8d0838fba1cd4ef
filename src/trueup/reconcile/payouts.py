"""Is every payout the sum of its entries, to the cent?

Entries of a provider's account and the payout they went out with are told apart from each other. On
the account `clearing` they meet, payout by payout: what is left of one is what nobody accounts for.
"""

from collections.abc import Mapping
from typing import Any

import psycopg

from trueup.ledger.cleared import Cleared, money_cleared
from trueup.ledger.money import EXACT
from trueup.reconcile.report import UNEXPLAINED, Discrepancy, Report


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
    cleared = await money_cleared(conn, connection_id=connection_id)
    found = [each for item in cleared if (each := _judge(item, names)) is not None]
    unexplained = {each.left_ref for each in found}
    paid = [item for item in cleared if item.payouts]
    value = sum(abs(item.paid) for item in paid)
    open_value = sum(abs(item.paid) for item in paid if _ref(item, names) in unexplained)
    return Report(
        check="payouts",
        left=len(paid),
        right=sum(1 for item in cleared if item.entries),
        matched=sum(1 for item in paid if _ref(item, names) not in unexplained),
        discrepancies=tuple(sorted(found, key=lambda each: each.cause != UNEXPLAINED)),
        share=None if not value else float(round(1 - open_value / value, 4)),
    )


def _ref(item: Cleared, names: Mapping[int, str]) -> str:
    return f"{names.get(item.connection_id, str(item.connection_id))}/payout/{item.item}"


def _judge(item: Cleared, names: Mapping[int, str]) -> Discrepancy | None:
    """Return the difference of one payout with its cause; None where it is explained."""
    left = EXACT.subtract(item.entered, item.paid)
    if not left:
        return None
    said = f"{item.entries} entries come to {item.entered}, the payout says {item.paid}"
    if not item.payouts:
        cause = "payout_missing"
        said = f"{item.entries} entries come to {left}, and no payout is told"
    elif not item.entries:
        cause, said = "entries_missing", f"the payout says {item.paid}, and no entry names it"
    else:
        cause = UNEXPLAINED
    return Discrepancy(
        cause=cause,
        amount=left,
        currency=item.currency,
        left_ref=_ref(item, names),
        right_ref=None if not item.entries else f"{_ref(item, names)}/entries",
        evidence=(said, f"between {item.first_on} and {item.last_on}"),
    )
