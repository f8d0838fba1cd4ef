"""Goal: who sends something back has its label from us, bought once, and taken back where unused.

Method: the brand of returns with a simulated EasyPost beside its shop; what was paid is read off
the account's books, and what the customer has off the shop's return.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.brand import HUB_URL
from tests.support.returns import Returning, open_returning
from trueup.config import Amounts
from trueup.decisions import order as ordering
from trueup.decisions.carry import approve
from trueup.decisions.model import Mode
from trueup.outbox.command import discard_commands
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.shopify.model import Order

pytestmark = pytest.mark.anyio
PRICE = Decimal("6.07")
GIVEN: dict[str, Any] = {
    "label_connection": "easypost",
    "price_max": {"USD": "8.00"},
    "weight_g": 400,
    "spend_per_day": {"USD": "100"},
}


class Labelling:
    """A brand that buys labels for returns, and the account it buys them with."""

    def __init__(self, world: Returning) -> None:
        self.world, self.brand = world, world.brand
        self.twin = EasyPost(world.brand.clock, seed=7, late=0, twice=0)

    async def open(self) -> None:
        self.twin.subscribe("*", f"{HUB_URL}/hooks/easypost")
        secrets = {"api_key": EasyPost.api_key, "webhook_secret": self.twin.webhook_secret}
        await self.brand.connect("easypost", self.twin, secrets=secrets)

    async def agreed(self, count: int = 1) -> list[Order]:
        """Sell some times, and agree that all of it comes back."""
        orders = [await self.world.sold(days=0) for _ in range(count)]
        for order in orders:
            await self.world.asked(order)
        await self.world.carry(1)
        assert {order.returns[0].status for order in orders} == {"open"}
        return orders

    async def buy(self) -> None:
        """Take a turn, and let what sells labels work; what broke is looked at again."""
        await self.world.turn()
        for _ in range(3):
            await self.brand.work("easypost")
            self.brand.clock.advance(300)
        await self.brand.apply()

    async def carry(self, times: int = 1) -> None:
        for _ in range(times):
            await self.buy()
            await self.world.carry(1)

    async def allow(self, price: str) -> None:
        """Let a label cost more."""
        before = self.world.settings["return_label"]
        most = Amounts((("USD", Decimal(price)),))
        self.world.settings["return_label"] = msgspec.structs.replace(before, price_max=most)
        await self.world.leave("return_label", Mode.AUTO)

    async def unsold(self) -> list[tuple[str, str]]:
        """Return what people are told of labels that nobody sold: what was found, what to do."""
        return await self.brand.rows(
            "SELECT found, how_to_fix FROM intake.issue "
            "WHERE closed_at IS NULL AND code = 'return.label_unsold' ORDER BY issue_id"
        )

    def end(self, order: Order) -> None:
        """Let people of the shop cancel a return."""
        order.returns[0].status, order.updated_at = "canceled", self.brand.clock.now()

    def paid(self) -> list[str | None]:
        """Return what became of each label that was paid for."""
        return [each.refund_status for each in self.twin.labels.values() if each.paid is not None]

    async def told(self) -> list[tuple[str, str]]:
        """Return the step and state of each decision about labels."""
        told = await self.world.told_of("return_label")
        return [(episode.partition("/")[0], state) for episode, state in told]


@asynccontextmanager
async def labelling(url: str, **settings: Any) -> AsyncIterator[Labelling]:
    async with open_returning(url, return_label=GIVEN | settings) as world:
        made = Labelling(world)
        await made.open()
        yield made


async def test_from_the_return_to_the_label_and_onto_the_return_once_whatever_dies(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object, **__: object) -> None:
        raise RuntimeError

    async with labelling(database_url) as at:
        [order] = await at.agreed()
        at.twin.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="label_buy"))
        for _ in range(2):  # it is bought, and put on the return
            for step in ("order_commands", "move"):
                with monkeypatch.context() as dying:
                    dying.setattr(ordering, step, dies)
                    with pytest.raises(RuntimeError):
                        await at.world.turn()
            await at.buy()
        await at.carry(2)
        [label] = at.twin.labels.values()
        assert label.parcel is not None
        assert (at.twin.balance, at.paid()) == (1000 - PRICE, [None])
        assert label.wish["is_return"] is True
        sides = label.body()["from_address"], label.body()["to_address"]
        assert [each["zip"] for each in sides] == ["10115", "10117"]
        [back] = order.returns[0].deliveries
        assert (back.number, back.label_url) == (
            label.parcel.number,
            f"https://labels.example/{label.id}.pdf",
        )
        assert await at.told() == [("buy", "done"), ("attach", "done")]
        kept = await at.brand.rows(
            "SELECT facts::text || actions::text || reason FROM decisions.decision"
        )
        assert not [text for (text,) in kept if "10115" in text or label.parcel.number in text]
        # What came with it is not asked for again, nor taken back.
        await at.world.grade(order, (1, "sellable"))
        await at.carry(2)
        assert order.returns[0].status == "closed"
        assert (at.paid(), len(await at.told())) == ([None], 2)
        figures = (await at.world.played())["return_label"]
        assert figures == {"returns": 1, "proposals": 1, "taken_back": 0}


async def test_a_label_whose_return_ends_is_taken_back_and_none_is_bought_after_it(
    database_url: str,
) -> None:
    async with labelling(database_url) as at:
        before, between, given, scanned = await at.agreed(4)
        at.end(before)
        await at.world.hear()
        await at.world.turn()  # the others are ordered, and have not left
        await at.world.hear()
        at.end(between)
        await at.world.hear()
        await at.carry(2)
        both = [("buy", "done")] * 2 + [("attach", "done")] * 2
        assert await at.told() == [("buy", "withdrawn"), *both]
        ways = [order.returns[0].deliveries for order in (before, between, given, scanned)]
        assert ([len(each) for each in ways], at.paid()) == ([0, 0, 1, 1], [None, None])
        at.end(given)
        await at.world.hear()
        await at.carry(2)
        assert sorted(map(str, at.paid())) == ["None", "submitted"]
        assert at.twin.worked("label_refund") == 1
        at.twin.travel(60)
        while await at.brand.deliver():
            pass
        await at.brand.apply()
        at.end(scanned)
        await at.world.hear()
        await at.carry(2)
        assert sorted(map(str, at.paid())) == ["None", "submitted"]
        assert (await at.told())[1:] == [*both, ("void", "done")]


async def test_what_costs_more_than_it_may_is_told_of_until_somebody_dealt_with_it(
    database_url: str,
) -> None:
    async with labelling(database_url, price_max={"USD": "6.06"}) as at:
        orders = await at.agreed(3)
        await at.carry(3)
        assert (at.paid(), await at.told()) == ([], [("buy", "failed")] * 3)
        [first, *_] = told = await at.unsold()
        assert len(told) == 3
        assert first[0] == "every label that fits costs more than 6.06 USD"
        assert "set price_max higher: the label is asked for again" in first[1]
        assert "trueup dead discard --command decision/" in first[1]
        assert "outbox.command_refused" not in await at.brand.issues(), "it is told of once"
        at.end(orders[0])
        await at.world.hear()
        await at.carry()
        assert len(await at.unsold()) == 2, "that return ended"
        gone = await at.brand.rows(
            "SELECT ref FROM outbox.command WHERE state = 'refused' ORDER BY command_id"
        )
        await discard_commands(at.brand.conn, [gone[1][0]], by="ada")
        await at.carry()
        assert len(await at.unsold()) == 1, "ada put one on it herself"
        await at.allow("8.00")
        await at.carry(2)
        assert (await at.unsold(), at.paid()) == ([], [None])
        assert (await at.told())[3:] == [("buy", "done"), ("attach", "done")]


async def test_money_above_the_limit_of_a_day_waits_for_a_person(database_url: str) -> None:
    async with labelling(database_url, price_max={"USD": "101"}) as at:
        await at.agreed()
        await at.carry(2)
        assert (at.paid(), await at.told()) == ([], [("buy", "proposed")])
        [(number,)] = await at.brand.rows(
            "SELECT decision_id FROM decisions.decision WHERE rule = 'return_label' "
            "AND state = 'proposed'"
        )
        await approve(at.brand.conn, number, by="ada", why="", now=at.brand.clock.now())
        await at.carry(2)
        assert at.paid() == [None]
