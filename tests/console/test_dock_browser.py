"""The dock's page in a real browser: a keyboard scanner, a phone, no JavaScript, a camera."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect
from psycopg.conninfo import make_conninfo

from tests.console.browser import chromium, opened
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.govern.vault import Vault

pytestmark = pytest.mark.browser

EAN, SHARED = "4006381333931", "96385074"
DETECTOR = """
window.BarcodeDetector = class { async detect() { return [{ rawValue: "4006381333931" }]; } };
Object.defineProperty(navigator, "mediaDevices", { value: {
  getUserMedia: async () => document.createElement("canvas").captureStream() } });
HTMLMediaElement.prototype.play = async () => {};
"""


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with psycopg.connect(make_conninfo(module_database_url, user="postgres")) as conn:
        for n, (code, sku) in enumerate(
            [(EAN.zfill(14), "LAMP"), (SHARED.zfill(14), "TEE-S"), (SHARED.zfill(14), "TEE-M")]
        ):
            conn.execute(
                "INSERT INTO records.barcode VALUES (1, %s, 'p', %s, %s)", (f"v{n}", code, sku)
            )
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def type_scan(page: Page, code: str) -> None:
    """Type as a keyboard scanner does: the code, then Enter."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def go(site: Site, page: Page, wrong: list[str]) -> None:
    """Open the dock's page; what the browser said of the page before it is that page's."""
    page.goto("about:blank")
    wrong.clear()
    page.goto(f"{site.url}/dock")


def picture(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    if folder := os.environ.get("TRUEUP_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_scan_after_scan_without_touching_anything(
    site: Site, browser: Browser, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 812}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        go(site, page, wrong)
        code, status = page.get_by_label("Barcode, or SKU"), page.get_by_role("status")
        expect(code).to_be_focused()
        for _ in range(3):
            type_scan(page, EAN)
            expect(status).to_contain_text("1 of LAMP received at main.")
            expect(code).to_be_focused()
            expect(code).to_have_value("")
        picture(page, f"dock-{width}-{scheme}")
        page.get_by_role("button", name="Undo").click()
        expect(status).to_contain_text("Taken back: 1 of LAMP.")
        type_scan(page, SHARED)
        expect(page.get_by_label("TEE-M")).to_be_focused()
        picture(page, f"dock-choice-{width}-{scheme}")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(status).to_contain_text("1 of TEE-M received")
        expect(page.get_by_label("TEE-M")).to_have_count(0)
        type_scan(page, "NOBODY")
        expect(status).to_contain_text("Nobody knows NOBODY.")
        picture(page, f"dock-error-{width}-{scheme}")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) == 0
        small = page.evaluate(
            "[...document.querySelectorAll('main :is(input:not([type=hidden]), button, .tasks a)')]"
            ".filter(e => e.offsetParent && e.closest('label') === null && e.offsetHeight < 32)"
            ".map(e => e.outerHTML)"
        )
        assert small == []
        for task in ("Send", "Take in", "Came back", "Count"):
            page.get_by_role("link", name=task, exact=True).click()
            expect(page.get_by_label("Barcode, or SKU")).to_be_focused()
            picture(page, f"dock-{task.replace(' ', '-').lower()}-{width}-{scheme}")
        assert wrong == []


def test_it_works_without_javascript(site: Site, browser: Browser) -> None:
    with opened(browser, site, java_script_enabled=False) as (page, wrong):
        go(site, page, wrong)
        page.get_by_label("Barcode, or SKU").fill(EAN)
        page.get_by_label("Units").fill("4")
        page.get_by_role("button", name="Receive").click()
        expect(page.get_by_role("status")).to_contain_text("4 of LAMP received at main.")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("status")).to_contain_text("Taken back: 4 of LAMP.")
        assert wrong == []


def test_the_camera_is_offered_only_where_the_browser_reads_barcodes(
    site: Site, browser: Browser
) -> None:
    with opened(browser, site) as (page, wrong):
        page.add_init_script("delete window.BarcodeDetector")
        go(site, page, wrong)
        expect(page.get_by_role("button", name="Camera")).to_be_hidden()
        page.add_init_script(DETECTOR)
        go(site, page, wrong)
        page.get_by_role("button", name="Camera").click()
        expect(page.get_by_role("status")).to_contain_text("1 of LAMP received at main.")
        expect(page.get_by_role("button", name="Camera")).to_be_visible()
        assert wrong == []


def test_what_did_not_reach_the_hub_is_told_and_booked_once(site: Site, browser: Browser) -> None:
    with opened(browser, site) as (page, wrong):
        go(site, page, wrong)
        page.route("**/dock", lambda route: route.abort())
        type_scan(page, EAN)
        expect(page.get_by_role("status")).to_contain_text("Not booked")
        expect(page.get_by_label("Barcode, or SKU")).to_have_value(EAN)
        page.unroute("**/dock")
        page.get_by_label("Barcode, or SKU").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("1 of LAMP received at main.")
