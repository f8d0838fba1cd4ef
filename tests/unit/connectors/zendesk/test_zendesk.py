"""What Zendesk's bodies mean at the edges, and which orders are refused before they are sent."""

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
from trueup.canon.customer import Customer
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessageState
from trueup.canon.ticket import Priority, Ticket, TicketStatus
from trueup.connectors.zendesk import api, auth, commands, mapping, pull, webhook
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
TOPICS = ["zen:event-type:ticket.created", "trigger", "pull/ticket", "fetch/ticket"]
TOPICS += ["fetch/comment", "pull/user", "fetch/user"]


def mean(topic: str, body: object) -> Mapped:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return mapping.map_source(Source(topic=topic, body=raw, received_at=NOW))


def ticket(users: list[dict[str, Any]] | None = None, **facts: Any) -> Ticket:
    base = {"id": 1, "status": "open", "updated_at": "2026-11-20T10:00:00+02:00"}
    (record,) = mean("fetch/ticket", {"ticket": base | facts, "users": users}).records
    assert isinstance(record, Ticket)
    return record


def comment(role: str | None = None, **facts: Any) -> Message:
    base = {"id": 2, "author_id": 5, "created_at": "2026-11-20T10:00:00Z", "body": "x"}
    users = [{"id": 5, "role": role, "email": "a@b.example"}] if role else []
    body = {"ticket_id": 1, "comment": base | facts, "users": users}
    (record,) = mean("fetch/comment", body).records
    assert isinstance(record, Message)
    return record


@pytest.mark.parametrize("word", mapping.STATUSES)
def test_every_status_is_known_and_only_deleted_is_gone(word: str) -> None:
    record = ticket(status=word)
    assert record.status is not TicketStatus.UNKNOWN
    assert record.deleted == (word == "deleted")
    assert record.updated_at == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_unknown_words_are_told_and_missing_ones_are_not() -> None:
    odd = {"ticket": {"id": 1, "status": "melted", "priority": "purple"}}
    codes = sorted(issue.code for issue in mean("fetch/ticket", odd).issues)
    assert codes == ["zendesk.priority_unknown", "zendesk.status_unknown"]
    record = ticket(status=None, priority=None)
    assert (record.status, record.priority) == (TicketStatus.UNKNOWN, Priority.UNKNOWN)
    user = {"id": 5, "role": "robot"}
    body = {"ticket_id": 1, "comment": {"id": 2, "author_id": 5}, "users": [user]}
    assert [i.code for i in mean("fetch/comment", body).issues] == ["zendesk.role_unknown"]
    assert [i.code for i in mean("pull/user", user).issues] == ["zendesk.role_unknown"]


def test_the_requester_is_the_customer() -> None:
    people = [
        {"id": 4, "name": "Kim", "email": "kim@team.example"},
        {"id": 5, "name": "Ada", "email": "ada@buyers.example", "phone": "+441632960111"},
    ]
    record = ticket(people, requester_id=5, assignee_id=4, group_id=3, via={"channel": 4})
    assert record.person is not None
    assert (record.person.email, record.person.name) == ("ada@buyers.example", "Ada")
    assert Link(LinkSpace.PHONE, "+441632960111") in record.links
    assert (record.customer_ref, record.assignee_ref, record.team_ref) == ("5", "4", "3")
    assert record.medium == "4"


@pytest.mark.parametrize(
    ("role", "facts", "direction", "state"),
    [
        ("end-user", {}, Direction.IN, MessageState.RECEIVED),
        ("agent", {}, Direction.OUT, MessageState.SENT),
        ("admin", {"public": True}, Direction.OUT, MessageState.SENT),
        ("end-user", {"public": False}, Direction.INTERNAL, MessageState.SENT),
        (None, {}, Direction.UNKNOWN, MessageState.SENT),
        (None, {"author_id": -1}, Direction.UNKNOWN, MessageState.SENT),
    ],
)
def test_who_speaks(
    role: str | None, facts: dict[str, Any], direction: Direction, state: MessageState
) -> None:
    record = comment(role, **facts)
    assert (record.direction, record.state) == (direction, state)


def test_only_our_own_names_are_read_back() -> None:
    ours = {"system": {}, "custom": {"trueup_ref": "cmd-1"}}
    assert comment(metadata=ours).command_ref == "cmd-1"
    others: list[Any] = [{}, {"trueup_ref": 7}, [], None, {"other": "x"}]
    for custom in others:
        assert comment(metadata={"custom": custom}).command_ref is None
    assert mapping.command_ref_in(msgspec.Raw(b"{")) is None


def test_people_are_customers_by_their_own_number_and_the_team_is_none() -> None:
    (record,) = mean("pull/user", {"id": 5, "role": "end-user", "external_id": 812}).records
    assert isinstance(record, Customer)
    assert record.links == (Link(LinkSpace.CUSTOMER, "812"),)
    (gone,) = mean("pull/user", {"id": 5, "active": False, "suspended": True}).records
    assert gone.deleted
    assert mean("pull/user", {"id": 5, "role": "agent"}).ignored


