"""The way out for mail: encrypted, to checked addresses, and honest about what was sent."""

import asyncio
import base64
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificate import certify
from tests.unit.contract.test_address import NOT_PUBLIC
from trueup.contract.connector import Reply, Request
from trueup.contract.egress import Egress, EgressPolicy
from trueup.contract.smtp import SmtpEgress, make_egress
from trueup.errors import HubError, OutcomeUnknown, Refused, Unavailable
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.smtp.server import MailServer

SIGN_IN = "Basic " + base64.b64encode(b"sandbox:sandbox-password").decode()
BODY = b"Subject: hello\r\nMessage-ID: <one@brand.test>\r\n\r\nA line\r\n.\r\n..two dots\r\nend"


def mail(body: bytes = BODY, **headers: str) -> Request:
    known = {"from": "shop@brand.test", "to": "mia@home.test", "authorization": SIGN_IN} | headers
    sent = tuple((name, value) for name, value in known.items() if value)
    return Request(method="SEND", path="", headers=sent, body=body, writes=True)


async def send(
    server: MailServer, request: Request | None = None, *, timeout_s: float = 3.0
) -> Reply:
    async with server.serve() as url:
        policy = EgressPolicy(allowed=frozenset((url,)))
        async with SmtpEgress(policy, total_timeout_s=timeout_s) as egress:
            return await egress.send(url, request or mail())


def outcome(server: MailServer, request: Request | None = None, timeout_s: float = 3.0) -> Any:
    try:
        return asyncio.run(send(server, request, timeout_s=timeout_s))
    except HubError as error:
        return error


async def loopback(host: str, port: int) -> list[str]:
    del host, port
    return ["127.0.0.1"]


def test_a_mail_arrives_whole_and_the_queue_number_is_told() -> None:
    server = MailServer()
    reply = outcome(server)
    (taken,) = server.taken
    assert (reply.status, reply.headers) == (250, {"smtp-stage": "body"})
    assert taken.queue_id.encode() in reply.body
    assert (taken.sender, taken.to) == ("shop@brand.test", ("mia@home.test",))
    assert taken.body == BODY + b"\r\n"


def test_no_line_of_a_body_ends_the_mail_or_begins_a_command() -> None:
    server = MailServer()
    smuggled = b"a\n.\nMAIL FROM:<evil@x.test>\r.\rRCPT TO:<b@x.test>\r\n.\r\nQUIT\r\n"
    outcome(server, mail(smuggled))
    (taken,) = server.taken
    assert taken.body.replace(b"\r\n", b"\n") == smuggled.replace(b"\r\n", b"\n").replace(
        b"\r", b"\n"
    )
    assert b"\n" not in taken.body.replace(b"\r\n", b"")


@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth", "mail", "rcpt", "data"])
@pytest.mark.parametrize("kind", ["reset", "timeout"])
def test_a_line_that_breaks_before_the_text_sent_nothing(stage: str, kind: Any) -> None:
    server = MailServer()
    server.strike(ApiFault(kind=kind, next_calls=9, operation=stage))
    error = outcome(server, timeout_s=0.4)
    assert isinstance(error, Unavailable), error
    assert server.taken == []


@pytest.mark.parametrize(
    ("kind", "taken"),
    [("reset", 0), ("timeout", 0), ("reset_after_work", 1), ("timeout_after_work", 1)],
)
def test_a_line_that_breaks_after_the_last_dot_tells_nothing(kind: Any, taken: int) -> None:
    server = MailServer()
    server.strike(ApiFault(kind=kind, next_calls=9, operation="body"))
    error = outcome(server, timeout_s=0.4)
    assert isinstance(error, OutcomeUnknown), error
    assert len(server.taken) == taken


@pytest.mark.parametrize("stage", ["connect", "auth", "mail", "rcpt", "data", "body"])
@pytest.mark.parametrize("code", [421, 450, 454, 535, 550, 554])
def test_what_the_server_says_at_any_step_is_a_reply(stage: str, code: int) -> None:
    server = MailServer()
    server.strike(ApiFault(kind="status", status=code, next_calls=9, operation=stage))
    reply = outcome(server)
    if (stage, code) == ("auth", 421):  # it closes, so that no other way to sign in can be tried
        assert isinstance(reply, Unavailable), reply
    else:
        assert isinstance(reply, Reply), reply
        assert (reply.status, reply.headers["smtp-stage"]) == (code, stage)
    assert server.taken == []


@pytest.mark.parametrize("code", [250, 251, 199, 334])
def test_a_yes_that_does_not_fit_the_question_is_no_yes(code: int) -> None:
    server = MailServer()
    server.strike(ApiFault(kind="status", status=code, next_calls=9, operation="data"))
    error = outcome(server)
    assert isinstance(error, Unavailable), error
    assert server.taken == []


def test_a_server_that_is_not_there_or_slow_is_unavailable() -> None:
    async def run() -> None:
        async with SmtpEgress(
            EgressPolicy(allowed=frozenset(("smtp+plain://127.0.0.1:9",)))
        ) as egress:
            with pytest.raises(Unavailable):
                await egress.send("smtp+plain://127.0.0.1:9", mail())

    asyncio.run(run())
    server = MailServer()
    server.strike(ApiFault(kind="slow", delay_s=30, next_calls=9, operation="ehlo"))
    began = time.monotonic()
    assert isinstance(outcome(server, timeout_s=0.3), Unavailable)
    assert time.monotonic() - began < 3


