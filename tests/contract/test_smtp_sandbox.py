"""The whole mail connector against a real server on the loopback: once, or a person is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.limiter import Open
from tests.unit.connectors.smtp.mails import SECRETS, SETTINGS, command
from trueup.canon.message import Message, MessageState
from trueup.connectors import smtp
from trueup.contract.connector import Command, Receipt, ReceiptState, Source
from trueup.contract.loader import load_connector
from trueup.errors import AuthExpired, OutcomeUnknown, Refused, Unavailable
from trueup.intake.connections import Account, LiveSecret
from trueup.intake.model import Connection
from trueup.outbox.caller import Caller
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.smtp.server import MailServer

pytestmark = pytest.mark.anyio
FOLDER = load_connector(Path(smtp.__file__).parent)


@asynccontextmanager
async def calling(
    server: MailServer, secrets: dict[str, str] | None = None
) -> AsyncIterator[Caller]:
    async with server.serve() as url:
        account = Account(
            connection=Connection(
                connection_id=1,
                name="mail",
                connector="smtp",
                settings=SETTINGS | {"api_base": url},
                state="active",
            ),
            secrets=tuple(
                LiveSecret(name=n, value=v)
                for n, v in (SECRETS if secrets is None else secrets).items()
            ),
        )
        async with Caller(FOLDER, account, limiter=Open()) as caller:
            yield caller


async def carry_out(caller: Caller, sent: Command) -> Receipt:
    reply = await caller.send(FOLDER.commands.command_request(sent, "key"))
    return FOLDER.commands.command_receipt(sent, reply)


async def test_a_message_is_sent_once_and_its_bounce_finds_it() -> None:
    server = MailServer()
    async with calling(server) as caller:
        await caller.send(FOLDER.api.check_request())
        assert server.taken == []
        receipt = await carry_out(caller, command())
    (mail,) = server.taken
    assert receipt.state is ReceiptState.DONE
    assert receipt.message == f"queued as {mail.queue_id}"
    assert mail.message["message-id"] == f"<{receipt.vendor_ref}>"
    (piece,) = FOLDER.files.read_file("smtp-report-eml", server.bounce(mail))
    source = Source(topic=piece.topic, body=piece.body, received_at=server.clock.now())
    (record,) = FOLDER.mapping.map_source(source).records
    assert isinstance(record, Message)
    assert (record.ref, record.state, record.error_code) == (
        receipt.vendor_ref,
        MessageState.FAILED,
        "5.1.1",
    )


@pytest.mark.parametrize("kind", ["reset", "reset_after_work"])
async def test_when_the_last_answer_is_lost_nobody_knows_and_a_repeat_is_the_same_mail(
    kind: ApiFaultKind,
) -> None:
    server = MailServer()
    server.strike(ApiFault(kind=kind, next_calls=1, operation="body"))
    async with calling(server) as caller:
        with pytest.raises(OutcomeUnknown):
            await carry_out(caller, command())
        # The hub leaves it to a person (idempotency "none"). The person says: again.
        assert FOLDER.manifest.actions[0].idempotency == "none"
        receipt = await carry_out(caller, command())
    assert len(server.taken) == (2 if kind == "reset_after_work" else 1)
    assert len({mail.body for mail in server.taken}) == 1
    (seen,) = server.shown("mia@home.example")
    assert seen["message-id"] == f"<{receipt.vendor_ref}>"


@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth", "mail", "rcpt", "data"])
async def test_a_cut_before_the_text_sends_nothing_and_the_next_try_sends_one(stage: str) -> None:
    server = MailServer()
    server.strike(ApiFault(kind="reset", next_calls=1, operation=stage))
    async with calling(server) as caller:
        with pytest.raises(Unavailable):
            await carry_out(caller, command())
        assert server.taken == []
        assert (await carry_out(caller, command())).state is ReceiptState.DONE
    assert len(server.taken) == 1


async def test_the_recipient_decides_about_one_mail_not_about_the_account() -> None:
    server = MailServer()
    server.codes |= {"gone@home.example": 550, "full@home.example": 452, "grey@home.example": 451}
    async with calling(server) as caller:
        gone = await carry_out(caller, command("a", to="gone@home.example"))
        full = await carry_out(caller, command("b", to="full@home.example"))
        for _ in range(12):  # more than a breaker would bear
            assert (await carry_out(caller, command("c", to="grey@home.example"))).state is (
                ReceiptState.LATER
            )
        good = await carry_out(caller, command("d"))
    assert (gone.state, gone.code) == (ReceiptState.REFUSED, "5.1.1")
    assert (full.state, full.code) == (ReceiptState.LATER, "4.2.2")
    assert good.state is ReceiptState.DONE
    assert [mail.to for mail in server.taken] == [("mia@home.example",)]


async def test_a_wrong_password_asks_the_human_and_a_busy_server_waits() -> None:
    server = MailServer()
    async with calling(server, {"password": "old"}) as caller:
        with pytest.raises(AuthExpired):
            await caller.send(FOLDER.api.check_request())
        with pytest.raises(AuthExpired):
            await carry_out(caller, command())
    server.strike(ApiFault(kind="throttled", next_calls=1, operation="connect"))
    server.strike(ApiFault(kind="status", status=554, next_calls=1, operation="connect"))
    async with calling(server) as caller:
        with pytest.raises(Unavailable):
            await carry_out(caller, command())
        with pytest.raises(Refused):
            await carry_out(caller, command())
    assert server.taken == []


async def test_a_hundred_mails_under_faults_arrive_once_each_or_are_unknown() -> None:
    """Each step is cut now and then; what is surely not done is tried again, the rest is told."""
    server = MailServer(seed=11)
    for stage in ("connect", "auth", "mail", "rcpt", "data", "body"):
        server.strike(ApiFault(kind="reset", probability=0.03, operation=stage))
    server.strike(ApiFault(kind="reset_after_work", probability=0.05, operation="body"))
    unknown: set[str] = set()
    async with calling(server) as caller:
        for number in range(100):
            ref = f"note/{number}"
            for _ in range(20):
                try:
                    receipt = await carry_out(caller, command(ref))
                except Unavailable:
                    caller.breaker = caller.breaker.succeeded()
                    continue
                except OutcomeUnknown:
                    unknown.add(ref)
                    break
                assert receipt.state is ReceiptState.DONE
                break
    ids = [str(mail.message["message-id"]) for mail in server.taken]
    assert len(ids) == len(set(ids))
    assert 100 - len(unknown) <= len(ids) <= 100
    assert unknown