@pytest.mark.parametrize("topic", TOPICS)
def test_hostile_bodies_become_issues(topic: str) -> None:
    for body in HOSTILE_BODIES.values():
        mapped = mean(topic, body)
        assert mapped.records or mapped.issues or mapped.fetch
        webhook.identify({}, body)
        webhook.identify_piece(Piece(topic=topic, body=body))


def test_bad_text_and_instants_are_refused() -> None:
    bad = mean("fetch/ticket", b'{"ticket": {"id": 1, "subject": "a\\u0000b"}}')
    assert [issue.code for issue in bad.issues] == ["zendesk.text_invalid"]
    far = mean("fetch/ticket", b'{"ticket": {"id": 1, "updated_at": "0001-01-01T00:00:00+14:00"}}')
    assert [issue.code for issue in far.issues] == ["zendesk.field_invalid"]
    naive = mean("fetch/ticket", b'{"ticket": {"id": 1, "updated_at": "2026-11-20T10:00:00"}}')
    assert [issue.code for issue in naive.issues] == ["zendesk.field_invalid"]
    assert [i.code for i in mean("fetch/ticket", b"{}").issues] == ["zendesk.field_missing"]


def test_deliveries_hint_and_no_name_of_ours_passes_for_a_topic() -> None:
    body = msgspec.json.encode(
        {"type": "fetch/ticket", "subject": "zen:ticket:7", "ticket": {"id": 7}}
    )
    found = webhook.identify({"x-zendesk-webhook-invocation-id": "x" * 256}, body)
    assert (found.topic, found.entity) == ("hook/unknown", "ticket/7")
    assert found.external_id.startswith("sha256:")
    assert mean("trigger", {"subject": "zen:user:8"}).fetch == (Fetch(resource="users", ref="8"),)
    assert mean("trigger", {"subject": "zen:article:8"}).issues
    assert mean("zen:event-type:ticket.soft_deleted", {"subject": "zen:ticket:7"}).ignored
    for time in ("2026-11-20", "yesterday", "0001-01-01T00:00:00+14:00", "x" * 50):
        assert webhook.identify({}, msgspec.json.encode({"time": time})).raised_at is None
    (piece,) = webhook.split("trigger", body)
    assert webhook.identify_piece(piece).topic == "trigger"


def command(content: CommandContent) -> Command:
    return Command(kind=content.command, key="k", ref="cmd-1", content=content, wanted_at=NOW)


