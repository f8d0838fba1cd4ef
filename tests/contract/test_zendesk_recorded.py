"""Zendesk's recorded exchanges: every body has a meaning, and our calls are the recorded ones."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from tests.contract.test_zendesk_sandbox import FOLDER, SECRETS
from tests.support.helpdesk import Desk
from tests.support.leftout import SHARED
from tests.support.openapi import load_document, problems, reply_problems
from tests.support.zendesk_bodies import Exchange, exchanges, things
from trueup.canon.command import ChangeTicket, CreateTicket, ReplyToTicket
from trueup.canon.ticket import Priority, Ticket, TicketStatus
from trueup.connectors.zendesk import api, commands, mapping, pull
from trueup.connectors.zendesk.webhook import identify_piece
from trueup.contract.connector import (
    Command,
    Fetch,
    Piece,
    ReceiptState,
    Reply,
    Request,
    Source,
)
from trueup.errors import AuthExpired, RateLimited, Refused, Unavailable
from trueup.sandbox.zendesk.account import Zendesk

pytestmark = pytest.mark.shared

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
NOT_OURS = "other/body"


@pytest.fixture(scope="module")
def recorded() -> list[Exchange]:
    return exchanges()


def reply_of(exchange: Exchange) -> Reply:
    return Reply(status=exchange.status, headers=exchange.headers, body=exchange.body)


def pieces(exchange: Exchange) -> list[Piece]:
    """Return a body's things as the connector would take them in."""
    found = []
    for noun, thing in things(exchange):
        raw = msgspec.Raw(msgspec.json.encode(thing))
        if noun == "ticket":
            found.append(Piece(topic="pull/ticket", body=pull.ticket_body(raw, {})))
        elif noun == "comment":
            ref = exchange.path.split("/")[4] if "/tickets/" in exchange.path else "1"
            found.append(Piece(topic="fetch/comment", body=pull.comment_body(raw, ref, {})))
        else:
            topic = "pull/user" if noun == "user" else NOT_OURS
            found.append(Piece(topic=topic, body=bytes(raw)))
    return found


def test_every_recorded_body_becomes_records_or_says_why_not(
    recorded: list[Exchange], capsys: pytest.CaptureFixture[str]
) -> None:
    told: dict[str, Counter[str]] = {}
    issues: Counter[str] = Counter()
    for exchange in recorded:
        for piece in pieces(exchange):
            count = told.setdefault(piece.topic, Counter())
            count["bodies"] += 1
            mapped = mapping.map_source(Source(topic=piece.topic, body=piece.body, received_at=NOW))
            issues.update(issue.code for issue in mapped.issues)
            for record in mapped.records:
                assert identify_piece(piece).entity == record.entity()
            outcome = (
                *("records" if mapped.records else "",),
                *("issues" if mapped.issues else "",),
                *("ignored" if mapped.ignored else "",),
            )
            count[next(filter(None, outcome), "unhandled")] += 1
    with capsys.disabled():
        print(f"\nzendesk: {len(recorded)} exchanges, issues: {dict(issues) or 'none'}")
        for topic, count in sorted(told.items()):
            line = ", ".join(f"{name} {count[name]}" for name in _COLUMNS)
            print(f"  {topic:<14} {line}")
    assert sum(count["unhandled"] for count in told.values()) == 0
    assert sum(issues.values()) == 0
    assert told["pull/ticket"]["records"] > 1_000
    assert told["fetch/comment"]["records"] == 1


_COLUMNS = ("bodies", "records", "issues", "ignored", "unhandled")


def test_recorded_comments_and_tickets_mean_what_they_say(recorded: list[Exchange]) -> None:
    (one,) = [e for e in recorded if e.path.endswith("/tickets/33/comments")]
    page = pull.fetched(Fetch(resource="comments", ref="33"), reply_of(one))
    assert page.then is None
    (record,) = mapping.map_source(
        Source(topic="fetch/comment", body=page.pieces[0].body, received_at=NOW)
    ).records
    assert record.ref == "33144692244499"
    statuses = Counter(
        record.status
        for exchange in recorded
        for piece in pieces(exchange)
        if piece.topic == "pull/ticket"
        for record in mapping.map_source(
            Source(topic=piece.topic, body=piece.body, received_at=NOW)
        ).records
        if isinstance(record, Ticket)
    )
    assert set(statuses) == {*_MET}


_MET = (TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.PENDING)


def command(content: ReplyToTicket | ChangeTicket | CreateTicket) -> Command:
    return Command(kind=content.command, key="k", ref="cmd-1", content=content, wanted_at=NOW)


