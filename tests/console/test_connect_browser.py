"""Connecting in a real browser: on a phone, without JavaScript, with faults, and hostile texts."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import chromium, opened, violations
from tests.console.setup_world import SECRET, TOKEN, Shops, empty_hub, shops
from tests.console.site import Site
from tests.console.world import HOSTILE
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stage() -> Iterator[Shops]:
    with shops() as running:
        yield running


@pytest.fixture(scope="module")
def hub(module_database_url: str, stage: Shops) -> Iterator[Site]:
    del stage
    with empty_hub(module_database_url) as running:
        yield running


@pytest.fixture(scope="module")
def browser(hub: Site) -> Iterator[Browser]:
    del hub  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def fill(page: Page, stage: Shops, name: str, token: str = TOKEN) -> None:
    page.get_by_label("How it is called here").fill(name)
    page.get_by_label("Domain of the shop").fill("north.myshopify.com")
    page.get_by_label("Admin API access token").fill(token)
    page.get_by_label("Client secret").fill(SECRET)
    more = page.locator("details.more")
    if more.get_attribute("open") is None:
        more.locator("summary").click()
    page.get_by_label("Address of a sandbox").fill(f"{stage.url}/north")


def tell(site: Site, name: str, statement: str, *values: object) -> None:
    """Write what the scheduler would about a connection."""
    with psycopg.connect(site.dsn, autocommit=True) as conn:
        query = "SELECT connection_id FROM intake.connection WHERE name = %s"
        [(number,)] = conn.execute(query, (name,)).fetchall()
        conn.execute(statement, (number, *values))  # type: ignore[arg-type]


READ = (
    "INSERT INTO intake.cursor (connection_id, resource, purpose, done, expected) "
    "VALUES (%s, 'orders', 'backfill', %s, %s) ON CONFLICT (connection_id, resource, purpose) "
    "DO UPDATE SET done = excluded.done"
)
FAILED = (
    "INSERT INTO intake.duty (connection_id, name, due_at, failed_at, failures, reason) "
    "VALUES (%s, %s, now(), now(), 1, %s)"
)


def test_a_phone_without_javascript_connects_a_shop(
    browser: Browser, hub: Site, stage: Shops
) -> None:
    size = {"width": 320, "height": 640}
    with opened(browser, hub, viewport=size, java_script_enabled=False) as (page, _):
        page.goto(f"{hub.url}/connections")
        page.get_by_role("main").get_by_role("link", name=re.compile("^Connect a")).click()
        page.get_by_role("link", name="Shopify").click()
        fill(page, stage, "plain", token="shpat_wrong")
        page.get_by_role("button", name="Try it, and connect").click()
        expect(page.get_by_role("alert")).to_contain_text("does not let us in")
        expect(page.get_by_label("Admin API access token")).to_have_value("")
        expect(page.get_by_label("How it is called here")).to_have_value("plain")
        fill(page, stage, "plain")
        page.get_by_role("button", name="Try it, and connect").click()
        expect(page.locator("h1")).to_contain_text("plain")
        tell(hub, "plain", READ, 30, 120)
        page.get_by_role("link", name="Refresh").click()
        expect(page.get_by_role("row", name="orders")).to_contain_text("30 of 120")
        page.get_by_role("button", name="Pause it").click()
        expect(page.get_by_role("status").first).to_contain_text("It is paused")
        page.get_by_role("button", name="Take it up again").click()
        expect(page.get_by_role("status").first).to_contain_text("It is taken up again")
        page.wait_for_load_state()  # with its styles
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_vendor_that_is_down_is_said_and_can_be_tried_again(
    browser: Browser, hub: Site, stage: Shops
) -> None:
    with opened(browser, hub) as (page, wrong):
        page.goto(f"{hub.url}/connect/shopify")
        stage.north.faults.rules.append(ApiFault(kind="reset", next_calls=1))
        fill(page, stage, "again")
        page.get_by_role("button", name="Try it, and connect").click()
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        fill(page, stage, "again")
        # Twice in a row by an impatient hand: one connection, and the page that shows it.
        page.get_by_role("button", name="Try it, and connect").dblclick(no_wait_after=True)
        expect(page.locator("h1")).to_contain_text("again")
        assert [each for each in wrong if "409" not in each] == []
    with psycopg.connect(hub.dsn) as conn:
        found = conn.execute("SELECT count(*) FROM intake.connection WHERE name LIKE 'again%'")
        assert found.fetchall() == [(1,)]


def test_the_history_moves_by_itself_and_not_under_the_readers_hands(
    browser: Browser, hub: Site, stage: Shops
) -> None:
    with opened(browser, hub) as (page, wrong):
        page.goto(f"{hub.url}/connect/shopify")
        fill(page, stage, "moving")
        page.get_by_role("button", name="Try it, and connect").click()
        expect(page.locator("h1")).to_contain_text("moving")
        tell(hub, "moving", READ, 10, 50)
        expect(page.get_by_role("row", name="orders")).to_contain_text("10 of 50", timeout=9000)
        field = page.get_by_label("The secret")
        field.fill("typed so far")
        tell(hub, "moving", READ, 40, 50)
        page.wait_for_timeout(4000)
        expect(field).to_have_value("typed so far")
        page.locator("h1").click()
        assert not wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_pages_fit_complain_of_nothing_and_run_nothing_hostile(
    browser: Browser, hub: Site, stage: Shops, width: int, scheme: str
) -> None:
    name = f"hostile-{scheme}-{width}"
    with opened(browser, hub, viewport={"width": width, "height": 800}, color_scheme=scheme) as (
        page,
        wrong,
    ):
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(f"{hub.url}/connect/shopify")
        fill(page, stage, name)
        page.get_by_label("Public address of this hub").fill(f"https://hub.example/{HOSTILE}")
        page.get_by_role("button", name="Try it, and connect").click()
        expect(page.locator("h1")).to_contain_text(name)
        tell(hub, name, FAILED, "backfill.orders", HOSTILE)
        tell(hub, name, FAILED, "hooks", HOSTILE)
        for link in ("/", "/connect", "/connect/shopify", "/connections", f"/connections/{name}"):
            page.goto(f"{hub.url}{link}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (link, wide)
            for fold in page.locator("main details > summary").all():
                fold.click()
            assert violations(page) == [], link
            assert page.locator("main script, main img").count() == 0, link
        expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
        assert not wrong


def test_the_form_of_every_connector_fits_a_phone(browser: Browser, hub: Site) -> None:
    with opened(browser, hub, viewport={"width": 320, "height": 640}) as (page, wrong):
        page.goto(f"{hub.url}/connect")
        links = page.locator(".offers h3 a")
        paths = [link.get_attribute("href") for link in links.all()]
        assert len(paths) >= 20
        for path in paths:
            page.goto(f"{hub.url}{path}")
            for fold in page.locator("main details > summary").all():
                fold.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert not wrong
