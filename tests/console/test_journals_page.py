"""The pages of journals: what waits, what failed and why, and taking back in two steps, once."""

import asyncio
import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.console.money_world import NOW, MoneyWorld, entry, euro, play_money, settings
from tests.console.site import Site, serving
from tests.console.test_exceptions_page import form_of
from trueup.canon.journal import Journal, JournalLine
from trueup.canon.record import Record
from trueup.config import JournalsConfig
from trueup.db.pool import connect


@pytest.fixture
def world(database_url: str) -> MoneyWorld:
    return asyncio.run(play_money(database_url))


@pytest.fixture
def money(database_url: str, world: MoneyWorld) -> Iterator[Site]:
    with serving(database_url, world, journals=settings()) as running:
        yield running


async def keep(dsn: str, world: MoneyWorld, name: str, body: Record) -> None:
    async with await connect(dsn, application_name="test") as conn:
        await world.keep(conn, name, [body])


def count(site: Site) -> int:
    with psycopg.connect(site.dsn) as conn:
        [(number,)] = conn.execute("SELECT count(*) FROM journals.journal").fetchall()
        return int(number)


def listed(client: httpx.Client, query: str = "") -> dict[str, dict[str, Any]]:
    return {row["number"]: row for row in client.get(f"/journals.json{query}").json()["rows"]}


def test_what_waits_and_what_was_ordered_stand_beside_each_other(
    money: Site, world: MoneyWorld
) -> None:
    with money.reader() as client:
        twin = client.get("/journals.json").json()
        page = client.get("/journals").text
    assert twin["target"] == "books"
    assert twin["problem"] == ""
    days = [row["day"] for row in twin["waiting"]]
    assert days == sorted(days)
    assert (twin["waiting_count"], len(days)) == (6, 6)
    assert twin["waiting"][0]["total"] == "66.00"
    assert [row["number"] for row in twin["rows"]] == world.journals[::-1]
    assert twin["failed"] == 2
    assert "2 journals need you" in page
    assert "trueup journals post --yes" in page


def test_an_address_says_which_journals(money: Site, world: MoneyWorld) -> None:
    done, refused, unknown, *due = world.journals
    with money.reader() as client:
        assert set(listed(client, "?state=failed&since=&until=")) == {refused, unknown}
        assert listed(client, "?state=failed")[refused]["code"] == "2500"
        assert set(listed(client, "?state=done")) == {done}
        assert set(listed(client, "?state=under_way")) == set(due)
        day = listed(client)[done]["day"]
        assert set(listed(client, f"?since={day}&until={day}")) == {done}
        assert "No journal is like this." in client.get("/journals?since=2099-01-01").text
        for wrong in ("state=nothing", "since=soon", "before=0"):
            assert client.get(f"/journals?{wrong}").status_code == 400, wrong


