"""The whole Slack connector against a simulated workspace: posted once, whatever breaks."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.support.limiter import Open
from tests.unit.connectors.slack.posts import command
from trueup.canon.message import Message, MessageState
from trueup.connectors import slack
from trueup.contract.connector import Command, Receipt, ReceiptState, Source
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.loader import load_connector
from trueup.contract.signature import verify
from trueup.errors import AuthExpired, OutcomeUnknown, RateLimited, SignatureInvalid, Unavailable
from trueup.intake.connections import Account, LiveSecret
from trueup.intake.model import Connection
from trueup.outbox.caller import Caller
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.slack.workspace import TOKEN, Workspace

pytestmark = pytest.mark.anyio
FOLDER = load_connector(Path(slack.__file__).parent)
HUB = "http://hub.test/hooks/slack"


@asynccontextmanager
async def calling(space: Workspace, token: str = TOKEN) -> AsyncIterator[Caller]:
    async with space.serve(deliver=False) as url:
        settings = {"api_base": url}
        connection = Connection(
            connection_id=1, name="slack", connector="slack", settings=settings, state="active"
        )
        account = Account(
            connection=connection, secrets=(LiveSecret(name="bot_token", value=token),)
        )
        async with Caller(FOLDER, account, limiter=Open()) as caller:
            yield caller


def workspace() -> Workspace:
    space = Workspace()
    space.open_channel("C07ORDERS")
    return space


async def post(caller: Caller, sent: Command) -> Receipt:
    reply = await caller.send(FOLDER.commands.command_request(sent, "key"))
    return FOLDER.commands.command_receipt(sent, reply)


async def look(caller: Caller, sent: Command) -> Receipt:
    reply = await caller.send(FOLDER.commands.find_request(sent, "key"))
    return FOLDER.commands.found(sent, "key", reply)


async def test_the_token_is_tried_and_a_message_is_posted() -> None:
    space = workspace()
    async with calling(space) as caller:
        reply = await caller.send(FOLDER.api.check_request())
        assert FOLDER.api.checked(reply) == {"account": "Sandbox", "account_ref": "T0SANDBOX"}
        receipt = await post(caller, command(subject="Low stock", text="Reorder?"))
    (message,) = space.channels["C07ORDERS"].messages
    assert (receipt.state, receipt.vendor_ref) == (
        ReceiptState.DONE,
        f"C07ORDERS:{message['ts']}",
    )
    async with calling(space, "xoxb-old") as caller:
        with pytest.raises(AuthExpired):
            await caller.send(FOLDER.api.check_request())
        with pytest.raises(AuthExpired):
            await post(caller, command())


@pytest.mark.parametrize(
    ("kind", "there"),
    [("reset", 0), ("timeout", 0), ("reset_after_work", 1), ("timeout_after_work", 1)],
)
async def test_a_cut_is_looked_up_and_never_posts_twice(kind: ApiFaultKind, there: int) -> None:
    space = workspace()
    space.say("C07ORDERS", "morning")
    space.strike(ApiFault(kind=kind, next_calls=1, operation="message.send"))
    sent = command()
    async with calling(space) as caller:
        with pytest.raises(OutcomeUnknown):
            await post(caller, sent)
        found = await look(caller, sent)
        if there:
            assert found.state is ReceiptState.DONE
        else:
            assert found.state is ReceiptState.LATER
            assert (await post(caller, sent)).state is ReceiptState.DONE
    posted = [m for m in space.channels["C07ORDERS"].messages if "bot_id" in m]
    assert len(posted) == 1


async def test_an_answer_in_a_thread_is_looked_up_in_the_thread() -> None:
    space = workspace()
    ts = space.say("C07ORDERS", "Order 1001?")
    sent = command(reply_to_ref=f"C07ORDERS:{ts}")
    space.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="message.send"))
    async with calling(space) as caller:
        with pytest.raises(OutcomeUnknown):
            await post(caller, sent)
        assert (await look(caller, sent)).state is ReceiptState.DONE
        assert (await look(caller, command("other", reply_to_ref=ts))).state is ReceiptState.LATER


@pytest.mark.parametrize(("status", "error"), [(500, OutcomeUnknown), (503, Unavailable)])
async def test_failures_inside_are_unknown_for_a_write(status: int, error: type[Exception]) -> None:
    space = workspace()
    space.strike(ApiFault(kind="status", status=status, next_calls=1, operation="message.send"))
    async with calling(space) as caller:
        with pytest.raises(error):
            await post(caller, command())


async def test_the_pace_of_a_channel_is_its_own_and_slack_says_how_long() -> None:
    space = workspace()
    space.open_channel("C07OTHER0")
    async with calling(space) as caller:
        await post(caller, command("a"))
        with pytest.raises(RateLimited) as caught:
            await post(caller, command("b"))
        assert caught.value.after_s == 1
        assert (await post(caller, command("c", to="C07OTHER0"))).state is ReceiptState.DONE
        space.clock.advance(1)
        assert (await post(caller, command("b"))).state is ReceiptState.DONE
    assert len(space.channels["C07ORDERS"].messages) == 2


async def test_channels_that_take_nothing_refuse_with_slacks_word() -> None:
    space = workspace()
    space.open_channel("C07LOCKED", member=False)
    space.open_channel("C07CLOSED").archived = True
    async with calling(space) as caller:
        told = {
            channel: (await post(caller, command(to=channel))).code
            for channel in ("C07LOCKED", "C07CLOSED", "C07NOWHERE")
        }
        thread = await post(caller, command(reply_to_ref="1.000001"))
    assert told == {
        "C07LOCKED": "not_in_channel",
        "C07CLOSED": "is_archived",
        "C07NOWHERE": "channel_not_found",
    }
    assert (thread.state, thread.code) == (ReceiptState.REFUSED, "thread_not_found")


class Hub:
    """Verifies, keeps one of each id, and answers."""

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self.heard: dict[str, bytes] = {}
        self.refused = 0
        self.repeats = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        delivery = Delivery(
            method="POST", url=str(request.url), headers=dict(request.headers), body=request.content
        )
        webhook = FOLDER.manifest.webhook
        assert webhook is not None
        try:
            verify(webhook.scheme, delivery, [Secret(value=b"sandbox-secret")], self.space.now())
        except SignatureInvalid:
            self.refused += 1
            return httpx.Response(401)
        self.repeats += "x-slack-retry-num" in delivery.headers
        found = FOLDER.webhook.identify(delivery.headers, delivery.body)
        self.heard.setdefault(found.external_id, delivery.body)
        return httpx.Response(200)

    def records(self) -> dict[str, Message]:
        """Return the newest version of each message, whatever the order they came in."""
        newest: dict[str, Message] = {}
        for body in self.heard.values():
            source = Source(topic="message", body=body, received_at=self.space.now())
            for record in FOLDER.mapping.map_source(source).records:
                assert isinstance(record, Message)
                known = newest.get(record.ref)
                if known is None or known.updated_at < record.updated_at:
                    newest[record.ref] = record
        return newest


async def converse(faults: WebhookFaults) -> tuple[Hub, dict[str, Message]]:
    space = workspace()
    space.subscribe("message", HUB)
    space.desk.faults = faults
    hub = Hub(space)
    async with calling(space) as caller:
        await post(caller, command())
    stamps = []
    for number in range(30):
        space.clock.advance(2)
        stamps.append(space.say("C07ORDERS", f"line {number}"))
    for number, ts in enumerate(stamps):
        space.clock.advance(1)
        if number % 3 == 0:
            space.change("C07ORDERS", ts, f"line {number}, better")
        if number % 5 == 0:
            space.take_back("C07ORDERS", ts)
    courier = space.courier(httpx.MockTransport(hub))
    for _ in range(10):
        await courier.deliver_due()
        space.clock.advance(301)
    await courier.close()
    return hub, hub.records()


async def test_repeated_reordered_and_spoilt_deliveries_end_in_the_same_messages() -> None:
    _, straight = await converse(WebhookFaults())
    hub, crooked = await converse(WebhookFaults(repeat=0.3, reorder=0.5, delay=0.2, corrupt=0.3))
    assert hub.refused > 0
    assert hub.repeats > 0
    assert crooked == straight
    assert len(straight) == 31
    ours = [record for record in straight.values() if record.command_ref]
    assert [record.command_ref for record in ours] == ["decision/77"]
    assert sum(record.deleted for record in straight.values()) == 6
    texts = {r.person.text for r in straight.values() if r.person is not None}
    assert "line 3, better" in texts
    assert MessageState.DELIVERED in {record.state for record in ours}


async def test_the_challenge_of_an_address_is_read_from_its_body() -> None:
    body = workspace().challenge()
    asked = msgspec.json.decode(body)
    assert FOLDER.webhook.answer_challenge({}, {}, body) == asked["challenge"]
    assert json.loads(body)["type"] == "url_verification"
