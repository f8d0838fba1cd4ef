"""True cost and margin, from purchase orders, the dock and a shop to commands."""

import asyncio
import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.console.site import Site, serving
from tests.console.world import World
from tests.flow.command import Commands
from tests.flow.test_inspections import DAY
from tests.support.spine import KEY, Spine, open_spine
from trueup.govern.vault import Vault
from trueup.intake.model import NewEvent

pytestmark = pytest.mark.anyio

MARCH = ("--from", "2026-03-01", "--until", "2026-03-31")


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def sold(spine: Spine, number: int, sku: str, price: str, **more: Any) -> tuple[NewEvent, NewEvent]:
    """Return an order of one unit, net 20 percent tax on top, and that it left."""
    body = msgspec.json.decode(spine.order(number, sku).body)
    tax = str((Decimal(price) / 5).quantize(Decimal("0.01")))
    total = str(Decimal(price) + Decimal(tax))
    lines = [body["line_items"][0] | {"price": price, "tax_lines": [], "discount_allocations": []}]
    money = {
        "line_items": lines,
        "subtotal_price": price,
        "total_line_items_price": price,
        "total_discounts": "0.00",
        "total_tax": tax,
        "tax_lines": [],
        "total_price": total,
        "current_total_price": total,
        "taxes_included": False,
        "shipping_lines": [],
        "discount_applications": [],
        "created_at": DAY,
        "processed_at": DAY,
        "currency": "EUR",
    }
    gone = [key for key in body if key.endswith("_set")]
    plain = {key: value for key, value in (body | money | more).items() if key not in gone}
    fulfilment = {
        "id": number * 100,
        "order_id": body["id"],
        "status": "success",
        "created_at": DAY,
        "updated_at": DAY,
        "location_id": None,
        "line_items": lines,
    }
    return (
        spine.delivery("north", "orders/updated", plain),
        spine.delivery("north", "fulfillments/create", fulfilment),
    )


async def buy_in(trueup: Commands) -> None:
    """Order 4 lamps and 10 tees, take them in, and pay freight for both by weight, later."""
    lines = ("LAMP=4", "TEE=10", "--cost", "LAMP=10.00", "--cost", "TEE=2.00", "--currency", "EUR")
    sizes = ("--weight", "LAMP=900", "--weight", "TEE=100")
    await trueup.in_thread("purchase", "new", "PO-7", *lines, *sizes)
    for sku, units in (("LAMP", 4), ("TEE", 10)):
        await trueup.in_thread("stock", "receive", sku, units, "--purchase", "PO-7")


async def freight(trueup: Commands, *more: str) -> Any:
    amount = ("--kind", "freight", "--amount", "23.00", "--currency", "EUR")
    of = ("--purchase", "PO-7", "--allocation", "weight")
    return await trueup.in_thread("costs", "add", "F-7", *of, *amount, *more)


async def test_landed_cost_reaches_what_went_before_it_was_told(
    database_url: str, trueup: Commands
) -> None:
    async with open_spine(database_url) as spine:
        await buy_in(trueup)
        await spine.take(*sold(spine, 7, "LAMP", "50.00"))
        before = await trueup.in_thread("costs", "layers", "LAMP")
        assert (before["layers"][0]["cost"], before["layers"][0]["certainty"]) == ("40.00", "told")
        assert (await freight(trueup, "--dry-run"))["dry_run"] is True
        assert (await trueup.in_thread("costs", "layers", "LAMP")) == before
        await freight(trueup)
        assert (await freight(trueup))["repeated"] is True
        lamp = await trueup.in_thread("costs", "layers", "LAMP")
        # 3600 of 4600 grams of 23.00 are 18.00.
        assert lamp["layers"][0]["cost"] == "58.00"
        assert "freight F-7 by weight" in lamp["layers"][0]["how"]
        [gone] = lamp["gone"].values()
        assert (gone["cost"], lamp["left"]["cost"]) == ({"EUR": "14.50"}, {"EUR": "43.50"})
        tee = await trueup.in_thread("costs", "layers", "TEE", "--method", "average")
        assert tee["left"]["cost"] == {"EUR": "25.00"}
        await trueup.in_thread("costs", "undo", "F-7")
        assert (await trueup.in_thread("costs", "layers", "LAMP")) == before
        assert await spine.parked() == []


