"""The API tells what the records say, page by page, and meets nonsense with a named 400."""

import asyncio
import random
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import play
from trueup.govern.vault import Vault


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(play(module_database_url, Vault(MASTER_KEY)))
    with serving(module_database_url, world) as running:
        yield running


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.program() as client:
        yield client


def _walk(client: httpx.Client, path: str, **params: object) -> list[dict]:
    """Return every item of a list, by its cursors."""
    items: list[dict] = []
    cursor = None
    for _ in range(200):
        asked = {**params, **({"cursor": cursor} if cursor else {})}
        reply = client.get(path, params=asked)
        assert reply.status_code == 200, reply.text
        page = reply.json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
        assert len(page["items"]) == params["count"]
    pytest.fail("the list does not end")


def _count(site: Site, query: str) -> int:
    with psycopg.connect(site.dsn) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("count", [1, 3, 200])
def test_a_walk_meets_every_order_once(client: httpx.Client, site: Site, count: int) -> None:
    """Several orders share an instant, so a cursor of the instant alone would lose some."""
    orders = _walk(client, "/api/v1/orders", count=count)
    keys = [(order["connection"], order["ref"]) for order in orders]
    wanted = _count(site, "SELECT count(*) FROM records.record WHERE kind = 'order'")
    assert len(keys) == len(set(keys)) == wanted
    assert [o["placed_at"] for o in orders] == sorted(
        (o["placed_at"] for o in orders), reverse=True
    )
    north = _walk(client, "/api/v1/orders", count=count, connection="north")
    assert [o for o in orders if o["connection"] == "north"] == north


def test_walks_of_the_other_lists(client: httpx.Client, site: Site) -> None:
    stock = _walk(client, "/api/v1/stock", count=5)
    assert len({row["sku"] for row in stock}) == len(stock)
    assert len(stock) == _count(site, "SELECT count(*) FROM ledger.balance")
    parked = _walk(client, "/api/v1/parked", count=2)
    assert len(parked) == _count(site, "SELECT count(*) FROM intake.parked")
    issues = _walk(client, "/api/v1/issues", count=2)
    assert len(issues) == _count(site, "SELECT count(*) FROM intake.issue WHERE closed_at IS NULL")
    code = issues[0]["code"]
    some = _walk(client, "/api/v1/issues", count=2, code=code)
    assert some == [issue for issue in issues if issue["code"] == code]
    cluster = parked[0]["cluster"]
    same = _walk(client, "/api/v1/parked", count=2, cluster=cluster)
    assert same == [event for event in parked if event["cluster"] == cluster]


def test_one_order_agrees_with_its_parts(client: httpx.Client) -> None:
    for order in _walk(client, "/api/v1/orders", count=50):
        path = f"/api/v1/orders/{order['connection']}/{quote(order['ref'], safe='')}"
        whole = client.get(path).json()
        assert whole["order"] == order
        assert Decimal(order["total"]["amount"]) >= 0
        assert isinstance(order["total"]["amount"], str)
        sums: dict[tuple[int, str], int] = {}
        for posting in whole["postings"]:
            key = posting["event_id"], posting["sku"]
            sums[key] = sums.get(key, 0) + posting["units"]
        assert set(sums.values()) <= {0}
        event = client.get(f"/api/v1/events/{whole['event_ids'][0]}").json()
        assert event["state"] == "applied"
        assert event["connection"] == order["connection"]


def test_one_sku_agrees_with_the_list(client: httpx.Client) -> None:
    for row in _walk(client, "/api/v1/stock", count=200):
        whole = client.get(f"/api/v1/stock/{quote(row['sku'], safe='')}", params={"count": 200})
        assert whole.status_code == 200, whole.text
        assert whole.json()["stock"] == row
        assert row["available"] == row["on_hand"] - row["reserved"]
        assert {cell["connection"] for cell in row["channels"]} <= {"north", "south"}


