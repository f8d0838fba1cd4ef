"""Goal: a SKU that will be sold out before its supplier can send more is ordered once, and not else.

Method: a shop sells, an ERP knows the supplier; the rule looks, a person or its limits agree, and
the ERP drafts the order, over lines that break and by processes that die between the steps.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.firm import RULES, open_firm
from trueup.decisions import order
from trueup.decisions.carry import carry_out, refuse
from trueup.decisions.leave import (
    read_leaves,
    resume_all,
    stop_all,
)
from trueup.decisions.measure import read_calibration
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import find_decision, list_decisions
from trueup.decisions.rule import Look
from trueup.decisions.rules.reorder import RULE, ReorderSettings
from trueup.decisions.settings import read_settings
from trueup.errors import ConfigError
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio


async def test_a_shadow_writes_down_and_sends_nothing(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        turn = await firm.turn()
        [number] = turn.proposed[RULE.name]
        assert await firm.state(number) is State.SHADOW
        with pytest.raises(ConfigError, match="is shadow; only one that is proposed"):
            await firm.approve(number)
        await firm.brand.work("odoo")
        assert firm.drafts() == []
        assert (await firm.turn()).proposed[RULE.name] == [], "one episode, one decision"


async def test_a_rule_leaves_the_shadow_only_after_it_was_played(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        with pytest.raises(ConfigError, match="trueup decisions replay reorder"):
            await firm.leave(Mode.ASK, played=False)
        await firm.leave(Mode.ASK)
        firm.settings[RULE.name] = ReorderSettings(service_percent=80)
        with pytest.raises(ConfigError, match="with its settings of now"):
            await firm.leave(Mode.AUTO, played=False)
        await firm.leave(Mode.SHADOW, played=False)


async def test_a_shadow_is_proposed_once_its_rule_may_ask(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        [number] = (await firm.turn()).proposed[RULE.name]
        assert await firm.proposed() == number
        assert await firm.state(number) is State.PROPOSED


async def test_what_was_withdrawn_is_proposed_again_where_it_is_needed_again(
    database_url: str,
) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.brand.rows("UPDATE ledger.outlook SET available = 500 RETURNING 1")
        assert (await firm.turn()).proposed[RULE.name] == []
        assert await firm.state(number) is State.WITHDRAWN
        await firm.brand.rows("UPDATE ledger.outlook SET available = 8 RETURNING 1")
        assert (await firm.turn()).proposed[RULE.name] == [number]
        assert await firm.state(number) is State.PROPOSED


async def test_what_was_taken_back_before_it_left_is_ordered_once_it_is_agreed_to_again(
    database_url: str,
) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        await firm.turn()
        await firm.brand.rows("UPDATE ledger.outlook SET available = 500 RETURNING 1")
        await firm.turn()
        assert await firm.state(number) is State.WITHDRAWN
        await firm.brand.work("odoo")
        assert firm.drafts() == []
        await firm.brand.rows("UPDATE ledger.outlook SET available = 8 RETURNING 1")
        assert (await firm.turn()).proposed[RULE.name] == [number]
        await firm.approve(number)
        for _ in range(3):
            await firm.turn()
            await firm.brand.work("odoo")
        assert len(firm.drafts()) == 1
        assert await firm.state(number) is State.DONE


async def test_what_was_agreed_to_of_a_rule_that_is_off_is_not_ordered(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        await firm.leave(Mode.OFF, played=False)
        assert (await firm.turn()).moved == {number: State.WITHDRAWN}
        assert "its rule was switched off" in await firm.sentence(number)


async def test_every_sku_that_is_low_is_read_however_many(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_firm(database_url) as firm:
        monkeypatch.setattr("trueup.decisions.purchasing.supply.PAGE_SKUS", 1)
        assert len((await firm.turn()).proposed[RULE.name]) == 1


async def test_what_a_person_agrees_to_is_drafted_once(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.brand.work("odoo")
        assert firm.drafts() == [], "nobody agreed"
        await firm.approve(number)
        assert (await firm.turn()).moved == {number: State.ORDERED}
        await firm.brand.work("odoo")
        for _ in range(3):
            await firm.turn()
            await firm.brand.work("odoo")
        assert await firm.state(number) is State.DONE
        [draft] = firm.drafts()
        assert draft["state"] == "draft"
        told = await firm.sentence(number)
        assert "LAMP will be sold out about" in told
        assert "So the rule reorder would draft a purchase order of" in told
        assert "approved by ada: we need them." in told
        assert told.endswith("It was done.")


async def test_what_is_turned_down_is_not_proposed_again(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        now = firm.brand.clock.now()
        await refuse(firm.brand.conn, number, by="ada", why="end of season", now=now)
        turn = await firm.turn()
        assert (turn.proposed[RULE.name], await firm.state(number)) == ([], State.REFUSED)
        with pytest.raises(ConfigError, match="is refused"):
            await firm.approve(number)
        with pytest.raises(ConfigError, match="no decision 999"):
            await firm.approve(999)


async def test_what_is_no_longer_needed_is_taken_back_before_and_after_it_was_agreed_to(
    database_url: str,
) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        await firm.move("r", "receipt", 500)  # they came between the answer and the order
        await firm.work_out()
        await firm.turn()
        assert await firm.state(number) is State.WITHDRAWN
        assert "the facts no longer ask for it" in await firm.sentence(number)
        firm.brand.clock.advance(60)
        await firm.move("lost", "adjustment", -500)
        await firm.work_out()
        [again] = (await firm.turn()).proposed[RULE.name]
        await firm.move("r2", "receipt", 500)
        await firm.work_out()
        await firm.turn()
        assert await firm.state(again) is State.WITHDRAWN
        await firm.brand.work("odoo")
        assert firm.drafts() == []


async def test_what_was_ordered_is_taken_back_only_while_it_has_not_left(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        assert (await firm.turn()).moved == {number: State.ORDERED}
        await firm.move("r", "receipt", 500)
        await firm.work_out()
        await firm.turn()
        assert await firm.state(number) is State.WITHDRAWN
        assert "the facts no longer ask for it, and it had not left" in await firm.sentence(number)
        await firm.brand.work("odoo")
        assert firm.drafts() == []


async def test_what_has_left_is_followed_whatever_the_facts_say_then(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        await firm.turn()
        await firm.brand.work("odoo")
        await firm.move("r", "receipt", 500)
        await firm.work_out()
        await firm.turn()
        assert await firm.state(number) is State.DONE
        assert len(firm.drafts()) == 1


async def test_a_proposal_that_nobody_answers_lapses(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        firm.brand.clock.advance(timedelta(days=8).total_seconds())
        await firm.turn()
        assert await firm.state(number) is State.LAPSED


async def test_by_itself_within_its_limits_and_else_a_person(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        await firm.leave(Mode.AUTO)
        turn = await firm.turn()
        [number] = turn.proposed[RULE.name]
        assert turn.approved == [], "it may spend nothing by itself"
        assert "It was left to a person: it may spend no EUR by itself" in await firm.sentence(
            number
        )
        table = {"spend_per_day": {"EUR": "5000"}}
        firm.settings = read_settings(RULES, {RULE.name: table})
        turn = await firm.turn()
        assert turn.approved == [], "with other settings it is a shadow until it was played"
        await firm.leave(Mode.AUTO)
        turn = await firm.turn()
        assert (turn.approved, turn.moved) == ([number], {number: State.ORDERED})
        assert "approved by policy: within its limits." in await firm.sentence(number)


@pytest.mark.parametrize("came", [True, False])
async def test_what_came_is_measured_once_it_can_be_known(database_url: str, *, came: bool) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        firm.brand.clock.advance(timedelta(days=2).total_seconds())
        if came:
            await firm.move("sold", "adjustment", -10)
        firm.brand.clock.advance(timedelta(days=2).total_seconds())
        await firm.move("late", "receipt", 60)
        firm.brand.clock.advance(timedelta(days=29).total_seconds())
        await firm.turn()
        row, _ = await find_decision(firm.brand.conn, number)
        assert (row["outcome"], row["state"]) == (Decimal(came), "lapsed")
        said = "Since then it was sold out." if came else "Since then it was never sold out."
        assert (await firm.sentence(number)).endswith(said)
        [found] = await read_calibration(firm.brand.conn)
        assert (found["done"], found["decisions"], found["came"]) == (False, 1, Decimal(came))
        assert found["expected"] == Decimal(row["effect"]["without"])


async def test_the_switch_stops_what_was_agreed_to(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        conn, now = firm.brand.conn, firm.brand.clock.now()
        await stop_all(conn, by="ada", why="stock count", now=now)
        turn = await firm.turn()
        assert (turn.proposed, turn.moved) == ({}, {})
        await resume_all(conn, by="ada", why="", now=now)
        assert (await firm.turn()).moved == {number: State.ORDERED}


async def test_a_crash_between_agreeing_and_ordering_orders_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)

        async def dies(*_: object) -> list[str]:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(order, "want_commands", dies)
            with pytest.raises(KeyboardInterrupt):
                await firm.turn()
        assert await firm.state(number) is State.APPROVED
        firm.odoo.strike(ApiFault(kind="reset_after_work", next_calls=2))
        await firm.turn()
        assert await firm.brand.settle("odoo", f"decision/{number}/0") == "done"
        await firm.turn()
        assert await firm.state(number) is State.DONE
        assert len(firm.drafts()) == 1


async def test_two_at_once_order_once(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        brand = firm.brand
        leaves = await read_leaves(brand.conn, RULES, firm.settings)
        given = (brand.hub, RULES, firm.settings, leaves, brand.clock.now())
        first = await carry_out(brand.conn, *given)
        second = await carry_out(brand.conn, *given)
        assert (first, second) == ({number: State.ORDERED}, {})
        assert len(await list_decisions(brand.conn, state=State.ORDERED)) == 1


async def test_what_the_vendor_refuses_has_failed_and_says_so(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        await firm.turn()
        await firm.brand.rows(
            "UPDATE outbox.command SET state = 'refused', code = 'odoo.refused' RETURNING 1"
        )
        assert (await firm.turn()).moved == {number: State.FAILED}
        assert "failed by outbox: odoo.refused." in await firm.sentence(number)


async def test_played_on_the_past_it_stands_beside_the_mean_of_13_weeks(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        assert RULE.play is not None
        until = firm.brand.clock.now().date() - timedelta(days=1)
        look = Look(conn=firm.brand.conn, hub=firm.brand.hub, now=firm.brand.clock.now())
        found = await RULE.play(look, ReorderSettings(), until - timedelta(days=3), until)
        assert found.figures["skus"] == 1
        ours, mean, *_ = found.beside
        assert (ours.name, mean.name) == ("the rule", "13-week mean")
        assert [name for name, _ in ours.figures] == [name for name, _ in mean.figures]
        assert str(dict(ours.figures)["tied up, EUR"]).endswith(" EUR")
        assert "for 1 SKUs of known suppliers" in found.sentence


async def test_once_an_order_has_come_the_next_one_is_another_decision(database_url: str) -> None:
    async with open_firm(database_url) as firm:
        number = await firm.proposed()
        await firm.approve(number)
        await firm.turn()
        await firm.brand.work("odoo")
        await firm.turn()
        assert await firm.state(number) is State.DONE
        await firm.work_out()
        assert (await firm.turn()).proposed[RULE.name] == [], "a draft is not known to be coming"
        await firm.move("back", "receipt", 1)
        await firm.work_out()
        assert (await firm.turn()).proposed[RULE.name] == [], "one unit that came back is no order"
        await firm.move("came", "receipt", 60)
        await firm.work_out()
        assert (await firm.turn()).proposed[RULE.name] == [], "there is enough"
        await firm.move("lost", "adjustment", -60)
        await firm.work_out()
        [next_one] = (await firm.turn()).proposed[RULE.name]
        assert next_one > number
