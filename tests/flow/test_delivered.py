"""Goal: after an order arrived its customer hears what is due, and nothing once something went wrong.

Method: a shop sells, a carrier delivers, a helpdesk has tickets, over sockets and on one clock.
"""

from typing import Any

import pytest

from tests.support.brand import HUB_URL
from tests.support.contact import MIA
from tests.support.parcels import Depot, open_depot
from trueup.decisions import order as ordering
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout, Fulfil, OpenReturn, Refund
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.zendesk.account import API_TOKEN, EMAIL, Zendesk

pytestmark = pytest.mark.anyio

THANKS = "Is everything right with your order #1001?"
REVIEW = "What do you think of your order #1001?"
DAY_S = 86_400


async def arrived(depot: Depot, days: int = 2, **customer: Any) -> None:
    """Let an order arrive, and so many days pass."""
    await depot.send_out(hours=56, **customer)
    depot.brand.clock.advance(days * DAY_S)
    depot.until(12)


async def open_desk(depot: Depot) -> Zendesk:
    """Open a helpdesk that tells of its tickets."""
    desk = Zendesk(depot.brand.clock)
    desk.subscribe("*", f"{HUB_URL}/hooks/zendesk")
    settings = {"subdomain": "sandbox", "email": EMAIL}
    secrets = {"api_token": API_TOKEN, "webhook_secret": desk.webhook_secret}
    await depot.brand.connect("zendesk", desk, settings=settings, secrets=secrets)
    return desk


async def take_in(depot: Depot) -> None:
    """Hear of tickets, and read what was hinted at."""
    for _ in range(2):
        await depot.brand.deliver()
        await depot.brand.apply()
        await depot.brand.work("zendesk")
    await depot.brand.apply()


async def test_first_they_are_asked_and_later_for_a_review(database_url: str) -> None:
    async with open_depot(database_url, "delivered") as depot:
        await arrived(depot, 1, email_consent="subscribed")
        await depot.round(2)
        assert depot.sent() == [], "it is too early"
        depot.brand.clock.advance(DAY_S)
        await depot.round(3)
        assert depot.sent() == [(MIA, THANKS)]
        depot.brand.clock.advance(10 * DAY_S)
        await depot.round(3)
        assert depot.sent() == [(MIA, THANKS), (MIA, REVIEW)]


async def test_without_a_yes_nobody_is_asked_for_a_review(database_url: str) -> None:
    async with open_depot(database_url, "delivered", thanks_days=0) as depot:
        await arrived(depot, 12, email_consent="subscribed")
        await depot.turn()
        assert await depot.states() == ["ordered"]
        await depot.consent(MIA, "unsubscribed")
        await depot.round(2)
        assert (depot.sent(), await depot.states()) == ([], ["withdrawn"])


async def test_half_an_order_is_no_order(database_url: str) -> None:
    async with open_depot(database_url, "delivered") as depot:
        cart = Cart(lines=[CartLine(sku="LAMP", quantity=2)], customer=CustomerSeed(email=MIA))
        depot.world.do("north", Checkout(cart=cart))
        number = depot.shop.orders[max(depot.shop.orders)].name
        parcel = depot.carrier.ship(number, "straight")
        half = Fulfil(order=number, company="X", tracking_number=parcel.number, units={"LAMP": 1})
        depot.world.do("north", half)
        await depot.hear()
        await depot.travel(56)
        depot.brand.clock.advance(2 * DAY_S)
        depot.until(12)
        await depot.round()
        assert (depot.sent(), await depot.states()) == ([], [])


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("by", ["return", "refund"])
async def test_what_goes_wrong_ends_it(database_url: str, by: str, *, ordered: bool) -> None:
    async with open_depot(database_url, "delivered") as depot:
        await depot.brand.poll("shopify", "returns")  # from now on
        await arrived(depot)
        if ordered:
            await depot.turn()
        depot.brand.clock.advance(60)
        depot.world.do(
            "north",
            OpenReturn(order="#1001", units={"LAMP": 1})
            if by == "return"
            else Refund(order="#1001"),
        )
        await depot.brand.poll("shopify", "orders", "returns")
        await depot.brand.apply()
        await depot.round(2)
        assert (depot.sent(), await depot.states()) == ([], ["withdrawn"] if ordered else [])


async def test_an_open_ticket_ends_it_until_it_is_solved(database_url: str) -> None:
    async with open_depot(database_url, "delivered") as depot:
        desk = await open_desk(depot)
        await arrived(depot)
        ticket = desk.write_in(MIA, "The lamp is broken.")
        await take_in(depot)
        await depot.round()
        assert (depot.sent(), await depot.states()) == ([], [])
        depot.brand.clock.advance(60)
        desk.change(ticket.id, status="solved")
        await take_in(depot)
        await depot.round(2)
        assert depot.sent() == [(MIA, THANKS)]


async def test_a_process_that_dies_in_between_asks_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_depot(database_url, "delivered") as depot:
        await arrived(depot)

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, "note_contact", dies)
            with pytest.raises(KeyboardInterrupt):
                await depot.turn()
        await depot.round(2)
        assert depot.sent() == [(MIA, THANKS)]
