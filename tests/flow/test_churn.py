"""Goal: a regular customer who may be leaving is seen to once, by what they are worth.

Method: a shop, its customers and mail over sockets; weeks go by without an order, and customers buy
or opt out between the decision and the call.
"""

from typing import Any

import pytest

from tests.support.contact import MIA
from tests.support.regulars import Regulars, open_regulars
from trueup.decisions import order as ordering
from trueup.decisions.measure import read_calibration
from trueup.decisions.model import Mode
from trueup.decisions.rules.churn import RULE, ChurnSettings

pytestmark = pytest.mark.anyio


async def leaving(shop: Regulars, *, step: str = "message") -> None:
    """Let a customer buy every four weeks, and then no more."""
    shop.settings[RULE.name] = ChurnSettings(top=step)  # type: ignore[arg-type]
    await shop.leave(RULE.name, Mode.AUTO)
    await shop.buy_monthly()
    shop.days(55)
    await shop.turn()
    assert await shop.states() == []
    shop.days(1)


async def test_who_is_late_is_written_to_once(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await leaving(shop)
        for _ in range(3):
            await shop.turn()
            await shop.send()
            shop.days(1)
        assert shop.sent() == [(MIA, "It has been a while")]
        assert await shop.states() == ["done"]


async def test_for_the_best_a_person_is_asked(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        shop.brand.hub.contact_table = {
            "team_connection": "smtp",
            "team_to": "team@brand.example",
        }
        await leaving(shop, step="person")
        for _ in range(2):
            await shop.turn()
            await shop.send()
        assert shop.sent() == [("team@brand.example", "A good customer may be leaving")]
        [mail] = shop.mail.taken
        assert MIA not in str(mail.message)


@pytest.mark.parametrize("what", ["buys", "opts out"])
async def test_what_happens_between_the_decision_and_the_call_stops_it(
    database_url: str, what: str
) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await leaving(shop)
        await shop.turn()
        assert await shop.states() == ["ordered"]
        if what == "buys":
            await shop.buy()
        else:
            await shop.consent(MIA, "unsubscribed")
        for _ in range(2):
            await shop.turn()
            await shop.send()
        assert (shop.sent(), await shop.states()) == ([], ["withdrawn"])


@pytest.mark.parametrize("step", ["want_commands", "move"])
async def test_a_crash_between_the_steps_of_an_order_sends_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await leaving(shop)

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


async def test_what_came_is_measured_and_the_past_is_played(database_url: str) -> None:
    async with open_regulars(database_url, RULE) as shop:
        await leaving(shop)
        await shop.turn()
        await shop.send()
        shop.days(2)
        await shop.buy()
        shop.days(29)
        await shop.turn()
        [found] = await read_calibration(shop.brand.conn)
        assert (found["done"], found["came"]) == (True, 1)
        assert await shop.played(RULE.name, 60) == [{"late": 1.0, "back_by_themselves": 1.0}]
