"""The console in a real browser: live, calm, without JavaScript, narrow, by keyboard."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import chromium, opened, violations
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import play
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(play(module_database_url, Vault(MASTER_KEY)))
    with serving(module_database_url, world) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def _sell(site: Site, sku: str, ref: str) -> None:
    """Let somebody buy one unit at the south, through the whole pipeline."""

    async def go() -> None:
        world = site.world
        assert world is not None
        async with await connect(site.dsn, application_name="world") as conn:
            world.sandbox.do("south", Checkout(cart=Cart(ref=ref, lines=[CartLine(sku=sku)])))
            await world.flush(conn)
            await world.apply(conn)

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(go())
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert not failed, failed


def _plenty(page: Page) -> str:
    """Return the SKU with the most stock."""
    return page.locator('[data-part="stock"] tbody tr').last.get_attribute("data-row") or ""


def test_a_sale_changes_numbers_in_place_and_announces_rows(browser: Browser, site: Site) -> None:
    with opened(browser, site) as (page, wrong):
        expect(page.locator("[data-live-words]")).to_have_text("Live")
        sku = _plenty(page)
        cell = page.locator(f'[data-live="stock.{sku}.available"]')
        before, first = int(cell.inner_text()), page.locator('[data-part="feed"] tbody tr').first
        top_row = first.get_attribute("data-row")
        y_before = page.locator("#orders").bounding_box()
        _sell(site, sku, "seen-live")
        expect(cell).to_have_text(str(before - 1))
        pill = page.locator('[data-pill="feed"]')
        expect(pill).to_be_visible()
        assert first.get_attribute("data-row") == top_row, "rows do not move by themselves"
        assert page.locator("#orders").bounding_box() == y_before, "nothing jumps"
        pill.click()
        expect(pill).to_be_hidden()
        assert first.get_attribute("data-row") != top_row
        assert not wrong


def test_a_lost_connection_is_said(browser: Browser, site: Site) -> None:
    with opened(browser, site) as (page, _):
        page.route("**/live", lambda route: route.abort())
        page.reload()
        expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "away")
        expect(page.locator("[data-live-words]")).to_contain_text("Connection lost")
    with opened(browser, site) as (page, _):
        page.route("**/live", lambda route: route.fulfill(status=503, body="full"))
        page.reload()
        expect(page.locator("[data-live-words]")).to_have_text(
            "Not live. Refresh to see what is new."
        )
        expect(page.get_by_role("link", name="Refresh")).to_be_visible()


def test_it_works_without_javascript(browser: Browser, site: Site) -> None:
    with opened(browser, site, java_script_enabled=False) as (page, _):
        sku = _plenty(page)
        expect(page.get_by_role("link", name="Refresh")).to_be_visible()
        expect(page.locator("[hidden]:visible")).to_have_count(
            0
        )  # what needs a script waits for it
        before = int(page.locator(f'[data-live="stock.{sku}.available"]').inner_text())
        _sell(site, sku, "seen-plainly")
        available = page.locator(f'[data-live="stock.{sku}.available"]')
        for _ in range(20):
            page.get_by_role("link", name="Refresh").click()
            if available.inner_text() == str(before - 1):
                break  # a page that was being read during the sale may be shown once more
            page.wait_for_timeout(250)
        expect(available).to_have_text(str(before - 1))
        page.get_by_label("SKU").select_option(sku)
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".chart-what")).to_contain_text(sku)
        page.get_by_role("link", name=sku, exact=True).click()
        expect(page.locator("h1")).to_contain_text(sku)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 768, 1280, 1920])
def test_no_page_scrolls_sideways_or_complains(
    browser: Browser, site: Site, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        firsts = (f'[data-part="{part}"] tbody a' for part in ("orders", "stock", "feed"))
        found = [page.locator(first).first.get_attribute("href") for first in firsts]
        lists = ("/orders", "/skus", "/shipments", "/connections")
        pages = ("/", "/?since=month", "/today", "/parked", "/phantoms", "/returns")
        for link in (*pages, *lists, "/margin?by=skus", *found):
            page.goto(f"{site.url}{link}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (link, wide)
        assert not wrong


def test_every_page_is_read_otherwise(browser: Browser, site: Site) -> None:
    """Axe finds nothing wrong: landmarks, names, contrast, order of headings."""
    with opened(browser, site, color_scheme="dark") as (page, _):
        firsts = (f'[data-part="{part}"] tbody a' for part in ("orders", "stock", "feed"))
        found = [page.locator(first).first.get_attribute("href") for first in firsts]
        lists = ("/orders", "/skus", "/shipments", "/connections")
        links = ("/", "/today", "/dock", "/serials", "/parked", "/parity", "/phantoms", "/returns")
        for link in (*links, *lists, "/?since=month", "/margin?by=skus", "/low-stock", *found):
            page.goto(f"{site.url}{link}")
            assert violations(page) == [], link


def test_the_keyboard_reaches_everything_in_order(browser: Browser, site: Site) -> None:
    with opened(browser, site) as (page, _):
        expect(page.locator("[data-live-words]")).to_have_text("Live")
        reached = []
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "(document.activeElement.innerText || document.activeElement.id).split('\\n')[0]"
                )
            )
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring == "solid", reached
        assert reached[:4] == ["Skip to the content", "Trueup", "Overview", "Orders"]
        assert "Orders" in reached
        assert "find-anything" in reached
        assert "Show" in reached
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_the_slash_key_leads_to_the_field_that_finds(browser: Browser, site: Site) -> None:
    with opened(browser, site) as (page, wrong):
        sku = _plenty(page)
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "find-anything"
        page.keyboard.type(f"{sku}/")
        assert page.get_by_label("Find anything").input_value() == f"{sku}/", "it is only a letter"
        page.keyboard.press("Backspace")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text(sku)
        page.goto(f"{site.url}/find")
        assert not violations(page)
        assert not wrong


def test_the_pages_and_the_keys_open_over_any_page(browser: Browser, site: Site) -> None:
    with opened(browser, site) as (page, wrong):
        palette = page.locator("#palette")
        page.keyboard.press("?")
        expect(palette).to_be_visible()
        assert not violations(page)
        page.keyboard.press("Escape")
        expect(palette).to_be_hidden()
        page.keyboard.press("Control+k")
        page.keyboard.type("ship")
        expect(palette.get_by_role("listitem")).to_have_count(1)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Shipments")
        page.get_by_role("button", name="Pages and keys").click()
        page.keyboard.type("#1001")
        expect(palette.locator("[data-none]")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("#1001")
        assert not wrong


def test_the_chart_says_the_value_under_the_pointer(browser: Browser, site: Site) -> None:
    with opened(browser, site) as (page, wrong):
        value = page.locator("[data-chart-value]")
        still = value.inner_text()
        box = page.locator("[data-chart-picture]").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(value).to_contain_text("·")
        expect(page.locator("[data-chart-mark]")).to_be_visible()
        page.mouse.move(0, 0)
        expect(value).to_have_text(still)
        assert not wrong


def test_a_vendors_text_runs_nothing(browser: Browser, site: Site) -> None:
    """Walk all pages that show the hostile title: no dialogue opens, nothing is blocked either."""
    with opened(browser, site) as (page, wrong):
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        links = page.locator('[data-part="orders"] tbody a').evaluate_all("a => a.map(x => x.href)")
        for link in links[:8]:
            page.goto(link)
        page.goto(f"{site.url}/parked")
        assert not wrong


def test_text_stands_out_enough(browser: Browser, site: Site) -> None:
    """The contrast of every text colour the style sheet names is at least 4.5 to 1, both schemes."""
    pairs = [
        *(("text", "ground"), ("text", "card"), ("quiet", "card"), ("quiet", "ground")),
        *(("accent", "card"), ("on-accent", "accent"), ("good", "good-soft"), ("bad", "bad-soft")),
        *(("warn", "warn-soft"), ("busy", "busy-soft"), ("bad", "card"), ("bad", "ground")),
        *(("text", "flash"), ("accent", "ground"), ("chart-text", "card")),
    ]
    for scheme in ("light", "dark"):
        with opened(browser, site, color_scheme=scheme) as (page, _):
            for front, back in pairs:
                ratio = _contrast(_colour(page, front), _colour(page, back))
                assert ratio >= 4.5, (scheme, front, back, round(ratio, 2))


def _colour(page: Page, name: str) -> str:
    text = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
    return str(text).strip()


def _contrast(first: str, second: str) -> float:
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
