"""The pages of what lies ahead: forecasts, routes and tiers, each picture with its numbers beside."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest
from playwright.sync_api import Browser

from tests.console.browser import chromium, opened, violations
from tests.console.site import Site, serving
from tests.console.world import World
from tests.flow.test_api_models import NOW, Later, learn
from tests.support.spine import KEY
from trueup.access.rights import Role
from trueup.console import carriers_page, forecasts_page
from trueup.govern.vault import Vault
from trueup.kernel.clock import SystemClock

LINKS = ("/forecasts", "/forecasts?sku=S-007", "/routes", "/routes?carrier=delhivery", "/tiers")


class Then(SystemClock):
    """A clock that stands on the day after the training."""

    def now(self) -> datetime:
        """Return the instant."""
        return NOW


def look_out(dsn: str) -> None:
    """Let one SKU be sold out in five days."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("INSERT INTO ledger.sku (code) VALUES ('S-007') ON CONFLICT DO NOTHING")
        soon = NOW.date() + timedelta(days=5)
        conn.execute(
            "INSERT INTO ledger.outlook (sku_id, per_day, dispersion, days, selling_days, available,"
            " incoming, expected_on, earliest_on, latest_on, steady_per_day, steady_dispersion,"
            " steady_days, lasts_until, lead_days, chance, worked_out_at)"
            " SELECT sku_id, 2, 1, 90, 80, 10, 0, %s, %s, %s, 2, 1, 90, %s, 14, 0.9, %s"
            " FROM ledger.sku WHERE code = 'S-007'",
            (soon, soon, soon + timedelta(days=3), soon, NOW),
        )


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    assert asyncio.run(learn(module_database_url))
    look_out(module_database_url)
    world = World(module_database_url, Vault(KEY))
    with pytest.MonkeyPatch.context() as clocks:
        clocks.setattr(carriers_page, "SystemClock", Later)
        clocks.setattr(forecasts_page, "SystemClock", Then)
        with serving(module_database_url, world, key=KEY) as running:
            yield running


def test_what_runs_out_comes_first_and_one_sku_is_told_day_by_day(site: Site) -> None:
    with site.reader() as client:
        [row] = client.get("/forecasts.json").json()["rows"]
        assert (row["outlook"]["sku"], row["days_left"], row["planned"]) == ("S-007", 5, None)
        page = client.get("/forecasts").text
        assert "/forecasts?sku=S-007" in page
        assert "Sold out first" in page
        one = client.get("/forecasts.json", params={"sku": "S-007"}).json()
        ahead = [day for day in one["days"] if day["expected"] is not None]
        assert (len(ahead), ahead[0]["on"]) == (28, "2026-03-11")
        assert all(day["low"] <= day["high"] for day in ahead)
        shown = client.get("/forecasts", params={"sku": "S-007"}).text
        assert "<svg" in shown
        assert "2026-04-07" in shown.partition("<table>")[2], "the last day stands in the table"
        assert client.get("/forecasts", params={"sku": "NONE"}).status_code == 404


def test_routes_are_told_with_weeks_and_of_one_carrier(site: Site) -> None:
    with site.reader() as client:
        told = client.get("/routes.json").json()
        [busy, rare] = [row for row in told["rows"] if row["origin"]]
        assert (busy["parcels"], busy["told_by"]) == (30, "route")
        assert (rare["parcels"], rare["told_by"]) == (3, "carrier")
        assert busy["late"] >= 6
        assert sum(week["promised"] for week in told["weeks"]) == 33
        assert sum(week["late"] for week in told["weeks"]) == busy["late"] + rare["late"]
        carrier = told["carriers"][0]
        assert client.get("/routes.json", params={"carrier": carrier}).json()["rows"]
        other = client.get("/routes.json", params={"carrier": "nobody"}).json()
        assert (other["rows"], other["weeks"]) == ([], [])
        assert "No parcel was scanned" in client.get("/routes?carrier=nobody").text


def test_tiers_are_told_with_what_they_are_worth_and_who_may_have_left(site: Site) -> None:
    with site.reader() as client:
        rows = client.get("/tiers.json").json()["rows"]
        tiers = [row["tier"] for row in rows if row["currency"] == rows[0]["currency"]]
        assert tiers == [each for each in ("top", "high", "middle", "low") if each in tiers]
        for row in rows:
            assert row["left"] == pytest.approx(row["customers"] - row["alive"])
            assert 0 <= row["left_share"] <= 1
        page = client.get("/tiers").text
        assert "<svg" in page
        assert "Have left" in page


def test_who_may_not_see_them_does_not(site: Site) -> None:
    with site.reader("Sam", Role.SUPPORT) as client:
        assert client.get("/forecasts").status_code == 403
        assert client.get("/routes").status_code == 403
        page = client.get("/tiers").text
        assert ('href="/forecasts"' in page, 'href="/tiers"' in page) == (False, True)
    with site.reader("Op", Role.OPERATIONS) as client:
        assert client.get("/tiers").status_code == 403
        assert client.get("/forecasts").status_code == 200
    with site.stranger() as client:
        assert client.get("/forecasts").status_code == 303


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_they_fit_complain_of_nothing_and_are_read_otherwise(
    browser: Browser, site: Site, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        for link in LINKS:
            page.goto(f"{site.url}{link}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (link, wide)
            assert violations(page) == [], link
        assert not wrong