_READ = {
    "tickets": r"/api/v2/tickets/(\d+)",
    "comments": r"/api/v2/tickets/(\d+)/comments",
    "users": r"/api/v2/users/(\d+)",
}


def our_call(exchange: Exchange) -> Request | None:
    """Return our call that is the recorded one; None where we never make such a call."""
    path, method = exchange.path, exchange.method
    for resource, pattern in _READ.items():
        found = re.fullmatch(pattern, path)
        if method == "GET" and found:
            return pull.fetch_request(Fetch(resource=resource, ref=found[1]))
    if method == "PUT" and (found := re.fullmatch(_READ["tickets"], path)):
        change = ChangeTicket(ticket_ref=found[1], priority=Priority.LOW)
        return commands.command_request(command(change), "key")
    if method == "GET" and path == "/api/v2/incremental/users/cursor":
        return pull.page_request("users", datetime(1970, 1, 1, tzinfo=UTC), None)
    if (method, path) == ("POST", "/api/v2/tickets"):
        wish = CreateTicket(email="a@b.example", subject="s", text="t")
        return commands.command_request(command(wish), "key")
    return None


def test_our_calls_are_the_recorded_ones_and_their_replies_are_understood(
    recorded: list[Exchange],
) -> None:
    replayed: Counter[str] = Counter()
    for exchange in recorded:
        ours = our_call(exchange)
        if ours is None:
            continue
        parts = urlsplit(ours.path)
        query = dict(parse_qsl(parts.query))
        assert (ours.method, parts.path) == (exchange.method, exchange.path)
        for name in query.keys() & exchange.query.keys() - {"per_page"}:
            assert query[name] == exchange.query[name], f"{name} of {exchange.file}"
        if exchange.sent and ours.body:
            assert list(msgspec.json.decode(ours.body)) == list(msgspec.json.decode(exchange.sent))
        understood = understand(exchange)
        replayed[
            f"{exchange.method} {re.sub(r'[0-9]{2,}', '{id}', exchange.path)}: {understood}"
        ] += 1
    assert replayed == {
        "GET /api/v2/incremental/users/cursor: page": 2,
        "GET /api/v2/tickets/{id}/comments: read": 1,
        "GET /api/v2/tickets/{id}: read": 1,
        "GET /api/v2/users/{id}: read": 1,
        "POST /api/v2/tickets: done": 5,
        "PUT /api/v2/tickets/{id}: done": 1,
        "PUT /api/v2/tickets/{id}: refused": 1,
    }


def understand(exchange: Exchange) -> str:
    """Read a recorded reply as the connector does."""
    reply = reply_of(exchange)
    try:
        api.judge(reply)
    except Refused:
        return "refused"
    if exchange.method == "GET" and "incremental" in exchange.path:
        page = pull.page("users", reply)
        assert page.pieces
        assert page.latest_at is not None
        return "last page" if page.next_cursor is None else "page"
    if exchange.method == "GET":
        kinds = {"comments": "comments", "users": "users"}
        kind = next((k for k in kinds if k in exchange.path), "tickets")
        assert pull.fetched(Fetch(resource=kind, ref="1"), reply).pieces
        return "read"
    if exchange.method == "POST":
        wish = CreateTicket(email="a@b.example", subject="s", text="t")
        receipt = commands.command_receipt(command(wish), reply)
        note = commands.command_receipt(command(ReplyToTicket(ticket_ref="1", text="t")), reply)
        assert note.state is ReceiptState.DONE, "the audit's comment is found"
    else:
        change = ChangeTicket(ticket_ref="1", priority=Priority.LOW)
        receipt = commands.command_receipt(command(change), reply)
    assert receipt.state is ReceiptState.DONE
    return "done"


def test_every_recorded_status_has_a_fate_and_budgets_are_read(recorded: list[Exchange]) -> None:
    fates: Counter[str] = Counter()
    budgets = 0
    for exchange in recorded:
        reply = reply_of(exchange)
        try:
            api.judge(reply)
            fates["good"] += 1
        except (AuthExpired, RateLimited, Refused, Unavailable) as fault:
            fates[f"{exchange.status} {type(fault).__name__}"] += 1
        told = api.budget(reply)
        budgets += told is not None
        is_apart = "/webhooks" in exchange.path  # it has a limit of its own; we never call it
        assert told is None or is_apart or told.capacity == 700.0
    assert fates["good"] > 500
    assert budgets > 500
    assert set(fates) <= {"good", "404 Refused", "422 Refused", "400 Refused", "429 RateLimited"}


# -- the published documents ------------------------------------------------------------------

