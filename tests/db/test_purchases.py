"""Purchases to learn from: orders that stand, by whoever is the same customer."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.models.model import Look
from trueup.models.value.buys import day_number, see
from trueup.models.value.learn import read
from trueup.records.buyers import first_persons, read_purchases

pytestmark = pytest.mark.anyio

UNTIL = datetime(2026, 3, 20, tzinfo=UTC)
SPACES = {"email", "phone", "customer"}


def order(spine: Spine, number: int, on: str, email: str | None, **more: Any) -> Any:
    at = f"{on}T10:00:00Z"
    customer = {"id": 7000 + number, "email": email, "phone": None}
    gone = ("phone", "billing_address", "shipping_address")
    body = {"email": email, "contact_email": email, "customer": customer}
    times = {"created_at": at, "processed_at": at, "updated_at": at}
    return spine.order(number, "TEE", **(dict.fromkeys(gone) | body | times | more))


async def purchases(spine: Spine) -> list[tuple[int, date, float]]:
    bought = await read_purchases(spine.conn, spine.hub.sellers(), SPACES, UNTIL)
    assert len(bought.persons) == len(set(bought.customers))
    return list(zip(bought.customers, bought.days, bought.amounts, strict=True))


async def test_one_customer_under_one_address_is_one_over_two_shops(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(
            order(spine, 1, "2026-03-02", "ada@example.com"),
            order(spine, 2, "2026-03-05", "ADA@example.com"),
            order(spine, 3, "2026-03-09", "ada@example.com", name="south"),
            order(spine, 4, "2026-03-09", "bob@example.com"),
        )
        rows = await purchases(spine)
        by_customer = sorted(
            sorted(day.day for customer, day, _ in rows if customer == each) for each in (0, 1)
        )
        assert by_customer == [[2, 5, 9], [9]]


async def test_what_does_not_stand_is_no_purchase(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await spine.take(
            order(spine, 1, "2026-03-02", "ada@example.com"),
            order(spine, 2, "2026-03-03", "ada@example.com", test=True),
            order(spine, 3, "2026-03-04", "ada@example.com", cancelled_at="2026-03-05T10:00:00Z"),
            order(spine, 4, "2026-03-06", "ada@example.com", financial_status="refunded"),
            order(spine, 5, "2026-03-07", "ada@example.com", financial_status="voided"),
            order(spine, 6, "2026-03-20", "ada@example.com"),
        )
        assert [day for _, day, _ in await purchases(spine)] == [date(2026, 3, 2)]


async def test_the_model_reads_until_yesterday(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await spine.take(
            order(spine, 1, "2026-03-02", "ada@example.com"),
            order(spine, 2, "2026-03-19", "ada@example.com"),
            order(spine, 3, "2026-03-20", "ada@example.com"),
        )
        now = datetime(2026, 3, 20, 12, tzinfo=UTC)
        found = await read(Look(conn=spine.conn, hub=spine.hub, now=now))
        assert found.until == day_number(date(2026, 3, 19))
        assert see(found).x.tolist() == [1.0]
        assert (found.amounts > 0).all()
        assert len(found.names) == 1


async def test_a_hub_without_orders_has_no_purchases(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        assert await purchases(spine) == []


def test_persons_are_joined_over_any_number_of_steps() -> None:
    a, b, c, d, e = (bytes([number]) for number in range(1, 6))
    first = first_persons([[c, d], [b, c], [d, a], [e]])
    assert {first[each] for each in (a, b, c, d)} == {a}
    assert first[e] == e
    assert first_persons([[d, a], [b, c], [c, d]])[c] == a
