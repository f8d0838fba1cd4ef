"""Serials by the API: named at the dock, packed for an order, listed, and their story."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.govern.vault import Vault


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.program() as client:
        yield client


def post(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return client.post(f"/api/v1/{path}", json=body)


def serials(client: httpx.Client, **wanted: Any) -> Any:
    reply = client.get("/api/v1/serials", params=wanted)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_serial_from_its_arrival_to_its_return(client: httpx.Client) -> None:
    sku, ref = f"S-{uuid4().hex[:6]}", uuid4().hex[:6]
    came = {
        "sku": sku, "quantity": 3, "damaged": 1, "serials": [" A1 ", "A2"],
        "damaged_serials": ["A4"],
    }  # fmt: skip
    arrived = post(client, "arrivals", ref=f"a-{ref}", site="main", lines=[came])
    assert arrived.status_code == 201
    assert [issue["code"] for issue in arrived.json()["issues"]] == ["stock.serial_missing"]
    sent = {"sku": sku, "quantity": 1, "serials": ["A2"]}
    away = {"from_site": "main", "to_site": "shop", "lines": [sent]}
    assert post(client, "transfers", ref=f"t-{ref}", **away).status_code == 201
    again = post(client, "transfers", ref=f"u-{ref}", **away)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ledger.serial_elsewhere")
    assert f"on its way to shop with transfer t-{ref}" in again.json()["error"]["message"]
    pack = {"ref": f"p-{ref}", "order": ref, "channel": "manual", "site": "main"}
    pack["lines"] = [{"sku": sku, "serials": ["A1"]}]
    dry = post(client, "packs", **pack, dry_run=True)
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    packed = post(client, "packs", **pack)
    assert (packed.status_code, packed.json()["moves"]) == (201, [])
    assert post(client, "packs", **pack).json()["repeated"]
    twice = post(client, "packs", **pack | {"ref": f"q-{ref}", "order": "other"})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "ledger.serial_elsewhere")
    listed = serials(client, sku=sku)
    assert (listed["tracked"], listed["required"], listed["next"]) == (True, False, None)
    assert [(each["serial"], each["place"], each["site"]) for each in listed["items"]] == [
        ("A1", "customer", ""), ("A2", "in_transit", "shop"), ("A4", "quarantine", "main"),
    ]  # fmt: skip
    assert {each["story"] for each in listed["items"]} == {None}
    at_main = serials(client, sku=sku, site="main")["items"]
    assert [each["serial"] for each in at_main] == ["A4"]
    page = serials(client, sku=sku, count=2)
    assert (len(page["items"]), page["next"]) == (2, "A2")
    rest = serials(client, sku=sku, count=2, after="A2")
    assert ([each["serial"] for each in rest["items"]], rest["next"]) == (["A4"], None)
    back = {"sku": sku, "quantity": 1, "grade": "scrap", "serials": ["A1"]}
    graded = {"site": "main", "order": ref, "channel": "manual", "lines": [back]}
    assert post(client, "inspections", ref=f"i-{ref}", **graded).status_code == 201
    [one] = serials(client, sku=sku, serial="a1")["items"]
    assert [(step["kind"], step["to_place"], step["clash"]) for step in one["story"]] == [
        ("arrival", "on_hand", None), ("pack", "customer", None), ("inspection", "loss", None),
    ]  # fmt: skip
    assert (one["story"][1]["source_ref"], one["story"][1]["connection"]) == (ref, "manual")
    undone = client.post(f"/api/v1/packs/undo/p-{ref}")
    assert [issue["code"] for issue in undone.json()["issues"]] == ["stock.serial_returned"]
    [one] = serials(client, serial="A1", sku=sku)["items"]
    assert [step["clash"] for step in one["story"]] == [None, "returned"]
    assert client.post("/api/v1/packs/undo/nobody").status_code == 400


def test_a_sku_that_must_have_serials(client: httpx.Client) -> None:
    sku = f"S-{uuid4().hex[:6]}"
    assert post(client, "serials/required", sku=sku, required=True).status_code == 201
    assert serials(client, sku=sku)["required"]
    line = {"sku": sku, "quantity": 1}
    came = post(client, "arrivals", ref=sku, site="main", lines=[line])
    assert [issue["severity"] for issue in came.json()["issues"]] == ["warning"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"quantity": 1, "serials": ["A", "B"]}, "at most as many serials as units"),
        ({"quantity": 2, "serials": ["A", " A"]}, "each serial once"),
        ({"quantity": 1, "serials": [""]}, "serials"),
        ({"quantity": 1, "serials": ["A" * 101]}, "serials"),
        ({"quantity": 1, "serials": ["A\u0007"]}, "can be printed"),
        ({"quantity": 1, "serials": "A"}, "serials"),
    ],
)
def test_serials_that_can_not_be(client: httpx.Client, line: dict[str, Any], field: str) -> None:
    reply = post(client, "arrivals", ref="x", site="main", lines=[{"sku": "S", **line}])
    assert reply.status_code == 400
    assert field in reply.text


def test_what_is_asked_for_must_be_named(client: httpx.Client) -> None:
    assert client.get("/api/v1/serials").status_code == 400
    assert client.get("/api/v1/serials", params={"serial": "NOBODY"}).status_code == 404
    nothing = serials(client, sku="NOBODY")
    assert (nothing["tracked"], nothing["items"]) == (False, [])
    empty = post(
        client, "packs", ref="x", order="1", site="main", lines=[{"sku": "S", "serials": []}]
    )
    assert empty.status_code == 400
    unknown = post(
        client, "packs", ref="x", order="1", site="main", lines=[{"sku": "S", "serials": ["A"]}]
    )
    assert "there is no order" in unknown.json()["error"]["message"]


def test_without_the_token_nothing_is_told(site: Site) -> None:
    assert httpx.get(f"{site.url}/api/v1/serials", params={"sku": "S"}).status_code == 401
    assert httpx.post(f"{site.url}/api/v1/packs", json={}).status_code == 401
