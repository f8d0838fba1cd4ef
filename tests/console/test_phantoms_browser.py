"""The page of phantoms in a real browser: on a phone, without JavaScript, by the keyboard."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import chromium, opened
from tests.console.site import Site
from tests.console.test_phantoms_page import propose, served
from tests.support.parity import open_stage

pytestmark = pytest.mark.browser


async def _propose(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await propose(stage)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    asyncio.run(_propose(database_url))
    with served(database_url) as running:
        yield running


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def test_a_phone_without_javascript_is_asked_once_more(browser: Browser, site: Site) -> None:
    size = {"width": 320, "height": 640}
    with opened(browser, site, viewport=size, java_script_enabled=False) as (page, _):
        page.get_by_role("link", name="Phantoms", exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Phantom reservations")
        sure = page.get_by_role("button", name="Yes, release 3 MUG")
        expect(sure).to_be_hidden()
        page.locator(".confirm > summary").click()
        expect(sure).to_be_visible()
        box = sure.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 320
        sure.click()
        expect(page.get_by_role("status")).to_contain_text("Let go by event")
        expect(page.get_by_text("No order waits for your word.")).to_be_visible()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_keyboard_lets_go_and_nothing_scrolls_sideways(
    browser: Browser, site: Site, width: int
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, site, viewport=size) as (page, wrong):
        page.goto(f"{site.url}/phantoms")
        page.locator(".confirm > summary").focus()
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Yes, release"
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Let go by event")
        assert not wrong
