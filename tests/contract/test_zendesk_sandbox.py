"""Zendesk's connector against a simulated account: reading with gaps, acting with faults, once."""

from datetime import timedelta
from pathlib import Path
from random import Random

import httpx
import msgspec
import pytest

import trueup.connectors
from tests.support.helpdesk import Desk
from trueup.canon.command import ChangeTicket, CreateTicket, ReplyToTicket
from trueup.canon.customer import Customer
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction
from trueup.canon.ticket import Priority, TicketStatus
from trueup.contract.connector import Fetch, ReceiptState
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.grant import Grant
from trueup.contract.loader import load_connector
from trueup.contract.signature import verify
from trueup.errors import AuthExpired, RateLimited, Refused, SignatureInvalid, Unavailable
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.zendesk.account import API_TOKEN, EMAIL, Zendesk

FOLDER = load_connector(Path(trueup.connectors.__file__).parent / "zendesk")
SECRETS = {"subdomain": "north", "email": EMAIL, "api_token": API_TOKEN}
ADA = "ada@buyers.example"
CUTS: tuple[ApiFaultKind, ...] = (
    *("reset", "timeout"),
    *("reset_after_work", "timeout_after_work"),
)
OVERLAP = timedelta(seconds=300)


def open_desk(**secrets: str) -> Desk:
    return Desk(FOLDER, Zendesk(), SECRETS | secrets)


def account(desk: Desk) -> Zendesk:
    assert isinstance(desk.vendor, Zendesk)
    return desk.vendor


def in_step(desk: Desk) -> list[str]:
    """Return what the hub knows otherwise than the vendor says."""
    wrong = []
    for ticket in account(desk).tickets.values():
        known = desk.tickets.get(str(ticket.id))
        tags = known.person.tags if known and known.person else ()
        if known is None or known.deleted != ticket.gone or tags != tuple(sorted(ticket.tags)):
            wrong.append(f"ticket {ticket.id}")
        elif not ticket.gone and known.status_code != ticket.status:
            wrong.append(f"ticket {ticket.id} is {ticket.status}, not {known.status_code}")
        if not ticket.gone:
            wrong += [f"comment {c.id}" for c in ticket.comments if str(c.id) not in desk.messages]
    return wrong


def bustle(desk: Desk, rounds: int, seed: int = 1) -> None:
    """Let customers write and the team work."""
    chance, vendor = Random(seed), account(desk)
    for number in range(rounds):
        vendor.clock.advance(chance.uniform(1.0, 30.0))
        tickets = [ticket for ticket in vendor.tickets.values() if not ticket.gone]
        if not tickets or chance.random() < 0.4:
            vendor.write_in(f"c{number}@buyers.example", "Hello", late=timedelta(seconds=number))
            continue
        ticket = chance.choice(tickets)
        what = chance.random()
        if what < 0.5:
            vendor.write_in(ticket.requester.email, "And?", ticket_id=ticket.id)
        elif what < 0.9:
            status = chance.choice(["open", "pending", "hold", "solved"])
            vendor.change(ticket.id, tags=[f"t{number}"], status=status)
        else:
            vendor.change(ticket.id, gone=True)


def test_a_backfill_reads_all_pages_and_all_comments_within_the_limit() -> None:
    desk = open_desk()
    for number in range(1_205):
        account(desk).write_in(f"c{number}@buyers.example", "Hello")
    crowded = account(desk).write_in(ADA, "first").id
    for number in range(230):
        account(desk).write_in(ADA, f"again {number}", ticket_id=crowded)
    account(desk).clock.advance(61)
    desk.poll()
    assert (len(desk.tickets), len(desk.messages)) == (1_206, 1_436)
    assert in_step(desk) == []
    assert desk.waited_s > 0


def test_people_are_customers_and_the_team_is_not() -> None:
    desk = open_desk()
    account(desk).write_in(ADA, "Where?", phone="+441632960111")
    account(desk).clock.advance(61)
    desk.poll("users")
    (customer,) = [r for r in desk.records.values() if isinstance(r, Customer)]
    assert Link(LinkSpace.EMAIL, ADA) in customer.links
    desk.fetch(Fetch(resource="users", ref=customer.ref))
    assert len(desk.records) == 1


def test_polls_read_what_the_export_wrote_late_and_what_was_deleted() -> None:
    desk = open_desk()
    vendor = account(desk)
    vendor.write_in("a@buyers.example", "first")
    late = vendor.write_in(ADA, "late", late=timedelta(seconds=400))
    vendor.clock.advance(120)
    seen = vendor.write_in("b@buyers.example", "second")
    vendor.clock.advance(120)
    high = desk.poll()
    assert high is not None
    assert str(late.id) not in desk.tickets
    vendor.change(seen.id, gone=True)
    vendor.clock.advance(400)
    desk.poll(since=high - OVERLAP)
    assert in_step(desk) == []


