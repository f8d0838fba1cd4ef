"""The pages of payouts: how much is explained, what each is made of, and who matched what and why."""

import asyncio
import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.console.money_world import LONG, NOW, play_money
from tests.console.site import Site, serving
from tests.console.world import HOSTILE

KEY = "/payouts/stripe/po_key"


@pytest.fixture
def money(database_url: str) -> Iterator[Site]:
    world = asyncio.run(play_money(database_url))
    with serving(database_url, world) as running:
        yield running


def forms_of(page: str) -> list[dict[str, list[str]]]:
    """Return the forms that write, each with its hidden and its checked fields."""
    found = []
    for form in re.findall(r'<form method="post".*?</form>', page.partition("<main")[2], re.DOTALL):
        fields: dict[str, list[str]] = {}
        for tag in re.findall(r"<input [^>]*>", form):
            name, value = (re.search(rf'{key}="([^"]*)"', tag) for key in ("name", "value"))
            if name and value and ('type="hidden"' in tag or " checked" in tag):
                fields.setdefault(name[1], []).append(html.unescape(value[1]))
        found.append(fields)
    return found


def send(client: httpx.Client, address: str, do: str, /, **more: object) -> httpx.Response:
    """Press a button on a page, with whatever the form had in it."""
    forms = forms_of(client.get(address).text)
    form = next((f for f in forms if do == "match" or "lines" in f or "match" in f), {})
    if do == "match":
        form = forms[-1]
    return client.post(address, data={**form, "do": do, **more})


def rows_of(client: httpx.Client, query: str = "") -> dict[str, dict]:
    rows = client.get(f"/payouts.json{query}").json()["rows"]
    return {row["ref"]: row for row in rows}


def test_what_has_to_be_looked_at_is_first_and_all_of_it_comes_to_the_whole(money: Site) -> None:
    with money.reader() as client:
        twin = client.get("/payouts.json").json()
        page = client.get("/payouts").text
    [euro] = twin["values"]
    assert euro["paid_out"] == "1639.26"
    assert (euro["booked"], euro["found"], euro["in_transit"]) == ("0", "641.17", "282.00")
    assert euro["unexplained"] == "716.09"
    assert "56.3 % explained" in page
    assert page.count("<rect ") == 3, "nothing is booked, so there is no part for it"
    standing = [(row["ref"], row["standing"]) for row in twin["rows"]]
    assert standing[:4] == [
        ("po_twin1", "ambiguous"),
        ("po_twin2", "ambiguous"),
        ("po_late", "not_arrived"),
        (f"po_{HOSTILE}", "not_arrived"),
    ]
    rows = {row["ref"]: row for row in twin["rows"]}
    assert (rows["po_key"]["off"], rows["po_off"]["off"], rows["po_sum1"]["off"]) == (
        *("0.00", "0.50", None),
    )
    assert rows["po_sum1"]["together"] == ["stripe/payout/po_sum2"]
    assert HOSTILE not in page
    assert f"/payouts/stripe/{quote(f'po_{HOSTILE}', safe='')}" in page


def test_an_address_says_which_payouts(money: Site) -> None:
    with money.reader() as client:
        assert set(rows_of(client, "?state=in_transit&connection=")) == {"po_way", "po_off"}
        assert rows_of(client, "?state=booked") == {}
        assert rows_of(client, "?connection=other") == {}
        assert "No payout stands so." in client.get("/payouts?state=booked").text
        assert client.get("/payouts?state=nothing").status_code == 400
        assert client.get("/payouts?page=0").status_code == 400


def test_a_payout_stands_beside_what_it_is_made_of_and_what_the_bank_got(money: Site) -> None:
    with money.reader() as client:
        page = client.get(KEY).text
        told = client.get(f"{KEY}.json").json()["whole"]
        hostile = client.get(f"/payouts/stripe/{quote(f'po_{HOSTILE}', safe='')}")
        failed = client.get("/payouts/stripe/po_failed").text
        for unknown in ("/payouts/stripe/po_none", "/payouts/nobody/po_key", "/payouts/a/%00"):
            assert client.get(unknown).status_code == 404, unknown
    assert [(each["entry"], each["entries"], each["net"]) for each in told["sums"]] == [
        ("charge", 2, "164.37"),
        ("dispute", 1, "-15.00"),
        ("refund", 1, "-24.90"),
    ]
    assert told["entered"] == "124.47"
    assert "They come to the payout, to the cent." in page
    [line] = told["lines"]
    assert (line["name"], line["amount"]) == ("bank/bank_line/l_key", "124.47")
    assert line["references"]["end to end"] == "STRIPE A1B2C3D4"
    assert "Order 1002\nby card" in page, "lines stay lines"
    assert html.escape(LONG, quote=False)[:40] in page
    assert HOSTILE not in page + hostile.text
    assert hostile.status_code == 200
    assert "account_closed" in failed
    assert "Nothing of it is on its way to the bank." in failed
    assert "<form" not in failed.partition("<main")[2]


