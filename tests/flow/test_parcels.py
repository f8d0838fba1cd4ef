"""Goal: parcels are known in full, whatever their carriers tell first, twice or in part.

Method: the whole hub against simulated carriers and a simulated shop over sockets, on one clock.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.support.brand import HUB_URL, Brand, open_brand
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.record import decode
from trueup.govern.persons import destroy_keys, read_keys
from trueup.intake.claim import claim_events
from trueup.kernel.limits import PARTITIONS
from trueup.records.reads import find_records
from trueup.records.sealed import identity_of
from trueup.replay import replay_log
from trueup.sandbox.delhivery.account import Delhivery

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def delhivery(url: str) -> AsyncIterator[tuple[Brand, Delhivery]]:
    async with open_brand(url) as brand:
        twin = Delhivery(brand.clock, seed=7, late=0.3, twice=0.3)
        twin.subscribe("scan", f"{HUB_URL}/hooks/delhivery")
        await brand.connect(
            "delhivery",
            twin,
            secrets={"api_token": Delhivery.api_token, "webhook_token": twin.webhook_secret},
        )
        yield brand, twin


async def parcel_of(brand: Brand, number: str) -> tuple[Parcel, Any]:
    """Return a parcel as it stands, and what is personal of it; None where it is dark."""
    (row,) = await find_records(brand.conn, "parcel", number, vault=brand.hub.vault)
    keys = await read_keys(brand.conn, brand.hub.vault, [bytes(row["person"])])
    opened = None
    if row["personal"] is not None and keys:
        identity = identity_of(row["connection_id"], row["kind"], row["ref"])
        [key] = keys.values()
        opened = brand.hub.vault.open_personal(bytes(row["personal"]), key, identity)
    body = decode("parcel", row["body"])
    assert isinstance(body, Parcel)
    return body, None if opened is None else msgspec.json.decode(opened)


async def apply_shuffled(brand: Brand, chance: random.Random) -> None:
    """Apply what waits in any order, some of it alone and some together."""
    events = await claim_events(brand.conn, range(PARTITIONS), 500)
    chance.shuffle(events)
    while events:
        count = chance.randint(1, 5)
        await brand.applier.apply(events[:count])
        events = events[count:]


async def links(brand: Brand) -> list[Any]:
    return await brand.rows(
        "SELECT r.ref, l.namespace, l.digest FROM records.link l"
        " JOIN records.record r USING (record_id) ORDER BY 1, 2, 3"
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_pushes_and_readings_end_in_one_parcel_in_any_order(
    database_url: str, seed: int
) -> None:
    async with delhivery(database_url) as (brand, twin):
        truths = [twin.ship("#1001", "second_try"), twin.ship("#1002", "returned")]
        chance = random.Random(seed)
        for hours in (30, 50, 100):
            twin.travel(hours)
            await brand.deliver()
            await apply_shuffled(brand, chance)
            await brand.work("delhivery")
        await apply_shuffled(brand, chance)
        for truth, status in zip(
            truths, (ParcelStatus.DELIVERED, ParcelStatus.RETURNED), strict=True
        ):
            body, person = await parcel_of(brand, truth.number)
            assert body.status is status
            assert [s.occurred_at for s in body.scans] == sorted({m.at for m in truth.scans})
            assert person["destination"]["name"] == "Ines Example"
            assert body.expected_on is not None
        assert len(await links(brand)) == 4
        replayed = await replay_log(brand.conn, brand.hub)
        assert (replayed.differences, replayed.dark) == ([], 0)


async def test_a_push_that_tells_less_erases_nothing(database_url: str) -> None:
    """The reading comes first; the last push is applied after it and is newer."""
    async with delhivery(database_url) as (brand, twin):
        twin.late = twin.twice = 0
        truth = twin.ship("#1001", "straight")
        twin.travel(51)
        await brand.deliver()
        await brand.apply()
        await brand.work("delhivery")
        await brand.apply()
        before = await links(brand)
        twin.travel(6)
        await brand.deliver()
        await brand.apply()
        body, person = await parcel_of(brand, truth.number)
        assert body.status is ParcelStatus.DELIVERED
        assert (body.expected_on is not None, body.attempts, len(body.scans)) == (True, 0, 6)
        assert person["destination"]["city"] == "Pune"
        assert await links(brand) == before


async def test_what_is_dark_is_not_brought_back_by_what_comes_later(database_url: str) -> None:
    async with delhivery(database_url) as (brand, twin):
        truth = twin.ship("#1001", "straight")
        twin.travel(20)
        await brand.deliver()
        await brand.apply()
        await brand.work("delhivery")
        await brand.apply()
        ((person,),) = await brand.rows("SELECT DISTINCT person FROM records.record")
        await destroy_keys(brand.conn, persons=[bytes(person)])
        brand.clock.advance(60)
        twin.travel(35)
        await brand.deliver()
        await brand.apply()
        body, opened = await parcel_of(brand, truth.number)
        assert len(body.scans) >= 4
        assert opened is None
