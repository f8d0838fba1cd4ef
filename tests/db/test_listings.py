"""Listings: which variant is which SKU, and what channels are told of it."""

import msgspec
import pytest

from tests.support.spine import Spine, open_spine
from trueup.bench.bodies import order_body
from trueup.intake.model import NewEvent

pytestmark = pytest.mark.anyio


SECOND = "TEE (variant 1002)"
"""What a further listing of TEE is called."""


async def intents(spine: Spine) -> list[tuple[str, str]]:
    return await spine.rows("SELECT key, target->>'item_ref' FROM outbox.intent ORDER BY key")


def renewed(spine: Spine, sku: str, second: int, number: int = 1, **more: object) -> NewEvent:
    event = spine.product(number, sku, **more)
    return event.__class__(
        **{f: getattr(event, f) for f in event.__struct_fields__}
        | {"body": event.body.replace(b"08:00:00", b"08:00:%02d" % second)}
        | {"external_id": f"product-{number}-{second}"}
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
        assert await spine.rows("SELECT sku FROM outbox.intent ORDER BY sku") == [
            ("NEW",),
            ("OLD",),
        ]


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


async def listed_twice(spine: Spine) -> None:
    """Let north list TEE as the variants 1001 and 1002, with what is believed there known."""
    await spine.take(spine.movement("o", "opening", "TEE", 5), renewed(spine, "TEE", 1))
    await spine.take(spine.product(2, "TEE"))
    await spine.rows("UPDATE outbox.intent SET believed = value, state = 'settled' RETURNING 1")


def bought(spine: Spine, number: int, sold: dict[int, int], **fields: object) -> NewEvent:
    """Return an order of TEE: so many units through each variant."""
    body = msgspec.json.decode(order_body(number, skus=("TEE",) * len(sold)))
    for line, (variant, units) in zip(body["line_items"], sold.items(), strict=True):
        line |= {"variant_id": variant, "quantity": units, "current_quantity": units}
        line |= {"fulfillable_quantity": units}
    return spine.delivery("north", "orders/updated", body | fields)


async def test_a_sku_that_is_listed_twice_has_a_number_at_each_listing(database_url: str) -> None:
    """One of the two was told and the other kept its number for ever."""
    async with open_spine(database_url) as spine:
        await listed_twice(spine)
        assert await intents(spine) == [("TEE", "2001"), (SECOND, "2002")]
        assert await spine.open_issues() == []
        rows = await spine.rows("SELECT DISTINCT sku, value FROM outbox.intent")
        assert rows == [("TEE", 5)]


@pytest.mark.parametrize(("variant", "sold_at"), [(1001, "TEE"), (1002, SECOND)])
async def test_a_sale_through_one_listing_lowers_the_other(
    database_url: str, variant: int, sold_at: str
) -> None:
    """The channel has taken it off the listing that sold; the other one is told."""
    async with open_spine(database_url) as spine:
        await listed_twice(spine)
        await spine.take(bought(spine, 7, {variant: 2}))
        rows = await spine.rows("SELECT key, value, believed, state FROM outbox.intent")
        assert {key: rest for key, *rest in rows} == {
            key: [3, 3, "settled"] if key == sold_at else [3, 5, "due"] for key in ("TEE", SECOND)
        }


async def test_an_order_through_both_listings_lowers_each_by_its_own(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await listed_twice(spine)
        await spine.take(bought(spine, 7, {1001: 2, 1002: 1}))
        rows = await spine.rows("SELECT key, value, believed FROM outbox.intent")
        assert sorted(rows) == [("TEE", 2, 3), (SECOND, 2, 4)]
        stamp = "2026-03-02T10:00:00-05:00"
        undone = {"updated_at": stamp, "cancelled_at": stamp}
        await spine.take(bought(spine, 7, {1001: 2, 1002: 1}, **undone))
        rows = await spine.rows("SELECT key, value, believed, dropped, risen FROM outbox.intent")
        assert sorted(rows) == [("TEE", 5, 5, 0, 0), (SECOND, 5, 5, 0, 0)]


async def test_where_the_first_of_two_ends_the_second_keeps_what_is_known_of_it(
    database_url: str,
) -> None:
    """The number was ended for both, and what the first showed was believed of the second."""
    async with open_spine(database_url) as spine:
        await listed_twice(spine)
        await spine.take(spine.delivery("north", "products/delete", {"id": 1}))
        assert await intents(spine) == [(SECOND, "2002")]
        await spine.take(bought(spine, 7, {1002: 2}))
        rows = await spine.rows("SELECT value, believed, state FROM outbox.intent")
        assert rows == [(3, 3, "settled")]
        await spine.take(spine.product(3, "TEE"))
        assert await intents(spine) == [("TEE", "2003"), (SECOND, "2002")]


async def test_thin_stock_is_shown_once_over_both_listings(database_url: str) -> None:
    """A number may rise only once the other listing of the same channel stands low enough."""
    async with open_spine(database_url) as spine:
        await listed_twice(spine)
        await spine.rows(
            "UPDATE outbox.intent SET thin_below = 10, believed = 2, value = 3, state = 'due' "
            "WHERE key = 'TEE' RETURNING 1"
        )
        rise = (
            "SELECT outbox.may_rise(connection_id, kind, key, value, available) "
            "FROM outbox.intent WHERE key = 'TEE'"
        )
        assert await spine.rows(rise) == [(False,)]
        await spine.rows(
            "UPDATE outbox.intent SET value = 2, believed = 2 WHERE key <> sku RETURNING 1"
        )
        assert await spine.rows(rise) == [(True,)]


async def test_a_second_code_for_the_other_listing_ends_it(database_url: str) -> None:
    """A person may rather give the other listing a code of its own that stands for the SKU."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 3), renewed(spine, "TEE", 1))
        await spine.take(spine.product(2, "TEE"))
        await spine.take(spine.kit("TEE-B", TEE=1), renewed(spine, "TEE-B", 9, number=2))
        rows = await spine.rows("SELECT key, value FROM outbox.intent ORDER BY key")
        assert rows == [("TEE", 3), ("TEE-B", 3)]
