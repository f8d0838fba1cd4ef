"""What customers owe after a busy day, held beside what the shop itself says is outstanding."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from tests.flow.day import play
from tests.support.spine import Spine, open_spine
from trueup.catchup import CaughtUp, catch_up
from trueup.db.pool import connect
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import money_items, prove_money

NOW = datetime(2026, 12, 1, tzinfo=UTC)
BOOKED = """
    SELECT record_id, account, item, currency, sum(amount)
    FROM ledger.money_posting GROUP BY 1, 2, 3, 4 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3, 4"""
OUTSTANDING = """
    SELECT r.ref, v.body->'totals'->'outstanding'->'booked'->>'amount'
    FROM records.record r JOIN records.version v USING (record_id, event_id)
    WHERE r.kind = 'order' AND r.connection_id = """


@pytest.fixture
async def spine(database_url: str) -> AsyncIterator[Spine]:
    async with open_spine(database_url, "north") as opened:
        told, units = play(seed=7, orders=40, skus=12)
        openings = [opened.movement(f"o-{sku}", "opening", sku, n) for sku, n in units.items()]
        await opened.take(
            *openings,
            *(
                opened.delivery(
                    "north", t.topic, t.body, webhook_id=t.webhook_id, at=t.triggered_at
                )
                for t in told
            ),
        )
        yield opened


@pytest.mark.anyio
async def test_what_is_owed_is_what_the_shop_says_is_outstanding(spine: Spine) -> None:
    """Edits, refunds, cancellations and tips among them; the shop works it out on its own."""
    owed = {
        each.item: each.amount for each in await money_items(spine.conn, [MoneyAccount.RECEIVABLE])
    }
    rows = await spine.rows(OUTSTANDING + str(spine.numbers["north"]))
    said = {ref: Decimal(amount) for ref, amount in rows}
    assert len(said) > 20
    assert {ref: owed.get(ref, Decimal(0)) for ref in said} == said
    assert any(said.values()), "somebody owes something, or has paid too much"
    held = await money_items(spine.conn, [MoneyAccount.ROUNDING, MoneyAccount.UNPLACED])
    assert [each for each in held if each.amount] == []
    assert (await prove_money(spine.conn)).holds


async def forget_money(spine: Spine) -> None:
    """Take the books back to before there were any."""
    url = make_conninfo(spine.conninfo, user="postgres")
    async with await connect(url, application_name="test") as conn:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("DELETE FROM ledger.money_posting")


class Killed(Exception):
    """Somebody pulled the plug."""


@pytest.mark.anyio
async def test_records_from_before_are_booked_once_however_often_it_is_stopped(
    spine: Spine,
) -> None:
    before = await spine.rows(BOOKED)
    await forget_money(spine)
    walked: list[Any] = []

    def pull_the_plug(done: int, total: int) -> None:
        walked.append((done, total))
        raise Killed

    with pytest.raises(Killed):
        await catch_up(spine.conninfo, spine.hub, now=NOW, count=40, progress=pull_the_plug)
    some = await spine.rows(BOOKED)
    assert 0 < len(some) < len(before)
    first = await catch_up(spine.conninfo, spine.hub, now=NOW)
    assert await spine.rows(BOOKED) == before
    assert first.known > 0
    assert first.booked > 0
    assert not first.waiting
    assert walked[0][1] == first.records
    postings = (await prove_money(spine.conn)).postings
    again = await catch_up(spine.conninfo, spine.hub, now=NOW)
    assert again == CaughtUp(records=first.records, booked=0, known=first.known + first.booked)
    assert (await prove_money(spine.conn)).postings == postings
