"""The pages of exceptions: what differs, whose it is, and who decides, once and by what they saw."""

import asyncio
import html
import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.console.money_world import MoneyWorld, play_exceptions
from tests.console.site import Site, serving
from tests.console.world import HOSTILE


@pytest.fixture
def money(database_url: str) -> Iterator[Site]:
    world = asyncio.run(play_exceptions(database_url))
    assert isinstance(world, MoneyWorld)
    with serving(database_url, world) as running:
        yield running


def form_of(page: str) -> dict[str, str]:
    """Return the hidden fields of the page's form."""
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }


def numbers_of(client: httpx.Client, query: str = "") -> dict[str, int]:
    rows = client.get(f"/exceptions.json{query}").json()["rows"]
    return {row["left_ref"]: row["exception_id"] for row in rows}


def test_what_nothing_explains_is_first_then_the_largest(money: Site) -> None:
    with money.reader() as client:
        twin = client.get("/exceptions.json").json()
        page = client.get("/exceptions").text
    shown = [(row["cause"], row["amount"]) for row in twin["rows"]]
    assert shown[:4] == [
        ("unexplained", "-1249.00"),
        ("unexplained", "-88.40"),
        ("not_arrived", "-640.10"),
        ("missing_payment", "-129.90"),
    ]
    assert twin["rows"][-1]["currency"] is None, "money before units"
    euros, dollars, units = twin["totals"]
    assert (euros["currency"], euros["standing"], euros["unexplained_amount"]) == (
        *("EUR", 9, "1337.40"),
    )
    assert euros["amount"] == "2163.76"
    assert (dollars["amount"], units["amount"], units["currency"]) == ("52.00", "3", None)
    oldest = twin["ages"][-1]
    assert (oldest["age"], oldest["values"][0]["amount"]) == ("30+ days", "1378.90")
    assert "<svg" in page
    assert "1,378.90" in page, "the table holds what the picture shows"
    assert HOSTILE not in page
    assert page.index("1007") < page.index("po_late") < page.index("1001")


def test_the_first_page_counts_what_stands(money: Site) -> None:
    with money.reader() as client:
        twin = client.get("/today.json").json()["exceptions"]
        page = client.get("/today").text
    assert twin == {"standing": 11, "unexplained": 2, "unowned": 9}
    card = page.partition('id="exceptions-title"')[2].partition("</section>")[0]
    assert '<a href="/exceptions">Exceptions</a>' in card
    assert 'data-live="exceptions.unexplained" data-value="2">2</span>' in card


def test_an_address_says_which_ones(money: Site) -> None:
    with money.reader() as client:
        assert set(numbers_of(client, "?check=fees")) == {"stripe/entry/txn_77"}
        assert set(numbers_of(client, "?state=waiting&owner=Ada")) == {"north/order/1001"}
        assert len(numbers_of(client, "?owner=-&check=&state=")) == 9
        assert set(numbers_of(client, "?currency=-")) == {"sku/LAMP"}
        assert set(numbers_of(client, "?currency=USD")) == {"north/order/2001"}
        assert numbers_of(client, "?state=closed") == {}
        page = client.get("/exceptions?check=fees&owner=Bo").text
        assert '<option value="fees" selected>' in page
        assert '<option value="Bo" selected>' in page
        assert "No exception is like this." in page
        for wrong in ("check=nothing", "state=done", "page=0", "owner=%00"):
            assert client.get(f"/exceptions?{wrong}").status_code == 400, wrong


