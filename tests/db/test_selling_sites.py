"""Channels that sell from some sites only are told what these have left."""

import pytest

from tests.support.spine import Spine, open_spine
from trueup.intake.connections import load_accounts
from trueup.ledger.proof import prove_ledger

pytestmark = pytest.mark.anyio


async def stands(spine: Spine, key: str = "TEE") -> dict[str, int]:
    rows = await spine.rows("SELECT connection_id, value FROM outbox.intent WHERE key = %s", key)
    names = {number: name for name, number in spine.numbers.items()}
    return {names[number]: value for number, value in rows}


async def sells_from(spine: Spine, name: str, **settings: str) -> None:
    for key, value in settings.items():
        await spine.rows(
            "UPDATE intake.connection SET settings = settings || jsonb_build_object(%s::text, %s::text)"
            " WHERE name = %s RETURNING 1",
            *(key, value, name),
        )
    accounts = await load_accounts(spine.conn, spine.hub.vault)
    spine.hub.use_connections(account.connection for account in accounts)


async def opened(spine: Spine) -> None:
    """South sells from the store alone, and its orders are sent from there; north from both."""
    await sells_from(spine, "south", sell_sites=" store ", default_site="store")
    await spine.take(
        spine.movement("m", "opening", "TEE", 10),
        spine.movement("s", "opening", "TEE", 4, site="store"),
    )
    await spine.take(spine.product(1, "TEE"), spine.product(1, "TEE", name="south"))


async def test_what_lies_elsewhere_is_not_offered(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await opened(spine)
        assert await stands(spine) == {"north": 14, "south": 4}
        await spine.take(spine.movement("t", "transfer", "TEE", 3, to_site="store"))
        assert await stands(spine) == {"north": 14, "south": 7}


async def test_a_promise_counts_at_the_site_from_which_it_is_kept(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await opened(spine)
        await spine.take(spine.order(1, "TEE"))
        assert await stands(spine) == {"north": 13, "south": 4}
        await spine.take(spine.order(2, "TEE", name="south"))
        assert await stands(spine) == {"north": 12, "south": 3}
        cancelled = "2026-03-02T12:00:00-05:00"
        await spine.take(
            spine.order(2, "TEE", name="south", updated_at=cancelled, cancelled_at=cancelled)
        )
        assert await stands(spine) == {"north": 13, "south": 4}
        assert (await prove_ledger(spine.conn)).holds


async def test_a_listing_that_comes_later_is_told_the_same(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await opened(spine)
        await spine.take(spine.product(2, "TEE-2", name="south"))
        await spine.take(spine.kit("TEE-2", TEE=2))
        assert await stands(spine, "TEE-2") == {"south": 2}
        await spine.take(spine.product(2, "TEE-2"))
        assert await stands(spine, "TEE-2") == {"south": 2, "north": 7}
        await spine.take(spine.order(1, "TEE-2", name="south"))
        assert await stands(spine, "TEE-2") == {"south": 1, "north": 6}
        assert await stands(spine) == {"north": 12, "south": 2}
