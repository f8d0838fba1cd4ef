"""Serials in a real browser: a keyboard scanner, a phone, no JavaScript, and the way of links."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import chromium, opened
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.test_dock_browser import picture, type_scan
from tests.console.world import play
from trueup.govern.vault import Vault

pytestmark = pytest.mark.browser

Order = tuple[str, str, str]
"""Number, a SKU of which it buys a unit or more, address."""

NOTHING_SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(play(module_database_url, Vault(MASTER_KEY), orders=6, hostile=False))
    with serving(module_database_url, world) as running:
        yield running


@pytest.fixture(scope="module")
def orders(site: Site) -> list[Order]:
    """Give the orders with a SKU: each test packs for one of its own."""
    found = []
    with site.program() as program:
        for row in program.get("/api/v1/orders").json()["items"]:
            path = f"orders/{row['connection']}/{row['ref']}"
            lines = program.get(f"/api/v1/{path}").json()["lines"]
            sku = next((line["sku"] for line in lines if line["sku"]), None)
            if sku:
                found.append((row["number"], sku, f"/{path}"))
    return found


@pytest.fixture(scope="module")
def browser(site: Site, orders: list[Order]) -> Iterator[Browser]:
    del site, orders  # they must be there before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


@pytest.mark.parametrize(("nth", "width", "scheme"), [(0, 375, "light"), (1, 1280, "dark")])
def test_a_scanner_receives_packs_and_finds(
    site: Site, browser: Browser, orders: list[Order], nth: int, width: int, scheme: str
) -> None:
    number, sku, address = orders[nth]
    serial = f"SN-{width}"
    size = {"width": width, "height": 812}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        page.goto(f"{site.url}/dock")
        status = page.get_by_role("status")
        # The first serial of a SKU is typed below "Serials"; then each scan is asked for its own.
        page.locator("main").get_by_text("Serials", exact=True).last.click()
        page.get_by_label("One a line").fill(serial)
        page.get_by_label("Barcode, or SKU").focus()
        type_scan(page, sku)
        expect(status).to_contain_text(f"Serials: {serial}.")
        expect(page.get_by_label("Barcode, or SKU")).to_be_focused()
        type_scan(page, sku)
        expect(status).to_contain_text("Scan the serials.")
        expect(page.get_by_label("One a line")).to_be_focused()
        picture(page, f"serial-asked-{width}-{scheme}")
        type_scan(page, f"{serial}-b")
        expect(status).to_contain_text(f"Serials: {serial}-b.")
        type_scan(page, sku)
        expect(status).to_contain_text("Scan the serials.")
        page.get_by_role("button", name="Receive without serials").click()
        expect(status).to_contain_text(f"1 of {sku} received at main.")
        expect(page.get_by_role("button", name="Receive without serials")).to_have_count(0)

        page.get_by_role("link", name="Pack", exact=True).click()
        page.get_by_label("Order", exact=True).fill(number)
        channel = address.split("/")[2]
        page.get_by_label("Its channel").fill(channel)
        page.get_by_label("Barcode, or SKU, or serial").focus()
        type_scan(page, serial)
        expect(status).to_contain_text(f"{serial} of {sku} packed for {number}.")
        picture(page, f"serial-packed-{width}-{scheme}")
        assert page.evaluate(NOTHING_SIDEWAYS) == 0

        page.get_by_role("link", name="Serials", exact=True).first.click()
        expect(page.get_by_label("Find a serial")).to_be_focused()
        picture(page, f"serials-{width}-{scheme}")
        assert page.evaluate(NOTHING_SIDEWAYS) == 0
        type_scan(page, serial.lower())
        expect(page.get_by_role("heading", level=1)).to_have_text(serial)
        picture(page, f"serial-story-{width}-{scheme}")
        assert page.evaluate(NOTHING_SIDEWAYS) == 0
        page.get_by_role("link", name=re.compile("^with the customer of order")).click()
        expect(page).to_have_url(f"{site.url}{address}")
        expect(page.get_by_role("heading", name="Which units")).to_be_visible()
        picture(page, f"serial-order-{width}-{scheme}")
        page.get_by_role("link", name=serial, exact=True).click()
        page.get_by_role("link", name=sku, exact=True).last.click()
        expect(page.get_by_role("heading", name="Serials here and on the way")).to_be_visible()
        picture(page, f"serial-sku-{width}-{scheme}")
        assert wrong == []


def test_it_works_without_javascript(site: Site, browser: Browser, orders: list[Order]) -> None:
    _, sku, _ = orders[0]
    with opened(browser, site, java_script_enabled=False) as (page, wrong):
        page.goto(f"{site.url}/dock")
        page.locator("main").get_by_text("Serials", exact=True).last.click()
        page.get_by_label("One a line").fill("NJ-1\nNJ-2")
        page.get_by_label("Barcode, or SKU").fill(sku)
        page.get_by_label("Units").fill("2")
        page.get_by_role("button", name="Receive", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Serials: NJ-1, NJ-2.")
        page.get_by_label("Barcode, or SKU").fill(sku)
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Scan the serials.")
        expect(page.get_by_label("One a line")).to_be_visible()
        page.get_by_label("One a line").fill("NJ-3")
        page.get_by_role("button", name="Receive", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Serials: NJ-3.")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("status")).to_contain_text("Taken back: 1 of")
        page.goto(f"{site.url}/serials?find=nj-2")
        expect(page.get_by_role("heading", level=1)).to_have_text("NJ-2")
        assert wrong == []