def test_pages_of_the_list_follow_each_other(
    money: Site, world: MoneyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.console.journals_page.ROWS_MAX", 4)
    seen: list[str] = []
    with money.reader() as client:
        query = ""
        while True:
            page = client.get(f"/journals.json{query}").json()
            seen += [row["number"] for row in page["rows"]]
            if page["next_before"] is None:
                break
            assert f"before={page['next_before']}" in client.get(f"/journals{query}").text
            query = f"?before={page['next_before']}"
    assert seen == world.journals[::-1]


def test_a_mapping_that_lacks_an_account_is_told_and_the_rest_is_shown(
    database_url: str, world: MoneyWorld
) -> None:
    with serving(database_url, world) as site, site.reader() as client:
        page = client.get("/journals").text
        assert "These accounts have money and no account ref" in page
        assert world.journals[0] in page
    nowhere = settings(connection=None)
    with serving(database_url, world, journals=nowhere) as site, site.reader() as client:
        assert "trueup journals export csv" in client.get("/journals").text


def test_what_the_books_can_not_take_is_held_and_says_why(
    database_url: str, world: MoneyWorld
) -> None:
    half = entry("txn_half", "1.005", "0", "po_half", 0)
    asyncio.run(keep(database_url, world, "stripe", half))
    with serving(database_url, world, journals=settings()) as site, site.reader() as client:
        twin = client.get("/journals.json").json()
        page = client.get("/journals").text
    assert twin["waiting"][0]["issue"]["code"] == "journals.digits_exceeded"
    assert "journals.digits_exceeded" in page
    assert ">held</span>" in page


def test_a_journal_comes_to_nothing_and_says_where_it_stands(
    money: Site, world: MoneyWorld
) -> None:
    done, refused, *_ = world.journals
    with money.reader() as client:
        told = client.get(f"/journals/{done}.json").json()
        page = client.get(f"/journals/{done}").text
        assert told["debits"] == told["credits"] == told["journal"]["total"] == "660.00"
        assert (told["reversible"], told["withdrawable"]) == (True, False)
        assert "No poll has read it yet." in page
        why = client.get(f"/journals/{refused}").text
        assert "The books refused it." in why
        assert "<code>2500</code>" in why
        for unknown in ("/journals/TU0", "/journals/%00", "/journals/x.json"):
            assert client.get(unknown).status_code == 404, unknown

    sides = (JournalLine(account_ref="3", amount=euro(each)) for each in ("660.00", "-660.00"))
    books = Journal(
        ref="77", updated_at=NOW, posted_on=NOW.date(), currency="EUR", lines=tuple(sides)
    )
    asyncio.run(keep(money.dsn, world, "books", books))
    with money.reader() as client:
        there = client.get(f"/journals/{done}.json").json()["there"]
        assert (there["total"], there["deleted"]) == ("660.00", False)
        assert f'<a href="/events/{there["event_id"]}"' in client.get(f"/journals/{done}").text


def test_taking_back_is_shown_first_and_then_done_once(money: Site, world: MoneyWorld) -> None:
    done = world.journals[0]
    address, before = f"/journals/{done}", count(money)
    with money.reader() as client:
        form = form_of(client.get(address).text) | {"on": "2026-11-09"}
        shown = client.post(address, data=form | {"do": "preview"})
        assert shown.status_code == 200
        assert count(money) == before, "a preview orders nothing"
        assert "nothing has left yet" in shown.text
        assert "dated 2026-11-09" in shown.text
        assert "POST /v3/company" in html.unescape(shown.text)
        sure = form_of(shown.text)
        assert sure["on"] == "2026-11-09"
        ordered = client.post(address, data=sure | {"do": "reverse"})
        assert ordered.status_code == 303
        there = ordered.headers["location"]
        assert re.fullmatch(rf"/journals/{done[:-2]}-\d\?done=reverse", there)
        assert "The counter-journal is ordered." in client.get(there).text
        back = client.get(there.partition("?")[0] + ".json").json()["journal"]
        assert (back["reverses"], back["made_by"], back["posted_on"], back["state"]) == (
            *(done, "Ada", "2026-11-09", "due"),
        )
        again = client.post(address, data=sure | {"do": "reverse"})
        assert again.status_code == 409
        assert "took it back before" in again.text
        assert count(money) == before + 1
        after = client.get(address).text
        assert "Show what would be posted" not in after
        assert f'Taken back by</span> <a href="{there.partition("?")[0]}"' in after


def test_what_does_not_stand_there_is_withdrawn_once(money: Site, world: MoneyWorld) -> None:
    done, refused, *_ = world.journals
    address = f"/journals/{refused}"
    with money.reader() as client:
        form = form_of(client.get(address).text) | {"reason": "wrong account"}
        gone = client.post(address, data=form | {"do": "withdraw"})
        assert gone.headers["location"] == f"{address}?done=withdraw"
        assert client.get(f"{address}.json").json()["journal"]["state"] == "withdrawn"
        again = client.post(address, data=form | {"do": "withdraw"})
        assert again.status_code == 409
        assert "is withdrawn" in again.text
        for wrong, said in (
            ({"do": "burn"}, "Say what shall be done"),
            ({"do": "preview"}, "it was withdrawn"),
            ({"do": "preview", "on": "soon"}, "is no day"),
        ):
            reply = client.post(address, data=form | wrong)
            assert reply.status_code == 409, wrong
            assert said in html.unescape(reply.text)
        standing = client.post(f"/journals/{done}", data=form | {"do": "withdraw"})
        assert "only what surely does not stand" in standing.text
        assert client.post("/journals/TU0", data=form | {"do": "preview"}).status_code == 404
        assert client.post(address, data={"do": "withdraw"}).status_code == 403


def test_without_any_the_page_says_how_to_begin(bare_site: Site) -> None:
    assert JournalsConfig().connection is None
    with bare_site.reader() as client:
        page = client.get("/journals").text
    assert "trueup connect" in page
    assert "trueup journals preview" in page
