"""Gorgias' connector against a simulated account: reading with gaps, acting with faults, once."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

import trueup.connectors
from tests.support.helpdesk import Desk
from trueup.canon.command import ChangeTicket, CreateTicket, ReplyToTicket, SendMessage
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, MessageState
from trueup.canon.ticket import Priority, TicketStatus
from trueup.contract.connector import ReceiptState, Reply
from trueup.contract.grant import Grant
from trueup.contract.loader import load_connector
from trueup.errors import AuthExpired, OutcomeUnknown, RateLimited, Refused
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.gorgias.account import API_KEY, EMAIL, Gorgias
from trueup.sandbox.gorgias.model import Ticket

CONNECTORS = Path(trueup.connectors.__file__).parent
FOLDER = load_connector(CONNECTORS / "gorgias", "trueup.connectors")
SECRETS = {
    "domain": "north",
    "email": EMAIL,
    "api_key": API_KEY,
    "agent_email": "kim@helpdesk.example",
    "reply_address": "support@shop.example",
}
ADA = "ada@buyers.example"
CUTS: tuple[ApiFaultKind, ...] = (
    *("reset", "timeout"),
    *("reset_after_work", "timeout_after_work"),
)


def open_desk(**secrets: str) -> Desk:
    return Desk(FOLDER, Gorgias(), SECRETS | secrets)


def account(desk: Desk) -> Gorgias:
    assert isinstance(desk.vendor, Gorgias)
    return desk.vendor


def in_step(desk: Desk) -> list[str]:
    """Return what the hub knows otherwise than the vendor says."""
    wrong = []
    for ticket in account(desk).tickets.values():
        known = desk.tickets.get(str(ticket.id))
        if known is None or known.updated_at != ticket.updated_at:
            wrong.append(f"ticket {ticket.id}")
        wrong += [f"message {m.id}" for m in ticket.messages if str(m.id) not in desk.messages]
    return wrong


def bustle(desk: Desk, rounds: int, seed: int = 1) -> None:
    """Let customers write and the team work."""
    chance, vendor = Random(seed), account(desk)
    for number in range(rounds):
        vendor.clock.advance(chance.uniform(0.0, 30.0))
        tickets: list[Ticket] = list(vendor.tickets.values())
        if not tickets or chance.random() < 0.4:
            vendor.write_in(f"c{number}@buyers.example", "Hello", orders=(f"#{number}",))
            continue
        ticket = chance.choice(tickets)
        what = chance.random()
        if what < 0.4:
            vendor.write_in(ticket.customer.email, "And?", ticket_id=ticket.id)
        elif what < 0.7:
            vendor.answer_by_hand(ticket.id, "Soon.")
        else:
            vendor.change(ticket.id, tags=[f"t{number}"], status=chance.choice(["open", "closed"]))


def test_a_backfill_reads_all_pages_and_all_messages_within_the_limit() -> None:
    desk = open_desk()
    for number in range(230):
        account(desk).write_in(f"c{number}@buyers.example", "Hello")
    crowded = account(desk).write_in(ADA, "first").id
    for number in range(120):
        account(desk).write_in(ADA, f"again {number}", ticket_id=crowded)
    account(desk).clock.advance(60)
    desk.poll()
    assert (len(desk.tickets), len(desk.messages)) == (231, 351)
    assert in_step(desk) == []
    assert desk.waited_s > 0, "the walk ran into the limit and waited as it was told"
    assert desk.issues == []


def test_a_poll_stops_at_its_cursor_and_reads_what_committed_late() -> None:
    desk = open_desk()
    vendor = account(desk)
    for number in range(250):
        vendor.write_in(f"c{number}@buyers.example", "Hello")
        vendor.clock.advance(60)
    high = desk.poll()
    assert high is not None
    vendor.write_in(ADA, "late", late=timedelta(seconds=200))
    vendor.clock.advance(100)
    vendor.write_in("bo@buyers.example", "seen")
    high = desk.poll(since=high - timedelta(seconds=300))
    assert high is not None
    vendor.clock.advance(120)
    desk.sent.clear()
    desk.poll(since=high - timedelta(seconds=300))
    assert in_step(desk) == []
    lists = [request for request in desk.sent if request.path.startswith("/api/tickets?")]
    assert len(lists) == 2, "one page, and the call that ends the walk"
    assert "ticket_ids=" in lists[1].path


def test_hooks_alone_and_polls_alone_end_in_the_same_records() -> None:
    heard, polled = open_desk(), open_desk()
    for desk in (heard, polled):
        bustle(desk, 60)
    heard.hear()
    polled.poll()
    assert in_step(heard) == in_step(polled) == []
    assert heard.records == polled.records


@pytest.mark.parametrize("seed", range(5))
def test_dropped_repeated_and_reordered_hooks_are_healed_by_a_poll(seed: int) -> None:
    desk, chance = open_desk(), Random(seed)
    bustle(desk, 60, seed)
    events = [event for event in desk.hooks if chance.random() > 0.1]
    events += chance.sample(events, len(events) // 10)
    chance.shuffle(events)
    desk.hear(events)
    desk.poll(since=account(desk).now() - timedelta(hours=3))
    assert in_step(desk) == []


def test_a_hook_has_no_effect_but_a_reading() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?", orders=("#1001",), phone="+441632960111")
    forged = desk.hooks[0].body.replace(b"}", b', "status": "closed", "ticket": {"id": 1}}')
    desk.hear(
        [type(desk.hooks[0])(topic="", body=forged, event_id="", triggered_at=desk.vendor.now())]
    )
    record = desk.tickets[str(ticket.id)]
    assert record.status is TicketStatus.NEW
    assert Link(LinkSpace.ORDER, "#1001") in record.links
    assert Link(LinkSpace.PHONE, "+441632960111") in record.links
    assert record.person is not None
    assert record.person.email == ADA


def test_a_stranger_can_not_play_a_reply_of_the_api() -> None:
    body = b'{"event": "fetch/ticket", "id": 4711, "status": "closed", "ticket_id": "4711"}'
    found = FOLDER.webhook.identify({}, body)
    assert found.topic == "hook/unknown"


@pytest.mark.parametrize("cut", CUTS)
def test_a_note_that_was_cut_off_is_written_once(cut: ApiFaultKind) -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="message.create"))
    note = ReplyToTicket(ticket_ref=str(ticket.id), text="In Leeds.\n<b>", html=None)
    command = desk.command(note, "note-7")
    receipt = desk.carry_out(command)
    notes = [message for message in ticket.messages if message.external_id == "trueup:note-7"]
    assert receipt.state is ReceiptState.DONE
    assert [str(message.id) for message in notes] == [receipt.vendor_ref]
    assert not notes[0].public
    desk.hear()
    record = desk.messages[str(notes[0].id)]
    assert (record.command_ref, record.direction) == ("note-7", Direction.INTERNAL)


@pytest.mark.parametrize("cut", CUTS)
def test_a_reply_to_a_customer_is_sent_once_and_confirmed_when_it_left(cut: ApiFaultKind) -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="message.create"))
    account(desk).strike(ApiFault(kind="status", status=503, next_calls=1, operation="messages"))
    mail = SendMessage(to=ADA, text="Today.", reply_to_ref=str(ticket.id), subject="Re: Where?")
    command = desk.command(mail)
    receipt = desk.carry_out(command)
    assert receipt.state is ReceiptState.SUBMITTED
    assert receipt.vendor_ref is not None
    assert desk.confirm(command, receipt.vendor_ref).state is ReceiptState.SUBMITTED
    assert account(desk).send_waiting() == 1
    assert desk.confirm(command, receipt.vendor_ref).state is ReceiptState.DONE
    assert sum(message.from_agent for message in ticket.messages) == 1
    desk.hear()
    assert desk.messages[receipt.vendor_ref].state is MessageState.SENT


def test_a_reply_that_bounces_is_refused_with_the_vendors_code() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    command = desk.command(SendMessage(to=ADA, text="Today.", reply_to_ref=str(ticket.id)))
    receipt = desk.carry_out(command)
    account(desk).send_waiting(fail=True)
    bounced = desk.confirm(command, str(receipt.vendor_ref))
    assert (bounced.state, bounced.code) == (ReceiptState.REFUSED, "bounced")


@pytest.mark.parametrize("cut", CUTS)
def test_tags_are_added_and_taken_away_while_a_person_tags_too(cut: ApiFaultKind) -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?", tags=["late"])
    ref = str(ticket.id)
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="ticket.change"))
    desk.hear()
    account(desk).change(ticket.id, tags=["late", "vip"])
    added = desk.carry_out(desk.command(ChangeTicket(ticket_ref=ref, tags_added=("parcel",)), "a"))
    taken = desk.carry_out(desk.command(ChangeTicket(ticket_ref=ref, tags_removed=("late",)), "b"))
    assert (added.state, taken.state) == (ReceiptState.DONE, ReceiptState.DONE)
    assert ticket.tags == ["vip", "parcel"]


def test_status_priority_and_assignment_are_set() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?", tags=["vip"])
    change = ChangeTicket(
        ticket_ref=str(ticket.id),
        status=TicketStatus.SOLVED,
        priority=Priority.URGENT,
        assignee_ref="7",
        team_ref="3",
    )
    assert desk.carry_out(desk.command(change)).state is ReceiptState.DONE
    assert (ticket.status, ticket.priority, ticket.assignee, ticket.team) == (
        *("closed", "critical"),
        *(7, 3),
    )
    assert ticket.tags == ["vip"]
    desk.hear()
    record = desk.tickets[str(ticket.id)]
    assert (record.status, record.priority) == (TicketStatus.CLOSED, Priority.URGENT)
    assert (record.assignee_ref, record.team_ref) == ("7", "3")


@pytest.mark.parametrize("cut", CUTS)
def test_a_ticket_is_made_once_and_writes_to_nobody(cut: ApiFaultKind) -> None:
    desk = open_desk()
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="ticket.create"))
    wish = CreateTicket(email=ADA, subject="Parcel lost", text="It is lost.", tags=("auto",))
    receipt = desk.carry_out(desk.command(wish))
    (ticket,) = account(desk).tickets.values()
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.DONE, str(ticket.id))
    assert not any(message.from_agent for message in ticket.messages)
    assert ticket.tags == ["auto"]


def test_what_is_not_found_soon_after_the_cut_may_still_come() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    command = desk.command(ReplyToTicket(ticket_ref=str(ticket.id), text="x"))
    commands = FOLDER.commands
    reply = desk.ask(commands.find_request(command, ""))
    assert commands.found(command, "", reply).state is ReceiptState.UNKNOWN
    account(desk).clock.advance(121)
    reply = desk.ask(commands.find_request(command, ""))
    assert commands.found(command, "", reply).state is ReceiptState.LATER


def test_a_crowded_ticket_is_looked_through_as_far_as_it_matters() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).clock.advance(3600)
    command = desk.command(ReplyToTicket(ticket_ref=str(ticket.id), text="x"))
    for _ in range(130):
        account(desk).clock.advance(60)
        account(desk).write_in(ADA, "?", ticket_id=ticket.id)
    reply = desk.ask(FOLDER.commands.find_request(command, ""))
    receipt = FOLDER.commands.found(command, "", reply)
    assert (receipt.state, receipt.code) == (ReceiptState.UNKNOWN, "too_many_messages")
    # Read on, it is surely not there; and found where it is.
    assert receipt.further is not None
    last = FOLDER.commands.found(command, "", desk.ask(receipt.further))
    assert (last.state, last.code, last.further) == (ReceiptState.LATER, "not_found", None)


def test_what_was_sent_is_found_behind_a_crowd() -> None:
    """A lost reply from before 130 others was asked of a person, though Gorgias has it."""
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    command = desk.command(ReplyToTicket(ticket_ref=str(ticket.id), text="x"))
    assert desk.carry_out(command).state is ReceiptState.DONE
    for _ in range(130):
        account(desk).clock.advance(60)
        account(desk).write_in(ADA, "?", ticket_id=ticket.id)
    receipt = FOLDER.commands.found(
        command, "", desk.ask(FOLDER.commands.find_request(command, ""))
    )
    assert receipt.further is not None
    found = FOLDER.commands.found(command, "", desk.ask(receipt.further))
    assert found.state is ReceiptState.DONE


def test_an_expired_key_asks_the_human_and_a_new_one_goes_on() -> None:
    desk = open_desk()
    account(desk).write_in(ADA, "Where?")
    account(desk).stale = True
    with pytest.raises(AuthExpired):
        desk.poll()
    account(desk).stale = False
    desk.poll()
    assert in_step(desk) == []


def test_oauth_hands_out_a_token_that_works() -> None:
    desk = open_desk(client_id="app", client_secret="app-secret")
    auth = FOLDER.auth
    request = auth.token_request(
        desk.secrets, desk.secrets, Grant(kind="code", code="good-code", redirect_uri="https://h/x")
    )
    token = auth.token(desk.send(request))
    assert token.expires_in_s == 86_400
    desk.secrets |= {"access_token": token.access_token, "api_key": "", "email": ""}
    assert FOLDER.api.checked(desk.ask(FOLDER.api.check_request())) == {"account": "north"}


def test_the_limit_and_its_wait_are_told() -> None:
    desk = open_desk()
    check = FOLDER.api.check_request()
    replies = [desk.send(check) for _ in range(40)]
    left = FOLDER.api.budget(replies[-1])
    assert left is not None
    assert (left.available, left.capacity, left.refill_per_s) == (0.0, 40.0, 2.0)
    with pytest.raises(RateLimited) as limited:
        desk.ask(check, patient=False)
    account(desk).clock.advance(limited.value.after_s)
    desk.ask(check, patient=False)
    assert FOLDER.api.budget(Reply(status=200, headers={}, body=b"")) is None


def test_hooks_are_made_listed_and_removed() -> None:
    desk, hooks = open_desk(), FOLDER.hooks
    topics = (
        [topic.topic for topic in FOLDER.manifest.webhook.topics] if FOLDER.manifest.webhook else []
    )
    made = [
        hooks.created(desk.ask(hooks.create_request(t, "https://hub.example/h"))) for t in topics
    ]
    assert [hook.topic for hook in made] == topics
    listed, cursor = hooks.listed(desk.ask(hooks.list_request(None)))
    assert (sorted(h.ref for h in listed), cursor) == (sorted(h.ref for h in made), None)
    ticket = account(desk).write_in(ADA, "Where?")
    (delivery,) = account(desk).desk.due(account(desk).now(), 10)
    found = FOLDER.webhook.identify({}, delivery.event.body)
    assert (found.topic, found.entity) == ("ticket-created", f"ticket/{ticket.id}")
    for hook in made:
        desk.ask(hooks.delete_request(hook))
    assert hooks.listed(desk.ask(hooks.list_request(None))) == ((), None)


def test_a_gateway_that_broke_over_a_note_leaves_the_outcome_unknown() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).strike(
        ApiFault(kind="status", status=502, next_calls=1, operation="message.create")
    )
    command = desk.command(ReplyToTicket(ticket_ref=str(ticket.id), text="x"))
    with pytest.raises(OutcomeUnknown):
        desk.ask(FOLDER.commands.command_request(command, ""))
    assert desk.carry_out(command).state is ReceiptState.DONE
    assert len(ticket.messages) == 2


def test_an_unknown_ticket_is_refused() -> None:
    desk = open_desk()
    with pytest.raises(Refused):
        desk.carry_out(desk.command(ReplyToTicket(ticket_ref="99", text="x")))
