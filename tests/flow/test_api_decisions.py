"""Decisions by the API: page by page, whole, answered once, and to nobody without a token."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.console.site import MASTER_KEY, serving
from tests.console.world import World
from tests.unit.decisions.test_reorder import facts
from trueup.db.database import prepare_database
from trueup.db.pool import connect
from trueup.decisions.model import Mode
from trueup.decisions.propose import Proposed, note_proposals
from trueup.decisions.rules.reorder import RULE, ReorderSettings, propose
from trueup.govern.vault import Vault

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SETTINGS = ReorderSettings()


async def play(dsn: str) -> None:
    await prepare_database(dsn)
    async with await connect(dsn, application_name="test") as conn:
        for sku in ("CAP", "HAT", "TEE"):
            known = facts(sku=sku)
            told = type(known)(
                subject=f"supplier/3/{sku}",
                episode=known.episode,
                values=known.values,
                evidence=(f"sku/{sku}",),
            )
            proposal = propose(told, SETTINGS)
            assert proposal is not None
            found = [Proposed(told, proposal)]
            # As shadows, so that one that does not stand any more is not taken back.
            await note_proposals(conn, RULE, SETTINGS, Mode.SHADOW, found, NOW)
        await conn.execute("UPDATE decisions.decision SET mode = 'ask', state = 'proposed'")


@pytest.fixture(scope="module")
def client(module_database_url: str) -> Iterator[httpx.Client]:
    asyncio.run(play(module_database_url))
    world = World(module_database_url, Vault(MASTER_KEY))
    with serving(module_database_url, world) as site, site.program() as client:
        yield client


def test_decisions_are_listed_page_by_page_newest_first(client: httpx.Client) -> None:
    subjects, cursor = [], None
    while True:
        asked = {"count": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/v1/decisions", params=asked).json()
        subjects += [each["subject"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert subjects == ["supplier/3/TEE", "supplier/3/HAT", "supplier/3/CAP"]
    assert client.get("/api/v1/decisions", params={"in_state": "done"}).json()["items"] == []
    wrong = client.get("/api/v1/decisions", params={"in_state": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["fields"][0]["name"]) == (400, "in_state")


def test_one_is_shown_with_what_was_known_and_as_a_sentence(client: httpx.Client) -> None:
    told = client.get("/api/v1/decisions/1").json()
    assert (told["subject"], told["state"], told["evidence"]) == (
        "supplier/3/CAP",
        "proposed",
        ["sku/CAP"],
    )
    assert told["facts"]["items"][0]["available"] == 10
    assert told["effect"]["without"] == "1.00"
    assert told["actions"][0]["kind"] == "purchase.draft"
    assert told["actions"][0]["amount"]["currency"] == "EUR"
    assert "So the rule reorder would draft a purchase order" in told["sentence"]
    assert client.get("/api/v1/decisions/99").status_code == 404


def test_a_proposal_is_answered_once(client: httpx.Client) -> None:
    answer = {"by": "ada", "why": "we need them"}
    told = client.post("/api/v1/decisions/2/approve", json=answer).json()
    assert (told["state"], told["decided_by"]) == ("approved", "ada")
    assert [step["did"] for step in told["steps"]] == ["proposed", "approved"]
    late = client.post("/api/v1/decisions/2/refuse", json={"by": "bob"})
    assert (late.status_code, "is approved" in late.json()["error"]["message"]) == (400, True)
    told = client.post("/api/v1/decisions/3/refuse", json={"by": "bob"}).json()
    assert told["state"] == "refused"
    assert client.post("/api/v1/decisions/1/approve", json={}).status_code == 400
    assert client.post("/api/v1/decisions/99/approve", json=answer).status_code == 400


def test_rules_are_told_with_how_far_they_may_go(client: httpx.Client) -> None:
    rules = client.get("/api/v1/decision-rules").json()
    [rule] = [each for each in rules if each["rule"] == "reorder"]
    assert (rule["rule"], rule["mode"], rule["stale"], rule["stopped"]) == (
        *("reorder", "shadow", False, False),
    )
    assert (rule["replay"], rule["came"]) == (None, [])


def test_nobody_without_a_token_reads_or_answers(client: httpx.Client) -> None:
    for path in ("/api/v1/decisions", "/api/v1/decisions/1", "/api/v1/decision-rules"):
        assert httpx.get(f"{client.base_url}{path}").status_code == 401
    answered = httpx.post(f"{client.base_url}/api/v1/decisions/3/approve", json={"by": "eve"})
    assert answered.status_code == 401
