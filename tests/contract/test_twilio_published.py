"""Twilio's own document: every request is one that it describes, and its examples are read."""

import json
from typing import Any

import msgspec
import pytest

from tests.support.leftout import SHARED
from tests.support.openapi import load_document, problems
from tests.unit.connectors.twilio.test_twilio import NOW, SID, command
from trueup.connectors.twilio import api, commands, mapping, pull
from trueup.connectors.twilio.mapping import STATES
from trueup.contract.connector import Fetch, Reply, Request, Source

pytestmark = pytest.mark.shared
# Its schema wants an instant where its words, and its own examples, have a day.
A_DAY = "query parameter DateSent>: '2026-03-02' is not a 'date-time'"
ACCOUNT = "AC" + "a" * 32
SECRETS = {"account_sid": ACCOUNT, "auth_token": "t"}


@pytest.fixture(scope="module")
def document() -> Any:
    return load_document(SHARED / "specs" / "twilio" / "twilio_api_v2010.json.gz")


def described(document: Any, request: Request) -> list[str]:
    """Return what the document objects to; its paths begin with the version."""
    sent = api.authorise(request, SECRETS)
    path = f"/2010-04-01/Accounts{sent.path}"
    found = problems(document, msgspec.structs.replace(sent, path=path))
    return [each for each in found if each != A_DAY]


def test_every_request_is_one_that_twilio_describes(document: Any) -> None:
    service = command(sender="MG" + "0" * 32, status_url="https://hub.example/hooks/sms")
    sent = [
        api.check_request(),
        commands.command_request(command(), ""),
        commands.command_request(service, ""),
        commands.find_request(command(), ""),
        commands.confirm_request(command(), SID),
        pull.page_request("messages", NOW, None),
        pull.fetch_request(Fetch(resource="message", ref=SID)),
    ]
    assert {each.path: described(document, each) for each in sent} == {
        each.path: [] for each in sent
    }
    wrong = msgspec.structs.replace(sent[1], path="/{account_sid}/Message.json")
    assert described(document, wrong)


def test_every_status_of_the_document_is_known_and_its_examples_are_read(document: Any) -> None:
    assert set(document["components"]["schemas"]["message_enum_status"]["enum"]) == set(STATES)
    below = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    listed = below["get"]["responses"]["200"]["content"]["application/json"]["examples"]
    made = below["post"]["responses"]["201"]["content"]["application/json"]["examples"]
    pages = [each["value"] for each in listed.values()]
    found = [message for page in pages for message in page["messages"]]
    assert len(found) >= 2
    for page in pages:
        body = json.dumps(page).encode()
        assert pull.page("messages", Reply(status=200, headers={}, body=body)) is not None
    found += [each["value"] for each in made.values()]
    for message in found:
        body = json.dumps(message).encode()
        told = mapping.map_source(Source(topic="fetch/message", body=body, received_at=NOW))
        assert (len(told.records), told.issues) == (1, ()), message["sid"]
