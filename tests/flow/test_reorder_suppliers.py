"""Goal: what one supplier sends is one draft, within its budget, and nothing is drafted twice.

Method: as in `test_reorder.py`, with two SKUs of one supplier.
"""

from datetime import timedelta

import pytest

from tests.support.firm import RULES, open_firm
from trueup.decisions.model import State
from trueup.decisions.reads import find_decision
from trueup.decisions.rules.reorder import RULE
from trueup.decisions.settings import read_settings

pytestmark = pytest.mark.anyio


async def test_what_one_supplier_sends_is_one_draft(database_url: str) -> None:
    async with open_firm(database_url, ("LAMP", "MUG")) as firm:
        number = await firm.proposed()
        row, _ = await find_decision(firm.brand.conn, number)
        assert row["subject"].startswith("supplier/")
        assert {"sku/LAMP", "sku/MUG"} <= set(row["evidence"])
        assert set(await firm.lines(number)) == {"LAMP", "MUG"}
        await firm.approve(number)
        for _ in range(3):
            await firm.turn()
            await firm.brand.work("odoo")
        assert len(firm.drafts()) == 1
        assert len(firm.odoo.database.tables["purchase.order.line"]) == 2
        assert await firm.state(number) is State.DONE


async def test_what_else_is_needed_joins_what_waits_and_not_what_was_agreed_to(
    database_url: str,
) -> None:
    async with open_firm(database_url, ("LAMP", "MUG")) as firm:
        await firm.lie("MUG", 500)
        first = await firm.proposed()
        assert set(await firm.lines(first)) == {"LAMP"}
        await firm.lie("MUG", 2)
        [both] = (await firm.turn()).proposed[RULE.name]
        assert set(await firm.lines(both)) == {"LAMP", "MUG"}
        assert await firm.state(first) is State.WITHDRAWN
        await firm.lie("MUG", 500)
        assert (await firm.turn()).proposed[RULE.name] == [], "what is left still needs it"
        await firm.approve(both)
        await firm.lie("MUG", 2)
        assert (await firm.turn()).moved == {both: State.ORDERED}
        await firm.brand.work("odoo")
        await firm.turn()
        assert (await firm.turn()).proposed[RULE.name] == [], "it is drafted"
        assert len(firm.drafts()) == 1


async def test_what_a_budget_leaves_out_waits_for_the_next_review(database_url: str) -> None:
    async with open_firm(database_url, ("LAMP", "MUG")) as firm:
        table = {"budget_per_order": {"EUR": "40"}}  # twelve of one at 3.10
        firm.settings = read_settings(RULES, {RULE.name: table})
        number = await firm.proposed()
        [bought] = await firm.lines(number)
        assert "The budget leaves 40.00 EUR" in await firm.sentence(number)
        await firm.approve(number)
        await firm.turn()
        await firm.brand.work("odoo")
        assert (await firm.turn()).proposed[RULE.name] == [], "its budget is spent"
        firm.brand.clock.advance(timedelta(days=8).total_seconds())
        [later] = (await firm.turn()).proposed[RULE.name]
        assert set(await firm.lines(later)) == {"LAMP", "MUG"} - {bought}