def test_a_person_accepts_what_was_found_and_takes_it_back(money: Site) -> None:
    with money.reader() as client, money.reader("Bo") as bo:
        page = client.get(KEY).text
        [form, _] = forms_of(page)
        assert (form["payouts"], form["lines"]) == (
            ["stripe/payout/po_key"],
            ["bank/bank_line/l_key"],
        )
        done = client.post(KEY, data={**form, "do": "accept"})
        assert done.headers["location"] == f"{KEY}?done=accept"
        assert "It is booked." in client.get(done.headers["location"]).text
        row = rows_of(client)["po_key"]
        assert (row["standing"], row["by"], row["why"], row["evidence"]) == (
            *("booked", "Ada", "key", "a shared key"),
        )
        again = client.post(KEY, data={**form, "do": "accept"})
        assert again.headers["location"] == f"{KEY}?done=again"
        assert rows_of(client)["po_key"]["by"] == "Ada"
        booked = client.get(KEY).text
        assert "Booked by Ada" in booked
        [undo] = forms_of(bo.get(KEY).text)
        back = bo.post(KEY, data={**undo, "do": "undo"})
        assert back.headers["location"] == f"{KEY}?done=undo"
        assert rows_of(client)["po_key"]["standing"] == "found"
        assert bo.post(KEY, data={**undo, "do": "undo"}).headers["location"].endswith("done=again")


def test_several_payouts_of_one_line_are_accepted_together(money: Site) -> None:
    with money.reader() as client:
        assert send(client, "/payouts/stripe/po_sum2", "accept").status_code == 303
        rows = rows_of(client, "?state=booked")
        assert set(rows) == {"po_sum1", "po_sum2"}
        assert len({row["match_ref"] for row in rows.values()}) == 1
        assert "stripe/payout/po_sum2" in client.get("/payouts/stripe/po_sum1").text


def test_of_what_fits_alike_a_person_chooses_and_the_second_is_told(money: Site) -> None:
    with money.reader() as ada, money.reader("Bo") as bo:
        first, second = "/payouts/stripe/po_twin1", "/payouts/stripe/po_twin2"
        page = ada.get(first).text
        assert "stripe/payout/po_twin2</a> fits as well" in page
        theirs = forms_of(bo.get(second).text)[-1]
        assert theirs["lines"] == ["bank/bank_line/l_twin"]
        assert send(ada, first, "match", reason="the slip says so").status_code == 303
        late = bo.post(second, data={**theirs, "do": "match", "reason": "mine"})
        assert late.status_code == 409
        assert "No bank line" in late.text
        assert 'value="mine"' in late.text, "what was typed stays"
        row = rows_of(ada)["po_twin1"]
        assert (row["why"], row["evidence"], row["by"]) == ("person", "the slip says so", "Ada")
        assert rows_of(ada)["po_twin2"]["standing"] == "in_transit"


def test_a_proposal_that_is_none_any_more_is_not_booked(money: Site) -> None:
    with money.reader() as ada, money.reader("Bo") as bo:
        [proposal, _] = forms_of(bo.get("/payouts/stripe/po_day").text)
        key = {"lines": ["bank/bank_line/l_day"], "difference": "adjustments", "reason": "odd"}
        assert send(ada, "/payouts/stripe/po_late", "match", **key).status_code == 303
        late = bo.post("/payouts/stripe/po_day", data={**proposal, "do": "accept"})
        assert late.status_code == 409
        assert "not proposed any more" in late.text
        assert rows_of(ada)["po_day"]["standing"] == "in_transit"


def test_a_difference_goes_where_a_person_says(money: Site) -> None:
    with money.reader() as client:
        address = "/payouts/stripe/po_off"
        line = {"lines": ["bank/bank_line/l_off"]}
        bare = send(client, address, "match", **line)
        assert bare.status_code == 409
        assert "The lines are off by -0.75 EUR" in bare.text
        assert re.search(r'value="bank/bank_line/l_off" checked', bare.text), "still chosen"
        for wrong, said in (
            ({**line, "difference": "beer"}, "Say where the difference goes"),
            ({}, "Name at least one line"),
            ({**line, "do": "burn"}, "Say what shall be done"),
            ({**line, "do": "undo", "match": "m-0"}, "This form is too old"),
            ({**line, "do": "undo", "match": "m-0", "seen": str(NOW)}, "There is no match"),
        ):
            reply = send(client, address, "match", **wrong)
            assert reply.status_code == 409
            assert said in html.unescape(reply.text)
        assert send(client, address, "match", **line, difference="fees").status_code == 303
        assert rows_of(client)["po_off"]["standing"] == "booked"
        nowhere = client.post("/payouts/stripe/po_none", data=forms_of(client.get(KEY).text)[0])
        assert nowhere.status_code == 404
        assert client.post(address, data={"do": "accept"}).status_code == 403


def test_what_a_removed_provider_paid_out_is_still_told(money: Site) -> None:
    with money.reader() as client:
        send(client, KEY, "accept")
        with psycopg.connect(money.dsn, autocommit=True) as conn:
            [(number,)] = conn.execute(
                "SELECT connection_id FROM intake.connection WHERE name = 'stripe'"
            ).fetchall()
            conn.execute(
                "UPDATE intake.connection SET state = 'removed', name = 'gone' "
                "WHERE connection_id = %s",
                (number,),
            )
        rows = client.get("/payouts.json").json()["rows"]
        assert {row["connection"] for row in rows} == {str(number)}
        for row in rows[:3] + rows[-1:]:
            address = f"/payouts/{number}/{quote(row['ref'], safe='')}"
            told = client.get(address)
            assert told.status_code == 200, address
        assert "What it is made of" in told.text
        assert client.get(f"/payouts/{'9' * 30}/po_key").status_code == 404


def test_without_payouts_the_page_says_what_to_do(bare_site: Site) -> None:
    with bare_site.reader() as client:
        page = client.get("/payouts").text
    assert "trueup import camt" in page
    assert str(NOW.year) not in page.partition("<main")[2].partition("</main")[0]
