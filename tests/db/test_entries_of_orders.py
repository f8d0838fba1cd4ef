"""Which entries of providers' accounts are of which order: by names, over charges, by its number."""

from typing import Any

import pytest

from tests.db.test_money import MARKET, PROVIDER, SHOP, entry
from tests.db.test_money_joined import bought, paid
from tests.support.told import at, told_to
from trueup.canon.record import decode
from trueup.db.pool import connect
from trueup.records.model import Stored
from trueup.records.sales import entries_of_orders

pytestmark = pytest.mark.anyio


async def found(
    database_url: str, told: list[Stored], *names: tuple[Any, ...]
) -> set[tuple[str, str]]:
    """Give (order's entity, entry's ref)."""
    keys = [(SHOP, each.body.entity()) for each in told if each.kind == "order"]
    async with await connect(database_url, application_name="test") as conn:
        await told_to(conn, told, *names)
        rows = await entries_of_orders(conn, keys, [PROVIDER])
    return {(row["entity"], decode("balance_entry", row["body"]).ref) for row in rows}


async def test_an_entry_is_found_by_every_name_that_joins_it(database_url: str) -> None:
    told = [
        *(at(1, bought("o-1"), SHOP), at(2, paid("p-1", "20.00"), SHOP)),
        at(3, entry("direct", "20.00"), PROVIDER),
        *(at(4, bought("o-2"), SHOP), at(5, paid("p-2", "20.00", order="o-2"), SHOP)),
        at(6, paid("ch_2", "20.00", order="x"), PROVIDER),
        at(7, entry("over", "20.00"), PROVIDER),
        *(at(8, bought("o-3"), SHOP), at(9, entry("numbered", "20.00"), PROVIDER)),
        *(at(10, bought("o-4"), SHOP), at(11, paid("ch_4", "9.00", order="y"), PROVIDER)),
        at(12, entry("charged", "9.00"), PROVIDER),
    ]
    names = [
        ("payment", "ch_1", 2, 3),
        *(("payment", "pi_2", 5, 6), ("payment", "ch_2", 6, 7)),
        ("order", "#3", 8, 9),
        *(("order", "#4", 10, 11), ("payment", "ch_4", 11, 12)),
    ]
    assert await found(database_url, told, *names) == {
        ("order/o-1", "direct"),
        ("order/o-2", "over"),
        ("order/o-3", "numbered"),
        ("order/o-4", "charged"),
    }


async def test_a_number_of_two_orders_and_a_marketplaces_own_join_nothing(
    database_url: str,
) -> None:
    told = [
        *(at(1, bought("o-1"), SHOP), at(2, bought("o-2"), SHOP)),
        at(3, entry("whose", "20.00"), PROVIDER),
        *(at(4, bought("o-4"), SHOP), at(5, entry("other", "20.00"), MARKET)),
    ]
    names = [("order", "#1", 1, 2, 3), ("order", "#4", 4, 5)]
    assert await found(database_url, told, *names) == set()
