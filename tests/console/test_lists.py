"""Lists of orders, SKUs and connections: asked for by what one knows, and as sheets."""

import csv
import io

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


def test_connections_say_how_they_are(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/connections.json").json()
        assert [row["name"] for row in page["rows"]] == ["north", "own", "south"]
        assert page["failing"] == 0
        assert "stock.set" in page["rows"][0]["acts"]
        assert "shpat" not in client.get("/connections").text, "no secret is shown"
