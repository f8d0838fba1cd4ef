"""The pages of rules: one is played and let go further, another is written, shown and taken away."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import chromium, opened, violations
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from tests.flow.test_api_decisions import play
from trueup.db.pool import connect
from trueup.decisions.leave import keep_replay
from trueup.decisions.rule import Beside, Replay
from trueup.decisions.rules.reorder import RULE, ReorderSettings
from trueup.govern.vault import Vault
from trueup.intake.connections import create_connection

pytestmark = pytest.mark.browser

FORM = {
    "kind": "order",
    "name": "big_orders",
    "title": "Tells the team of big orders.",
    "field1": "totals.total",
    "op1": "more_than",
    "value1": "10 EUR",
    "deed": "tell_team",
    "connection": "team",
    "to": "#care",
    "text": "Order {number}: {totals.total}.",
}


def way(name: str, missed: int, on_hand: int) -> Beside:
    return Beside(name=name, figures=(("missed, units", missed), ("on hand, units", on_hand)))


async def played(dsn: str) -> None:
    """Keep a replay in which two ways stand beside each other."""
    today = datetime.now(UTC).date()
    beside = (way("the rule", 710, 611), way("13-week mean, +10 days", 677, 858))
    replay = Replay(
        since=today,
        until=today,
        figures={"skus": 40.0},
        sentence="It would have ordered 1295 times.",
        beside=beside,
        drawn="on hand, units",
    )
    async with await connect(dsn, application_name="test") as conn:
        await keep_replay(conn, RULE, ReorderSettings(), replay, datetime.now(UTC))


async def connected(dsn: str) -> None:
    async with await connect(dsn, application_name="test") as conn:
        vault = Vault(MASTER_KEY)
        await create_connection(
            conn, vault, name="team", connector="slack", settings={}, secrets={}
        )


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    asyncio.run(play(database_url))
    asyncio.run(connected(database_url))
    asyncio.run(played(database_url))
    with serving(database_url, World(database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    page = client.get("/rules/reorder").text.partition('name="_csrf_token" value="')[2]
    return client.post(path, data={"_csrf_token": page.partition('"')[0], **fields})


def test_a_rule_is_played_before_it_may_ask_and_says_so(site: Site) -> None:
    with site.reader() as client:
        before = client.get("/rules/reorder.json").json()["rule"]
        assert before["written"] is False
        assert send(client, "/rules/reorder", do="dance").status_code == 409
        assert send(client, "/rules/reorder", do="mode", mode="wild").status_code == 409
        played = send(client, "/rules/reorder", do="replay")
        assert played.headers["location"] == "/rules/reorder?done=replay"
        assert "it would have ordered" in client.get("/rules/reorder").text
        done = send(client, "/rules/reorder", do="mode", mode="shadow")
        assert done.status_code == 303
        assert client.get("/rules/reorder.json").json()["rule"]["mode"] == "shadow"
        taken = send(client, "/rules/reorder", do="remove")
        assert (taken.status_code, "Nobody wrote a rule" in taken.text) == (409, True)


def test_ways_that_were_played_beside_each_other_are_drawn_and_tabled(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/rules/reorder").text
        assert page.count("<svg") >= 2, "one for wide screens, one for narrow ones"
        heads = [part.partition("<")[0] for part in page.split('<th scope="col"')[1:]]
        assert [each.rpartition(">")[2] for each in heads] == [
            "Way",
            "Missed, units",
            "On hand, units",
        ]
        assert '<th scope="row">13-week mean, +10 days</th><td class="number">677</td>' in page
        told = client.get("/rules/reorder.json").json()["rule"]["replay"]
        assert [each["name"] for each in told["beside"]] == ["the rule", "13-week mean, +10 days"]
        send(client, "/rules/reorder", do="replay")
        again = client.get("/rules/reorder").text
        assert "chart bars" not in again, "a replay without a SKU draws nothing"


def test_a_rule_is_written_changed_and_taken_away(site: Site) -> None:
    with site.reader() as client:
        refused = send(client, "/write-rule", **(FORM | {"value1": "ten"}))
        assert refused.status_code == 409
        assert "an amount and its currency" in refused.text
        assert 'value="ten"' in refused.text, "what was typed stays"
        shown = send(client, "/write-rule", **FORM)
        assert (shown.status_code, "In the last 90 days" in shown.text) == (200, True)
        kept = send(client, "/write-rule", do="keep", **FORM)
        assert kept.headers["location"] == "/rules/big_orders?done=keep"
        assert "It is kept, as a shadow" in client.get("/rules/big_orders?done=keep").text
        form = client.get("/write-rule?rule=big_orders").text
        assert 'value="10 EUR"' in form
        assert client.get("/rules/big_orders.json").json()["rule"]["version"] == 1
        send(client, "/write-rule", do="keep", **(FORM | {"value1": "20 EUR"}))
        assert client.get("/rules/big_orders.json").json()["rule"]["version"] == 2
        gone = send(client, "/rules/big_orders", do="remove")
        assert gone.headers["location"] == "/decisions"
        assert client.get("/rules/big_orders").status_code == 404


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_pages_of_rules_fit_and_complain_of_nothing(
    browser: Browser, site: Site, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, site, viewport=size, color_scheme=scheme) as (page, wrong):
        for link in ("/rules/reorder", "/write-rule", "/write-rule?what=order/tell_team"):
            page.goto(f"{site.url}{link}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (link, wide)
            assert violations(page) == [], link
        assert not wrong


def test_a_phone_without_javascript_writes_a_rule(browser: Browser, site: Site) -> None:
    size = {"width": 320, "height": 640}
    with opened(browser, site, viewport=size, java_script_enabled=False) as (page, _):
        page.goto(f"{site.url}/decisions")
        page.get_by_role("link", name="Write a rule").click()
        page.get_by_label("When, and then").select_option("order/tell_team")
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Field 1").select_option("test")
        page.get_by_label("Value 1").fill("no")
        page.get_by_label("Channel or e-mail of the team").fill("#care")
        page.get_by_label("Text", exact=True).fill("Look at {number}.")
        page.get_by_label("Connection, to tell the team by").select_option("team")
        page.get_by_label("Name, in small letters and _").fill("look_at_all")
        page.get_by_label("What it does, in a sentence").fill("Tells of every order.")
        page.get_by_role("button", name="Show what it would have done").click()
        expect(page.get_by_role("heading", name="In the last 90 days")).to_be_visible()
        page.get_by_role("button", name="Keep it as a shadow").click()
        expect(page.get_by_role("status")).to_contain_text("It is kept, as a shadow")
