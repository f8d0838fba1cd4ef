"""Goal: what one supplier sends is one draft, within its budget, and nothing is drafted twice.

Method: as in `test_reorder.py`, with two SKUs of one supplier.
"""

import asyncio
from datetime import UTC, date, timedelta
from hashlib import sha256

import msgspec
import numpy as np
import pytest

from tests.support.brand import open_brand
from tests.support.firm import RULES, Firm, open_firm
from trueup.canon.command import DraftPurchase
from trueup.db.queries import load_queries
from trueup.decisions.leave import keep_replay
from trueup.decisions.model import State, to_json
from trueup.decisions.propose import Proposed
from trueup.decisions.purchasing.model import FIGURE
from trueup.decisions.purchasing.planned import planned_lines
from trueup.decisions.reads import find_decision
from trueup.decisions.replaying import replay_rule
from trueup.decisions.rule import Look, Replay, Settings
from trueup.decisions.rules.reorder import RULE, ReorderSettings
from trueup.decisions.settings import read_settings
from trueup.decisions.written.store import RuleBook
from trueup.models.demand.learn import MODEL, Sales, train
from trueup.models.demand.series import Panel
from trueup.models.model import Figure, Fitted

pytestmark = pytest.mark.anyio


async def test_what_one_supplier_sends_is_one_draft(database_url: str) -> None:
    async with open_firm(database_url, ("LAMP", "MUG")) as firm:
        brand, settings = firm.brand, firm.settings[RULE.name]
        planned = await planned_lines(brand.conn, brand.hub, settings, brand.clock.now())
        assert {sku: line.supplier for sku, line in planned.items()} == {
            "LAMP": "Garn KG",
            "MUG": "Garn KG",
        }
        number = await firm.proposed()
        row, _ = await find_decision(firm.brand.conn, number)
        assert row["subject"].startswith("supplier/")
        assert {"sku/LAMP", "sku/MUG"} <= set(row["evidence"])
        assert await firm.lines(number) == {sku: each.units for sku, each in planned.items()}
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
        firm.brand.clock.advance(timedelta(days=15).total_seconds())
        [later] = (await firm.turn()).proposed[RULE.name]
        assert set(await firm.lines(later)) == {"LAMP", "MUG"} - {bought}


def fitted(until: date) -> Fitted:
    """Return a model of six SKUs that sell five a day, the lamp among them."""
    random = np.random.default_rng(1)
    units = random.poisson(5.0, (6, 200)).astype(np.float64)
    sales = Sales(
        skus=("A", "B", "C", "D", "LAMP", "Z"),
        panel=Panel(units, np.ones(units.shape, dtype=bool)),
        until=until,
        siblings=np.arange(6),
        channels=("north",),
        shares=np.ones((6, 1)),
    )
    found = train(sales, lambda *_: None)
    assert isinstance(found, Fitted)
    return found


async def keep_model(firm: Firm, model: Fitted, *, beats: bool = True) -> None:
    """Keep a trained model, as the night does."""
    row = {
        "model": MODEL.name,
        "version": MODEL.version,
        "now": firm.brand.clock.now(),
        "until": model.card.until,
        "artifact": model.artifact,
        "sha256": sha256(model.artifact).digest(),
        "features": model.features,
        "card": to_json(msgspec.structs.replace(model.card, figures=_judged(model, beats=beats))),
        "figures": "{}",
        "beats": beats,
    }
    await firm.brand.conn.execute(load_queries("trueup.models").keep_trained, row)


def _judged(model: Fitted, *, beats: bool) -> tuple[Figure, ...]:
    first, *others = model.card.figures
    return (msgspec.structs.replace(first, model=0.5 if beats else 2.0, rule=1.0), *others)


async def played(firm: Firm, *, no_worse: bool) -> None:
    """Keep a replay that says whether what was learned orders no worse."""
    now = firm.brand.clock.now()
    figures = {FIGURE: float(no_worse)}
    found = Replay(since=now.date(), until=now.date(), figures=figures, sentence="")
    await keep_replay(firm.brand.conn, RULE, firm.settings[RULE.name], found, now)


def drafted(found: Proposed) -> int:
    """Return how many lamps are drafted."""
    [action] = found.proposal.actions
    assert isinstance(action.content, DraftPurchase)
    [(_, units, _)] = action.content.lines
    return units


async def test_learned_demand_counts_only_where_it_won_twice(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        by_rule = await firm.looked()
        model = fitted(firm.brand.clock.now().astimezone(UTC).date() - timedelta(days=1))
        await keep_model(firm, model)
        await played(firm, no_worse=False)
        assert await firm.looked() == by_rule, "no replay says that it orders no worse"
        await played(firm, no_worse=True)
        learned = await firm.looked()
        [item] = learned.facts.values.items
        assert (item.learned, item.demand.per_day) == (True, pytest.approx(5, abs=0.5))
        [source] = learned.facts.values.models
        assert source.sha256 == sha256(model.artifact).hexdigest()
        assert source.features == model.features.hex()
        assert drafted(learned) > 2 * drafted(by_rule)
        assert await firm.looked() == learned
        firm.settings[RULE.name] = ReorderSettings(service_percent=90)
        assert not (await firm.looked()).facts.values.items[0].learned, "not played as it is now"
        firm.settings[RULE.name] = ReorderSettings()
        await keep_model(firm, model, beats=False)
        assert await firm.looked() == by_rule


async def test_a_play_may_take_longer_than_a_session_may_be_idle(database_url: str) -> None:
    async def play(_look: Look, _settings: Settings, since: date, until: date) -> Replay:
        await asyncio.sleep(0.6)
        return Replay(since=since, until=until, figures={}, sentence="It took its time.")

    slow = msgspec.structs.replace(RULE, play=play)
    async with open_brand(database_url) as brand:
        await brand.conn.execute("SET idle_in_transaction_session_timeout = '200ms'")
        book = RuleBook(
            rules={RULE.name: slow}, settings={RULE.name: ReorderSettings()}, written={}, broken={}
        )
        now = brand.clock.now()
        found = await replay_rule(brand.conn, brand.hub, book, RULE.name, 3, now)
        assert found.sentence == "It took its time."
