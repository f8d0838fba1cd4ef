"""What Gorgias' bodies mean at the edges, and which orders are refused before they are sent."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from trueup.canon.command import (
    ChangeTicket,
    CommandContent,
    CreateTicket,
    ReplyToTicket,
    SendMessage,
)
from trueup.canon.link import LinkSpace
from trueup.canon.message import Direction, Message, MessageState
from trueup.canon.ticket import Priority, Ticket, TicketStatus
from trueup.connectors.gorgias import api, auth, commands, hooks, mapping, pull, webhook
from trueup.contract.connector import Command, Fetch, Mapped, Piece, ReceiptState, Reply, Source
from trueup.contract.grant import Grant
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ContractBroken,
    HubError,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.quality.hostile import HOSTILE_BODIES

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
TARGET = {"email": "ops@shop.example", "reply_address": "support@shop.example"}


def mean(topic: str, body: object) -> Mapped:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return mapping.map_source(Source(topic=topic, body=raw, received_at=NOW))


def ticket(**facts: Any) -> Ticket:
    base = {"id": 1, "status": "open", "updated_datetime": "2026-11-20T10:00:00+02:00"}
    (record,) = mean("fetch/ticket", base | facts).records
    assert isinstance(record, Ticket)
    return record


def message(**facts: Any) -> Message:
    base = {"id": 2, "ticket_id": 1, "created_datetime": "2026-11-20T10:00:00"}
    (record,) = mean("fetch/message", base | facts).records
    assert isinstance(record, Message)
    return record


@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        ({"opened_datetime": None}, TicketStatus.NEW, "open"),
        ({"opened_datetime": None, "from_agent": True}, TicketStatus.OPEN, "open"),
        ({"opened_datetime": "2026-11-20T10:00:00"}, TicketStatus.OPEN, "open"),
        ({}, TicketStatus.OPEN, "open"),
        ({"status": "closed"}, TicketStatus.CLOSED, "closed"),
        (
            {"status": "closed", "snooze_datetime": "2026-11-25T10:00:00"},
            TicketStatus.ON_HOLD,
            "snoozed",
        ),
        ({"status": None}, TicketStatus.UNKNOWN, None),
        ({"status": "melted"}, TicketStatus.UNKNOWN, "melted"),
    ],
)
def test_whose_turn_it_is(facts: dict[str, Any], status: TicketStatus, code: str | None) -> None:
    record = ticket(**facts)
    assert (record.status, record.status_code) == (status, code)


def test_unknown_words_are_told() -> None:
    mapped = mean(
        "fetch/ticket",
        {
            "id": 1,
            "status": "melted",
            "priority": "purple",
            "customer": {"channels": [{"type": "pigeon", "address": "x"}]},
        },
    )
    assert sorted(issue.code for issue in mapped.issues) == [
        "gorgias.channel_unknown",
        "gorgias.priority_unknown",
        "gorgias.status_unknown",
    ]


def test_instants_without_a_zone_are_in_utc_and_others_become_so() -> None:
    record = ticket(created_datetime="2026-11-20T10:00:00.5")
    assert record.updated_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert record.created_at == datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)
    assert ticket(updated_datetime=None, created_datetime=None).updated_at == NOW
    far = mean("fetch/ticket", b'{"id": 1, "updated_datetime": "0001-01-01T00:00:00+14:00"}')
    assert [issue.code for issue in far.issues] == ["gorgias.field_invalid"]


SHOP = {"__integration_type__": "shopify"}


@pytest.mark.parametrize(
    ("facts", "orders"),
    [
        ({"meta": {"order_number": 1001}}, ["1001"]),
        ({"meta": {"order_name": "#1001", "order_number": "#1001"}}, ["#1001"]),
        ({"meta": {"order_number": True}}, []),
        ({"meta": {"order_number": "x" * 61}}, []),
        ({"meta": "1001"}, []),
        ({"subject": "Where is #1001?"}, []),
        ({"customer": {"integrations": {"6": SHOP | {"orders": [{"name": "#7"}]}}}}, ["#7"]),
        ({"customer": {"integrations": {"6": SHOP | {"orders": [{"name": "#7"}, {"name": "#8"}]}}}}, []),
        ({"customer": {"integrations": {"6": {"orders": [{"name": "#7"}]}}}}, []),
        ({"customer": {"integrations": [1]}}, []),
        ({"customer": {"integrations": {"6": SHOP | {"orders": [7, {}]}, "7": 8}}}, []),
    ],
)  # fmt: skip
def test_orders_are_named_by_data_and_never_guessed(
    facts: dict[str, Any], orders: list[str]
) -> None:
    links = ticket(**facts).links
    assert [link.value for link in links if link.namespace is LinkSpace.ORDER] == orders


def test_a_ticket_in_the_trash_is_gone_and_may_come_back() -> None:
    assert ticket(trashed_datetime="2026-11-20T11:00:00").deleted
    assert not ticket(trashed_datetime=None).deleted


@pytest.mark.parametrize(
    ("facts", "direction", "state"),
    [
        ({"from_agent": False}, Direction.IN, MessageState.RECEIVED),
        ({"from_agent": True}, Direction.OUT, MessageState.QUEUED),
        (
            {"from_agent": True, "sent_datetime": "2026-11-20T10:01:00"},
            Direction.OUT,
            MessageState.SENT,
        ),
        (
            {
                "from_agent": True,
                "sent_datetime": "2026-11-20T10:01:00",
                "opened_datetime": "2026-11-20T12:00:00",
            },
            Direction.OUT,
            MessageState.READ,
        ),
        (
            {"from_agent": True, "failed_datetime": "2026-11-20T10:01:00"},
            Direction.OUT,
            MessageState.FAILED,
        ),
        ({"from_agent": True, "public": False}, Direction.INTERNAL, MessageState.SENT),
        ({"source": {"type": "internal-note"}}, Direction.INTERNAL, MessageState.SENT),
        ({}, Direction.UNKNOWN, MessageState.QUEUED),
    ],
)
def test_who_speaks_and_how_far_it_came(
    facts: dict[str, Any], direction: Direction, state: MessageState
) -> None:
    record = message(**facts)
    assert (record.direction, record.state) == (direction, state)


def test_a_failure_is_told_by_its_code_and_never_by_its_text() -> None:
    failed = {"from_agent": True, "failed_datetime": "2026-11-20T10:01:00"}
    assert message(**failed, last_sending_error={"code": 550}).error_code == "550"
    assert message(**failed, last_sending_error="no mailbox of ada").error_code == "failed"


def test_a_phone_number_is_told_by_phone_media_alone() -> None:
    number = {"from": {"address": "+441632960111"}, "to": []}
    person = message(channel="whatsapp", from_agent=False, source=number).person
    assert person is not None
    assert (getattr(person, "phone", None), getattr(person, "email", None)) == (
        "+441632960111",
        None,
    )
    person = message(channel="chat", from_agent=False, source=number).person
    assert getattr(person, "phone", None) is None


def test_only_our_own_names_are_read_back() -> None:
    assert message(external_id="trueup:cmd-1").command_ref == "cmd-1"
    assert message(external_id="MSG-1").command_ref is None


@pytest.mark.parametrize("topic", [*webhook.TOPICS, "pull/ticket", "fetch/ticket", "fetch/message"])
def test_hostile_bodies_become_issues(topic: str) -> None:
    for body in HOSTILE_BODIES.values():
        mapped = mean(topic, body)
        assert mapped.records or mapped.issues or mapped.fetch
        webhook.identify({}, body)
        webhook.identify_piece(Piece(topic=topic, body=body))


def test_text_with_a_null_character_is_refused_and_an_escaped_backslash_is_not() -> None:
    bad = mean("fetch/ticket", b'{"id": 1, "subject": "a\\u0000b"}')
    assert [issue.code for issue in bad.issues] == ["gorgias.text_invalid"]
    good = mean("fetch/ticket", b'{"id": 1, "subject": "a\\\\u0000b"}')
    assert good.records


def test_a_hook_that_names_no_ticket_is_an_issue() -> None:
    assert mean("ticket-updated", {"event": "ticket-updated"}).issues
    raw = mean("ticket-updated", {"event": "ticket-updated", "ticket_id": "{{ticket.id}}"})
    assert [issue.code for issue in raw.issues] == ["gorgias.field_invalid"]
    whole = mean("ticket-updated", {"ticket": {"id": 5}})
    assert whole.fetch == (Fetch(resource="tickets", ref="5"),)
    assert mean("carts/update", {}).ignored


def command(content: CommandContent, **target: str) -> Command:
    return Command(
        kind=content.command,
        key="k",
        ref="cmd-1",
        content=content,
        wanted_at=NOW,
        target=TARGET | target,
    )


REFUSED: dict[str, tuple[CommandContent, dict[str, str]]] = {
    "public": (ReplyToTicket(ticket_ref="1", text="x", public=True), {}),
    "no number": (ReplyToTicket(ticket_ref="1/../2", text="x"), {}),
    "other digits": (ReplyToTicket(ticket_ref="٣", text="x"), {}),
    "no ticket": (SendMessage(to="a@b.example", text="x"), {}),
    "no address": (SendMessage(to="+4477", text="x", reply_to_ref="1"), {}),
    "no sender": (SendMessage(to="a@b.example", text="x", reply_to_ref="1"), {"reply_address": ""}),
    "attachment": (
        SendMessage(to="a@b.example", reply_to_ref="1", attachments=(("a", "b/c", ""),)),
        {},
    ),
    "nothing": (ChangeTicket(ticket_ref="1"), {}),
    "two calls": (
        ChangeTicket(ticket_ref="1", tags_added=("a",), status=TicketStatus.CLOSED),
        {},
    ),
    "both tags": (ChangeTicket(ticket_ref="1", tags_added=("a",), tags_removed=("b",)), {}),
    "pending": (ChangeTicket(ticket_ref="1", status=TicketStatus.PENDING), {}),
    "no priority": (ChangeTicket(ticket_ref="1", priority=Priority.UNKNOWN), {}),
    "assignee": (ChangeTicket(ticket_ref="1", assignee_ref="kim"), {}),
    "priority": (
        CreateTicket(email="a@b.example", subject="", text="", priority=Priority.UNKNOWN),
        {},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_gorgias_can_not_be_told_is_refused_before_it_is_sent(name: str) -> None:
    content, target = REFUSED[name]
    with pytest.raises(Refused):
        commands.command_request(command(content, **target), "key")


def test_a_name_that_is_too_long_is_refused() -> None:
    long = msgspec.structs.replace(command(ReplyToTicket(ticket_ref="1", text="x")), ref="x" * 250)
    with pytest.raises(Refused):
        commands.command_request(long, "key")


def test_nobody_is_assigned_by_an_empty_ref() -> None:
    request = commands.command_request(command(ChangeTicket(ticket_ref="1", assignee_ref="")), "k")
    assert msgspec.json.decode(request.body) == {"assignee_user": None}


def test_texts_are_escaped_unless_html_is_given() -> None:
    plain = commands.command_request(command(ReplyToTicket(ticket_ref="1", text="a<b\nc")), "k")
    assert msgspec.json.decode(plain.body)["body_html"] == "<div>a&lt;b<br>c</div>"
    given = commands.command_request(
        command(ReplyToTicket(ticket_ref="1", text="a", html="<i>a</i>")), "k"
    )
    assert msgspec.json.decode(given.body)["body_html"] == "<i>a</i>"
    assert given.writes


def test_replies_that_can_not_be_read_leave_the_outcome_open() -> None:
    note = command(ReplyToTicket(ticket_ref="1", text="x"))
    odd = Reply(status=200, headers={}, body=b"<html>")
    assert commands.command_receipt(note, odd).state is ReceiptState.UNKNOWN
    assert commands.found(note, "k", odd).state is ReceiptState.UNKNOWN
    assert commands.confirmed(note, odd).state is ReceiptState.SUBMITTED


def test_a_look_without_the_vendors_clock_believes_the_list() -> None:
    note = command(ReplyToTicket(ticket_ref="1", text="x"))
    empty = Reply(status=200, headers={"date": "soon"}, body=b'{"data": []}')
    assert commands.found(note, "k", empty).state is ReceiptState.LATER
    old = (NOW - timedelta(hours=1)).isoformat()
    page = {"data": [{"id": 1, "created_datetime": old}], "meta": {"next_cursor": "n"}}
    cut = Reply(status=200, headers={}, body=msgspec.json.encode(page))
    assert commands.found(note, "k", cut).state is ReceiptState.LATER


STATUSES: dict[int, type[HubError]] = {
    400: Refused,
    401: AuthExpired,
    403: AuthExpired,
    404: Refused,
    408: Unavailable,
    409: Refused,
    422: Refused,
    425: Unavailable,
    429: RateLimited,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_status_means(status: int) -> None:
    with pytest.raises(STATUSES[status]):
        api.judge(Reply(status=status, headers={"retry-after": "x"}, body=b""))
    api.judge(Reply(status=204, headers={}, body=b""))


def test_credentials_and_addresses() -> None:
    request = api.check_request()
    basic = dict(api.authorise(request, {"email": "a", "api_key": "b"}).headers)
    assert basic["authorization"] == "Basic " + base64.b64encode(b"a:b").decode()
    bearer = dict(api.authorise(request, {"access_token": "t", "api_key": "b"}).headers)
    assert bearer["authorization"] == "Bearer t"
    assert api.base_url({"domain": "north"}) == "https://north.gorgias.com"
    assert api.base_url({"api_base": "http://127.0.0.1:1/"}) == "http://127.0.0.1:1"
    for domain in ("", "evil.example/", "a.b", "-a"):
        with pytest.raises(ConfigError):
            api.base_url({"domain": domain})
    with pytest.raises(ContractBroken):
        api.checked(Reply(status=200, headers={}, body=b"[]"))
    bad = {"x-gorgias-account-api-call-limit": "4/0"}
    assert api.budget(Reply(status=200, headers=bad, body=b"")) is None


def test_the_way_through_oauth() -> None:
    settings, secrets = {"domain": "north", "client_id": "app"}, {"client_secret": "s"}
    url = auth.authorise_url(settings, secrets, "state-1", "https://hub.example/back")
    assert url.startswith("https://north.gorgias.com/oauth/authorize?response_type=code")
    assert "offline" in url
    assert auth.callback_code(settings, secrets, {"code": "c"}) == "c"
    with pytest.raises(Refused):
        auth.callback_code(settings, secrets, {})
    with pytest.raises(ConfigError):
        auth.authorise_url({"domain": "north"}, secrets, "s", "https://hub.example/back")
    request = auth.token_request(settings, secrets | {"refresh_token": "r"}, Grant(kind="refresh"))
    assert request.body == b"grant_type=refresh_token&refresh_token=r"
    assert dict(request.headers)["authorization"].startswith("Basic ")


def test_pages_and_their_cursors() -> None:
    rows = [
        {"id": 2, "updated_datetime": "2026-11-20T10:00:00"},
        {"id": 1, "updated_datetime": "2026-11-20T09:00:00"},
        {"id": 3, "updated_datetime": "0001-01-01T00:00:00+14:00"},
        {"id": "x"},
    ]
    body = msgspec.json.encode({"data": rows, "meta": {"next_cursor": "c=/"}})
    page = pull.page("tickets", Reply(status=200, headers={}, body=body))
    assert page.latest_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert len(page.pieces) == 4
    assert page.next_cursor is not None
    following = pull.page_request("tickets", NOW, page.next_cursor)
    assert following.path.endswith("cursor=c%3D%2F")
    assert pull.count_request("tickets", None) is None
    with pytest.raises(ContractBroken):
        pull.page("tickets", Reply(status=200, headers={}, body=b"{}"))
    empty = b'{"data": [], "meta": {"next_cursor": "n"}}'
    assert pull.page("tickets", Reply(status=200, headers={}, body=empty)).next_cursor


def test_a_ticket_with_many_or_odd_messages_has_them_listed() -> None:
    fetch = Fetch(resource="tickets", ref="1")
    for messages in ([], None, [{"id": 1}], [{"id": n, "ticket_id": 1} for n in range(30)]):
        body = msgspec.json.encode({"id": 1, "messages": messages})
        page = pull.fetched(fetch, Reply(status=200, headers={}, body=body))
        assert page.then == Fetch(resource="messages", ref="1")
        assert len(page.pieces) == 1


def test_foreign_and_switched_off_integrations_are_not_ours() -> None:
    ours = {"url": "https://hub.example/h", "triggers": {"ticket-created": True}}
    rows = [
        {"id": 1, "http": ours},
        {"id": 2, "http": ours, "deactivated_datetime": "2026-11-20T10:00:00"},
        {"id": 3, "http": {"url": "https://x.example", "triggers": {"ticket-created": False}}},
        {"id": 4, "type": "email"},
    ]
    reply = Reply(status=200, headers={}, body=msgspec.json.encode({"data": rows}))
    assert [hook.ref for hook in hooks.listed(reply)[0]] == ["1"]
    odd = Reply(status=201, headers={}, body=b'{"id": 4}')
    with pytest.raises(ContractBroken):
        hooks.created(odd)
