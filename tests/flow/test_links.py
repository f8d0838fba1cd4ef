"""Names of records in other systems: found by digest, replaced with the version, walked over."""

from typing import Any

import msgspec
import pytest

from tests.support.spine import Spine, open_spine
from trueup.canon.link import SPACES_OF_PEOPLE, Link, LinkSpace
from trueup.contract.connector import Mapped, Source
from trueup.contract.loader import ConnectorFolder
from trueup.records.reads import find_records, records_linked, related_records

pytestmark = pytest.mark.anyio

ORDER = 5_000_000_000_001
EVERY = tuple(LinkSpace)


def parcel(ref: int, order: int, number: str, at: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": ref,
        "order_id": order,
        "status": "success",
        "created_at": "2026-03-02T09:00:00-05:00",
        "updated_at": f"2026-03-02T09:00:{at:02}-05:00",
        "tracking_numbers": [number],
        "line_items": [],
        **more,
    }


async def ship(spine: Spine, *parcels: dict[str, Any], name: str = "north") -> None:
    events = [spine.delivery(name, "fulfillments/update", each) for each in parcels]
    await spine.take(*events)


async def links(spine: Spine) -> list[tuple[Any, ...]]:
    return await spine.rows(
        "SELECT r.kind, r.ref, l.namespace, l.digest FROM records.link l"
        " JOIN records.record r USING (record_id) ORDER BY 1, 2, 3, 4"
    )


async def ids(spine: Spine, kind: str) -> list[int]:
    query = "SELECT record_id FROM records.record WHERE kind = %s ORDER BY connection_id, ref"
    rows = await spine.rows(query, kind)
    return [record_id for (record_id,) in rows]


async def test_a_parcel_is_found_by_its_number_and_none_is_stored_in_plain(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        await ship(spine, parcel(1, ORDER, "1z 42 abc"))
        vault = spine.hub.vault
        for typed in ("1Z42ABC", "1z 42 abc", " 1Z42 abc "):
            [row] = await find_records(spine.conn, "shipment", typed, vault=vault)
            assert row["ref"] == "1"
        assert await find_records(spine.conn, "shipment", "1Z42ABC") == []
        assert await find_records(spine.conn, "order", "1Z42ABC", vault=vault) == []
        assert await find_records(spine.conn, "shipment", "1Z42AB", vault=vault) == []
        assert await links(spine) == [
            ("shipment", "1", "tracking", vault.index("tracking", "1Z42ABC"))
        ]
        [(body,)] = await spine.rows("SELECT body::text FROM records.version")
        assert "42" not in body.replace("2026", "")


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "event by event"])
async def test_a_newer_version_replaces_the_names_and_a_stale_one_does_not(
    database_url: str, *, together: bool
) -> None:
    async with open_spine(database_url) as spine:
        stays = parcel(2, ORDER, "STAYS")
        versions = [parcel(1, ORDER, "FIRST", 1), parcel(1, ORDER, "THIRD", 3)]
        late = parcel(1, ORDER, "SECOND", 2)
        if together:
            await ship(spine, stays, *versions, late)
        else:
            for each in (stays, *versions, late):
                await ship(spine, each)
        index = spine.hub.vault.index
        assert await links(spine) == [
            ("shipment", "1", "tracking", index("tracking", "THIRD")),
            ("shipment", "2", "tracking", index("tracking", "STAYS")),
        ]
        await ship(spine, parcel(1, ORDER, "", 4))
        assert [ref for _, ref, *_ in await links(spine)] == ["2"]


