"""The pages of money in a real browser: on a phone, without JavaScript, by the keyboard, for axe."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import chromium, opened, violations
from tests.console.money_world import MoneyWorld, play_money, settings
from tests.console.site import Site, serving

pytestmark = pytest.mark.browser

PAGES = (
    *("/exceptions", "/exceptions?check=fees&owner=nobody", "/exceptions/1"),
    *("/payouts", "/payouts?state=booked", "/payouts/stripe/po_key", "/payouts/stripe/po_twin1"),
    *("/payouts/stripe/po_late", "/payouts/stripe/po_failed"),
    *("/journals", "/journals?state=failed", "/journals?since=2099-01-01"),
)


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(play_money(module_database_url))
    with serving(module_database_url, world, journals=settings()) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_pages_of_money_fit_complain_of_nothing_and_are_read_otherwise(
    browser: Browser, site: Site, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        assert isinstance(site.world, MoneyWorld)
        journals = (f"/journals/{number}" for number in site.world.journals[:3])
        for link in (*PAGES, *journals):
            page.goto(f"{site.url}{link}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (link, wide)
            for fold in page.locator("main details > summary").all():
                fold.click()
            assert violations(page) == [], link
        assert not wrong


def test_a_phone_without_javascript_takes_an_exception(browser: Browser, site: Site) -> None:
    size = {"width": 320, "height": 640}
    with opened(browser, site, viewport=size, java_script_enabled=False) as (page, _):
        page.get_by_role("link", name="Exceptions", exact=True).first.click()
        page.get_by_label("Check").select_option("orders")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="north/order/1002").click()
        page.get_by_label("Comment, kept with what you do").fill("first\n  second")
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_role("status")).to_have_text("It is yours.")
        said = page.locator(".timeline .said")
        expect(said).to_have_text("first\n  second")
        expect(said).to_have_css("white-space", "pre-wrap")  # once its style is there
        box = said.bounding_box()
        assert box is not None
        assert box["height"] > 1.5 * 15, "two lines are two lines"


def test_the_keyboard_comments_and_enter_in_a_field_decides_nothing(
    browser: Browser, site: Site
) -> None:
    with opened(browser, site) as (page, _):
        page.goto(f"{site.url}/exceptions/1")
        page.get_by_label("Give it to").focus()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.type("Di")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("write a comment first")
        page.get_by_label("Comment, kept with what you do").focus()
        page.keyboard.type("looked")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Only comment"
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Your words are kept.")


def test_a_phone_without_javascript_accepts_a_match_and_takes_it_back(
    browser: Browser, site: Site
) -> None:
    size = {"width": 320, "height": 640}
    with opened(browser, site, viewport=size, java_script_enabled=False) as (page, _):
        page.get_by_role("link", name="Money", exact=True).first.click()
        page.get_by_role("link", name="Payouts", exact=True).first.click()
        page.get_by_role("link", name="po_day").click()
        accept = page.locator("form").filter(has_text="Accept this match")
        accept.get_by_role("button").click()
        expect(page.get_by_role("status")).to_have_text("It is booked.")
        sure = page.get_by_role("button", name="Yes, take it back")
        expect(sure).to_be_hidden()
        page.get_by_text("Take it back…").click()
        sure.click()
        expect(page.get_by_role("status")).to_contain_text("both sides are open again")


def test_a_phone_without_javascript_is_shown_what_taking_back_posts(
    browser: Browser, site: Site
) -> None:
    assert isinstance(site.world, MoneyWorld)
    size, done = {"width": 320, "height": 640}, site.world.journals[0]
    with opened(browser, site, viewport=size, java_script_enabled=False) as (page, _):
        page.get_by_role("link", name="Money", exact=True).first.click()
        page.get_by_role("link", name="Journals", exact=True).first.click()
        page.get_by_role("link", name=done, exact=True).click()
        page.get_by_role("button", name="Show what would be posted").click()
        expect(page.get_by_role("heading", name="This would be posted")).to_be_visible()
        page.get_by_role("link", name="No, leave it").click()
        expect(page.get_by_role("button", name="Show what would be posted")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_preview_fits_a_phone_and_is_read_otherwise(
    browser: Browser, site: Site, scheme: str
) -> None:
    assert isinstance(site.world, MoneyWorld)
    size, done = {"width": 320, "height": 640}, site.world.journals[0]
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        page.goto(f"{site.url}/journals/{done}")
        page.get_by_role("button", name="Show what would be posted").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="This would be posted")).to_be_visible()
        page.get_by_text("The call that would leave").click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert not wrong
