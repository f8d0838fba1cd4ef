"""Counts that would empty a large share of a site wait for a person, before any of it is applied."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from tests.flow.command import Commands
from tests.flow.shop import KEY
from trueup.canon.inventory import MovementKind
from trueup.config import load_config
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.ingest import Taken
from trueup.intake.claim import claim_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.kernel.limits import PARTITIONS
from trueup.pipeline import Applier
from trueup.stock import Movement, report_movements
from trueup.worker import refresh_connections

HEAD = "ref,movement,sku,quantity,occurred_at\n"


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def write(path: Path, rows: list[tuple[str, str, int, int]], at: str) -> Path:
    lines = [f"{ref},{kind},SKU-{n},{units},{at}\n" for ref, kind, n, units in rows]
    path.write_text(HEAD + "".join(lines))
    return path


def test_a_file_with_many_zeros_is_held_whole(trueup: Commands, tmp_path: Path) -> None:
    """
    given 1,000 SKUs of 5 each
    when a file of 1,000 counts comes, 300 of them zeros
    then nothing of it is applied, and it is one group with its reason
    when two units come in meanwhile, and a person releases it
    then what was counted stands, and the two on top
    """
    opening = write(
        tmp_path / "o.csv",
        [(f"o{n}", "opening", n, 5) for n in range(1_000)],
        "2026-03-01T00:00:00Z",
    )
    assert trueup.json("import", "stock-movements-csv", opening)["accepted"] == 1_000
    counts = write(
        tmp_path / "c.csv",
        [(f"c{n}", "count", n, 0 if n < 300 else 4) for n in range(1_000)],
        "2026-03-02T00:00:00Z",
    )
    told = trueup.json("import", "stock-movements-csv", counts, status=1)
    assert told["accepted"] == 1_000
    assert told["records"] == []
    assert on_hand(trueup, 0) == on_hand(trueup, 999) == 5
    [held] = trueup.json("brakes", "list", status=1)["brakes"]
    assert (held["state"], held["source"], held["events"]) == ("held", "file", 1_000)
    assert held["reason"] == ("300 of 1000 counted SKUs at main would fall to 0; at most 20% pass")
    assert [i["code"] for i in trueup.json("issues", status=1)["issues"]] == ["stock.braked"]
    # Put back by another door it is held all the same.
    trueup.json("dead", "retry", "--all")
    trueup.json("stock", "receive", "SKU-0", 2)
    assert on_hand(trueup, 0) == 7
    apply_all(trueup)
    [cluster] = trueup.json("dead", "list", status=1)["clusters"]
    assert (cluster["cause"], cluster["events"]) == ("stock.braked", 1_000)
    assert on_hand(trueup, 999) == 5
    number = held["brake_id"]
    assert trueup.json("brakes", "release", number)["released"]["events"] == 1_000
    apply_all(trueup)
    assert on_hand(trueup, 0) == 2
    assert on_hand(trueup, 1) == 0
    assert on_hand(trueup, 999) == 4
    assert trueup.json("issues")["issues"] == []
    again = trueup.json("brakes", "release", number, status=2)
    assert "is held" in again["error"]["message"]
    assert trueup.json("brakes", "list")["brakes"][0]["state"] == "released"
    assert trueup.json("reconcile", "ledger")["discrepancies"] == []


def apply_all(trueup: Commands) -> None:
    """Apply everything that waits, as a worker would."""

    async def work() -> None:
        url = str(load_config(trueup.config, {}).database.url)
        async with await connect(url, application_name="test") as conn:
            hub = Hub(Vault(KEY), find_connectors())
            await refresh_connections(conn, hub)
            while events := await claim_events(conn, range(PARTITIONS), 500):
                await Applier(conn, hub).apply(events)

    asyncio.run(work())


def on_hand(trueup: Commands, number: int) -> int:
    found: int = trueup.json("show", "sku", f"SKU-{number}")["found"][0]["balance"]["on_hand"]
    return found


# -- by the API and the console --------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as running:
        yield running


class Yard:
    """A site of a test's own with 25 SKUs of 5 each."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name = f"yard-{uuid4().hex[:8]}"
        self.skus = [f"{self.name}-{n}" for n in range(25)]
        self.start = datetime.now(UTC) - timedelta(hours=1)
        self.report("receipt", dict.fromkeys(self.skus, 5), hours=0)

    def report(self, kind: str, units: dict[str, int], *, hours: float) -> Taken:
        at = self.start + timedelta(hours=hours)
        movements = [
            Movement(
                ref=f"{sku}/{kind}/{hours}",
                movement=MovementKind(kind),
                sku=sku,
                quantity=quantity,
                site=self.name,
                occurred_at=at,
            )
            for sku, quantity in units.items()
        ]
        return asyncio.run(self._report(movements))

    async def _report(self, movements: list[Movement]) -> Taken:
        hub = Hub(self.site.world.hub.vault, self.site.world.hub.connectors)
        async with await connect(self.site.dsn, application_name="test") as conn:
            if not any(
                each.connection.connector == "manual"
                for each in await load_accounts(conn, hub.vault)
            ):
                await create_connection(
                    conn, hub.vault, name="manual", connector="manual", settings={}, secrets={}
                )
            await refresh_connections(conn, hub)
        [own] = [c for c in hub.connections.values() if c.connector == "manual"]
        return await report_movements(self.site.dsn, hub, own, movements)

    def zeros(self, count: int, *, hours: float) -> list[str]:
        told = self.report("count", dict.fromkeys(self.skus[:count], 0), hours=hours)
        return sorted({fate.outcome for fate in told.events})

    def on_hand(self, client: httpx.Client, sku: str) -> int:
        found: int = client.get(f"/api/v1/stock/{sku}").json()["stock"]["on_hand"]
        return found


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.program() as client:
        yield client


