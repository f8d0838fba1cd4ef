"""Lists of orders, SKUs and connections: asked for by what one knows, and as sheets."""

import csv
import html
import io
import re

from tests.console.site import Site
from tests.console.world import HOSTILE_SKU


def test_orders_are_asked_for_by_what_one_knows(site: Site) -> None:
    with site.reader() as client:
        every = client.get("/orders.json").json()
        assert len(every["rows"]) > 30
        assert every["channels"] == ["north", "south"]
        north = client.get("/orders.json?channel=north").json()["rows"]
        assert {row["connection"] for row in north} == {"north"}
        gone = client.get("/orders.json?progress=cancelled").json()["rows"]
        assert gone
        assert {row["status"] for row in gone} == {"cancelled"}
        sent = {row["ref"] for row in client.get("/orders.json?progress=sent").json()["rows"]}
        unsent = {row["ref"] for row in client.get("/orders.json?progress=unsent").json()["rows"]}
        assert sent
        assert unsent
        assert not sent & unsent
        [odd] = client.get("/orders.json", params={"sku": HOSTILE_SKU}).json()["rows"]
        assert odd["connection"] == "north"
        day = every["rows"][0]["placed_at"][:10]
        assert client.get(f"/orders.json?first={day}&last={day}").json()["rows"]
        assert client.get("/orders.json?last=2001-01-01").json()["rows"] == []
        assert "Show all" in client.get("/orders?last=2001-01-01").text


def test_a_sheet_has_every_order_and_no_formula(site: Site) -> None:
    with site.reader() as client:
        every = client.get("/orders.json").json()["rows"]
        reply = client.get("/orders.csv?channel=south")
        told = list(csv.DictReader(io.StringIO(reply.text)))
        assert [row["ref"] for row in told] == [
            row["ref"] for row in every if row["connection"] == "south"
        ]
        assert 'filename="orders.csv"' in reply.headers["content-disposition"]
        skus = list(csv.DictReader(io.StringIO(client.get("/skus.csv").text)))
        assert HOSTILE_SKU in {row["sku"] for row in skus}
        below = [row["available"] for row in skus if row["available"].startswith("-")]
        assert below, [row["available"] for row in skus]


def test_skus_are_listed_by_their_beginning(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/skus.json?q=TEE").json()
        assert [row["sku"] for row in page["rows"]] == ["TEE-ASH-000", "TEE-CLA-010"]
        assert page["rows"][0]["title"] == "Ash Tee"
        assert client.get("/skus.json?q=TEE&after=TEE-ASH-000").json()["rows"] == page["rows"][1:]
        assert "No SKU begins so" in client.get("/skus?q=%25").text


def test_a_question_that_has_a_name_is_asked_again(site: Site) -> None:
    with site.reader("Vera") as vera, site.reader("Wim") as wim:
        assert "Keep this view" not in vera.get("/orders").text, "all orders need no name"
        page = vera.get("/orders?channel=north&progress=unsent").text
        form = dict(re.findall(r'name="(_csrf_token|address)" value="([^"]*)"', page))
        form = {name: html.unescape(value) for name, value in form.items()}
        assert form["address"] == "/orders?channel=north&progress=unsent"
        kept = vera.post("/views", data=form | {"name": "To send <b>"})
        assert (kept.status_code, kept.headers["location"]) == (303, form["address"])
        again = form | {"name": "To send <b>", "address": "/orders?channel=south"}
        assert vera.post("/views", data=again).status_code == 303
        [view] = vera.get("/overview.json").json()["views"]
        assert (view["name"], view["address"]) == ("To send <b>", "/orders?channel=south")
        assert "To send &lt;b&gt;" in vera.get("/").text
        for wrong in ("//evil.example", "https://evil.example", "orders", "/\\evil", "/a\nb"):
            assert vera.post("/views", data=again | {"address": wrong}).status_code == 400, wrong
        assert vera.post("/views", data=again | {"name": " "}).status_code == 400
        assert wim.get("/overview.json").json()["views"] == []
        token = re.search(r'name="_csrf_token" value="([^"]*)"', wim.get("/orders?q=").text)
        assert token
        theirs = {"_csrf_token": token[1], "do": "drop", "view": view["view_id"]}
        assert wim.post("/views", data=theirs).status_code == 400, "nobody drops another's"
        mine = {"_csrf_token": form["_csrf_token"], "do": "drop", "view": view["view_id"]}
        assert vera.post("/views", data=mine).headers["location"] == "/"
        assert vera.get("/overview.json").json()["views"] == []


def test_connections_say_how_they_are(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/connections.json").json()
        assert [row["name"] for row in page["rows"]] == ["north", "own", "south"]
        assert page["failing"] == 0
        assert "stock.set" in page["rows"][0]["acts"]
        assert "shpat" not in client.get("/connections").text, "no secret is shown"
