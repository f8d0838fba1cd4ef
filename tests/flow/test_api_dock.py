"""The dock by the API: what comes, what is sent, what is still to come, and what is refused."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.access.rights import Role
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


def line(sku: str, quantity: int, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, **more}


def test_ordering_receiving_and_what_is_still_to_come(client: httpx.Client) -> None:
    sku, po = f"S-{uuid4().hex[:6]}", f"PO-{uuid4().hex[:6]}"
    made = post(client, "purchases", ref=po, lines=[line(sku, 5)], expected_on="2026-12-24")
    assert (made.status_code, made.json()["moves"]) == (201, [])
    body = {
        "ref": f"d-{po}", "site": "main", "lines": [line(sku, 3, damaged=1)],
        "source": "purchase", "source_ref": po,
    }  # fmt: skip
    dry = post(client, "arrivals", **body, dry_run=True)
    assert (dry.status_code, len(dry.json()["moves"])) == (200, 3)
    assert client.get(f"/api/v1/stock/{sku}").status_code == 404
    assert post(client, "arrivals", **body).status_code == 201
    again = post(client, "arrivals", **body)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    taken = post(client, "arrivals", **body | {"lines": [line(sku, 9)]})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "ledger.key_reused")
    [coming] = client.get("/api/v1/incoming", params={"sku": sku}).json()["items"]
    assert (coming["units"], coming["expected_on"]) == (1, "2026-12-24")
    assert client.get("/api/v1/incoming", params={"sku": sku, "until": "2026-12-01"}).json() == {
        "items": []
    }
    over = post(client, "arrivals", **body | {"lines": [line(sku, 9)], "correct": True})
    assert [each["code"] for each in over.json()["issues"]] == ["stock.arrived_over"]
    [shown] = client.get(f"/api/v1/expected/purchase/{po}").json()["items"]
    assert shown["match"]["lines"][0]["over"] == 4
    assert client.get("/api/v1/expected/purchase/nobody").status_code == 404
    assert client.get(f"/api/v1/expected/other/{po}").status_code == 400


def test_sending_closing_and_taking_back(client: httpx.Client) -> None:
    sku, ref = f"S-{uuid4().hex[:6]}", f"t-{uuid4().hex[:6]}"
    arrival = {"ref": f"a-{sku}", "site": "main", "lines": [line(sku, 4)]}
    assert post(client, "arrivals", **arrival).status_code == 201
    wanted = {"ref": ref, "from_site": "main", "to_site": "shop"}
    short = post(client, "transfers", **wanted, lines=[line(sku, 5)])
    assert (short.status_code, short.json()["error"]["shortages"]) == (
        409, [{"sku": sku, "wanted": 5, "left": 4, "site": "main"}],
    )  # fmt: skip
    assert post(client, "transfers", **wanted, lines=[line(sku, 3)]).status_code == 201
    back = client.post(f"/api/v1/arrivals/undo/a-{sku}")
    assert (back.status_code, back.json()["error"]["shortages"][0]["left"]) == (409, 1)
    closed = client.post(f"/api/v1/transfers/close/{ref}")
    assert [(each["place"], each["units"]) for each in closed.json()["moves"]] == [
        ("in_transit", -3), ("loss", 3),
    ]  # fmt: skip


def test_grading_what_came_back(client: httpx.Client) -> None:
    sku, ref = f"S-{uuid4().hex[:6]}", f"b-{uuid4().hex[:6]}"
    body = {
        "ref": ref, "site": "main", "by": "Ann", "reason": "too small",
        "lines": [line(sku, 2, grade="sellable"), line(sku, 1, grade="scrap", note="torn")],
    }  # fmt: skip
    dry = post(client, "inspections", **body, dry_run=True)
    assert (dry.status_code, len(dry.json()["moves"])) == (200, 3)
    made = post(client, "inspections", **body)
    assert (made.status_code, made.json()["issues"]) == (201, [])
    assert client.get(f"/api/v1/stock/{sku}").json()["sites"][0]["on_hand"] == 2
    assert post(client, "inspections", **body).json()["repeated"]
    taken = post(client, "inspections", **body | {"reason": "other"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "ledger.key_reused")
    fixed = post(
        client, "inspections", **body | {"lines": [line(sku, 3, grade="quarantine")]}, correct=True
    )
    assert {(each["place"], each["units"]) for each in fixed.json()["moves"]} == {
        ("on_hand", -2), ("loss", -1), ("quarantine", 3),
    }  # fmt: skip
    undone = client.post(f"/api/v1/inspections/undo/{ref}")
    assert {(each["place"], each["units"]) for each in undone.json()["moves"]} == {
        ("customer", 3), ("quarantine", -3),
    }  # fmt: skip
    nobody = client.post("/api/v1/inspections/undo/nobody")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (400, "config.invalid")
    early = post(client, "inspections", **body | {"ref": f"{ref}-2", "order": "#nobody"})
    assert [each["code"] for each in early.json()["issues"]] == ["stock.inspected_for_nothing"]
    assert client.post("/api/v1/arrivals", json={
        "ref": f"gone-{ref}", "site": "shop", "lines": [line(sku, 1)],
    }).status_code == 201  # fmt: skip
    away = {"ref": f"t-{ref}", "from_site": "main", "to_site": "shop", "lines": [line(sku, 2)]}
    assert post(client, "transfers", **away).status_code == 201
    late = client.post(f"/api/v1/inspections/undo/{ref}-2")
    assert (late.status_code, late.json()["error"]["shortages"][0]["left"]) == (409, 0)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("inspections", {"ref": "x", "site": "m", "lines": [line("A", 1)]}, "grade"),
        ("inspections", {"ref": "x", "site": "m", "lines": [line("A", 1, grade="fine")]}, "grade"),
        ("inspections", {"ref": "x", "site": "m", "lines": [line("A", 0, grade="scrap")]}, "quantity"),
        ("inspections", {"ref": "x", "site": "m", "lines": []}, "lines"),
        ("inspections", {"ref": "x", "site": "m", "channel": "c", "lines": [line("A", 1, grade="scrap")]}, "order"),
        ("arrivals", {"ref": "x", "site": "main", "lines": []}, "lines"),
        ("arrivals", {"ref": "x", "site": "main", "lines": [line("A", 0)]}, "lines"),
        ("arrivals", {"ref": "x", "site": "", "lines": [line("A", 1)]}, "site"),
        ("arrivals", {"ref": "x", "site": "m", "lines": [line("A", 1)], "source_ref": "P"}, "source_ref"),
        ("transfers", {"ref": "x", "from_site": "m", "to_site": "m", "lines": [line("A", 1)]}, "to_site"),
        ("transfers", {"ref": "x", "from_site": "m", "to_site": "n", "lines": [line("A", 0)]}, "quantity"),
        ("purchases", {"ref": "x", "lines": [line("A", 2_000_000_000)] * 2}, "lines"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    client: httpx.Client, path: str, body: dict[str, Any], field: str
) -> None:
    answer = post(client, path, **body)
    assert answer.status_code == 400
    assert field in answer.text


def test_a_count_is_blind_and_decided_by_another(client: httpx.Client) -> None:
    sku, ref = f"S-{uuid4().hex[:6]}", f"c-{uuid4().hex[:6]}"
    arrival = {"ref": f"a-{sku}", "site": "main", "lines": [line(sku, 4)]}
    assert post(client, "arrivals", **arrival).status_code == 201
    opened = post(client, "counts", ref=ref, site="main", skus=[sku])
    assert (opened.status_code, opened.json()["lines"]) == (201, [])
    entry = {"sku": sku, "quantity": 3, "by": "Ann", "key": "1"}
    taken = post(client, f"counts/{ref}/entries", **entry)
    assert taken.status_code == 201
    assert set(taken.json()) == {"sku", "quantity", "bin", "round", "by", "counted_at"}
    assert post(client, f"counts/{ref}/entries", **entry | {"quantity": 2}).status_code == 409
    closed = post(client, f"counts/{ref}/close", missing="refuse")
    [shown] = closed.json()["lines"]
    assert (shown["state"], shown["book"], shown["variance"]) == ("waiting", 4, -1)
    own = post(client, f"counts/{ref}/decide", sku=sku, approve=True, by="ann")
    assert (own.status_code, "another person" in own.json()["error"]["message"]) == (400, True)
    other = post(client, f"counts/{ref}/decide", sku=sku, approve=True, by="Ben")
    assert other.json()["state"] == "approved"
    assert client.get(f"/api/v1/stock/{sku}").json()["stock"]["on_hand"] == 3
    assert client.get(f"/api/v1/counts/{ref}").json()["state"] == "closed"
    assert client.get("/api/v1/counts/nobody").status_code == 404


def test_whose_token_it_is_does_it_whatever_the_body_says(site: Site, client: httpx.Client) -> None:
    sku, ref = f"S-{uuid4().hex[:6]}", f"c-{uuid4().hex[:6]}"
    entry = {"sku": sku, "quantity": 3, "key": "1"}
    nobody = {"by": None}
    with (
        site.program(site.token("Otto", Role.OPERATIONS)) as otto,
        site.program(site.token("Olga", Role.OPERATIONS)) as olga,
    ):
        arrival = {"ref": f"a-{sku}", "site": "main", "lines": [line(sku, 4)], "by": "Eve"}
        assert post(otto, "arrivals", **arrival).status_code == 201
        assert post(otto, "counts", ref=ref, site="main", skus=[sku]).status_code == 201
        assert post(client, f"counts/{ref}/entries", **entry | nobody).status_code == 400
        assert post(otto, f"counts/{ref}/entries", **entry, by="Eve").json()["by"] == "Otto"
        [counted] = post(otto, f"counts/{ref}/close").json()["lines"]
        assert counted["counted_by"] == ["Otto"]
        own = post(otto, f"counts/{ref}/decide", sku=sku, approve=True, by="Olga")
        assert (own.status_code, "another person" in own.json()["error"]["message"]) == (400, True)
        hubs = post(client, f"counts/{ref}/decide", sku=sku, approve=True)
        assert hubs.json()["error"]["fields"][0]["name"] == "by", "the hub's own token is nobody's"
        done = post(olga, f"counts/{ref}/decide", sku=sku, approve=True, by="Otto").json()
        assert (done["state"], done["by"]) == ("approved", "Olga")
    with site.program(site.token("Vic", Role.VIEWER)) as vic:
        refused = post(vic, "arrivals", **arrival)
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            *(403, "access.not_allowed"),
        )
        assert post(vic, f"counts/{ref}/decide", sku=sku, approve=True).status_code == 403


def test_without_the_token_nothing_is_booked(site: Site) -> None:
    body = {"ref": "x", "site": "main", "lines": [line("A", 1)]}
    assert httpx.post(f"{site.url}/api/v1/arrivals", json=body).status_code == 401


def test_lots_of_a_sku_are_told_also_where_its_name_has_slashes(client: httpx.Client) -> None:
    for sku in (f"L-{uuid4().hex[:6]}", f"L/{uuid4().hex[:6]}/lots"):
        lot = {"lot": "L1", "expires_on": "2099-01-31"}
        body = {"ref": f"d-{sku}", "site": "main", "lines": [line(sku, 3, **lot)]}
        booked = post(client, "arrivals", **body)
        assert booked.status_code == 201, booked.text
        told = client.get(f"/api/v1/lots/{sku}", params={"units": 2})
        assert (told.status_code, told.json()["sku"]) == (200, sku)
        [shelf] = told.json()["shelves"]
        assert [each["units"] for each in shelf["lots"]] == [3]
        assert [each["units"] for each in told.json()["pick"]] == [2]
        assert client.get(f"/api/v1/stock/{sku}").json()["stock"]["sku"] == sku
