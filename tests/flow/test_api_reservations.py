"""Sellers reserve by the API: the token, the key, what is refused and why, and what is told."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.canon.inventory import MovementKind
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.connections import create_connection, load_accounts
from trueup.ledger.proof import prove_ledger
from trueup.replay import replay_log
from trueup.scheduler import Scheduler
from trueup.stock import Movement, report_movements
from trueup.worker import refresh_connections

PATH = "/api/v1/reservations"
UNITS = 40


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as running:
        yield running


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.program() as client:
        yield client


@pytest.fixture
def sku(site: Site) -> str:
    """Give a SKU of the test's own, of which there are 40."""
    code = f"R-{uuid4().hex[:8]}"

    async def receive() -> None:
        hub = _hub(site)
        async with await connect(site.dsn, application_name="test") as conn:
            if not await load_accounts(conn, hub.vault):
                await create_connection(
                    conn, hub.vault, name="manual", connector="manual", settings={}, secrets={}
                )
            await refresh_connections(conn, hub)
        [own] = hub.connections.values()
        opening = Movement(
            ref=code,
            movement=MovementKind.OPENING,
            sku=code,
            quantity=UNITS,
            site="main",
            occurred_at=datetime.now(UTC),
        )
        await report_movements(site.dsn, hub, own, [opening])

    asyncio.run(receive())
    return code


def _hub(site: Site) -> Hub:
    assert site.world is not None
    return Hub(site.world.hub.vault, site.world.hub.connectors)


def reserve(
    client: httpx.Client, *lines: tuple[str, int], key: str = "", **more: Any
) -> httpx.Response:
    body = {
        "lines": [{"sku": sku, "quantity": units} for sku, units in lines],
        "expires_in_s": 600,
    }
    headers = {"Idempotency-Key": key or uuid4().hex}
    return client.post(PATH, json=body | more, headers=headers)


def available(client: httpx.Client, sku: str) -> int:
    return int(client.get(f"/api/v1/stock/{sku}").json()["stock"]["available"])


def test_from_asking_to_shipping(client: httpx.Client, sku: str) -> None:
    reply = reserve(client, (sku, 3), order_ref="till-2/118")
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert (made["state"], made["order_ref"]) == ("held", "till-2/118")
    created, expires = (datetime.fromisoformat(made[n]) for n in ("created_at", "expires_at"))
    assert (expires - created).total_seconds() == 600
    assert available(client, sku) == UNITS - 3
    path = f"{PATH}/{made['id']}"
    assert client.get(path).json() == made
    early = client.post(f"{path}/ship")
    assert early.status_code == 409
    assert early.json()["error"]["code"] == "ledger.reservation_closed"
    for step, state in (("confirm", "confirmed"), ("ship", "shipped")):
        for _ in range(2):
            reply = client.post(f"{path}/{step}")
            assert (reply.status_code, reply.json()["state"]) == (200, state)
    gone = client.delete(path)
    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "ledger.reservation_closed")
    stock = client.get(f"/api/v1/stock/{sku}").json()
    assert {n: stock["stock"][n] for n in ("available", "on_hand", "reserved", "customer")} == {
        "available": UNITS - 3, "on_hand": UNITS - 3, "reserved": 0, "customer": 3,
    }  # fmt: skip
    assert {each["reason"] for each in stock["movements"]} == {"opening", "reservation"}


def test_too_little_is_refused_whole_with_what_is_left(client: httpx.Client, sku: str) -> None:
    reply = reserve(client, (sku, 30), ("NOT-THERE", 1), (sku, 11), key=f"k-{sku}")
    assert reply.status_code == 409
    error = reply.json()["error"]
    assert error["code"] == "ledger.insufficient_stock"
    assert error["shortages"] == [
        {"sku": sku, "wanted": 41, "left": 40},
        {"sku": "NOT-THERE", "wanted": 1, "left": 0},
    ]
    assert f"{sku}: 41 wanted, 40 left" in error["message"]
    assert available(client, sku) == UNITS
    again = reserve(client, (sku, 30), ("NOT-THERE", 1), (sku, 11), key=f"k-{sku}")
    assert (again.status_code, again.json()) == (409, reply.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert client.get("/api/v1/stock/NOT-THERE").status_code == 404


def test_the_same_key_gets_the_same_answer(client: httpx.Client, sku: str) -> None:
    key = f"cart {sku}".replace(" ", "!")
    first = reserve(client, (sku, 2), key=key)
    client.delete(f"{PATH}/{first.json()['id']}")
    again = reserve(client, (sku, 2), key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert client.get(f"{PATH}/{first.json()['id']}").json()["state"] == "released"
    other = reserve(client, (sku, 3), key=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "ledger.key_reused")
    assert available(client, sku) == UNITS


def test_a_release_gives_back_once(client: httpx.Client, sku: str) -> None:
    path = f"{PATH}/{reserve(client, (sku, 5)).json()['id']}"
    client.post(f"{path}/confirm")
    for _ in range(3):
        reply = client.delete(path)
        assert (reply.status_code, reply.json()["state"]) == (200, "released")
    assert client.post(f"{path}/confirm").status_code == 409
    assert available(client, sku) == UNITS


def test_many_programs_at_once_never_take_more_than_there_is(site: Site, sku: str) -> None:
    with site.program() as client, ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: reserve(client, (sku, 3)), range(40)))
        codes = [reply.status_code for reply in replies]
        assert (codes.count(201), codes.count(409)) == (13, 27)
        assert available(client, sku) == 1


