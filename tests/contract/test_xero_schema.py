"""Xero's own OpenAPI description: our requests are in its form, and its examples can be read."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.contract.test_xero_sandbox import FOLDER, SETTINGS, books, journal, secrets
from tests.support.books import calling
from tests.support.leftout import SHARED
from tests.support.openapi import load_document, problems, reply_problems
from trueup.connectors.xero import mapping, pull
from trueup.connectors.xero.api import refusal_of
from trueup.contract.connector import Fetch, Reply, Source

pytestmark = pytest.mark.shared
PATH = SHARED / "specs" / "xero" / "xero_accounting.yaml.gz"
SECRETS = SETTINGS | {"access_token": "token"}
AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_every_request_is_in_the_form_that_xero_publishes() -> None:
    document = load_document(PATH)
    asked = [
        FOLDER.pull.page_request("manual_journals", None, None),
        FOLDER.pull.page_request("manual_journals", AT, "7"),
        FOLDER.pull.count_request("manual_journals", AT),
        FOLDER.pull.fetch_request(
            Fetch(resource="journal", ref="0b159335-606b-485f-b51b-97b3b32bad32")
        ),
        FOLDER.commands.command_request(journal(), "key"),
        FOLDER.commands.find_request(journal(), "key"),
    ]
    found = {
        f"{request.method} {request.path}": told
        for request in asked
        if request is not None
        and (told := problems(document, FOLDER.api.authorise(request, SECRETS)))
    }
    assert found == {}


def examples(operation: dict[str, Any], status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]["example"]


def test_the_published_examples_are_read() -> None:
    paths = load_document(PATH)["paths"]
    listed = msgspec.json.encode(examples(paths["/ManualJournals"]["get"], "200"))
    page = FOLDER.pull.page("manual_journals", Reply(status=200, headers={}, body=listed))
    records = []
    for piece in page.pieces:
        source = Source(topic=pull.TOPIC, body=piece.body, received_at=AT, settings=SETTINGS)
        told = mapping.map_source(source)
        assert told.issues == ()
        records += told.records
    assert [(each.posted_on.isoformat(), each.posted) for each in records] == [
        ("2019-03-21", True),
        ("2019-03-12", True),
        ("2019-03-11", False),
    ]
    assert page.latest_at is not None
    made = msgspec.json.encode(examples(paths["/ManualJournals"]["put"], "200"))
    receipt = FOLDER.commands.command_receipt(journal(), Reply(status=200, headers={}, body=made))
    assert receipt.vendor_ref == "d312dd5e-a53e-46d1-9d51-c569ef4570b7"


@pytest.mark.anyio
async def test_the_simulated_xero_answers_as_the_real_one_says_it_does() -> None:
    document, vendor = load_document(PATH), books()
    asked = [
        FOLDER.commands.command_request(journal(), "key-1"),
        FOLDER.commands.command_request(journal(account="999"), "key-2"),
        FOLDER.pull.page_request("manual_journals", None, None),
        FOLDER.commands.find_request(journal(), "key-1"),
    ]
    async with calling(FOLDER, vendor, SETTINGS, secrets(vendor)) as caller:
        replies = [await caller.send(request) for request in asked]
    assert [reply.status for reply in replies] == [200, 400, 200, 200]
    for request, reply in zip(asked, replies, strict=True):
        assert reply_problems(document, request, reply) == [], request
    told = refusal_of(replies[1])
    assert told is not None
    assert told.type == "ValidationException"
