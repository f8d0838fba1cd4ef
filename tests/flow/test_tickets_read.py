"""Goal: what customers ask is read for the models, and what was erased never.

Method: simulated Gorgias through the real door, the real database, the real keys.
"""

from datetime import timedelta

import pytest

from tests.flow.test_helpdesks import ADA, gorgias, take_in
from trueup.govern.persons import destroy_keys
from trueup.models.model import Look
from trueup.models.tickets.learn import read
from trueup.models.tickets.matters import Matter
from trueup.records.tagged import tickets_tagged

pytestmark = pytest.mark.anyio

EVE = "eve@buyers.example"


async def test_tickets_are_opened_with_their_first_message(database_url: str) -> None:
    async with gorgias(database_url) as (brand, desk):
        first = desk.write_in(ADA, "Order #100234 has not come.", tags=["WISMO", "vip"])
        brand.clock.advance(60)
        desk.write_in(ADA, "Hello? Anybody?", ticket_id=first.id)
        desk.write_in(EVE, "It is too small.", subject="A return", tags=["urgent"])
        await take_in(brand, "gorgias")
        since = brand.clock.now() - timedelta(days=1)
        asked = await tickets_tagged(brand.conn, brand.hub.vault, since, count=10)
        texts = {each.text: each.tags for each in asked}
        assert texts["Where is it?\nOrder #100234 has not come."] == ("WISMO", "vip")
        assert texts["A return\nIt is too small."] == ("urgent",)
        assert len(asked) == 2
        newest = await tickets_tagged(brand.conn, brand.hub.vault, since, count=1)
        assert len(newest) == 1
        later = brand.clock.now() + timedelta(days=1)
        assert await tickets_tagged(brand.conn, brand.hub.vault, later, count=10) == []

        look = Look(conn=brand.conn, hub=brand.hub, now=brand.clock.now())
        history = await read(look)
        assert history.read == 2
        [known] = history.tickets
        assert known.labelled.matter is Matter.WHERE_IS_ORDER
        assert known.labelled.text == "Where is it? Order number has not come."


async def test_what_a_person_asked_who_was_erased_is_dark(database_url: str) -> None:
    async with gorgias(database_url) as (brand, desk):
        desk.write_in(ADA, "Where is my coat?")
        await take_in(brand, "gorgias")
        since = brand.clock.now() - timedelta(days=1)
        assert len(await tickets_tagged(brand.conn, brand.hub.vault, since, count=10)) == 1
        persons = [person for (person,) in await brand.rows("SELECT person FROM govern.person")]
        assert await destroy_keys(brand.conn, persons=persons)
        assert await tickets_tagged(brand.conn, brand.hub.vault, since, count=10) == []
