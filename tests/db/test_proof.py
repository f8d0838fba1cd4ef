"""The proof finds what was changed behind the ledger's back."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.spine import Spine, open_spine
from trueup.ledger.proof import prove_ledger

pytestmark = pytest.mark.anyio


async def forge(spine: Spine, statement: str) -> None:
    """Change the books as nobody may: as superuser, with every trigger off."""
    url = make_conninfo(spine.conninfo, user="postgres")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute(statement.encode())


async def books(spine: Spine) -> None:
    await spine.take(
        spine.movement("o", "opening", "TEE", 9),
        spine.movement("t", "transfer", "TEE", 3, to_site="berlin"),
        *(spine.order(n, "TEE", "CAP") for n in range(1, 4)),
    )


async def test_right_books_are_proven_and_the_proof_is_kept(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        empty = await prove_ledger(spine.conn)
        assert empty.holds
        assert (empty.transactions, empty.postings) == (0, 0)
        await books(spine)
        proof = await prove_ledger(spine.conn)
        assert proof.holds
        assert (proof.transactions, proof.unbalanced, proof.total) == (5, 0, 0)
        kept = await spine.rows("SELECT transactions, differences FROM ledger.proof ORDER BY 1")
        assert kept == [(0, 0), (5, 0)]


@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        (
            "UPDATE ledger.balance SET on_hand = on_hand + 1, supplier = supplier - 1",
            {("on_hand", ""), ("supplier", "")},
        ),
        (
            "UPDATE ledger.site_balance SET on_hand = on_hand + 1 WHERE site = 'berlin'",
            {("on_hand", "berlin")},
        ),
        ("DELETE FROM ledger.site_balance WHERE site = 'berlin'", {("on_hand", "berlin")}),
        (
            "DELETE FROM ledger.posting WHERE event_id = 1",
            {("on_hand", ""), ("on_hand", "main"), ("supplier", "")},
        ),
    ],
)
async def test_forged_books_are_found(
    database_url: str, forgery: str, found: set[tuple[str, str]]
) -> None:
    async with open_spine(database_url) as spine:
        await books(spine)
        await forge(spine, forgery)
        proof = await prove_ledger(spine.conn)
        assert not proof.holds
        assert {(each.place, each.site) for each in proof.differences if each.sku == "TEE"} == found


async def test_a_transaction_that_does_not_sum_to_zero_is_found(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await books(spine)
        await forge(
            spine, "UPDATE ledger.posting SET units = units + 1 WHERE event_id = 1 AND ordinal = 0"
        )
        proof = await prove_ledger(spine.conn)
        assert (proof.unbalanced, proof.total) == (1, 1)
        assert not proof.holds
