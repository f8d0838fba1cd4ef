"""The whole WhatsApp connector against a simulated number: taken in is not delivered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.limiter import Open
from tests.unit.connectors.whatsapp.texts import command, text
from trueup.canon.message import Message, MessageState
from trueup.connectors import whatsapp
from trueup.contract.connector import Command, Receipt, ReceiptState, Source
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.loader import load_connector
from trueup.contract.signature import verify
from trueup.errors import AuthExpired, OutcomeUnknown, RateLimited, Refused, SignatureInvalid
from trueup.intake.connections import Account, LiveSecret
from trueup.intake.model import Connection
from trueup.outbox.caller import Caller
from trueup.outbox.outcome import told_by_record
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.webhooks import Event
from trueup.sandbox.whatsapp.account import NUMBER_ID, TOKEN
from trueup.sandbox.whatsapp.account import Account as Number

pytestmark = pytest.mark.anyio
FOLDER = load_connector(Path(whatsapp.__file__).parent)
MIA = "+491701234567"
HUB = "http://hub.test/hooks/whatsapp"


@asynccontextmanager
async def calling(number: Number, token: str = TOKEN) -> AsyncIterator[Caller]:
    async with number.serve(deliver=False) as url:
        settings = {"api_base": url, "phone_number_id": NUMBER_ID}
        connection = Connection(
            connection_id=1, name="wa", connector="whatsapp", settings=settings, state="active"
        )
        account = Account(
            connection=connection, secrets=(LiveSecret(name="access_token", value=token),)
        )
        async with Caller(FOLDER, account, limiter=Open()) as caller:
            yield caller


def number_of() -> Number:
    number = Number()
    number.templates["parcel_late", "en_US"] = 2
    number.subscribe("messages", HUB)
    return number


async def send(caller: Caller, sent: Command) -> Receipt:
    reply = await caller.send(FOLDER.commands.command_request(sent, "key"))
    return FOLDER.commands.command_receipt(sent, reply)


def late(ref: str = "late/1001", to: str = MIA) -> Command:
    return command(ref, to=to, variables=("1001", "DHL"))


def records_of(bodies: list[bytes], number: Number) -> dict[str, Message]:
    """Return the newest version of each message, by the stamps that the hub orders by."""
    newest: dict[str, tuple[object, Message]] = {}
    for body in bodies:
        topic = FOLDER.webhook.identify({}, body).topic
        for piece in FOLDER.webhook.split(topic, body):
            found = FOLDER.webhook.identify_piece(piece)
            source = Source(
                topic=piece.topic,
                body=piece.body,
                received_at=number.now(),
                raised_at=found.raised_at,
            )
            for record in FOLDER.mapping.map_source(source).records:
                assert isinstance(record, Message)
                assert found.raised_at is not None
                key = (record.updated_at, found.raised_at)
                if record.ref not in newest or newest[record.ref][0] < key:  # type: ignore[operator]
                    newest[record.ref] = (key, record)
    return {ref: record for ref, (_, record) in newest.items()}


async def test_the_token_and_number_are_tried_and_a_template_is_confirmed_by_its_status() -> None:
    number = number_of()
    heard: list[Event] = []
    number.sinks.append(heard.append)
    async with calling(number) as caller:
        reply = await caller.send(FOLDER.api.check_request())
        assert FOLDER.api.checked(reply)["account"] == "Sandbox"
        receipt = await send(caller, late())
    assert receipt.state is ReceiptState.SUBMITTED
    number.progress(number.sent[0].id, "sent", "delivered", "read")
    records = records_of([number.bundle(heard)], number)
    assert receipt.vendor_ref is not None
    record = records[receipt.vendor_ref]
    assert (record.state, record.command_ref) == (MessageState.READ, "late/1001")
    told = told_by_record(1, record)
    assert told is not None
    assert (told.vendor_ref, told.ref, told.state.value) == (
        receipt.vendor_ref,
        "late/1001",
        "done",
    )
    async with calling(number, "old") as caller:
        with pytest.raises(AuthExpired):
            await caller.send(FOLDER.api.check_request())


@pytest.mark.parametrize(("kind", "there"), [("reset", 0), ("reset_after_work", 1)])
async def test_where_the_line_broke_the_first_status_settles_it(
    kind: ApiFaultKind, there: int
) -> None:
    number = number_of()
    heard: list[Event] = []
    number.sinks.append(heard.append)
    number.strike(ApiFault(kind=kind, next_calls=1, operation="message.send"))
    async with calling(number) as caller:
        with pytest.raises(OutcomeUnknown):
            await send(caller, late())
    assert len(number.sent) == there
    number.deliver_all()
    told = [
        told_by_record(1, record)
        for record in records_of([event.body for event in heard], number).values()
    ]
    assert [each.ref for each in told if each] == ["late/1001"] * there


async def test_free_text_needs_the_window_at_ours_and_at_theirs() -> None:
    number = number_of()
    number.write(MIA, "Where is my parcel?")
    until = {"window_open_until": "2026-11-03T08:00:00+00:00"}
    async with calling(number) as caller:
        with pytest.raises(Refused, match="24 hours"):
            await send(caller, text("On its way"))
        assert (await send(caller, text("On its way", until))).state is ReceiptState.SUBMITTED
        number.clock.advance(25 * 3600)
        shut = await send(caller, text("Still on its way", until))
    assert (shut.state, shut.code) == (ReceiptState.REFUSED, "131047")
    assert len(number.sent) == 1


async def test_refusals_are_of_one_message_and_limits_of_the_number() -> None:
    number = number_of()
    number.templates["other", "en_US"] = 0
    number.paused.add("other")
    async with calling(number) as caller:
        told = [
            (await send(caller, sent)).code
            for sent in (
                command(variables=("1",)),
                command(template="unknown"),
                command(template="other"),
            )
        ]
        number.strike(ApiFault(kind="throttled", next_calls=1, operation="message.send"))
        with pytest.raises(RateLimited):
            await send(caller, late())
        number.strike(ApiFault(kind="status", status=500, next_calls=1, operation="message.send"))
        with pytest.raises(OutcomeUnknown):
            await send(caller, late())
    assert told == ["132000", "132001", "132015"]
    assert number.sent == []


class Hub:
    """Verifies, takes apart, keeps one of each id."""

    def __init__(self, number: Number) -> None:
        self.number = number
        self.heard: dict[str, bytes] = {}
        self.refused = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        delivery = Delivery(
            method="POST", url=str(request.url), headers=dict(request.headers), body=request.content
        )
        webhook = FOLDER.manifest.webhook
        assert webhook is not None
        try:
            verify(webhook.scheme, delivery, [Secret(value=b"sandbox-secret")], self.number.now())
        except SignatureInvalid:
            self.refused += 1
            return httpx.Response(401)
        topic = FOLDER.webhook.identify(delivery.headers, delivery.body).topic
        for piece in FOLDER.webhook.split(topic, delivery.body):
            found = FOLDER.webhook.identify_piece(piece)
            self.heard.setdefault(found.external_id, piece.body)
        return httpx.Response(200)


async def converse(faults: WebhookFaults) -> tuple[Hub, dict[str, Message]]:
    number = number_of()
    number.desk.faults = faults
    number.unreachable.add("+491709999999")
    hub = Hub(number)
    async with calling(number) as caller:
        for count in range(20):
            to = "+491709999999" if count % 5 == 0 else MIA
            await send(caller, late(f"late/{count}", to))
    number.deliver_all()
    for message in number.sent[1::2]:
        if message.states[-1] == "delivered":
            number.progress(message.id, "read")
    number.write(MIA, "thanks")
    number.press(MIA, "STOP", "No more messages")
    courier = number.courier(httpx.MockTransport(hub))
    for _ in range(10):
        await courier.deliver_due()
        number.clock.advance(301)
    await courier.close()
    return hub, records_of(list(hub.heard.values()), number)


async def test_repeated_reordered_and_spoilt_deliveries_end_in_the_same_messages() -> None:
    _, straight = await converse(WebhookFaults())
    hub, crooked = await converse(WebhookFaults(repeat=0.3, reorder=0.5, delay=0.2, corrupt=0.3))
    assert hub.refused > 0
    assert crooked == straight
    states = [record.state for record in straight.values()]
    assert states.count(MessageState.FAILED) == 4
    assert states.count(MessageState.READ) == 8
    assert states.count(MessageState.DELIVERED) == 8
    assert [r.person.text for r in straight.values() if r.opt_out and r.person] == [
        "No more messages"
    ]


async def test_a_number_answers_only_its_own_challenge() -> None:
    number = number_of()
    known = {"verify_token": number.verify_token}
    asked = number.challenge()
    assert FOLDER.webhook.answer_challenge(known, asked, b"") == asked["hub.challenge"]
    assert FOLDER.webhook.answer_challenge(known, number.challenge("other"), b"") is None
