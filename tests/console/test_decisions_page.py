"""The pages of decisions: what is proposed, who answers, and nobody answers twice or by Enter."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import chromium, opened, violations
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from tests.flow.test_api_decisions import NOW, play
from trueup.db.pool import connect
from trueup.decisions.model import State
from trueup.decisions.steps import move, note_steps
from trueup.govern.vault import Vault

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    asyncio.run(play(database_url))
    with serving(database_url, World(database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def answer(client: httpx.Client, number: int, **fields: str) -> httpx.Response:
    token = client.get(f"/decisions/{number}").text.partition('name="_csrf_token" value="')[2]
    form = {"_csrf_token": token.partition('"')[0], "why": "", **fields}
    return client.post(f"/decisions/{number}", data=form)


def test_a_proposal_is_answered_once_and_the_second_person_is_told(site: Site) -> None:
    with site.reader() as client, site.reader("Bo") as bo:
        assert answer(client, 1).status_code == 409, "what shall be done?"
        done = answer(client, 1, do="approve", why="we need them")
        assert done.headers["location"] == "/decisions/1?done=approve"
        page = client.get("/decisions/1").text
        assert "approved by Ada: we need them." in page
        assert client.get("/decisions/1.json").json()["row"]["state"] == "approved"
        form = {"do": "approve"}
        token = client.get("/decisions/2").text.partition('name="_csrf_token" value="')[2]
        form["_csrf_token"] = token.partition('"')[0]
        again = client.post("/decisions/1", data=form)
        assert again.headers["location"] == "/decisions/1?done=approve", "sent twice is once"
        token = bo.get("/decisions/2").text.partition('name="_csrf_token" value="')[2]
        late = bo.post(
            "/decisions/1", data={"_csrf_token": token.partition('"')[0], "do": "refuse"}
        )
        assert late.status_code == 409
        assert "Decision 1 is approved" in late.text
        assert [step["did"] for step in client.get("/decisions/1.json").json()["steps"]] == [
            *("proposed", "approved"),
        ]


def test_the_list_is_asked_for_by_state_and_rule(site: Site) -> None:
    with site.reader() as client:
        answer(client, 3, do="refuse")
        rows = client.get("/decisions.json", params={"state": "refused"}).json()["rows"]
        assert [row["subject"] for row in rows] == ["supplier/3/TEE"]
        assert len(client.get("/decisions.json", params={"rule": "reorder"}).json()["rows"]) == 3
        assert "No decision is like this" in client.get("/decisions?state=done").text
        assert client.get("/decisions/99").status_code == 404


def test_what_was_given_up_says_by_whom_on_its_page_and_in_the_api(
    database_url: str, site: Site
) -> None:
    async def give_up() -> None:
        async with await connect(database_url, application_name="test") as conn:
            await conn.execute("UPDATE decisions.decision SET state = 'ordered'")
            await move(conn, 2, (State.ORDERED,), State.DISCARDED, now=NOW)
            why = "its command was given up: draft it"
            await note_steps(conn, [(2, "discarded", "cy", why)], NOW)

    asyncio.run(give_up())
    with site.reader() as client, site.program() as program:
        page = client.get("/decisions/2").text
        assert "Discarded</strong> by cy" in page
        assert "its command was given up: draft it" in page
        rows = client.get("/decisions.json", params={"state": "discarded"}).json()["rows"]
        assert [row["decision_id"] for row in rows] == [2]
        told = program.get("/api/v1/decisions", params={"in_state": "discarded"}).json()["items"]
        assert [(each["decision_id"], each["ended_at"] is not None) for each in told] == [(2, True)]
        detail = program.get("/api/v1/decisions/2").json()
        assert (detail["steps"][-1]["did"], detail["steps"][-1]["done_by"]) == ("discarded", "cy")


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_pages_of_decisions_fit_complain_of_nothing_and_are_read_otherwise(
    browser: Browser, site: Site, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        for link in ("/decisions", "/decisions?state=done", "/decisions/1"):
            page.goto(f"{site.url}{link}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (link, wide)
            assert violations(page) == [], link
        assert not wrong


def test_enter_decides_nothing_and_a_phone_without_javascript_answers(
    browser: Browser, site: Site
) -> None:
    size = {"width": 320, "height": 640}
    with opened(browser, site, viewport=size, java_script_enabled=False) as (page, _):
        page.get_by_role("link", name="Decisions", exact=True).first.click()
        page.get_by_role("link", name="Draft a purchase order").first.click()
        expect(page.get_by_role("button", name="Agree")).to_be_visible()
        page.get_by_role("button", name="Agree").click()
        expect(page.get_by_role("status")).to_contain_text("It is ordered within a minute")
        expect(page.get_by_role("button", name="Agree")).to_have_count(0)