async def test_records_of_other_connections_are_found_by_a_shared_name(database_url: str) -> None:
    async with open_spine(database_url, "north", "south", "west") as spine:
        await ship(spine, parcel(1, ORDER, "SAME"))
        await ship(spine, parcel(9, 77, "same"), name="south")
        await ship(spine, parcel(9, 77, "OTHER"), name="west")
        mine, theirs, _ = await ids(spine, "shipment")
        [row] = await records_linked(spine.conn, [mine], EVERY)
        assert (row["record_id"], row["namespaces"]) == (theirs, ["tracking"])
        assert await records_linked(spine.conn, [mine], [LinkSpace.ORDER]) == []
        assert await records_linked(spine.conn, [mine, theirs], EVERY) == []
        assert await records_linked(spine.conn, [], EVERY) == []


async def test_two_shops_that_number_alike_share_no_order(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(spine.order(1, "TEE"), spine.order(1, "TEE", name="south"))
        north, south = await ids(spine, "order")
        things = sorted(set(EVERY) - SPACES_OF_PEOPLE)
        assert await records_linked(spine.conn, [north], things) == []
        related = await related_records(spine.conn, [north])
        assert south not in [row["record_id"] for row in related]
        # The number is found with and without its sign, in both shops.
        [(number,)] = await spine.rows(
            "SELECT DISTINCT number FROM records.record WHERE kind = 'order'"
        )
        for typed in (number, number.removeprefix("#"), f" {number} "):
            rows = await find_records(spine.conn, "order", typed, vault=spine.hub.vault)
            assert [row["record_id"] for row in rows] == [north, south], typed


class Linked:
    """Shopify's connector, with links that some records have beside their own."""

    def __init__(self, folder: ConnectorFolder, links_of: dict[str, tuple[Link, ...]]) -> None:
        self._folder = folder
        self._links_of = links_of

    @property
    def mapping(self) -> "Linked":
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._folder, name)

    def map_source(self, source: Source) -> Mapped:
        mapped = self._folder.mapping.map_source(source)
        records = tuple(
            msgspec.structs.replace(
                record, links=record.links + self._links_of.get(f"{record.kind}/{record.ref}", ())
            )
            for record in mapped.records
        )
        return msgspec.structs.replace(mapped, records=records)


def link_also(spine: Spine, **links_of: tuple[Link, ...]) -> None:
    named = {key.replace("_", "/"): value for key, value in links_of.items()}
    linked: Any = Linked(spine.folder, named)
    spine.hub.connectors = {**spine.hub.connectors, "shopify": linked}


async def test_the_walk_goes_over_entities_and_links_but_not_over_people(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        paid, known = Link(LinkSpace.PAYMENT, "ch_1"), Link(LinkSpace.EMAIL, "a@b.example")
        link_also(
            spine,
            shipment_1=(known,),
            shipment_2=(paid,),
            shipment_3=(paid, Link(LinkSpace.PAYOUT, "po_1")),
            shipment_4=(Link(LinkSpace.PAYOUT, " po_1 "),),
            shipment_5=(Link(LinkSpace.EMAIL, "A@b.example "),),
        )
        await ship(spine, parcel(1, 11, "A"), parcel(2, 11, "B"))
        for ref in (3, 4, 5):
            await ship(spine, parcel(ref, 20 + ref, f"S{ref}"), name="south")
        first, second, third, fourth, fifth = await ids(spine, "shipment")

        async def walk(depth: int) -> set[int]:
            rows = await related_records(spine.conn, [first], depth=depth)
            return {row["record_id"] for row in rows}

        assert await walk(0) == {first, second}
        assert await walk(1) == {first, second, third}
        assert await walk(2) == await walk(3) == {first, second, third, fourth}
        by_mail = await records_linked(spine.conn, [first], [LinkSpace.EMAIL])
        assert [row["record_id"] for row in by_mail] == [fifth]


async def test_the_walk_ends_where_everything_hangs_together(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.records.reads.RELATED_MAX", 3)
    async with open_spine(database_url) as spine:
        await ship(spine, *(parcel(ref, ref, "ALL") for ref in range(1, 9)))
        rows = await related_records(spine.conn, (await ids(spine, "shipment"))[:1])
        assert len(rows) == 3