def test_signing_in_is_looked_at_without_a_mail() -> None:
    server = MailServer()
    look = Request(
        method="NOOP", path="", headers=(("from", "a@b.test"), ("authorization", SIGN_IN))
    )
    assert outcome(server, look).status == 250
    wrong = "Basic " + base64.b64encode(b"sandbox:other").decode()
    refused = outcome(server, mail(authorization=wrong))
    assert (refused.status, refused.headers["smtp-stage"]) == (535, "auth")
    unsigned = outcome(server, mail(authorization=""))
    assert (unsigned.status, unsigned.headers["smtp-stage"]) == (530, "mail")
    assert server.taken == []
    assert outcome(MailServer(user=""), mail(authorization="")).status == 250
    lacking = outcome(MailServer(user=""), mail())
    assert isinstance(lacking, Refused)
    assert "sign in" in str(lacking)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b.test\r\nRCPT TO:<x@y.test>",
        "a@b.test> <c",
        "a b@c.test",
        "ä@b.test",
        f"a@{'b' * 400}",
    ],
)
def test_an_envelope_can_not_be_broken_out_of(address: str) -> None:
    for name in ("from", "to"):
        server = MailServer()
        error = outcome(server, mail(**{name: address}))
        assert isinstance(error, Refused), error
        assert address == "" or address not in str(error)
        assert server.steps == []


# --- encryption -------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certify(tmp_path, "mail.test")


async def encrypted(
    server: MailServer,
    scheme: str,
    trust: ssl.SSLContext | None,
    *,
    host: str = "mail.test",
    implicit_tls: bool = False,
) -> Reply:
    async with server.serve(implicit_tls=implicit_tls) as url:
        named = f"{scheme}://{host}:{url.rpartition(':')[2]}"
        policy = EgressPolicy(allowed=frozenset((named,)))
        async with SmtpEgress(
            policy, resolve=loopback, tls=trust, total_timeout_s=2.0, connect_timeout_s=1.0
        ) as egress:
            return await egress.send(named, mail())


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
def test_mail_goes_encrypted_to_the_server_of_that_name(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str, *, implicit: bool
) -> None:
    server = MailServer(tls=tls[0])
    reply = asyncio.run(encrypted(server, scheme, tls[1], implicit_tls=implicit))
    assert (reply.status, [mail.encrypted for mail in server.taken]) == (250, [True])
    for trust, host in ((tls[1], "other.test"), (None, "mail.test")):
        stranger = MailServer(tls=tls[0])
        with pytest.raises(Unavailable):
            asyncio.run(encrypted(stranger, scheme, trust, host=host, implicit_tls=implicit))
        assert ("auth", 235) not in stranger.steps
        assert stranger.taken == []


def test_without_encryption_nothing_is_said(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server = MailServer()
    with pytest.raises(Refused, match="no encryption"):
        asyncio.run(encrypted(server, "smtp", tls[1]))
    assert [name for name, _ in server.steps] == ["connect", "ehlo"]


# --- where to ---------------------------------------------------------------------------------


def denied(url: str, address: str = "8.8.8.8", policy: EgressPolicy | None = None) -> str:
    dialled: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        dialled.append(f"{host}:{port}")
        return [address]

    async def run() -> None:
        async with SmtpEgress(policy or EgressPolicy(), resolve=resolve) as egress:
            await egress.send(url, mail())

    with pytest.raises(Refused) as caught:
        asyncio.run(run())
    return str(caught.value)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_address_inside_is_called(address: str) -> None:
    assert "public internet" in denied("smtps://mail.example:465", address)


def test_other_ports_names_and_schemes_are_refused() -> None:
    assert "without encryption" in denied("smtp+plain://mail.example:25")
    assert "ports" in denied("smtp://mail.example:22")
    assert "plain name" in denied("smtp://0x7f.1:587")
    assert "user or password" in denied("smtp://me:secret@mail.example:587")
    assert "begins with" in denied("https://mail.example")
    narrow = EgressPolicy(hosts=frozenset(("mail.example",)))
    assert "not one that" in denied("smtp://other.example:587", policy=narrow)


def test_the_transport_of_the_manifest_chooses_the_way_out() -> None:
    async def run() -> None:
        policy = EgressPolicy()
        async with (
            make_egress("smtp", policy, total_timeout_s=1.0) as mail_way,
            make_egress("http", policy, total_timeout_s=1.0) as web_way,
        ):
            assert isinstance(mail_way, SmtpEgress)
            assert isinstance(web_way, Egress)
            with pytest.raises(Refused, match="Nothing can be read"):
                await mail_way.download(
                    "smtp://mail.example", mail(), lambda _: None, bytes_max=1, timeout_s=1
                )

    asyncio.run(run())


def test_what_can_not_be_asked_is_refused() -> None:
    async def run(request: Request) -> None:
        async with SmtpEgress(EgressPolicy()) as egress:
            await egress.send("smtp://mail.example", request)

    with pytest.raises(Refused, match="sent to, or looked at"):
        asyncio.run(run(Request(method="GET", path="/")))
    with pytest.raises(Refused, match="too large"):
        asyncio.run(run(mail(b"x" * 25_000_001)))
    for authorization in ("Bearer x", "Basic !!!", "Basic " + base64.b64encode(b"x").decode()):
        with pytest.raises(Refused, match="name and a password"):
            asyncio.run(run(mail(authorization=authorization)))