SPECS = SHARED / "specs" / "zendesk"
# What the collection of documents leaves out and Zendesk's own pages describe: paging by cursor,
# sizes, the users beside tickets, and the bodies of the calls that change tags.
LEFT_OUT = frozenset(
    (
        *("unknown query parameter per_page", "unknown query parameter include"),
        *("unknown query parameter sort", "unknown query parameter page[size]"),
        *("unknown query parameter page[after]", "the operation takes no body"),
        *("unknown query parameter start_time", "unknown query parameter cursor"),
    )
)


def mended(name: str) -> dict[str, Any]:
    """Return a document without the references that lead nowhere: it was cut out of a larger one."""
    document = load_document(SPECS / name)

    def leads(ref: str) -> bool:
        node: Any = document
        for token in ref.removeprefix("#/").split("/"):
            node = node.get(token) if isinstance(node, dict) else None
        return node is not None

    def mend(node: Any) -> Any:
        if isinstance(node, dict):
            return (
                {}
                if "$ref" in node and not leads(node["$ref"])
                else {k: mend(v) for k, v in node.items()}
            )
        if isinstance(node, list):
            return [kept for each in node if (kept := mend(each)) != {}]
        return node

    return dict(mend(document))


def orders() -> list[ReplyToTicket | ChangeTicket | CreateTicket]:
    """Return an order of each kind."""
    return [
        ReplyToTicket(ticket_ref="35436", text="t", public=True),
        ReplyToTicket(ticket_ref="35436", text="t", html="<p>t</p>"),
        ChangeTicket(
            ticket_ref="35436",
            status=TicketStatus.ON_HOLD,
            priority=Priority.URGENT,
            assignee_ref="1",
            team_ref="2",
        ),
        CreateTicket(
            email="a@b.example", subject="s", text="t", tags=("a",), priority=Priority.HIGH
        ),
        ChangeTicket(ticket_ref="35436", tags_added=("a",)),
        ChangeTicket(ticket_ref="35436", tags_removed=("a",)),
    ]


def test_bodies_are_as_published() -> None:
    whole = load_document(SPECS / "zendesk-support-openapi.yml")
    for order in orders()[:4]:
        request = commands.command_request(command(order), "key")
        assert problems(whole, request, base="/api/v2") == []
    good = commands.command_request(command(orders()[2]), "key")
    wrong = msgspec.structs.replace(good, body=good.body.replace(b"urgent", b"critical"))
    assert problems(whole, wrong, base="/api/v2")


def test_every_call_is_as_published() -> None:
    tickets, users = mended("tickets-openapi-original.yml"), mended("users-openapi-original.yml")
    made = [commands.command_request(command(order), "key") for order in orders()]
    made += [commands.find_request(command(orders()[n]), "key") for n in (0, 3)]
    made += [pull.page_request("tickets", since, None) for since in (None, SINCE)]
    made += [pull.page_request("tickets", SINCE, "MTU3=")]
    made += [
        pull.fetch_request(Fetch(resource=resource, ref="35436", place=place))
        for resource, place in (("tickets", None), ("comments", None), ("comments", "MTU3="))
    ]
    people = [api.check_request(), pull.fetch_request(Fetch(resource="users", ref="501"))]
    people.append(pull.page_request("users", SINCE, None))
    for document, requests in ((tickets, made), (users, people)):
        for request in requests:
            found = [text for text in problems(document, request) if text not in LEFT_OUT]
            assert found == [], request.path
    assert len(made) + len(people) == 17
    lost = msgspec.structs.replace(made[0], path="/api/v2/tickts/1")
    assert problems(tickets, lost)


def test_the_simulated_vendor_answers_as_the_recorded_one(recorded: list[Exchange]) -> None:
    whole = load_document(SPECS / "zendesk-support-openapi.yml")
    desk = Desk(FOLDER, Zendesk(), SECRETS)
    account = desk.vendor
    assert isinstance(account, Zendesk)
    ticket = account.write_in("a@b.example", "Where?", priority="high", external_id="x")
    request = pull.fetch_request(Fetch(resource="comments", ref=str(ticket.id)))
    (real,) = [e for e in recorded if e.path.endswith("/tickets/33/comments")]
    simulated = desk.ask(request)
    odd = {
        name: {
            re.sub(r"[0-9]+", "n", text)
            for text in reply_problems(whole, request, reply, base="/api/v2")
        }
        for name, reply in {"real": reply_of(real), "simulated": simulated}.items()
    }
    assert odd["simulated"] <= odd["real"], "what the document says and the real one does not keep"
    keys = [
        set(msgspec.json.decode(reply.body)["comments"][0]) for reply in (simulated, reply_of(real))
    ]
    assert keys[0] == keys[1]
