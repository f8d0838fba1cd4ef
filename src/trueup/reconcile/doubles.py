"""What stands in a system as two and is one, or is sold and moves nothing: customers, and SKUs."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg

from trueup.canon.customer import Customer
from trueup.canon.link import SPACES_OF_PEOPLE
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.books import lines_without_sku, split_customers
from trueup.records.people import SHARED_MAX
from trueup.records.reads import count_records

SPLIT: Final = "split_customer"
UNMAPPED: Final = "unmapped_sku"
_LINES_MAX: Final = 100_000

Conn = psycopg.AsyncConnection[Any]


async def check_customers(conn: Conn, names: Mapping[int, str]) -> Report:
    """Find customers whom one system holds as several: they share an address or a number.

    Args:
        conn: any session.
        names: of the connections that count, by number.

    Returns:
        Left are customers; each further one of the same person is a difference of one.
    """
    rows = await split_customers(conn, sorted(SPACES_OF_PEOPLE), SHARED_MAX)
    shares: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        name = names.get(row["connection_id"])
        if name is None:
            continue
        first, *others = (f"{name}/customer/{ref}" for ref in row["refs"])
        for other in others:
            shares.setdefault((first, other), []).append(row["namespace"])
    customers = await _count(conn, Customer.kind)
    doubles = {other for _, other in shares}
    return Report(
        check="customers",
        left=customers,
        right=customers - len(doubles),
        matched=customers - len(doubles),
        discrepancies=tuple(
            Discrepancy(
                cause=SPLIT,
                amount=-1,
                left_ref=other,
                right_ref=first,
                evidence=tuple(f"both have the same {space}" for space in sorted(spaces)),
            )
            for (first, other), spaces in sorted(shares.items())
        ),
    )


async def check_skus(conn: Conn, names: Mapping[int, str]) -> Report:
    """Find lines of orders that take stock of a variant without a SKU: for them nothing moves."""
    rows = await lines_without_sku(conn, sorted(names), _LINES_MAX)
    orders = await _count(conn, "order")
    touched = {(row["connection_id"], row["ref"]) for row in rows}
    return Report(
        check="skus",
        left=orders,
        right=orders,
        matched=orders - len(touched),
        discrepancies=tuple(
            Discrepancy(
                cause=UNMAPPED,
                amount=-row["quantity"],
                left_ref=f"{names[row['connection_id']]}/order/{row['ref']}",
                right_ref=f"{names[row['connection_id']]}/variant/{row['variant_ref']}",
                evidence=(
                    f"{row['quantity']} of {row['title']!r} were sold, and its variant has no SKU",
                ),
            )
            for row in rows
        ),
    )


async def _count(conn: Conn, kind: str) -> int:
    return sum(row["records"] for row in await count_records(conn) if row["kind"] == kind)
