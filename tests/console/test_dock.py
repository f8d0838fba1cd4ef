"""The dock's page with plain forms: booked, asked, refused, taken back; nobody else can press it."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.govern.vault import Vault

EAN, SHARED = "4006381333931", "96385074"


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with psycopg.connect(make_conninfo(module_database_url, user="postgres")) as conn:
        for n, (code, sku) in enumerate(
            [(EAN.zfill(14), "LAMP"), (SHARED.zfill(14), "TEE-S"), (SHARED.zfill(14), "TEE-M")]
        ):
            conn.execute(
                "INSERT INTO records.barcode VALUES (1, %s, %s, %s, %s)", (f"v{n}", "p", code, sku)
            )
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture
def reader(site: Site) -> Iterator[httpx.Client]:
    with site.reader() as client:
        yield client


def fields_of(page: str) -> dict[str, str]:
    """Return what the scan's form would send as it stands."""
    form = page.split("data-scan", 1)[1].split("</form>", 1)[0]
    inputs = re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', form)
    return {name: value for name, value in inputs if name not in {"sku", "damaged"}}


def scan(
    client: httpx.Client, code: str, quantity: int | str = 1, *, page: str = "", **more: str
) -> str:
    fields = fields_of(page or client.get("/dock").text)
    reply = client.post("/dock", data=fields | {"code": code, "quantity": str(quantity)} | more)
    assert reply.status_code == 200, reply.text
    return reply.text