def held_at(client: httpx.Client, yard: Yard) -> list[int]:
    items = client.get("/api/v1/brakes").json()["items"]
    return [b["brake_id"] for b in items if b["state"] == "held" and yard.name in b["reason"]]


def test_exactly_the_share_passes_and_one_more_is_held(site: Site, client: httpx.Client) -> None:
    yard = Yard(site)
    assert yard.zeros(5, hours=0.1) == ["record"]
    assert held_at(client, yard) == []
    other = Yard(site)
    assert other.zeros(6, hours=0.1) == ["parked"]
    assert len(held_at(client, other)) == 1


def test_the_api_discards_one_file_and_releases_another(site: Site, client: httpx.Client) -> None:
    """The second file comes while the first is held; the older one, released, moves nothing."""
    yard = Yard(site)
    assert yard.zeros(8, hours=0.1) == ["parked"]
    assert yard.zeros(10, hours=0.2) == ["parked"]
    second, first = held_at(client, yard)
    assert client.post(f"/api/v1/brakes/{second}/release").json() == {"events": 10}
    assert yard.report("receipt", {yard.skus[0]: 3}, hours=0.3).accepted == 1
    assert yard.on_hand(client, yard.skus[0]) == 3
    assert yard.on_hand(client, yard.skus[9]) == 0
    assert client.post(f"/api/v1/brakes/{first}/discard").json() == {"events": 8}
    assert client.post(f"/api/v1/brakes/{first}/discard").status_code == 404
    assert client.post("/api/v1/brakes/0/release").status_code in {400, 404}
    assert held_at(client, yard) == []
    assert yard.on_hand(client, yard.skus[0]) == 3


def test_one_click_on_the_console(site: Site, client: httpx.Client) -> None:
    yard = Yard(site)
    assert yard.zeros(7, hours=0.1) == ["parked"]
    [number] = held_at(client, yard)
    with site.reader() as person:
        page = person.get("/parked").text
        assert f"7 of 25 counted SKUs at {yard.name} would fall to 0" in page
        token = page.split('name="_csrf_token" value="')[1].split('"')[0]
        form = {"brake": str(number), "wish": "release", "_csrf_token": token}
        assert person.post("/brakes", data=form | {"_csrf_token": "x"}).status_code == 403
        assert person.post("/brakes", data=form | {"wish": "eat"}).status_code == 404
        assert person.post("/brakes", data=form).status_code == 303
        assert person.post("/brakes", data=form).status_code == 404
    yard.report("receipt", {yard.skus[24]: 1}, hours=0.3)
    assert yard.on_hand(client, yard.skus[0]) == 0
