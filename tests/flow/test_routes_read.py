"""Goal: what carriers say of parcels is read for the models, with the region and nothing nearer.

Method: simulated Delhivery through the real door, the real database, the real keys.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.flow.test_parcels import delhivery
from trueup.canon.parcel import ParcelStatus
from trueup.govern.persons import destroy_keys
from trueup.models.arrivals.learn import read
from trueup.models.arrivals.pasts import read_pasts
from trueup.models.arrivals.reads import read_routes
from trueup.models.model import Look
from trueup.records import scanned
from trueup.records.scanned import parcels_scanned

pytestmark = pytest.mark.anyio

UTC = ZoneInfo("UTC")


async def test_parcels_are_read_in_pages_with_their_region(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanned, "PAGE", 2)
    async with delhivery(database_url) as (brand, twin):
        for number in range(5):
            twin.ship(f"#100{number}", "straight")
        twin.travel(51)
        await brand.deliver()
        await brand.apply()
        await brand.work("delhivery")
        await brand.apply()
        twin.travel(48)
        await brand.deliver()
        await brand.apply()
        now = brand.clock.now()
        since, vault = now - timedelta(days=30), brand.hub.vault
        found = await parcels_scanned(brand.conn, vault, since, count=100)
        assert len(found) == 5
        assert {each.parcel.status for each in found} == {ParcelStatus.DELIVERED}
        assert {each.region for each in found} == {"41"}
        assert not any("Pune" in each.region for each in found)
        assert len(await parcels_scanned(brand.conn, vault, since, count=3)) == 3
        later = now + timedelta(days=1)
        assert await parcels_scanned(brand.conn, vault, later, count=100) == []

        history = await read(Look(conn=brand.conn, hub=brand.hub, now=now))
        assert len(history.trips.since) == 5
        assert (history.trips.ended > history.trips.since).all()
        assert len(history.gaps) >= 5
        assert await read_routes(brand.conn) is None

        async def ends() -> set[str]:
            return {each.region for each in await read_pasts(brand.conn, now, UTC, vault)}

        assert await ends() == {"", "41"}, "the carrier as a whole, and its route"
        persons = [person for (person,) in await brand.rows("SELECT person FROM govern.person")]
        await destroy_keys(brand.conn, persons=persons)
        dark = await parcels_scanned(brand.conn, vault, since, count=100)
        assert [each.region for each in dark] == [""] * 5
        assert await ends() == {""}
