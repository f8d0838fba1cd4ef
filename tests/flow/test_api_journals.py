"""Journals by the API: page by page, whole, and to nobody without a token."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from tests.console.site import MASTER_KEY, serving
from tests.console.world import World
from tests.db.test_journals import AT, NOW, open_stage
from tests.db.test_money import entry, post, stored
from trueup.govern.vault import Vault
from trueup.journals.undo import reverse_journal


async def play(dsn: str) -> None:
    async with open_stage(dsn) as stage:
        for n in range(1, 6):
            day = AT - timedelta(days=n)
            told = entry(f"t{n}", f"{n}.00", "0.10", occurred_at=day)
            await post(stage.conn, stored(n, told, fresh=True))
        await stage.post()
        await stage.outcome("TU260228-1", "done")
        await reverse_journal(
            stage.conn, stage.hub, "TU260228-1", on=None, by="ada", now=NOW, dry_run=False
        )


@pytest.fixture(scope="module")
def client(module_database_url: str) -> Iterator[httpx.Client]:
    asyncio.run(play(module_database_url))
    world = World(module_database_url, Vault(MASTER_KEY))
    with serving(module_database_url, world) as site, site.program() as client:
        yield client


def test_journals_are_listed_page_by_page_newest_first(client: httpx.Client) -> None:
    numbers, cursor = [], None
    while True:
        asked = {"count": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/v1/journals", params=asked).json()
        numbers += [each["number"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert numbers == [
        *("TU260228-2", "TU260301-1", "TU260228-1", "TU260227-1", "TU260226-1", "TU260225-1"),
    ]
    day = {"since": "2026-02-28", "until": "2026-02-28"}
    back, first = client.get("/api/v1/journals", params=day).json()["items"]
    assert (first["state"], first["vendor_ref"], first["reversed_by"]) == (
        *("done", "77", "TU260228-2"),
    )
    assert (back["state"], back["reverses"], back["total"]) == ("due", "TU260228-1", first["total"])
    assert (first["told_by"], first["connection"], first["made_by"]) == ("stripe", "books", "ada")
    wrong = client.get("/api/v1/journals", params={"since": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["fields"][0]["name"]) == (400, "since")


def test_a_whole_journal_has_its_lines_which_come_to_nothing(client: httpx.Client) -> None:
    told = client.get("/api/v1/journals/TU260301-1").json()
    assert told["journal"]["number"] == "TU260301-1"
    assert [(line["account"], line["connection"], line["amount"]) for line in told["lines"]] == [
        ("clearing", "stripe", "0.90"),
        ("collected", "stripe", "-1.00"),
        ("fees", "stripe", "0.10"),
    ]
    gone = client.get("/api/v1/journals/TU1")
    assert (gone.status_code, "'TU1'" in gone.json()["error"]["message"]) == (404, True)


def test_nobody_without_a_token_reads_journals(client: httpx.Client) -> None:
    for path in ("/api/v1/journals", "/api/v1/journals/TU260301-1"):
        assert httpx.get(f"{client.base_url}{path}").status_code == 401
