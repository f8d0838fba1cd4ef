"""Serials in the console: asked for at the dock, listed by place, found, and told as a story."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.test_dock import EAN, fields_of, on_hand, said, scan, undo
from tests.console.world import HOSTILE, World
from trueup.govern.vault import Vault

LABELLED = "4012345678901"
"""The code of a SKU that a test gives a serial: of the other one nobody is asked for any."""


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with psycopg.connect(make_conninfo(module_database_url, user="postgres")) as conn:
        for variant, code, named in (("v1", EAN, "LAMP"), ("v2", LABELLED, "CHAIR")):
            row = (variant, "p", code.zfill(14), named)
            conn.execute("INSERT INTO records.barcode VALUES (1, %s, %s, %s, %s)", row)
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture
def reader(site: Site) -> Iterator[httpx.Client]:
    with site.reader() as client:
        yield client


@pytest.fixture
def sku(site: Site) -> str:
    """Give a SKU of which two units with a serial lie there."""
    code = f"S-{uuid4().hex[:6]}"
    line = {"sku": code, "quantity": 2, "serials": [f"{code}-1", f"{code}-2"]}
    book(site, "arrivals", ref=f"a-{code}", site="main", lines=[line])
    return code


def book(running: Site, path: str, **body: Any) -> None:
    with running.program() as program:
        reply = program.post(f"/api/v1/{path}", json=body)
        assert reply.status_code == 201, reply.text


def form(client: httpx.Client, do: str, **more: str) -> str:
    return client.get("/dock", params={"do": do, "site": "main"} | more).text


def asked(page: str) -> bool:
    return "data-asks" in page


def test_serials_are_asked_for_where_a_sku_has_some(
    site: Site, reader: httpx.Client, sku: str
) -> None:
    page = scan(reader, sku, 2)
    assert asked(page)
    assert said(page) == f"Which units of {sku}? Scan the serials."
    assert (fields_of(page)["code"], fields_of(page)["quantity"]) == (sku, "2")
    assert "Receive without serials" in page
    wrong = scan(reader, sku, 2, page=page, serials=" X1 \r\n\r\nX2\r\nX3")
    assert "at most as many serials as units" in said(wrong)
    assert asked(wrong)
    assert "X2\nX3" in unescape(wrong).replace("\r", "")
    done = scan(reader, sku, 2, page=wrong, serials=f" {sku}-3 \r\n\r\n{sku}-4")
    assert f"2 of {sku} received at main. Serials: {sku}-3, {sku}-4." in said(done)
    assert not asked(done)
    assert on_hand(site, sku) == {"main": 4}
    assert f"Taken back: 2 of {sku}." in said(undo(reader, done))
    without = scan(reader, sku, 1, unread="yes")
    assert f"1 of {sku} received at main." in said(without)
    assert "1 more" not in said(without)
    assert "a serial of each unit" in said(without)
    assert not asked(scan(reader, EAN, 1)), "of a SKU that has none nobody is asked"


def test_the_label_and_a_bare_serial_say_which_unit_it_is(
    site: Site, reader: httpx.Client, sku: str
) -> None:
    label = scan(reader, f"(01){LABELLED.zfill(14)}(21)L-77", 1)
    assert "Serials: L-77." in said(label)
    sent = scan(reader, f"{sku}-2", page=form(reader, "send"), to="shop")
    assert said(sent).startswith(f"1 of {sku} on their way from main to shop. Serials: {sku}-2.")
    again = scan(reader, f"{sku}-2", page=form(reader, "send"), to="shop")
    assert f"{sku}-2 of {sku} is on its way to shop" in said(again)
    [ref] = re.findall(r"as transfer (scan-[0-9a-f-]+)", sent)
    took = scan(reader, f"{sku}-2", page=form(reader, "take", site="shop"), against=ref)
    assert said(took).startswith(f"1 of {sku} received at shop.")
    assert on_hand(site, sku) == {"main": 1, "shop": 1}
    assert "no SKU or serial is called so" in said(scan(reader, "NOBODY-1"))


def test_packing_scans_serials_one_by_one(site: Site, reader: httpx.Client, sku: str) -> None:
    before = on_hand(site, sku)
    page = form(reader, "pack")
    assert "Say which order" in said(scan(reader, f"{sku}-1", page=page))
    assert "no order" in said(scan(reader, f"{sku}-1", page=page, against="soon"))
    named = {"against": f"o-{sku}", "channel": "manual"}
    page = scan(reader, f"{sku}-1", page=page, **named)
    assert said(page).startswith(f"{sku}-1 of {sku} packed for o-{sku}.")
    assert fields_of(page)["against"] == f"o-{sku}", "the next unit is of the same parcel"
    ask = scan(reader, sku, page=page)
    assert asked(ask)
    assert "without serials" not in ask
    both = scan(reader, sku, page=ask, serials=f"{sku}-2")
    assert said(both).startswith(f"{sku}-2 of {sku} packed")
    assert on_hand(site, sku) == before, "the channel's word moves units, not the pack"
    taken = said(undo(reader, both))
    assert taken.startswith(f"Taken back: {sku}-2 of {sku} packed.")
    back = form(reader, "back", against=f"o-{sku}", channel="manual")
    graded = scan(reader, f"{sku}-1", page=back, grade="sellable")
    assert f"1 of {sku} came back: back on the shelf at main." in said(graded)
    other = scan(reader, f"{sku}-2", page=graded, grade="quarantine")
    assert "when it was on hand at main" in said(other)


def test_the_sku_and_the_serials_page_list_what_lies_where(
    site: Site, reader: httpx.Client, sku: str
) -> None:
    page = reader.get(f"/skus/{sku}").text
    assert "Serials here and on the way" in page
    assert f"/serials?sku={sku}&amp;serial={sku}-1" in page
    assert [row["standing"] for row in reader.get(f"/skus/{sku}.json").json()["serials"]] == [
        "on hand at main"
    ] * 2
    every = reader.get("/serials").text
    assert f'href="/serials?sku={sku}"' in every
    listed = reader.get("/serials", params={"sku": sku})
    twin = re.search(r'<a href="(/serials\.json[^"]*)"', listed.text)
    assert twin is not None
    facts = reader.get(unescape(twin[1])).json()
    assert [row["serial"] for row in facts["rows"]] == [f"{sku}-1", f"{sku}-2"]
    assert facts["tracked"][0]["places"] == {"on_hand": 2}
    book(site, "arrivals", ref=f"b-{sku}", site="main", lines=[{"sku": sku, "quantity": 1}])
    uneven = reader.get("/serials.json", params={"sku": sku}).json()["tracked"][0]["uneven"]
    assert uneven == ["3 units, 2 serials on hand at main"]
    assert "No serial of NOBODY" in reader.get("/serials?sku=NOBODY").text


def test_a_serial_is_found_in_any_case_and_tells_its_story(
    site: Site, reader: httpx.Client, sku: str
) -> None:
    order = f"o-{sku}"
    line = {"sku": sku, "serials": [f"{sku}-1"]}
    for ref in ("p", "q"):
        more = {} if ref == "p" else {"order": f"{order}-2", "lines": [line | {"serials": ["Z"]}]}
        body = {"order": order, "channel": "manual", "site": "main", "lines": [line]} | more
        book(site, "packs", ref=f"{ref}-{sku}", **body)
    page = reader.get("/serials", params={"find": f"{sku}-1".lower()})
    assert f"<h1>{sku}-1</h1>" in page.text
    assert f"with the customer of order {order}" in page.text
    assert f"/orders/manual/{order}" not in page.text, "its channel has not told of it"
    twin = re.search(r'<a href="(/serials\.json[^"]*)"', page.text)
    assert twin is not None
    story = reader.get(unescape(twin[1])).json()
    assert [(each["kind"], each["end"], each["source"]) for each in story["steps"]] == [
        ("arrival", "on hand at main", ""),
        ("pack", "with a customer", f"order {order}"),
    ]
    for step in story["steps"]:
        assert f'<a href="/events/{step["event_id"]}">' in page.text
        assert reader.get(f"/events/{step['event_id']}").status_code == 200
    late = reader.get("/serials", params={"sku": sku, "serial": "Z"}).text
    assert "stock.serial_unknown" in late
    none = reader.get("/serials", params={"find": "nobody-1"})
    assert "Nobody told of a serial nobody-1." in none.text
    assert reader.get("/serials", params={"sku": sku, "serial": "NOBODY"}).status_code == 404


def test_a_story_leads_to_its_purchase_order(site: Site, reader: httpx.Client, sku: str) -> None:
    book(site, "purchases", ref=f"PO-{sku}", lines=[{"sku": sku, "quantity": 1}])
    line = {"sku": sku, "quantity": 1, "serials": ["PO-1"]}
    source = {"source": "purchase", "source_ref": f"PO-{sku}"}
    book(site, "arrivals", ref=f"po-{sku}", site="main", lines=[line], **source)
    page = reader.get("/serials", params={"sku": sku, "serial": "PO-1"}).text
    [event] = re.findall(rf'<a href="(/events/\d+)">purchase order PO-{sku}</a>', page)
    assert "stock/purchase" in reader.get(event).text


def test_what_is_written_on_a_unit_is_escaped(site: Site, reader: httpx.Client, sku: str) -> None:
    odd = HOSTILE[:100]
    line = {"sku": sku, "quantity": 1, "serials": [odd]}
    book(site, "arrivals", ref=f"odd-{sku}", site="main", lines=[line])
    for address in ("/serials", "/skus/" + sku):
        assert odd not in reader.get(address, params={"sku": sku}).text
    page = reader.get("/serials", params={"sku": sku, "serial": odd})
    assert page.status_code == 200
    assert "<script>alert" not in page.text


def test_a_stranger_sees_nothing(site: Site) -> None:
    with site.stranger() as stranger:
        assert stranger.get("/serials").headers["location"] == "/sign-in?next=/serials"
