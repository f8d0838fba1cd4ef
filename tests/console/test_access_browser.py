"""Coming in with a real browser: the first owner, signing out and in again, without JavaScript too."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import chromium, violations
from tests.console.site import MASTER_KEY, OWNER, PASSWORD, Site, serving
from trueup.access.door import Door
from trueup.db.pool import connect
from trueup.govern.vault import Vault

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with serving(module_database_url, None) as running:
        yield running


@pytest.fixture(scope="module")
def link(site: Site) -> str:
    async def make() -> str | None:
        async with await connect(site.dsn, application_name="test") as conn:
            return await Door(Vault(MASTER_KEY)).first_link(conn)

    return f"{site.url}/first-run/{asyncio.run(make())}"


@pytest.fixture(scope="module")
def browser(link: str) -> Iterator[Browser]:
    del link  # it must be made before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def looked_at(page: Page, name: str, *, width: int) -> None:
    """Hold a page against what everybody needs, and keep a picture where somebody wants one."""
    page.wait_for_load_state()  # with its styles
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    if folder := os.environ.get("TRUEUP_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def test_the_first_owner_comes_in_goes_and_comes_back(
    site: Site, link: str, browser: Browser
) -> None:
    with browser.new_context(viewport={"width": 320, "height": 700}) as context:
        page = context.new_page()
        page.goto(link)
        looked_at(page, "first-run", width=320)
        assert violations(page) == []
        expect(page.get_by_label("Your name")).to_be_focused()
        page.keyboard.type(OWNER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same password again").fill(PASSWORD[:-1])
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the same")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same password again").fill(PASSWORD)
        page.get_by_role("button", name="Come in").click()
        expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
        cookies = {each["name"]: each for each in context.cookies()}
        assert cookies["__Host-trueup_session"]["secure"], "kept at http://127.0.0.1 all the same"
        for name in ("people", "audit", "me", "second-factor"):
            page.goto(f"{site.url}/{name}")
            assert violations(page) == [], name
            looked_at(page, name, width=320)
        page.get_by_role("button", name="Sign out", exact=True).first.click()
        expect(page).to_have_url(f"{site.url}/sign-in")
    sizes = {"width": 1280, "height": 800}
    with browser.new_context(
        viewport=sizes, color_scheme="dark", java_script_enabled=False
    ) as context:
        page = context.new_page()
        page.goto(f"{site.url}/low-stock")
        page.get_by_label("Your name").fill(OWNER)
        page.get_by_label("Password").fill("wrong, wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        looked_at(page, "sign-in-dark", width=1280)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{site.url}/low-stock")
        page.goto(f"{site.url}/people")
        page.get_by_role("button", name="Make a link").click()
        expect(page.get_by_role("status")).to_contain_text("/invite/")
        page.get_by_text(f"Change {OWNER}").click()
        looked_at(page, "people-dark", width=1280)
        page.goto(f"{site.url}/me")
        page.get_by_label("Numbers and amounts").select_option("12,34,567.89")
        page.get_by_label("Time zone").select_option("Asia/Kolkata")
        page.get_by_role("button", name="Read it so").click()
        expect(page.get_by_role("status")).to_contain_text("From now on")
        expect(page.locator("time").first).to_contain_text("IST")
        page.get_by_text("Make a token").click()
        looked_at(page, "me-dark", width=1280)
        page.goto(f"{site.url}/second-factor")
        page.get_by_role("button", name="Begin").click()
        expect(page.get_by_role("img", name="The secret below")).to_be_visible()
        looked_at(page, "factor-dark", width=1280)
