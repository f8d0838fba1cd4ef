"""Goal: who buys every four weeks is reminded once, in time, and never when it would be wrong.

Method: a shop, its customers and mail over sockets; days go by, customers buy, ask, send back and
opt out at every point between the decision and the call.
"""

from typing import Any

import pytest

from tests.support.contact import MIA
from tests.support.regulars import open_regulars
from trueup.decisions import order as ordering
from trueup.decisions.explain import explain
from trueup.decisions.measure import read_calibration
from trueup.decisions.reads import find_decision
from trueup.decisions.rules.reorder_prompt import RULE
from trueup.sandbox.shopify.commands import OpenReturn

pytestmark = pytest.mark.anyio


async def test_on_day_25_of_28_they_are_reminded_once_with_a_link(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        order = await shop.buy_monthly()
        shop.days(24)
        await shop.turn()
        assert await shop.states() == []
        shop.days(1)
        for _ in range(3):
            await shop.turn()
            await shop.send()
            shop.days(1)
        assert await shop.states() == ["done"]
        [mail] = shop.mail.taken
        assert mail.to == (MIA,)
        [variant] = await shop.brand.rows("SELECT variant_ref FROM records.listing")
        link = f"https://north.myshopify.com/cart/{variant[0]}:1"
        assert link in mail.message.get_content().replace("=\n", "")
        row, steps = await find_decision(shop.brand.conn, 1)
        assert order in row["evidence"]
        told = explain(row, steps)
        assert "3 times, every 28 days" in told
        assert "remind the customer of order #1003" in told
        kept = " ".join(str(each) for each in (row["facts"], row["actions"], row["reason"]))
        assert MIA not in kept


async def test_next_time_they_are_reminded_again(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly()
        for _ in range(2):
            shop.days(25)
            await shop.turn()
            await shop.send()
            shop.days(3)
            await shop.buy()
        await shop.turn()
        assert len(shop.sent()) == 2
        assert await shop.states() == ["done", "done"]


async def test_two_purchases_are_no_habit(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly(times=2)
        shop.days(25)
        await shop.turn()
        assert await shop.states() == []


async def test_who_did_not_agree_to_marketing_is_not_written_to(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly(email_consent="not_subscribed")
        shop.days(25)
        await shop.turn()
        await shop.send()
        assert (shop.sent(), await shop.states()) == ([], ["withdrawn"])
        assert "did not agree to marketing" in (await shop.why())[-1]


@pytest.mark.parametrize("what", ["order", "return", "sold_out"])
async def test_while_something_is_open_or_there_is_none_nothing_is_said(
    database_url: str, what: str
) -> None:
    async with open_regulars(database_url, RULE) as shop:
        order = await shop.buy_monthly()
        if what == "order":
            await shop.buy_monthly(times=1, sent=False)
        if what == "return":
            wanted = OpenReturn(order=order.rsplit("/", 1)[-1], units={"LAMP": 1})
            shop.world.do("north", wanted)
            await shop.brand.poll("shopify", "returns")
            await shop.brand.apply()
        if what == "sold_out":
            await shop.move("gone", "adjustment", -47)
        shop.days(25)
        await shop.turn()
        assert await shop.states() == []


@pytest.mark.parametrize("when", ["proposed", "ordered"])
@pytest.mark.parametrize("what", ["buys", "opts out", "sold out"])
async def test_what_happens_between_the_decision_and_the_call_stops_it(
    database_url: str, what: str, when: str
) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly()
        shop.days(25)
        if when == "proposed":
            shop.until(23)  # so it waits for the morning
        await shop.turn()
        assert await shop.states() == ["approved" if when == "proposed" else "ordered"]
        if what == "buys":
            await shop.buy()
        elif what == "opts out":
            await shop.consent(MIA, "unsubscribed")
        else:
            await shop.move("gone", "adjustment", -47)
        if when == "proposed":
            shop.until(10)
        for _ in range(2):
            await shop.turn()
            await shop.send()
        assert (shop.sent(), await shop.states()) == ([], ["withdrawn"])


async def test_a_purchase_under_another_name_counts(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly()
        shop.days(25)
        shop.until(23)
        await shop.turn()
        shop.shop.by_email.clear()  # they come as a guest, whom only the address joins
        await shop.buy(MIA)
        shop.until(10)
        await shop.turn()
        await shop.send()
        assert (shop.sent(), await shop.states()) == ([], ["withdrawn"])


@pytest.mark.parametrize("step", ["want_commands", "note_contact", "move"])
async def test_a_crash_between_the_steps_of_an_order_sends_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly()
        shop.days(25)

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await shop.turn()
        for _ in range(2):
            await shop.turn()
            await shop.send()
        assert len(shop.sent()) == 1


@pytest.mark.parametrize("bought", [True, False])
async def test_what_came_is_measured(database_url: str, *, bought: bool) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly()
        shop.days(25)
        await shop.turn()
        await shop.send()
        shop.days(3)
        if bought:
            await shop.buy()
        shop.days(12)
        await shop.turn()
        [found] = await read_calibration(shop.brand.conn)
        assert (found["done"], found["came"]) == (True, int(bought))


async def test_played_on_the_past_it_says_whom_it_would_have_reminded(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await shop.buy_monthly(times=5)
        shop.days(1)
        [figures] = await shop.played(RULE.name, 60)
        assert figures == {"reminders": 2.0, "bought_soon": 2.0}