@pytest.mark.parametrize("seed", range(5))
def test_dropped_repeated_and_reordered_hooks_are_healed_by_a_poll(seed: int) -> None:
    desk, chance = open_desk(), Random(seed)
    bustle(desk, 60, seed)
    events = [event for event in desk.hooks if chance.random() > 0.1]
    events += chance.sample(events, len(events) // 10)
    chance.shuffle(events)
    gone = {str(t.id) for t in account(desk).tickets.values() if t.gone}
    desk.hear([e for e in events if msgspec.json.decode(e.body)["subject"][11:] not in gone])
    account(desk).clock.advance(120)
    desk.poll(since=account(desk).now() - timedelta(hours=3))
    assert in_step(desk) == []


def test_webhooks_are_signed_as_the_manifest_says() -> None:
    vendor = Zendesk()
    vendor.subscribe("zen:event-type:ticket.created", "https://hub.example/h")
    ticket = vendor.write_in(ADA, "Where?")
    (delivery,) = vendor.desk.due(vendor.now(), 10)
    headers = vendor.delivery_headers(delivery)
    webhook = FOLDER.manifest.webhook
    assert webhook is not None
    good = Delivery(
        method="POST", url="https://hub.example/h", headers=headers, body=delivery.event.body
    )
    secret = Secret(value=vendor.webhook_secret.encode())
    assert verify(webhook.scheme, good, [secret], vendor.now()).trust == "signed"
    chance, accepted = Random(7), 0
    for _ in range(1_000):
        place = chance.randrange(len(good.body))
        spoilt = bytearray(good.body)
        spoilt[place] ^= chance.randrange(1, 256)
        try:
            verify(
                webhook.scheme,
                msgspec.structs.replace(good, body=bytes(spoilt)),
                [secret],
                vendor.now(),
            )
            accepted += 1
        except SignatureInvalid:
            continue
    assert accepted == 0
    found = FOLDER.webhook.identify(headers, good.body)
    assert (found.external_id, found.entity) == (delivery.webhook_id, f"ticket/{ticket.id}")


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_reply_that_was_cut_off_is_written_once(cut: ApiFaultKind, public: bool) -> None:  # noqa: FBT001 - a case
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="ticket.update"))
    account(desk).strike(ApiFault(kind="status", status=503, next_calls=1, operation="comments"))
    reply = ReplyToTicket(ticket_ref=str(ticket.id), text="In Leeds.", public=public)
    receipt = desk.carry_out(desk.command(reply, "note-7"))
    made = [comment for comment in ticket.comments if comment.custom == {"trueup_ref": "note-7"}]
    assert receipt.state is ReceiptState.DONE
    assert [(str(c.id), c.public) for c in made] == [(receipt.vendor_ref, public)]
    desk.hear()
    record = desk.messages[str(made[0].id)]
    assert record.command_ref == "note-7"
    assert record.direction is (Direction.OUT if public else Direction.INTERNAL)


@pytest.mark.parametrize("cut", CUTS)
def test_tags_are_added_and_taken_away_while_a_person_tags_too(cut: ApiFaultKind) -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?", tags=["late"])
    ref = str(ticket.id)
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="ticket.tags"))
    account(desk).change(ticket.id, tags=["late", "vip"])
    added = desk.carry_out(desk.command(ChangeTicket(ticket_ref=ref, tags_added=("parcel",)), "a"))
    taken = desk.carry_out(desk.command(ChangeTicket(ticket_ref=ref, tags_removed=("late",)), "b"))
    assert (added.state, taken.state) == (ReceiptState.DONE, ReceiptState.DONE)
    assert ticket.tags == ["vip", "parcel"]


def test_status_priority_and_assignment_are_set_and_a_closed_ticket_is_refused() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?", tags=["vip"])
    change = ChangeTicket(
        ticket_ref=str(ticket.id),
        status=TicketStatus.ON_HOLD,
        priority=Priority.URGENT,
        assignee_ref="77",
        team_ref="3",
    )
    assert desk.carry_out(desk.command(change)).state is ReceiptState.DONE
    desk.hear()
    record = desk.tickets[str(ticket.id)]
    assert (record.status, record.priority) == (TicketStatus.ON_HOLD, Priority.URGENT)
    assert (record.assignee_ref, record.team_ref) == ("77", "3")
    assert ticket.tags == ["vip"]
    account(desk).change(ticket.id, status="closed")
    with pytest.raises(Refused):
        desk.carry_out(desk.command(change, "again"))


