"""A real SMTP server on the loopback: submission with sign-in, mailboxes, bounces, and faults.

A fault's `operation` is the step it strikes: connect, ehlo, starttls, auth, mail, rcpt, data (the
word DATA) or body (the last dot). `status` answers with a code, `reset` cuts before the answer,
`reset_after_work` does the work and then cuts, `timeout` keeps silent, `slow` answers late.
"""

import asyncio
import base64
import binascii
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from random import Random

import msgspec

from trueup.sandbox.clock import Clock, ManualClock
from trueup.sandbox.faults import ApiFault, ApiFaults, Hangup
from trueup.sandbox.smtp.report import bounce_of

_LINE_BYTES_MAX = 65_536
_SILENCE_S = 120.0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One mail that the server took: the envelope, the bytes and its number in the queue."""

    queue_id: str
    sender: str
    to: tuple[str, ...]
    body: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        return message_from_bytes(self.body, policy=policy.default)


class _Closed(Exception):
    """The client is gone."""


class MailServer:
    """One account at a provider of mail.

    Args:
        clock: tells when bounces are made.
        seed: of queue numbers and faults.
        user, password: what the account signs in with; an empty user needs no sign-in.
        tls: offers STARTTLS, or speaks TLS at once, by this certificate.

    Attributes:
        codes: what the server says to a recipient, by address; others are taken.
        taken: every mail that was taken, repeats included.
        steps: every step, with the code it was answered with.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        seed: int = 0,
        user: str = "sandbox",
        password: str = "sandbox-password",  # noqa: S107 - the sandbox's public password
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.clock: Clock = clock or ManualClock()
        self.random = Random(f"mail:{seed}")  # noqa: S311 - a seeded simulation
        self.faults = ApiFaults(seed + 1)
        self.user, self.password, self.tls = user, password, tls
        self.codes: dict[str, int] = {}
        self.taken: list[Taken] = []
        self.steps: list[tuple[str, int]] = []

    def strike(self, fault: ApiFault) -> None:
        """Let a step go wrong from now on."""
        self.faults.rules.append(fault)

    def shown(self, address: str) -> list[EmailMessage]:
        """Return what a reader sees who shows mails of one Message-ID once, as the large ones do.

        Others show each copy: a repeat is then seen twice, and recognisably the same mail.
        """
        seen: dict[str, EmailMessage] = {}
        for mail in self.taken:
            if address in mail.to:
                seen.setdefault(str(mail.message["message-id"]), mail.message)
        return list(seen.values())

    def bounce(self, mail: Taken, *, status: str = "5.1.1", action: str = "failed") -> bytes:
        """Return the report that goes back to the sender of a mail."""
        return bounce_of(mail.body, mail.to[0], self.clock.now(), status=status, action=action)

    @asynccontextmanager
    async def serve(self, *, port: int = 0, implicit_tls: bool = False) -> AsyncIterator[str]:
        """Serve on the loopback while inside; yields the base URL for a connection."""
        server = await asyncio.start_server(
            self._serve,
            "127.0.0.1",
            port,
            ssl=self.tls if implicit_tls else None,
            limit=_LINE_BYTES_MAX,
        )
        scheme = "smtps" if implicit_tls else "smtp" if self.tls else "smtp+plain"
        async with server:
            yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = _Session(self, reader, writer)
        try:
            await talk.run()
        except (_Closed, OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # the server closes while a client is still there
        except Hangup as hangup:
            if hangup.kind == "timeout":
                with suppress(TimeoutError, ConnectionError):
                    await asyncio.wait_for(reader.read(), _SILENCE_S)
            writer.transport.abort()
        finally:
            writer.close()

    def accept(self, sender: str, to: tuple[str, ...], body: bytes, *, encrypted: bool) -> str:
        """Take a mail; returns its number in the queue."""
        queue_id = f"{self.random.getrandbits(40):010X}"
        self.taken.append(
            Taken(queue_id=queue_id, sender=sender, to=to, body=body, encrypted=encrypted)
        )
        return queue_id


class _Session:
    """One connection of one client."""

    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.signed_in = not server.user
        self.sender = ""
        self.to: list[str] = []

    @property
    def encrypted(self) -> bool:
        return self.writer.get_extra_info("sslcontext") is not None

    async def run(self) -> None:
        await self._step("connect", 220, "sandbox.example ESMTP")
        while True:
            line = (await self._line()).decode("utf-8", "replace").rstrip("\r\n")
            verb, _, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                await self._say(221, "bye")
                return
            await self._answer(verb.upper(), rest)

    async def _answer(self, verb: str, rest: str) -> None:
        if verb in {"EHLO", "HELO"}:
            await self._step("ehlo", 250, *self._extensions())
        elif verb == "STARTTLS" and self.server.tls is not None and not self.encrypted:
            await self._step("starttls", 220, "go ahead")
            await self.writer.start_tls(self.server.tls)
        elif verb == "AUTH":
            await self._sign_in(rest)
        elif verb == "NOOP":
            await self._say(250, "2.0.0 ok")
        elif verb == "RSET":
            self.sender, self.to = "", []
            await self._say(250, "2.0.0 ok")
        elif verb == "MAIL":
            await self._mail(rest)
        elif verb == "RCPT" and self.sender:
            await self._recipient(rest)
        elif verb == "DATA" and self.to:
            await self._data()
        else:
            await self._say(503, "5.5.1 not now")

    def _extensions(self) -> list[str]:
        found = ["sandbox.example", "SIZE 25000000", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self.server.tls is not None and not self.encrypted:
            return [*found, "STARTTLS"]
        return [*found, "AUTH PLAIN LOGIN"] if self.server.user else found

    async def _sign_in(self, rest: str) -> None:
        kind, _, first = rest.partition(" ")
        try:
            if kind.upper() == "PLAIN":
                coded = first or await self._ask("")
                _, user, password = base64.b64decode(coded).decode().split("\0")
            else:
                user = base64.b64decode(first or await self._ask("VXNlcm5hbWU6")).decode()
                password = base64.b64decode(await self._ask("UGFzc3dvcmQ6")).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            await self._say(501, "5.5.2 can not be read")
            return
        self.signed_in = (user, password) == (self.server.user, self.server.password)
        if self.signed_in:
            self.signed_in = await self._step("auth", 235, "2.7.0 welcome")
        else:
            await self._step("auth", 535, "5.7.8 user or password is wrong")

    async def _mail(self, rest: str) -> None:
        if not self.signed_in:
            await self._step("mail", 530, "5.7.0 sign in first")
        elif await self._step("mail", 250, "2.1.0 ok"):
            self.sender, self.to = _path_of(rest), []

    async def _recipient(self, rest: str) -> None:
        address = _path_of(rest)
        code = self.server.codes.get(address, 250)
        texts = {250: "2.1.5 ok", 452: "4.2.2 the mailbox is full", 451: "4.7.1 come again later"}
        if await self._step("rcpt", code, texts.get(code, "5.1.1 no such mailbox")):
            self.to.append(address)

    async def _data(self) -> None:
        if not await self._step("data", 354, "end with a dot"):
            return
        lines: list[bytes] = []
        while (line := await self._line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        fault = self.server.faults.pick(frozenset(("body",)))
        if fault is not None and fault.kind in {"status", "reset", "timeout"}:
            await self._strike("body", fault)
            return
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        queue_id = self.server.accept(
            self.sender, tuple(self.to), b"".join(lines), encrypted=self.encrypted
        )
        self.server.steps.append(("body", 250))
        self.sender, self.to = "", []
        if fault is not None and fault.kind in {"reset_after_work", "timeout_after_work"}:
            raise Hangup("reset" if fault.kind == "reset_after_work" else "timeout")
        await self._say(250, f"2.0.0 Ok: queued as {queue_id}")

    async def _step(self, name: str, code: int, *texts: str) -> bool:
        """Answer a step, or let its fault answer; tells whether it went well."""
        fault = self.server.faults.pick(frozenset((name,)))
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        elif fault is not None:
            await self._strike(name, fault)
            return False
        self.server.steps.append((name, code))
        await self._say(code, *texts)
        return code < 400

    async def _strike(self, name: str, fault: ApiFault) -> None:
        if fault.kind in {"status", "throttled"}:
            code = fault.status if fault.kind == "status" else 421
            self.server.steps.append((name, code))
            await self._say(code, f"{code // 100}.3.0 fault")
            return
        self.server.steps.append((name, 0))
        raise Hangup("timeout" if fault.kind.startswith("timeout") else "reset")

    async def _ask(self, coded: str) -> str:
        await self._say(334, coded)
        return (await self._line()).decode("ascii", "replace").strip()

    async def _say(self, code: int, *texts: str) -> None:
        last = len(texts) - 1
        for number, text in enumerate(texts):
            self.writer.write(f"{code}{' ' if number == last else '-'}{text}\r\n".encode())
        await self.writer.drain()

    async def _line(self) -> bytes:
        line = await self.reader.readuntil(b"\n")
        if not line:
            raise _Closed
        return line


def _path_of(rest: str) -> str:
    """Return the address of `FROM:<a@b> SIZE=1`."""
    return rest.partition("<")[2].partition(">")[0]
