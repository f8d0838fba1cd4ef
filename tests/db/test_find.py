"""Goal: whatever somebody has in hand leads to the things that have it, in every system.

Method: orders, products and customers of two shops through the real pipeline, found by each name.
"""

from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.canon.record import kinds
from trueup.records.find import By, Found, Scope, find_things

pytestmark = pytest.mark.anyio

STAMP = "2026-03-02T08:00:00-05:00"


async def find(spine: Spine, text: str, *of: str, people: bool = True, count: int = 50) -> Found:
    wanted = of or tuple(kinds())
    hub = spine.hub
    scope = Scope(
        vault=hub.vault, keys=hub.keys, connection_ids=hub.names(), kinds=wanted, people=people
    )
    return await find_things(spine.conn, scope, text, count=count)


def kinds_of(found: Found) -> list[str]:
    return sorted({hit.kind for hit in found.hits})


def parcel(number: int, tracking: str) -> dict[str, Any]:
    return {
        "id": 900 + number,
        "order_id": number,
        "status": "success",
        "created_at": STAMP,
        "updated_at": STAMP,
        "tracking_company": "DHL",
        "tracking_numbers": [tracking],
        "tracking_urls": [],
        "line_items": [],
    }


async def test_each_name_of_a_thing_leads_to_it(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        sent = [parcel(1, "JD 0146 0000 1")]
        await spine.take(
            spine.order(1, "TEE", name="north", email="Ann@example.com", fulfillments=sent),
            spine.order(2, "TEE", name="north", email="Ann@example.com"),
            spine.order(1, "TEE", name="south", email="bob@example.com"),
            spine.product(7, "TEE", barcode="4006381333931"),
        )
        [(ref, number)] = await spine.rows(
            "SELECT ref, number FROM records.record WHERE kind = 'order' AND connection_id = %s"
            " ORDER BY record_id LIMIT 1",
            spine.numbers["south"],
        )
        of_ref = await find(spine, ref, "order")
        assert {(hit.by, hit.order_ref) for hit in of_ref.hits} == {(By.ID, ref)}
        assert len(of_ref.hits) == 2, "two shops count alike"
        of_number = await find(spine, f" {number} ", "order")
        assert {hit.connection_id for hit in of_number.hits} == {
            spine.numbers["north"],
            spine.numbers["south"],
        }
        assert {hit.by for hit in of_number.hits} == {By.NUMBER}
        bare = await find(spine, number.lstrip("#"), "order")
        assert {hit.ref for hit in bare.hits} == {ref}, "nobody types the sign before it"
        tracked = await find(spine, "jd014600001")
        [shipment] = [hit for hit in tracked.hits if hit.kind == "shipment"]
        assert (shipment.by, shipment.connection_id) == (By.NAME, spine.numbers["north"])
        assert shipment.order_ref is not None
        ann = await find(spine, "ann@EXAMPLE.com")
        assert [hit.kind for hit in ann.hits].count("order") == 2
        assert (await find(spine, "TEE")).skus == ("TEE",)
        assert (await find(spine, "4006381333931")).skus == ("TEE",)


async def test_nobody_finds_what_they_may_not_see(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.order(1, "TEE", email="ann@example.com"), spine.product(7, "TEE"))
        assert not (await find(spine, "ann@example.com", people=False)).hits
        assert kinds_of(await find(spine, "ann@example.com", "order")) == ["order"]
        assert not (await find(spine, "TEE", "order")).skus
        assert not (await find(spine, "ann@example.com", "payment")).hits


async def test_what_nothing_is_called_finds_nothing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.order(1, "TEE"))
        for text in ("", "  ", "\x00", "%", "'", "x" * 5_000, "TE", "ann@", "²", "\ud800"[:0]):
            found = await find(spine, text)
            assert (found.skus, found.hits, found.more) == ((), (), False), text


async def test_of_many_the_newest_are_shown_and_that_there_are_more(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(*(spine.order(n, "TEE", email="ann@example.com") for n in range(1, 6)))
        found = await find(spine, "ann@example.com", "order", count=3)
        assert (len(found.hits), found.more) == (3, True)
        assert found.hits[0].occurred_at >= found.hits[-1].occurred_at
        assert not (await find(spine, "ann@example.com", "order", count=5)).more