def test_pages_of_the_list_follow_each_other(money: Site) -> None:
    with psycopg.connect(money.dsn, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO reconcile.exception (check_name, cause, left_ref, currency, amount, "
            "opened_at, seen_at) SELECT 'payments', 'overpayment', 'north/payment/' || n, 'EUR', "
            "n, now(), now() FROM generate_series(1, 120) n"
        )
    with money.reader() as client:
        first = client.get("/exceptions.json?check=payments").json()
        second = client.get("/exceptions.json?check=payments&page=2").json()
        page = client.get("/exceptions?check=payments&page=2").text
    assert (len(first["rows"]), first["more"]) == (100, True)
    assert (len(second["rows"]), second["more"]) == (21, False)
    assert not {r["exception_id"] for r in first["rows"]} & {
        r["exception_id"] for r in second["rows"]
    }
    assert 'rel="prev"' in page
    assert "page=1" in page


def test_one_exception_shows_evidence_history_and_words_as_they_were_written(money: Site) -> None:
    with money.reader() as client:
        number = numbers_of(client)["north/order/1001"]
        page = client.get(f"/exceptions/{number}").text
        twin = client.get(f"/exceptions/{number}.json").json()
        assert client.get("/exceptions/999").status_code == 404
        assert client.get("/exceptions/x").status_code == 404
        assert client.get(f"/exceptions/{'9' * 30}").status_code == 404
    assert '<a href="/orders/north/1001">north/order/1001</a>' in page
    assert '<a href="/events/5">event/5</a>' in page
    assert "Asked the shop.\nNo answer." in page
    assert f"{html.escape(HOSTILE, quote=False)[:30]}" in page
    assert HOSTILE not in page
    assert [note["did"] for note in twin["notes"]] == ["owner: Ada", "waiting"]
    assert (twin["row"]["state"], twin["row"]["age_days"]) == ("waiting", 33)
    assert twin["row"]["to_do"] in html.unescape(page)


def test_a_person_takes_gives_says_and_decides(money: Site) -> None:
    with money.reader() as client:
        number = numbers_of(client)["north/order/1002"]
        address = f"/exceptions/{number}"

        def do(what: str, **more: str) -> httpx.Response:
            form = form_of(client.get(address).text) | {"by": "Eve", "do": what} | more
            return client.post(address, data=form)

        reply = do("take", comment="mine\r\nnow")
        assert (reply.status_code, reply.headers["location"]) == (303, f"{address}?done=take")
        assert "It is yours." in client.get(reply.headers["location"]).text
        for what, more in (
            ("wait", {}),
            ("give", {"owner": "Di"}),
            ("accept", {"comment": "ok"}),
            ("reopen", {}),
            ("drop", {}),
            ("comment", {"comment": "said"}),
        ):
            assert do(what, **more).status_code == 303, what
        twin = client.get(f"{address}.json").json()
        assert [note["did"] for note in twin["notes"]] == [
            *("owner: Ada", "waiting", "owner: Di", "accepted", "open", "owner: nobody", "comment"),
        ]
        assert twin["notes"][0]["comment"] == "mine\nnow"
        assert {note["noted_by"] for note in twin["notes"]} == {"Ada"}, "who signed in says so"
        assert (twin["row"]["owner"], twin["row"]["state"]) == (None, "open")
        for wrong, said in (
            ({"do": "give"}, "Say to whom"),
            ({"do": "comment", "comment": " \r\n "}, "write a comment first"),
            ({"do": "burn"}, "Say what shall be done"),
            ({"do": "take", "seen_amount": "much"}, "This form is too old"),
        ):
            reply = do(wrong.pop("do"), **wrong)
            assert reply.status_code == 409
            assert said in html.unescape(reply.text)
        assert len(client.get(f"{address}.json").json()["notes"]) == 7


def test_the_second_of_two_is_told_and_the_same_form_twice_counts_once(money: Site) -> None:
    with money.reader() as ada, money.reader("Bo") as bo:
        number = numbers_of(ada)["north/order/1002"]
        address = f"/exceptions/{number}"
        theirs = form_of(bo.get(address).text) | {"do": "accept", "comment": "fine"}
        mine = form_of(ada.get(address).text) | {"do": "take"}
        assert ada.post(address, data=mine).status_code == 303
        assert ada.post(address, data=mine).status_code == 303, "a second press"
        late = bo.post(address, data=theirs)
        assert late.status_code == 409
        assert "Ada was here first (owner: Ada)" in late.text
        assert ">fine</textarea>" in late.text, "what was typed stays"
        twin = ada.get(f"{address}.json").json()
    assert [note["noted_by"] for note in twin["notes"]] == ["Ada"]
    assert twin["row"]["state"] == "open"


def test_what_was_closed_meanwhile_asks_for_nothing(money: Site) -> None:
    with money.reader() as client:
        number = numbers_of(client)["north/order/1002"]
        form = form_of(client.get(f"/exceptions/{number}").text) | {"do": "accept"}
        with psycopg.connect(money.dsn, autocommit=True) as conn:
            conn.execute(
                "UPDATE reconcile.exception SET closed_at = now() WHERE exception_id = %s",
                (number,),
            )
        reply = client.post(f"/exceptions/{number}", data=form)
        assert reply.status_code == 409
        assert "There is no open exception" in reply.text
        page = client.get(f"/exceptions/{number}").text
        assert "<form" not in page.partition("<main")[2]
        assert set(numbers_of(client, "?state=closed")) == {"north/order/1002"}
        assert client.post(f"/exceptions/{number}", data={"do": "take"}).status_code == 403


def test_without_any_the_page_says_how_to_begin(bare_site: Site) -> None:
    with bare_site.reader() as client:
        page = client.get("/exceptions").text
        assert "trueup exceptions update" in page
        with psycopg.connect(bare_site.dsn, autocommit=True) as conn:
            conn.execute("INSERT INTO reconcile.check_run VALUES ('orders', now(), 1, 1, 1, 0, 0)")
        assert "the books agreed when the checks were run last" in client.get("/exceptions").text