@pytest.mark.parametrize("cut", CUTS)
def test_a_ticket_is_made_once_also_after_its_key_was_forgotten(cut: ApiFaultKind) -> None:
    desk = open_desk()
    account(desk).strike(ApiFault(kind=cut, next_calls=1, operation="ticket.create"))
    wish = CreateTicket(email=ADA, subject="Parcel lost", text="It is lost.", tags=("auto",))
    command = desk.command(wish)
    receipt = desk.carry_out(command)
    (ticket,) = account(desk).tickets.values()
    assert (receipt.state, receipt.vendor_ref) == (ReceiptState.DONE, str(ticket.id))
    again = desk.ask(FOLDER.commands.command_request(command, f"key-{command.ref}"))
    assert again.headers["x-idempotency-lookup"] == "hit"
    account(desk).clock.advance(3 * 3600)
    found = FOLDER.commands.found(command, "", desk.ask(FOLDER.commands.find_request(command, "")))
    assert found.vendor_ref == str(ticket.id)
    assert len(account(desk).tickets) == 1


def test_a_crowded_ticket_is_looked_through_as_far_as_it_matters() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).clock.advance(3600)
    command = desk.command(ReplyToTicket(ticket_ref=str(ticket.id), text="x"))
    reply = desk.ask(FOLDER.commands.find_request(command, ""))
    assert FOLDER.commands.found(command, "", reply).code == "not_found_yet"
    for _ in range(130):
        account(desk).clock.advance(60)
        account(desk).write_in(ADA, "?", ticket_id=ticket.id)
    reply = desk.ask(FOLDER.commands.find_request(command, ""))
    receipt = FOLDER.commands.found(command, "", reply)
    assert (receipt.state, receipt.code) == (ReceiptState.UNKNOWN, "too_many_comments")


def test_a_conflict_is_tried_later() -> None:
    desk = open_desk()
    ticket = account(desk).write_in(ADA, "Where?")
    account(desk).strike(
        ApiFault(kind="status", status=409, next_calls=1, operation="ticket.update")
    )
    change = desk.command(ChangeTicket(ticket_ref=str(ticket.id), status=TicketStatus.SOLVED))
    with pytest.raises(Unavailable):
        desk.ask(FOLDER.commands.command_request(change, ""))
    assert desk.carry_out(change).state is ReceiptState.DONE


def test_a_visitor_is_not_let_in_and_an_expired_token_asks_the_human() -> None:
    desk = open_desk(api_token="wrong")
    with pytest.raises(AuthExpired):
        FOLDER.api.checked(desk.ask(FOLDER.api.check_request()))
    with pytest.raises(AuthExpired):
        desk.poll()
    desk = open_desk()
    assert FOLDER.api.checked(desk.ask(FOLDER.api.check_request()))["role"] == "agent"


def test_oauth_hands_out_a_token_that_works() -> None:
    desk = open_desk(client_id="app", client_secret="app-secret")
    auth = FOLDER.auth
    grant = Grant(kind="code", code="good-code", redirect_uri="https://h/x")
    token = auth.token(desk.send(auth.token_request(desk.secrets, desk.secrets, grant)))
    assert token.expires_in_s is None
    desk.secrets |= {"access_token": token.access_token, "api_token": ""}
    assert FOLDER.api.checked(desk.ask(FOLDER.api.check_request()))["role"] == "agent"


def test_the_export_has_a_limit_of_its_own_and_tells_the_accounts() -> None:
    desk = open_desk()
    request = FOLDER.pull.page_request("tickets", None, None)
    assert (request.scope, FOLDER.manifest.limit("tickets")) != ("all", None)
    replies = [desk.send(request) for _ in range(10)]
    assert FOLDER.api.budget(replies[-1]) is None
    with pytest.raises(RateLimited) as limited:
        desk.ask(request, patient=False)
    account(desk).clock.advance(limited.value.after_s)
    desk.ask(request, patient=False)
    told = FOLDER.api.budget(desk.send(FOLDER.api.check_request()))
    assert told is not None
    assert (told.capacity, round(told.refill_per_s, 2)) == (200.0, 3.33)


@pytest.mark.anyio
async def test_deliveries_go_out_over_the_couriers_line() -> None:
    vendor = Zendesk()
    vendor.subscribe("*", "https://hub.example/h")
    vendor.write_in(ADA, "Where?")
    heard: list[httpx.Request] = []

    async def listen(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(200)

    courier = vendor.courier(httpx.MockTransport(listen))
    assert await courier.deliver_due() == 1
    await courier.close()
    assert "x-zendesk-webhook-signature" in heard[0].headers
