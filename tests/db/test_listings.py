"""Listings: which variant is which SKU, and what channels are told of it."""

import pytest

from tests.support.spine import Spine, open_spine

pytestmark = pytest.mark.anyio


async def intents(spine: Spine) -> list[tuple[str, str]]:
    return await spine.rows("SELECT key, target->>'item_ref' FROM outbox.intent ORDER BY key")


def renewed(spine: Spine, sku: str, second: int, **more: object) -> object:
    event = spine.product(1, sku, **more)
    return event.__class__(
        **{f: getattr(event, f) for f in event.__struct_fields__}
        | {"body": event.body.replace(b"08:00:00", b"08:00:%02d" % second)}
        | {"external_id": f"product-{second}"}
    )


async def test_a_listing_is_told_what_is_available(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.product(1, "TEE"))
        assert await spine.rows("SELECT state, value FROM outbox.intent") == [("settled", 0)]
        await spine.take(spine.movement("o", "opening", "TEE", 7))
        assert await spine.rows("SELECT state, value FROM outbox.intent") == [("due", 7)]


async def test_a_sku_that_opens_with_nothing_is_told_as_nothing(database_url: str) -> None:
    """An opening or a count of zero moves no unit and opens the books all the same."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.product(1, "TEE"), spine.movement("o", "opening", "TEE", 0))
        await spine.take(spine.product(2, "CAP"), spine.movement("c", "count", "CAP", 0))
        rows = await spine.rows("SELECT key, state, value FROM outbox.intent ORDER BY key")
        assert rows == [("CAP", "due", 0), ("TEE", "due", 0)]


async def test_a_variant_that_becomes_another_sku_is_told_of_that_one_only(
    database_url: str,
) -> None:
    """Else two numbers would be written to one item in turn."""
    async with open_spine(database_url) as spine:
        await spine.take(renewed(spine, "OLD", 1))
        assert await intents(spine) == [("OLD", "2001")]
        await spine.take(renewed(spine, "NEW", 2))
        assert await intents(spine) == [("NEW", "2001")]
        await spine.take(renewed(spine, "OLD", 1))
        assert await intents(spine) == [("NEW", "2001")]


async def test_a_sku_that_another_variant_still_lists_stays(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(renewed(spine, "OLD", 1), spine.product(2, "OLD"))
        await spine.take(renewed(spine, "NEW", 2))
        assert [key for key, _ in await intents(spine)] == ["NEW", "OLD"]


async def test_what_is_not_stocked_or_gone_is_told_nothing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 3), renewed(spine, "TEE", 1))
        await spine.take(renewed(spine, "TEE", 2, inventory_management=None))
        assert await intents(spine) == []
        await spine.take(renewed(spine, "TEE", 3))
        assert await spine.rows("SELECT key, state, value FROM outbox.intent") == [
            ("TEE", "due", 3)
        ]
        await spine.take(spine.delivery("north", "products/delete", {"id": 1}))
        assert await intents(spine) == []
        listed = await spine.rows("SELECT sku, active FROM records.listing")
        assert listed == [("TEE", False)]
