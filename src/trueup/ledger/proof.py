"""Prove the books: re-sum every posting and compare."""

from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries

_queries = load_queries("trueup.ledger")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A balance that is not the sum of its postings."""

    sku: str
    place: str
    site: str
    posted: int
    balance: int


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the re-summing found; the books agree when there are no differences.

    Attributes:
        unbalanced: transactions that do not sum to zero per SKU.
        total: the sum of all postings; zero.
    """

    transactions: int
    postings: int
    unbalanced: int
    total: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether every balance is the sum of its postings and all sums are zero."""
        return not self.differences and not self.unbalanced and self.total == 0


async def prove_ledger(conn: psycopg.AsyncConnection[Any]) -> Proof:
    """Re-sum all postings and compare them with the balances, in one snapshot."""
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor = await conn.execute(_queries.prove_sums)
        row = await cursor.fetchone()
        transactions, postings, unbalanced, total = row or (0, 0, 0, 0)
        async with conn.cursor(row_factory=class_row(Difference)) as differing:
            await differing.execute(_queries.prove_balances)
            differences = tuple(await differing.fetchall())
        await conn.execute(
            _queries.note_proof,
            {
                "transactions": transactions,
                "postings": postings,
                "differences": len(differences) + unbalanced,
            },
        )
    return Proof(
        transactions=transactions,
        postings=postings,
        unbalanced=unbalanced,
        total=total,
        differences=differences,
    )
