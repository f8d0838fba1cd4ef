"""The checks of the books by the API: the same reports, with the same leeway."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.console.site import MASTER_KEY, serving
from tests.console.world import World
from tests.flow.shop import KEY
from tests.flow.test_cli_exceptions import pay_less
from trueup.govern.vault import Vault


@pytest.fixture(scope="module")
def client(module_database_url: str) -> Iterator[httpx.Client]:
    asyncio.run(pay_less(module_database_url, 20, 0))
    world = World(module_database_url, Vault(MASTER_KEY))
    with serving(module_database_url, world, key=KEY) as site, site.program() as client:
        yield client


def test_a_check_runs_when_asked(client: httpx.Client) -> None:
    report = client.get("/api/v1/checks/orders", params={"by": "day"}).json()
    assert (report["check"], report["left"], report["matched"]) == ("orders", 2, 1)
    [off] = report["discrepancies"]
    assert off["amount"] == "-0.20"
    assert sum(day["differing"] for day in report["periods"]) == 1
    named = client.get("/api/v1/checks/payouts", params={"connection": "north"})
    assert (named.status_code, named.json()["discrepancies"]) == (200, [])


def test_every_check_is_listed_and_can_be_run(client: httpx.Client) -> None:
    listed = client.get("/api/v1/checks").json()
    assert {row["ran_at"] for row in listed} == {None}, "no night has passed"
    for row in listed:
        report = client.get(f"/api/v1/checks/{row['check']}")
        assert (report.status_code, report.json()["check"]) == (200, row["check"])


def test_what_is_not_there_is_named(client: httpx.Client) -> None:
    unknown = client.get("/api/v1/checks/collected")
    assert unknown.status_code == 404
    assert "payments" in unknown.json()["error"]["message"]
    for query, status in (({"connection": "south"}, 404), ({"by": "week"}, 400)):
        assert client.get("/api/v1/checks/orders", params=query).status_code == status
    assert httpx.get(f"{client.base_url}/api/v1/checks").status_code == 401
