"""The money ledger by the API: balances, items, and payouts beside their entries."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from tests.db.test_bank import line
from tests.db.test_money import entry, payout, post, stored
from trueup.db.pool import connect
from trueup.govern.vault import Vault


async def play(dsn: str) -> None:
    async with await connect(dsn, application_name="test") as conn:
        told = [
            entry("a", "100.00", "3.00", to="po-1"),
            payout("po-1", "96.50"),
            entry("b", "8.00"),
        ]
        await post(conn, *(stored(n, each, fresh=True) for n, each in enumerate(told, 1)))
        await post(conn, stored(9, line("l-1", "96.00", 30), fresh=True))


@pytest.fixture(scope="module")
def client(module_database_url: str) -> Iterator[httpx.Client]:
    asyncio.run(play(module_database_url))
    with serving(module_database_url, World(module_database_url, Vault(MASTER_KEY))) as site:
        running: Site = site
        with running.program() as client:
            yield client


def test_balances_are_exact_and_end_on_a_day(client: httpx.Client) -> None:
    held = client.get("/api/v1/money/balances").json()
    amounts = {row["account"]: row["amount"] for row in held}
    assert amounts == {
        "clearing": "8.50",
        "collected": "-108.00",
        "fees": "3.00",
        "transit": "96.50",
        "bank": "96.00",
        "unmatched": "-96.00",
    }
    assert client.get("/api/v1/money/balances", params={"until": "2026-03-01"}).json() == []
    wrong = client.get("/api/v1/money/balances", params={"until": "soon"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["fields"][0]["name"] == "until"


def test_items_are_what_is_open(client: httpx.Client) -> None:
    open_ = client.get("/api/v1/money/items/clearing").json()
    assert [(row["item"], row["amount"]) for row in open_] == [(None, "8.00"), ("po-1", "0.50")]
    everything = client.get("/api/v1/money/items/fees", params={"everything": True}).json()
    assert [row["amount"] for row in everything] == ["3.00"]
    unknown = client.get("/api/v1/money/items/petty_cash")
    assert unknown.status_code == 404
    assert "clearing" in unknown.json()["error"]["message"]


def test_a_payout_that_is_half_a_euro_short_is_told(client: httpx.Client) -> None:
    told = client.get("/api/v1/money/payouts").json()
    assert (told["left"], told["matched"], told["explained_share"]) == (1, 0, 0.0)
    [difference] = told["discrepancies"]
    assert (difference["amount"], difference["currency"]) == ("0.50", "EUR")
    assert difference["cause"] == "unexplained"


def test_nobody_without_a_token_reads_money(client: httpx.Client) -> None:
    address = str(client.base_url)
    assert httpx.get(f"{address}/api/v1/money/balances").status_code == 401


def test_a_match_is_booked_once_and_taken_back(client: httpx.Client) -> None:
    looked = client.get("/api/v1/money/bank").json()
    assert (looked["left"], looked["right"], looked["matches"]) == (1, 1, [])
    assert client.get("/api/v1/money/matches").json() == []
    # A connection that is gone goes by its number.
    rows = {"payouts": [looked["discrepancies"][0]["left_ref"]], "lines": ["2/bank_line/l-1"]}
    wish = rows | {"by": "ada", "reason": "it is the only one", "difference": "fees"}
    bare = {name: value for name, value in wish.items() if name != "difference"}
    refused = client.post("/api/v1/money/matches", json=bare)
    assert refused.status_code == 400
    assert "say where that goes" in refused.json()["error"]["message"]
    tried = client.post("/api/v1/money/matches", json=wish | {"dry_run": True})
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
    booked = client.post("/api/v1/money/matches", json=wish)
    assert (booked.status_code, booked.json()["difference"]) == (201, "fees")
    again = client.post("/api/v1/money/matches", json=wish)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    [held] = client.get("/api/v1/money/matches").json()
    assert (held["by"], held["evidence"], held["undone"]) == ("ada", "it is the only one", False)
    [value] = client.get("/api/v1/money/bank").json()["values"]
    assert (value["booked"], value["share"]) == ("96.50", 1.0)
    undo = f"/api/v1/money/matches/undo/{held['ref']}"
    assert client.post(undo, json={}).status_code == 400
    undone = client.post(undo, json={"by": "ada"})
    assert (undone.status_code, undone.json()["undone"]) == (200, True)
    assert client.get("/api/v1/money/matches").json() == []
    gone = client.post("/api/v1/money/matches/undo/m-0", json={"by": "ada"})
    assert gone.status_code == 400
    assert "There is no match" in gone.json()["error"]["message"]
    for strange in ({}, wish | {"payouts": []}, wish | {"difference": "petty_cash"}):
        assert client.post("/api/v1/money/matches", json=strange).status_code == 400
