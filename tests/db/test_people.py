"""Goal: one customer across systems, by names that are shared now, each join with its reason.

Method: real orders and customers of several shops through the real pipeline.
"""

import random
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.canon.link import LinkSpace, normal_phone
from trueup.records.customers import digests_of_person, find_customer
from trueup.records.people import SHARED_MAX, Joined, cut_name, mend_name
from trueup.records.reads import records_of_persons

pytestmark = pytest.mark.anyio


def guest(spine: Spine, number: int, shop: str, **fields: Any) -> Any:
    """Return an order of somebody without an account."""
    plain = {"customer": None, "email": None, "phone": None, "contact_email": None}
    plain |= {"billing_address": None, "shipping_address": None}
    return spine.order(number, "TEE", name=shop, **(plain | fields))


def customer(spine: Spine, number: int, shop: str, **fields: Any) -> Any:
    stamp = "2026-03-02T08:00:00-05:00"
    body = {"id": number, "created_at": stamp, "updated_at": stamp, "state": "enabled", **fields}
    return spine.delivery(shop, "customers/update", body)


async def who(spine: Spine, name: str) -> Joined:
    found = await find_customer(spine.conn, spine.hub.vault, spine.hub.keys, name)
    assert found is not None, f"nobody is known by {name!r}"
    return found


async def test_a_guest_an_account_and_another_shop_are_one_customer(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(guest(spine, 1, "north", email="Ann@Example.com "))
        await spine.take(
            customer(spine, 70, "south", email="ann@example.com", phone="+49 30 1234567")
        )
        await spine.take(guest(spine, 2, "south", phone="0049301234567"))
        found = await who(spine, "ANN@example.com")
        assert len(found.persons) == 3
        assert {join.namespace for join in found.joins} == {"email", "phone"}
        assert (await who(spine, "+49301234567")).persons == found.persons
        assert (await who(spine, "70")).persons == found.persons


async def test_a_cut_name_joins_nobody_and_everything_follows(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(guest(spine, 1, "north", email="a@example.com", phone="+4930111111"))
        await spine.take(guest(spine, 2, "south", email="b@example.com", phone="+4930111111"))
        both = (await who(spine, "a@example.com")).persons
        assert len(both) == 2
        ((space, digest),) = [
            pair
            for pair in digests_of_person(spine.hub.vault, spine.hub.keys, "+4930111111")
            if pair[0] == LinkSpace.PHONE
        ]
        await cut_name(spine.conn, space, digest, person=None, reason="the reception's phone")
        alone = await who(spine, "a@example.com")
        assert len(alone.persons) == 1
        assert [cut["reason"] for cut in alone.cuts] == ["the reception's phone"]
        assert await mend_name(spine.conn, space, digest, person=None)
        assert (await who(spine, "a@example.com")).persons == both
        # Of one person only: the other goes on being joined by it, with nobody left to join.
        await cut_name(spine.conn, space, digest, person=alone.persons[0], reason="a typing error")
        assert len((await who(spine, "b@example.com")).persons) == 1


async def test_a_name_that_too_many_have_tells_nothing(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        orders = [
            guest(spine, n, "north", email=f"p{n}@example.com", phone="+4930999999")
            for n in range(SHARED_MAX + 1)
        ]
        await spine.take(*orders)
        found = await who(spine, "p0@example.com")
        assert len(found.persons) == 1
        assert found.shared == (("phone", SHARED_MAX + 1),)


async def test_a_name_that_changed_no_longer_joins(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(customer(spine, 70, "north", email="old@example.com"))
        await spine.take(guest(spine, 1, "south", email="old@example.com"))
        assert len((await who(spine, "70")).persons) == 2
        later = {"updated_at": "2026-03-05T08:00:00-05:00"}
        await spine.take(customer(spine, 70, "north", email="new@example.com", **later))
        assert len((await who(spine, "70")).persons) == 1


async def test_any_order_of_arrival_joins_the_same(database_url: str) -> None:
    shops = [f"{side}-{seed}" for seed in range(5) for side in ("north", "south")]
    found = set()
    async with open_spine(database_url, *shops) as spine:
        for seed in range(5):
            north, south = f"north-{seed}", f"south-{seed}"
            told = [
                guest(spine, 1, north, email=f"ann{seed}@example.com"),
                customer(
                    spine, 70 + seed, south, email=f"ann{seed}@example.com", phone=f"+4930{seed}123"
                ),
                guest(spine, 2, south, phone=f"+4930{seed}123"),
                guest(spine, 3, north, phone=f"+4930{seed}777", email=f"eve{seed}@example.com"),
            ]
            random.Random(seed).shuffle(told)
            for event in told:
                await spine.take(event)
            joined = await who(spine, str(70 + seed))
            found.add((len(joined.persons), tuple(sorted(j.namespace for j in joined.joins))))
    assert found == {(3, ("email", "phone"))}


async def test_who_is_erased_is_found_by_no_name(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(customer(spine, 70, "north", email="ann@example.com"))
        await spine.take(guest(spine, 1, "south", email="ann@example.com"))
        assert len((await who(spine, "ann@example.com")).persons) == 2
        body = {"customer": {"id": 70, "email": "ann@example.com"}, "orders_to_redact": []}
        await spine.take(spine.delivery("north", "customers/redact", body))
        found = await find_customer(spine.conn, spine.hub.vault, spine.hub.keys, "ann@example.com")
        assert found is None or len(found.persons) == 1


@pytest.mark.parametrize(
    ("phone", "region", "normal"),
    [
        ("+49 (0)30 1234567", None, "49301234567"),
        ("030 1234567", "DE", "49301234567"),
        ("0049 30 1234567", None, "49301234567"),
        ("030 1234567", None, "0301234567"),
        ("(415) 555-0132", "US", "14155550132"),
        ("call me", "US", ""),
        ("123", "US", "123"),
        (None, "US", ""),
    ],
)
def test_a_phone_is_written_in_one_way(phone: str | None, region: str | None, normal: str) -> None:
    assert normal_phone(phone, region) == normal


@pytest.mark.parametrize("early", [True, False], ids=["payment first", "order first"])
async def test_a_payment_is_the_buyers_whether_it_comes_before_its_order_or_after(
    database_url: str, *, early: bool
) -> None:
    async with open_spine(database_url, "north") as spine:
        paid = {"id": 9, "order_id": 5_000_000_000_001, "kind": "sale", "status": "success"}
        paid |= {"amount": "20.00", "currency": "USD", "created_at": "2026-03-02T08:00:00-05:00"}
        order = guest(spine, 1, "north", email="ann@example.com")
        payment = spine.delivery("north", "order_transactions/create", paid)
        for event in (payment, order) if early else (order, payment):
            await spine.take(event)
        found = await who(spine, "ann@example.com")
        rows = await records_of_persons(spine.conn, found.persons)
        assert sorted(row["kind"] for row in rows) == ["order", "payment"]
        (only,) = await records_of_persons(spine.conn, found.persons, "payment")
        assert only["ref"] == "9"