REFUSED: dict[str, CommandContent] = {
    "no number": ReplyToTicket(ticket_ref="1/../2", text="x"),
    "other digits": ReplyToTicket(ticket_ref="٣", text="x"),
    "message": SendMessage(to="a@b.example", text="x"),
    "nothing": ChangeTicket(ticket_ref="1"),
    "two calls": ChangeTicket(ticket_ref="1", tags_added=("a",), status=TicketStatus.OPEN),
    "both tags": ChangeTicket(ticket_ref="1", tags_added=("a",), tags_removed=("b",)),
    "blank in a tag": ChangeTicket(ticket_ref="1", tags_added=("a b",)),
    "no status": ChangeTicket(ticket_ref="1", status=TicketStatus.UNKNOWN),
    "assignee": ChangeTicket(ticket_ref="1", assignee_ref="kim"),
    "priority": CreateTicket(email="a@b.example", subject="", text="", priority=Priority.UNKNOWN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_zendesk_can_not_be_told_is_refused_before_it_is_sent(name: str) -> None:
    with pytest.raises(Refused):
        commands.command_request(command(REFUSED[name]), "key")


def test_calls_say_what_was_ordered() -> None:
    off = ChangeTicket(ticket_ref="1", assignee_ref="", team_ref="")
    body = msgspec.json.decode(commands.command_request(command(off), "key").body)
    assert body == {"ticket": {"assignee_id": None, "group_id": None}}
    wish = CreateTicket(email="a@b.example", subject="s", text="t")
    request = commands.command_request(command(wish), "key-7")
    assert ("idempotency-key", "key-7") in request.headers
    made = msgspec.json.decode(request.body)["ticket"]
    assert made["requester"] == {"email": "a@b.example", "name": "a@b.example"}
    note = commands.command_request(
        command(ReplyToTicket(ticket_ref="1", text="t", html="<i>")), ""
    )
    told = msgspec.json.decode(note.body)["ticket"]
    assert told["comment"] == {"html_body": "<i>", "public": False}
    assert told["metadata"] == {"trueup_ref": "cmd-1"}


def test_replies_that_can_not_be_read_leave_the_outcome_open() -> None:
    note = command(ReplyToTicket(ticket_ref="1", text="x"))
    odd = Reply(status=200, headers={}, body=b"<html>")
    assert commands.command_receipt(note, odd).state is ReceiptState.UNKNOWN
    assert commands.found(note, "k", odd).state is ReceiptState.UNKNOWN
    silent = Reply(status=200, headers={}, body=b'{"ticket": {"id": 1}}')
    assert commands.command_receipt(note, silent).code == "no_comment_told"


@pytest.mark.parametrize(
    ("created_at", "state"),
    [
        ((NOW - timedelta(hours=1)).isoformat(), ReceiptState.LATER),
        (NOW.isoformat(), ReceiptState.UNKNOWN),
        ("2026-11-20T10:00:00", ReceiptState.UNKNOWN),
        (None, ReceiptState.UNKNOWN),
    ],
)
def test_a_cut_list_counts_as_far_as_it_reaches(
    created_at: str | None, state: ReceiptState
) -> None:
    page = {"comments": [{"id": 1, "created_at": created_at}], "meta": {"has_more": True}}
    reply = Reply(status=200, headers={"date": "soon"}, body=msgspec.json.encode(page))
    note = command(ReplyToTicket(ticket_ref="1", text="x"))
    assert commands.found(note, "k", reply).state is state


STATUSES: dict[int, type[HubError]] = {
    **dict.fromkeys((400, 404, 406, 422), Refused),
    **dict.fromkeys((401, 403), AuthExpired),
    **dict.fromkeys((408, 409, 423, 425, 500, 502, 503, 504), Unavailable),
    429: RateLimited,
}


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_status_means(status: int) -> None:
    with pytest.raises(STATUSES[status]):
        api.judge(Reply(status=status, headers={"retry-after": "soon"}, body=b""))


def test_credentials_addresses_and_budgets() -> None:
    request = api.check_request()
    basic = dict(api.authorise(request, {"email": "a", "api_token": "b"}).headers)
    assert basic["authorization"] == "Basic " + base64.b64encode(b"a/token:b").decode()
    bearer = dict(api.authorise(request, {"access_token": "t"}).headers)
    assert bearer["authorization"] == "Bearer t"
    assert api.base_url({"subdomain": "north"}) == "https://north.zendesk.com"
    assert api.base_url({"api_base": "http://127.0.0.1:1/"}) == "http://127.0.0.1:1"
    for subdomain in ("", "evil.example/", "a.b", "-a"):
        with pytest.raises(ConfigError):
            api.base_url({"subdomain": subdomain})
    with pytest.raises(AuthExpired):
        api.judge(Reply(status=200, headers={}, body=b'{"user": {"url": "x", "id": null}}'))
    with pytest.raises(AuthExpired):
        api.checked(Reply(status=200, headers={}, body=b'{"user":{"id":1,"role":"end-user"}}'))
    with pytest.raises(ContractBroken):
        api.checked(Reply(status=200, headers={}, body=b"[]"))
    for limit, left in (("0", "0"), ("x", "1"), ("1" * 10, "1"), ("٣", "1"), ("", "")):
        headers = {"x-rate-limit": limit, "x-rate-limit-remaining": left}
        assert api.budget(Reply(status=200, headers=headers, body=b"")) is None


def test_the_way_through_oauth() -> None:
    settings, secrets = {"subdomain": "north", "client_id": "app"}, {"client_secret": "s"}
    url = auth.authorise_url(settings, secrets, "state-1", "https://hub.example/back")
    assert url.startswith("https://north.zendesk.com/oauth/authorizations/new?")
    assert auth.callback_code(settings, secrets, {"code": "c"}) == "c"
    with pytest.raises(Refused):
        auth.callback_code(settings, secrets, {})
    with pytest.raises(ConfigError):
        auth.authorise_url(settings, {}, "s", "https://hub.example/back")
    request = auth.token_request(settings, secrets | {"refresh_token": "r"}, Grant(kind="refresh"))
    assert msgspec.json.decode(request.body)["refresh_token"] == "r"


def test_a_page_of_odd_rows_is_kept_for_the_mapping_to_judge() -> None:
    rows = b'[{"id": "x"}, {"id": 1, "updated_at": "0001-01-01T00:00:00+14:00"}, 7]'
    body = b'{"tickets": %b, "users": [{"id": "y"}, 7], "end_of_stream": true}' % rows
    page = pull.page("tickets", Reply(status=200, headers={}, body=body))
    assert (len(page.pieces), page.next_cursor, page.latest_at) == (3, None, None)
    for piece in page.pieces:
        assert mean(piece.topic, piece.body).issues
    assert pull.count_request("tickets", None) is None
    with pytest.raises(ContractBroken):
        pull.page("tickets", Reply(status=200, headers={}, body=b"{}"))
    early = pull.page_request("tickets", datetime(1960, 1, 1, tzinfo=UTC), None)
    assert "start_time=0&" in early.path