async def test_margins_by_order_sku_and_channel_agree(database_url: str, trueup: Commands) -> None:
    async with open_spine(database_url) as spine:
        await buy_in(trueup)
        await freight(trueup)
        await spine.take(*sold(spine, 7, "LAMP", "50.00"), *sold(spine, 8, "TEE", "9.99"))
        sent = ("--kind", "shipping", "--amount", "4.90", "--currency", "EUR")
        await trueup.in_thread("costs", "add", "DHL-1", "--order", "1007", *sent)
        orders = await trueup.in_thread("margin", "orders", *MARCH)
        rows = {row["label"]: row for row in orders["rows"]}
        lamp, tee = rows["#1007"], rows["#1008"]
        assert (lamp["revenue"]["amount"], lamp["goods"]["amount"]) == ("50.00", "14.50")
        assert lamp["shipping"] == {"amount": "4.90", "certainty": "told", "how": "told: shipping"}
        assert lamp["margin"] == "30.60"
        assert (lamp["fees"]["certainty"], lamp["certainty"]) == ("unknown", "unknown")
        # What it cost to send the other one is the mean of those that tell it.
        assert (tee["shipping"]["amount"], tee["shipping"]["certainty"]) == ("4.90", "estimated")
        assert tee["goods"]["amount"] == "2.50"
        [channel] = (await trueup.in_thread("margin", "channels", *MARCH))["rows"]
        skus = (await trueup.in_thread("margin", "skus", *MARCH))["rows"]
        whole = Decimal(lamp["margin"]) + Decimal(tee["margin"])
        assert Decimal(channel["margin"]) == whole
        assert sum(Decimal(row["margin"]) for row in skus) == whole
        assert {row["label"] for row in skus} == {"LAMP", "TEE"}
        assert orders["totals"][0]["margin"] == f"{whole}"
        assert (await trueup.in_thread("margin", "orders", "--until", "2026-02-01"))["rows"] == []


async def test_a_refund_and_a_unit_that_came_back_leave_the_margin(
    database_url: str, trueup: Commands
) -> None:
    async with open_spine(database_url) as spine:
        await buy_in(trueup)
        ordered, sent = sold(spine, 7, "LAMP", "50.00")
        body = msgspec.json.decode(ordered.body)
        refund = {
            "id": 1,
            "order_id": body["id"],
            "created_at": DAY,
            "refund_line_items": [
                {
                    "id": 1,
                    "line_item_id": body["line_items"][0]["id"],
                    "quantity": 1,
                    "restock_type": "return",
                    "location_id": None,
                    "subtotal": "50.00",
                    "total_tax": "10.00",
                }
            ],
            "transactions": [
                {
                    "id": 1,
                    "kind": "refund",
                    "status": "success",
                    "amount": "60.00",
                    "currency": "EUR",
                    "created_at": DAY,
                }
            ],
        }
        await spine.take(ordered, sent, spine.delivery("north", "refunds/create", refund))
        [row] = (await trueup.in_thread("margin", "orders", *MARCH))["rows"]
        assert (row["revenue"]["amount"], row["refunds"]["amount"]) == ("50.00", "50.00")
        assert Decimal(row["goods"]["amount"]) == 0
        assert Decimal(row["margin"]) == 0
        lamp = await trueup.in_thread("costs", "layers", "LAMP")
        assert (lamp["gone"], lamp["left"]["cost"]) == ({}, {"EUR": "40.00"})


async def test_a_table_for_spreadsheets_and_one_for_people(
    database_url: str, trueup: Commands
) -> None:
    async with open_spine(database_url) as spine:
        await buy_in(trueup)
        await spine.take(*sold(spine, 7, "LAMP", "50.00", name="=1+1"))
        status, text = await asyncio.to_thread(trueup.run, "margin", "orders", *MARCH, "--csv")
        assert status == 0
        [row] = csv.DictReader(io.StringIO(text))
        assert (row["revenue"], row["goods"], row["goods_certainty"]) == ("50.00", "10.00", "told")
        assert not row["label"].startswith("=")
        status, shown = await asyncio.to_thread(trueup.run, "margin", "orders", *MARCH)
        assert status == 0
        assert "unknown in part" in shown
        assert (await asyncio.to_thread(trueup.run, "costs", "layers", "LAMP"))[0] == 0