def test_the_scheduler_releases_what_has_expired(site: Site, sku: str) -> None:
    async def schedule(path: str, client: httpx.Client) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(Scheduler(site.dsn, _hub(site), history=False).run(stop))
        try:
            for _ in range(150):
                if await asyncio.to_thread(available, client, sku) == UNITS:
                    return
                await asyncio.sleep(0.1)
            pytest.fail(f"nobody released {path}")
        finally:
            stop.set()
            await running

    with site.program() as client:
        made = reserve(client, (sku, 4), expires_in_s=1).json()
        assert available(client, sku) == UNITS - 4
        asyncio.run(schedule(made["id"], client))
        assert client.get(f"{PATH}/{made['id']}").json()["state"] == "expired"


def test_whoever_looks_at_an_expired_one_releases_it(client: httpx.Client, sku: str) -> None:
    made = reserve(client, (sku, 4), expires_in_s=1).json()
    time.sleep(1.1)
    assert client.post(f"{PATH}/{made['id']}/confirm").status_code == 409
    assert available(client, sku) == UNITS


def test_only_a_bearer_of_the_token_reserves(site: Site, client: httpx.Client, sku: str) -> None:
    made = reserve(client, (sku, 1)).json()
    asks = [
        ("POST", PATH),
        ("POST", f"{PATH}/{made['id']}/confirm"),
        ("POST", f"{PATH}/{made['id']}/ship"),
        ("DELETE", f"{PATH}/{made['id']}"),
    ]
    with site.stranger() as stranger, site.reader() as reader:
        for method, path in asks:
            for who in (stranger, reader):
                reply = who.request(method, path, json={}, headers={"Idempotency-Key": "k"})
                assert reply.status_code == 401, (method, path)
                assert reply.json()["error"]["code"] == "access.not_signed_in"
        assert stranger.get(f"{PATH}/{made['id']}").status_code in {303, 401}
        assert reader.get(f"{PATH}/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 1}] * 501}, "lines"),
        ({"lines": [{"sku": "", "quantity": 1}]}, "lines"),
        ({"lines": [{"sku": "A\0", "quantity": 1}]}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "lines"),
        ({"lines": [{"sku": "A", "quantity": -1}]}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 1.5}]}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 2_000_000_000}] * 2}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 1, "site": ""}]}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 1, "color": "red"}]}, "lines"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"expires_in_s": 2_592_001}, "expires_in_s"),
        ({"expires_in_s": "soon"}, "expires_in_s"),
        ({"order_ref": ""}, "order_ref"),
        ({"order_ref": "x" * 256}, "order_ref"),
        ({"more": 1}, ""),
    ],
)
def test_a_bad_wish_is_refused_and_named(
    client: httpx.Client, change: dict[str, Any], field: str
) -> None:
    reply = reserve(client, ("A", 1), **change)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["message"]
    assert field in reply.text


@pytest.mark.parametrize("key", [None, "", "two words", "x" * 256, "\u00e9"])
def test_the_key_is_needed_and_checked(client: httpx.Client, sku: str, key: str | None) -> None:
    body = {"lines": [{"sku": sku, "quantity": 1}], "expires_in_s": 60}
    headers = {} if key is None else {"Idempotency-Key": key.encode()}
    reply = client.post(PATH, json=body, headers=headers)  # type: ignore[arg-type]  # bytes are taken
    assert reply.status_code == 400, reply.text
    assert "idempotency_key" in reply.text.lower().replace("-", "_")
    assert available(client, sku) == UNITS


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 5000, b'{"lines":"\\ud800"}'])
def test_nonsense_is_a_named_400(client: httpx.Client, body: bytes) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    reply = client.post(PATH, content=body, headers=headers)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["message"]


def test_what_is_not_there_is_404(client: httpx.Client) -> None:
    path = f"{PATH}/{uuid4()}"
    replies = [client.get(path), client.delete(path), client.post(f"{path}/confirm")]
    assert [reply.status_code for reply in replies] == [404] * 3
    assert client.get(f"{PATH}/%00").status_code == 400


def test_the_schema_tells_of_keys_and_problems(client: httpx.Client) -> None:
    schema = client.get("/api/schema/openapi.json").json()
    made = schema["paths"][PATH]["post"]
    [key] = [p for p in made["parameters"] if p["in"] == "header"]
    assert (key["name"], key["required"]) == ("Idempotency-Key", True)
    assert {"201", "400", "409"} <= made["responses"].keys()
    for path, methods in schema["paths"].items():
        if path.startswith(f"{PATH}/"):
            for method, operation in methods.items():
                assert ("409" in operation["responses"]) == (method != "get"), (path, method)


def test_the_books_and_the_log_agree_with_all_of_it(site: Site, sku: str) -> None:
    """Whatever the other tests did before it, and what was received for this one."""
    del sku

    async def look() -> None:
        hub = _hub(site)
        async with await connect(site.dsn, application_name="test") as conn:
            assert (await prove_ledger(conn)).holds
            await refresh_connections(conn, hub)
            replayed = await replay_log(conn, hub)
        assert (replayed.differing, replayed.parked) == (0, 0)
        assert replayed.records > 0

    asyncio.run(look())