def test_nothing_personal_leaves_by_the_api(client: httpx.Client) -> None:
    for order in _walk(client, "/api/v1/orders", count=50):
        text = client.get(f"/api/v1/orders/{order['connection']}/{order['ref']}").text
        assert "@" not in text
        assert "Evelyn" not in text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/orders?count=0", "count"),
        ("/orders?count=201", "count"),
        ("/orders?count=x", "count"),
        ("/orders?count=" + "9" * 5000, "count"),
        ("/orders?cursor=x", "cursor"),
        ("/orders?cursor=%F0%9F%92%A9", "cursor"),
        ("/orders?cursor=WzFd", "cursor"),
        ("/orders?cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwxXQ", "cursor"),  # no zone
        ("/orders?cursor=" + "A" * 500, "cursor"),
        ("/orders?connection=%00", "connection"),
        ("/orders?connection=" + "x" * 300, "connection"),
        ("/orders/north%00/1", "connection"),
        ("/orders/north/%00", "ref"),
        ("/stock?cursor=WyJcdTAwMDAiXQ", "cursor"),
        ("/stock/%00", "sku"),
        ("/stock/TEE?count=-1", "count"),
        ("/events/x", "event_id"),
        ("/events/0", "event_id"),
        ("/events/-1", "event_id"),
        ("/events/9223372036854775808", "event_id"),
        ("/events/1.5", "event_id"),
        ("/issues?code=%00", "code"),
        ("/issues?cursor=Wy0xXQ", "cursor"),
        ("/parked?cluster=%00", "cluster"),
    ],
)
def test_a_bad_parameter_is_named(client: httpx.Client, path: str, field: str) -> None:
    reply = client.get(f"/api/v1{path}")
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["code"] == "http.400"
    assert [each["name"] for each in error["fields"]] == [field]
    assert error["fields"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"event_ids": [1], "cluster": "x"}'),
        *(b"{}", b'{"event_ids": [0]}', b'{"event_ids": [99999999999999999999]}'),
        *(b'{"event_ids": "all"}', b'{"cluster": "\\u0000"}', b'{"cluster": 1}', b'{"all": true}'),
        *(b'{"event_ids": [' + b"1," * 10_001 + b"1]}", b"[" * 5000),
    ],
)
def test_a_bad_retry_is_refused_and_does_nothing(client: httpx.Client, body: bytes) -> None:
    before = _walk(client, "/api/v1/parked", count=50)
    reply = client.post(
        "/api/v1/parked/retry",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["code"] == "http.400"
    assert _walk(client, "/api/v1/parked", count=50) == before


def test_what_is_not_there_is_404(client: httpx.Client) -> None:
    for path in (
        "/orders/north/0",
        "/orders/nobody/1",
        "/stock/none",
        "/events/9223372036854775807",
    ):
        reply = client.get(f"/api/v1{path}")
        assert reply.status_code == 404, path
        assert reply.json()["error"]["code"] == "http.404"
    assert client.get("/api/v1/orders?connection=nobody").status_code == 404


def test_nonsense_is_never_a_failure(client: httpx.Client) -> None:
    """Throw odd values at every parameter of the published schema; nothing answers 5xx."""
    pick = random.Random(7)
    odd = [
        *("", " ", "0", "-1", "1" * 400, "1e999", "NaN", "null", "true", "[]", "{}", "%", "%25"),
        *("\x00", "\x01", "\ud7ff", "\uffff", "\U0001f4a9", "a" * 2000, "../..", "//", "/", "."),
        *(
            "' OR 1=1 --",
            "{{7*7}}",
            "<script>",
            "\u202e",
            "e\u0301",
            "\r\nX: y",
            "#",
            "?",
            "&",
            ";",
        ),
    ]
    schema = client.get("/api/schema/openapi.json").json()
    asked = 0
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if not path.startswith("/api/v1") or method != "get":
                continue
            parameters = operation.get("parameters", [])
            for _ in range(60):
                target, query = path, {}
                for parameter in parameters:
                    value = pick.choice(odd)
                    if parameter["in"] == "path":
                        target = target.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
                    elif pick.random() < 0.6:
                        query[parameter["name"]] = value
                reply = client.get(target, params=query)
                # With only slashes where an id belongs, it is a path that takes other methods.
                fine = {200, 400, 404} | (
                    {405} if "reservations" in path or "counts" in path else set()
                )
                assert reply.status_code in fine, (target, query, reply.text)
                if reply.status_code != 200:
                    assert reply.json()["error"]["message"]
                asked += 1
    assert asked >= 400


def test_the_schema_tells_every_route(client: httpx.Client) -> None:
    paths = client.get("/api/schema/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith("/api/v1")} == {
        "/api/v1/money/balances",
        "/api/v1/money/bank",
        "/api/v1/money/matches",
        "/api/v1/money/matches/undo/{ref}",
        "/api/v1/money/items/{account}",
        "/api/v1/money/payouts",
        "/api/v1/journals",
        "/api/v1/journals/{number}",
        "/api/v1/checks",
        "/api/v1/checks/{check}",
        "/api/v1/orders",
        "/api/v1/orders/{connection}/{ref}",
        "/api/v1/stock",
        "/api/v1/stock/{sku}",
        "/api/v1/events/{event_id}",
        "/api/v1/issues",
        "/api/v1/parked",
        "/api/v1/parked/retry",
        "/api/v1/parity",
        "/api/v1/costs",
        "/api/v1/costs/undo/{ref}",
        "/api/v1/cost-layers/{sku}",
        "/api/v1/margin/{by}",
        "/api/v1/returns",
        "/api/v1/returns/differences",
        "/api/v1/returns/{record_id}",
        "/api/v1/phantoms",
        "/api/v1/phantoms/{record_id}/release",
        "/api/v1/reservations",
        "/api/v1/reservations/{reservation_id}",
        "/api/v1/brakes",
        "/api/v1/brakes/{brake_id}/release",
        "/api/v1/brakes/{brake_id}/discard",
        "/api/v1/reservations/{reservation_id}/confirm",
        "/api/v1/reservations/{reservation_id}/ship",
        "/api/v1/arrivals",
        "/api/v1/arrivals/undo/{ref}",
        "/api/v1/transfers",
        "/api/v1/transfers/close/{ref}",
        "/api/v1/purchases",
        "/api/v1/expected/{source}/{name}",
        "/api/v1/incoming",
        "/api/v1/lots/{sku}",
        "/api/v1/offers/{sku}",
        "/api/v1/low-stock",
        "/api/v1/inspections",
        "/api/v1/inspections/undo/{ref}",
        "/api/v1/packs",
        "/api/v1/packs/undo/{ref}",
        "/api/v1/serials",
        "/api/v1/serials/required",
        "/api/v1/counts",
        "/api/v1/counts/{ref}",
        "/api/v1/counts/{ref}/entries",
        "/api/v1/counts/{ref}/close",
        "/api/v1/counts/{ref}/decide",
        "/api/v1/decisions",
        "/api/v1/decisions/{decision_id}",
        "/api/v1/decisions/{decision_id}/approve",
        "/api/v1/decisions/{decision_id}/refuse",
        "/api/v1/decision-rules",
        "/api/v1/models",
        "/api/v1/forecast",
        "/api/v1/customers/tiers",
        "/api/v1/customers/{person}/expected",
        "/api/v1/reorders",
        "/api/v1/routes",
    }
    assert not [path for path in paths if path.startswith(("/sign-in", "/live", "/skus"))]


def test_a_retry_puts_events_back(client: httpx.Client) -> None:
    """It changes what is parked for the tests after it: none of them counts on a number."""
    parked = _walk(client, "/api/v1/parked", count=50)
    one = parked[-1]["event_id"]
    reply = client.post("/api/v1/parked/retry", json={"event_ids": [one, one, 1]})
    assert reply.json() == {"event_ids": [one]}
    cluster = next(p["cluster"] for p in parked if p["event_id"] != one)
    left = [p["event_id"] for p in parked if p["cluster"] == cluster and p["event_id"] != one]
    reply = client.post("/api/v1/parked/retry", json={"cluster": cluster})
    assert reply.json() == {"event_ids": sorted(left)}
    assert client.get(f"/api/v1/events/{one}").json()["state"] == "queued"