async def test_pages_and_api_show_what_commands_tell(database_url: str, trueup: Commands) -> None:
    async with open_spine(database_url) as spine:
        with serving(database_url, World(database_url, Vault(KEY)), key=KEY) as site:
            lines = [
                {"sku": "LAMP", "quantity": 4, "cost": {"amount": "10.00", "currency": "EUR"}},
            ]
            came = [{"sku": "LAMP", "quantity": 4}]
            cost = {
                "ref": "F-7",
                "kind": "duty",
                "amount": {"amount": "2.00", "currency": "EUR"},
                "of": "purchase",
                "of_ref": "PO-7",
            }
            with site.program() as program:
                told = [
                    program.post("/api/v1/purchases", json={"ref": "PO-7", "lines": lines}),
                    program.post(
                        "/api/v1/arrivals",
                        json={
                            "ref": "a-1",
                            "site": "main",
                            "source": "purchase",
                            "source_ref": "PO-7",
                            "lines": came,
                        },
                    ),
                    program.post("/api/v1/costs", json=cost),
                ]
                assert [each.status_code for each in told] == [201] * 3, [e.text for e in told]
                assert program.post("/api/v1/costs", json=cost).status_code == 200
                other = cost | {"amount": {"amount": "3.00", "currency": "EUR"}}
                assert program.post("/api/v1/costs", json=other).status_code == 409
                for field in ("kind", "of", "amount"):
                    wrong = program.post("/api/v1/costs", json=cost | {field: "x"})
                    assert wrong.status_code == 400, wrong.text
            await spine.take(*sold(spine, 7, "LAMP", "50.00"))
            await asyncio.to_thread(shown, site)
        [row] = (await trueup.in_thread("margin", "orders", *MARCH))["rows"]
        assert row["goods"]["amount"] == "10.50"


def shown(site: Site) -> None:
    """Ask the API and the page for the one order there is."""
    days = {"first": "2026-03-01", "last": "2026-03-31"}
    with site.program() as program:
        reply = program.get("/api/v1/cost-layers/LAMP")
        assert reply.status_code == 200, reply.text
        costs = reply.json()
        assert costs["layers"][0]["cost"] == {"amount": "42.00", "currency": "EUR"}
        assert costs["left"]["cost"] == [{"amount": "31.50", "currency": "EUR"}]
        assert program.get("/api/v1/cost-layers/NOTHING").status_code == 404
        whole = program.get("/api/v1/margin/orders", params=days).json()
        [row] = whole["rows"]
        assert (row["goods"]["amount"], row["margin"]) == ("10.50", "39.50")
        assert (row["goods"]["certainty"], row["certainty"]) == ("told", "unknown")
        assert program.get("/api/v1/margin/days").status_code == 404
        late = {"first": "2026-03-02", "last": "2026-03-01"}
        assert program.get("/api/v1/margin/orders", params=late).status_code in {400, 422}
        assert program.get("/api/v1/margin/orders", params={"connection": "x"}).status_code == 404
    with site.reader() as person:
        for by in ("channels", "skus", "orders"):
            page = person.get("/margin", params=days | {"by": by})
            assert page.status_code == 200, page.text
            assert page.text.count("<svg") == 2, "a picture for wide screens, and one for narrow"
            assert "39.50 EUR" in page.text
        twin = person.get("/margin.json", params=days | {"by": "orders"}).json()
        assert twin["rows"][0]["margin"] == "39.50"
        assert f'<a href="/orders/north/{twin["rows"][0]["ref"]}">#1007</a>' in page.text
        assert "Nothing was sold" in person.get("/margin", params={"last": "2026-02-01"}).text
        assert person.get("/margin", params=late).status_code == 400


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("costs", "add", "x", "--kind", "duty", "--amount", "ten", "--order", "1"),
            "amount: expected",
        ),
        (
            ("costs", "add", "x", "--kind", "duty", "--amount", "0", "--order", "1"),
            "/amount/amount",
        ),
        (
            ("costs", "add", "x", "--kind", "duty", "--amount", "1.1234567", "--order", "1"),
            "at most 6 decimals",
        ),
        (("costs", "undo", "nothing"), "There is no cost"),
        (("costs", "layers", "NOTHING"), "ever came or went"),
        (("margin", "orders", "--from", "2026-03-02", "--until", "2026-03-01"), "until: expected"),
    ],
)
def test_what_is_wrong_is_named(trueup: Commands, words: tuple[str, ...], told: str) -> None:
    more = ("--currency", "EUR") if "add" in words else ()
    refused = trueup.json(*words, *more, status=2)
    assert told in refused["error"]["message"]


def test_what_can_not_be_meant_is_refused(trueup: Commands) -> None:
    amount = ("--kind", "duty", "--amount", "1", "--currency", "EUR")
    for words in (
        ("costs", "add", "x", *amount),
        ("costs", "add", "x", *amount, "--order", "1", "--purchase", "2"),
        ("margin", "orders", "--csv", "--json"),
        ("purchase", "new", "P", "A=1", "--cost", "A=1"),
        ("purchase", "new", "P", "A=1", "--cost", "B=1", "--currency", "EUR"),
        ("purchase", "new", "P", "A=1", "--cost", "A=-1", "--currency", "EUR"),
        ("purchase", "new", "P", "A=1", "--cost", "A=x", "--currency", "EUR"),
        ("purchase", "new", "P", "A=1", "--weight", "B=1"),
        ("purchase", "new", "P", "A=1", "--volume", "A"),
    ):
        assert trueup.run(*words)[0] == 2, words
