"""Gorgias' calls against the one document that it published, of 2016.

It is no sound Swagger (types in capitals, paths of another framework), so calls can not be validated
by it. What it defines still holds fields and words: ours must be among them, or be newer and named.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import trueup.connectors
from tests.support.leftout import SHARED
from trueup.canon.command import (
    ChangeTicket,
    CommandContent,
    CreateTicket,
    ReplyToTicket,
    SendMessage,
)
from trueup.canon.ticket import Priority, TicketStatus
from trueup.connectors.gorgias import commands, hooks, mapping
from trueup.contract.connector import Command
from trueup.contract.loader import load_connector

pytestmark = pytest.mark.shared

NEWER = {
    "Ticket": {"customer", "assignee_team"},  # then: requester, assignee_group
    "TicketMessage": set[str](),
    "Integration": set[str](),
    "IntegrationHTTP": {"triggers"},
}
TARGET = {"email": "a@b.example", "reply_address": "c@d.example"}


@pytest.fixture(scope="module")
def definitions() -> dict[str, Any]:
    text = (SHARED / "specs" / "gorgias" / "openapi_2016.json").read_bytes()
    return dict(msgspec.json.decode(text)["definitions"])


def sent(content: CommandContent) -> dict[str, Any]:
    command = Command(
        kind=content.command,
        key="k",
        ref="r",
        content=content,
        wanted_at=datetime(2026, 11, 21, tzinfo=UTC),
        target=TARGET,
    )
    return dict(msgspec.json.decode(commands.command_request(command, "k").body))


def bodies() -> list[tuple[str, dict[str, Any]]]:
    created = sent(CreateTicket(email="a@b.example", subject="s", text="t", tags=("x",)))
    hook = msgspec.json.decode(hooks.create_request("ticket-created", "https://hub.example").body)
    changed = ChangeTicket(
        ticket_ref="1",
        status=TicketStatus.CLOSED,
        priority=Priority.URGENT,
        assignee_ref="2",
        team_ref="3",
    )
    return [
        ("TicketMessage", sent(ReplyToTicket(ticket_ref="1", text="t"))),
        ("TicketMessage", sent(SendMessage(to="a@b.example", text="t", reply_to_ref="1"))),
        ("TicketMessage", created["messages"][0]),
        ("Ticket", created),
        ("Ticket", sent(changed)),
        ("Integration", hook),
        ("IntegrationHTTP", hook["http"]),
    ]


def test_the_fields_that_we_send_are_published_or_known_to_be_newer(
    definitions: dict[str, Any],
) -> None:
    for name, body in bodies():
        published = set(definitions[name]["properties"])
        assert set(body) - published <= NEWER[name], name
        for required in {"channel", "via"} if name == "TicketMessage" else ():
            assert required in definitions[name]["required"]
            assert required in body


def test_the_words_that_we_know_are_the_published_ones(definitions: dict[str, Any]) -> None:
    ticket = definitions["Ticket"]["properties"]
    assert set(mapping.STATUSES) == set(ticket["status"]["meta"]["enum"])
    assert set(mapping.PRIORITIES) == set(ticket["priority"]["meta"]["enum"])


def test_the_connector_loads_with_what_its_actions_need() -> None:
    folder = load_connector(Path(trueup.connectors.__file__).parent / "gorgias")
    assert {action.name for action in folder.manifest.actions} == {
        *("ticket.reply", "message.send", "ticket.change", "ticket.create"),
    }