def said(page: str) -> str:
    status = page.split("data-result>", 1)[1].split("<form", 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", status).split())


def undo(client: httpx.Client, page: str) -> str:
    form = page.split("data-undo", 1)[1].split("</form>", 1)[0]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    reply = client.post("/dock/undo", data=fields)
    assert reply.status_code == 200
    return reply.text


def on_hand(site: Site, sku: str) -> dict[str, Any]:
    with site.program() as program:
        reply = program.get(f"/api/v1/stock/{sku}")
        if reply.status_code == 404:
            return {}
        return {each["site"]: each["on_hand"] for each in reply.json()["sites"]}


def test_a_scan_is_booked_and_taken_back(site: Site, reader: httpx.Client) -> None:
    before = on_hand(site, "LAMP").get("main", 0)
    page = scan(reader, EAN, 3)
    assert said(page).startswith("3 of LAMP received at main.")
    assert on_hand(site, "LAMP")["main"] == before + 3
    assert fields_of(page)["code"] == ""
    assert said(undo(reader, page)).startswith("Taken back: 3 of LAMP.")
    assert on_hand(site, "LAMP")["main"] == before


def test_the_same_form_sent_twice_books_once(site: Site, reader: httpx.Client) -> None:
    before = on_hand(site, "LAMP").get("main", 0)
    form = reader.get("/dock").text
    scan(reader, EAN, 2, page=form)
    again = scan(reader, EAN, 2, page=form)
    assert said(again).startswith("Booked before: 2 of LAMP")
    assert on_hand(site, "LAMP")["main"] == before + 2
    assert "names another arrival" in said(scan(reader, EAN, 5, page=form))


def test_several_skus_with_one_barcode_are_asked_for(site: Site, reader: httpx.Client) -> None:
    page = scan(reader, SHARED, 2)
    assert said(page) == "Several SKUs have this barcode. Which is it?"
    assert re.findall(r'type="radio" name="sku" value="([^"]+)"', page) == ["TEE-M", "TEE-S"]
    assert fields_of(page)["code"] == SHARED
    told = scan(reader, SHARED, 2, page=page, sku="TEE-S")
    assert said(told).startswith("2 of TEE-S received")
    assert on_hand(site, "TEE-M") == {}
    assert "Which is it" in said(scan(reader, SHARED, 2, sku="ANOTHER"))


def test_what_nobody_knows_or_was_misread(reader: httpx.Client) -> None:
    assert "Nobody knows 4006381333932. Its check digit is wrong" in said(
        scan(reader, "4006381333932")
    )
    page = scan(reader, "<b>odd</b>", 7)
    assert "No product has this barcode" in said(page)
    assert "<b>odd</b>" not in page
    assert fields_of(page)["quantity"] == "7"
    for wrong in ("x", "-1", "1.5", "9" * 12):
        assert "whole number" in said(scan(reader, EAN, wrong))
    assert "At least one unit" in said(scan(reader, EAN, 0))
    assert "no purchase order" in said(scan(reader, EAN, 1, against="NOBODY"))
    assert reader.post(
        "/dock", data=fields_of(reader.get("/dock").text) | {"code": "\x00"}
    ).is_success


def test_a_label_with_lot_and_day_is_read(reader: httpx.Client) -> None:
    label = f"(01){EAN.zfill(14)}(17)291231(10)L-7"
    page = scan(reader, label, 1)
    assert "lot L-7, good until 2029-12-31" in said(page)
    undo(reader, page)


def test_damaged_units_are_set_aside(reader: httpx.Client) -> None:
    page = scan(reader, EAN, 1, damaged="yes")
    assert "set aside" in said(page)
    undo(reader, page)


def test_sending_and_taking_in(reader: httpx.Client, site: Site) -> None:
    sku = f"S-{uuid4().hex[:6]}"
    with site.program() as program:
        lines = [{"sku": sku, "quantity": 5}]
        body = {"ref": f"a-{sku}", "site": "main", "lines": lines}
        assert program.post("/api/v1/arrivals", json=body).status_code == 201
    form = reader.get("/dock?do=send&site=main&by=Ann").text
    assert "Too little is left" in said(scan(reader, sku, 6, page=form, to="shop"))
    assert "another site" in said(scan(reader, sku, 1, page=form, to="main"))
    assert "which site" in said(scan(reader, sku, 1, page=form, to=""))
    sent = scan(reader, sku, 4, page=form, to="shop")
    [ref] = re.findall(r"as transfer (scan-[0-9a-f-]+)", sent)
    take = reader.get("/dock?do=take&site=shop").text
    assert "which transfer" in said(scan(reader, sku, 1, page=take))
    took = scan(reader, sku, 3, page=take, against=ref)
    assert said(took).startswith(f"3 of {sku} received at shop.")
    assert on_hand(site, sku) == {"main": 1, "shop": 3}
    assert "no mistake" in said(undo(reader, sent))


def test_what_came_back_is_graded_and_taken_back(reader: httpx.Client, site: Site) -> None:
    sku = f"S-{uuid4().hex[:6]}"
    with site.program() as program:
        lines = [{"sku": sku, "quantity": 5}]
        program.post("/api/v1/arrivals", json={"ref": sku, "site": "main", "lines": lines})
    form = reader.get("/dock?do=back&by=Ann").text
    assert "Came back</button>" in form
    assert re.findall(r'<option value="([^"]+)"', form) == ["sellable", "quarantine", "scrap"]
    good = scan(reader, sku, 2, page=form, grade="sellable")
    assert said(good) == f"2 of {sku} came back: back on the shelf at main."
    assert on_hand(site, sku) == {"main": 7}
    again = scan(reader, sku, 2, page=form, grade="sellable")
    assert said(again).startswith("Booked before: 2 of")
    assert said(undo(reader, good)) == f"Taken back: 2 of {sku} came back."
    assert on_hand(site, sku) == {"main": 5}
    aside = scan(reader, sku, 1, page=reader.get("/dock?do=back").text, grade="quarantine")
    assert "set aside at main" in said(aside)
    odd = scan(
        reader, sku, 1, page=reader.get("/dock?do=back").text, grade="scrap", against="#none"
    )
    assert said(odd).startswith(f"1 of {sku} came back: thrown away.")
    assert "an order that" in said(odd)
    assert fields_of(odd)["against"] == "#none", "the next unit is of the same parcel"
    kept = scan(reader, sku, 0, page=form, grade="scrap", note="torn")
    assert "At least one unit" in said(kept)
    assert fields_of(kept)["note"] == "torn"
    assert '<option value="scrap" selected>' in kept
    assert "Say what becomes of it" in said(scan(reader, sku, 1, page=kept, grade="fine"))
    no_such = scan(reader, sku, 1, page=form, grade="scrap", against="#1", channel="nowhere")
    assert "channel: expected" in said(no_such)


def test_counting_shows_nothing_of_the_books(reader: httpx.Client, site: Site) -> None:
    sku = f"S-{uuid4().hex[:6]}"
    with site.program() as program:
        lines = [{"sku": sku, "quantity": 7531}]
        program.post("/api/v1/arrivals", json={"ref": sku, "site": "main", "lines": lines})
        program.post("/api/v1/counts", json={"ref": f"c-{sku}", "site": "main", "skus": [sku]})
    form = reader.get("/dock?do=count").text
    assert "which count sheet" in said(scan(reader, sku, 3, page=form))
    assert "does not stand" in said(scan(reader, EAN, 3, page=form, against=f"c-{sku}"))
    page = scan(reader, sku, 3, page=form, against=f"c-{sku}", by="Ann")
    assert said(page) == f"3 of {sku} counted."
    assert "7531" not in page
    assert said(undo(reader, page)).startswith("Taken back: 3 of")
    scan(reader, sku, 4, page=reader.get("/dock?do=count").text, against=f"c-{sku}", by="Ann")
    with site.program() as program:
        [line] = program.post(f"/api/v1/counts/c-{sku}/close", json={}).json()["lines"]
    assert line["counted_by"] == ["Ada"], "who signed in, whatever a form says"


def test_a_foreign_page_can_not_book(site: Site, reader: httpx.Client) -> None:
    fields = fields_of(reader.get("/dock").text) | {"code": EAN, "quantity": "1"}
    without = {name: value for name, value in fields.items() if name != "_csrf_token"}
    for path in ("/dock", "/dock/undo"):
        assert reader.post(path, data=without).status_code == 403
        assert reader.post(path, data=without | {"_csrf_token": "x" * 64}).status_code == 403
    with site.stranger() as stranger:
        assert stranger.get("/dock").headers["location"] == "/sign-in?next=/dock"
        assert stranger.post("/dock", data=fields).headers["location"] == "/sign-in"


def test_the_page_as_facts_and_its_headers(reader: httpx.Client) -> None:
    reply = reader.get("/dock?do=other&site=%00")
    assert "camera=(self)" in reply.headers["permissions-policy"]
    assert "camera=()" in reader.get("/parked").headers["permissions-policy"]
    twin = msgspec.json.decode(reader.get("/dock.json?do=count").content)
    assert (twin["work"]["do"], twin["result"]) == ("count", None)
    for name in re.findall(r'<input id="([^"]+)"', reply.text):
        assert f'<label for="{name}"' in reply.text
