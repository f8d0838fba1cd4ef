"""Goal: whoever waits for a parcel that is silent or late hears of it first, and once.

Method: a shop sells, a carrier brings and falls silent, over sockets and on one clock; opt-outs,
scans that come between, repeats and processes that die between the steps.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.support.contact import MIA, PHONE
from tests.support.parcels import Depot, open_depot, stop
from trueup.cli.show import Noun
from trueup.decisions import order as ordering
from trueup.decisions.blank import Filling
from trueup.decisions.blanks.credit import Credit
from trueup.decisions.contact.desk import open_desk
from trueup.decisions.contact.permit import Withdraw
from trueup.decisions.reads import find_decision
from trueup.kernel.money import Money
from trueup.sandbox.shopify.commands import Cancel

pytestmark = pytest.mark.anyio

LATE = "Your order #1001 is late"


async def silent(depot: Depot, **customer: Any) -> Any:
    """Let a parcel be handed over and scanned at a hub, and then not for two days."""
    parcel = await depot.send_out(**customer)
    stop(parcel, 21)
    await depot.travel(60)
    depot.until(12)
    return parcel


async def test_a_silent_parcel_is_told_of_once(database_url: str) -> None:
    async with open_depot(database_url, "delay") as depot:
        await depot.send_out(hours=30)
        await depot.round()
        assert depot.sent() == []
        await silent(depot, email="ida@home.example")
        await depot.round(3)
        assert depot.sent() == [
            ("ida@home.example", LATE.replace("1", "2").replace("2002", "1002"))
        ]
        row, _ = await find_decision(depot.brand.conn, 1)
        assert row["reason"].startswith("The parcel of #1002 by Delhivery, promised for")
        [ref] = row["evidence"]
        connection, noun, order = ref.removeprefix("connection/").split("/")
        assert (int(connection), Noun(noun)) == (depot.number, Noun.ORDER)
        assert int(order) in depot.shop.orders
        await depot.travel(30)
        depot.until(12)
        await depot.round(2)
        assert len(depot.sent()) == 2, "it is late now, which is another cause, and told once too"


async def test_scans_that_come_in_any_order_and_twice_change_nothing(database_url: str) -> None:
    async with open_depot(database_url, "delay") as depot:
        depot.carrier.late = depot.carrier.twice = 1.0
        await silent(depot)
        await depot.round(2)
        await depot.listen()
        await depot.round(2)
        assert depot.sent() == [(MIA, LATE)]


@pytest.mark.parametrize("when", ["proposed", "waits", "ordered"])
async def test_a_parcel_that_moves_on_is_not_told_of(database_url: str, when: str) -> None:
    async with open_depot(database_url, "delay") as depot:
        parcel = await silent(depot)
        if when == "waits":
            await depot.night()
        if when != "proposed":
            await depot.turn()
            assert await depot.states() == ["approved" if when == "waits" else "ordered"]
        await depot.scan(parcel, "out_for_delivery")
        if when == "waits":
            depot.until(9)
        await depot.round(2)
        assert depot.sent() == []
        assert await depot.states() == ([] if when == "proposed" else ["withdrawn"])


async def test_an_opt_out_in_between_stops_it(database_url: str) -> None:
    async with open_depot(database_url, "delay") as depot:
        await silent(depot, phone=PHONE)
        await depot.turn()
        assert await depot.states() == ["ordered"]
        await depot.write("STOP")
        await depot.round(2)
        assert [each for each in depot.sent() if each[1] == "template"] == []


async def test_of_a_cancelled_order_nobody_is_told(database_url: str) -> None:
    async with open_depot(database_url, "delay") as depot:
        await silent(depot)
        depot.world.do("north", Cancel(order="#1001"))
        await depot.hear()
        await depot.round()
        assert depot.sent() == []


@pytest.mark.parametrize("step", ["want_commands", "note_contact", "move"])
async def test_a_process_that_dies_in_between_tells_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_depot(database_url, "delay") as depot:
        await silent(depot)

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await depot.turn()
        await depot.send()
        assert depot.sent() == []
        await depot.round(2)
        assert depot.sent() == [(MIA, LATE)]


async def test_only_who_is_worth_so_much_is_told_and_given_a_code(database_url: str) -> None:
    given: dict[str, Any] = {"credit": {"EUR": "5"}, "spend_per_day": {"EUR": "50"}}
    async with open_depot(database_url, "delay", worth_min={"EUR": "25"}, **given) as depot:
        await silent(depot)
        await depot.round()
        assert await depot.states() == [], "one lamp is less than that"
        await silent(depot)
        for _ in range(3):
            await depot.round()
            await depot.brand.work("shopify")
            depot.brand.clock.advance(60)
        told = dict(depot.sent())
        assert told.keys() == {MIA}
        assert told[MIA].endswith("is late, and we are sorry")
        text = depot.mail.taken[0].message.get_content().replace("=\n", "")
        codes = [each for each in text.split() if each.startswith("SORRY-")]
        assert codes[0] in {each.code for each in depot.shop.codes.values()}
        assert "€5.00" in text or "=E2=82=AC5.00" in text


async def test_store_credit_is_given_to_whom_the_shop_knows(database_url: str) -> None:
    given: dict[str, Any] = {"credit": {"EUR": "5"}, "spend_per_day": {"EUR": "50"}}
    async with open_depot(database_url, "delay", gives="credit", **given) as depot:
        await silent(depot)
        for _ in range(3):
            await depot.round()
            await depot.brand.work("shopify")
            depot.brand.clock.advance(60)
        [(customer, [made])] = depot.shop.credits.items()
        assert depot.shop.customers[customer].email == MIA
        assert (made.amount, made.currency, made.ends_at is not None) == (Decimal(5), "EUR", True)
        text = depot.mail.taken[0].message.get_content().replace("=\n", "")
        assert "store credit" in text
        assert len(depot.sent()) == 1
        [(kept,)] = await depot.brand.rows("SELECT d::text FROM decisions.decision d")
        assert f'"customer_ref": "{customer}"' not in kept


async def test_credit_for_an_order_that_names_nobody_is_not_ordered(database_url: str) -> None:
    async with open_depot(database_url, "delay") as depot:
        for to in ("connection/1/order/404", "person/00", "order"):
            wish = Credit(to=to, amount=Money(Decimal(5), "EUR"), expires_on=date(2099, 1, 1))
            brand = depot.brand
            at = Filling(
                conn=brand.conn,
                hub=brand.hub,
                desk=open_desk(brand.hub),
                connection_id=1,
                now=brand.clock.now(),
            )
            assert isinstance(await wish.fill(at), Withdraw)
