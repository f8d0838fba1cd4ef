"""The way out for mail: one message over one encrypted connection to a checked address.

The same policy as `egress`: the server's name is resolved once, every address it has is checked,
and the connection goes to a checked address. Nothing is said in clear text but to an address that
is allowed by name, such as the sandbox.

What a caller learns when it fails is whether the mail may have gone:

- what the server says at any step is a `Reply` with its code, and `api.judge` says what it means;
- `Unavailable`: the line broke before the text was handed over, so it surely did not go;
- `OutcomeUnknown`: the line broke after that; the server may have taken it before we lost it.
"""

import asyncio
import base64
import binascii
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Final, Literal, Self

import aiosmtplib
import httpx
import msgspec
from aiosmtplib.errors import SMTPDataError, SMTPResponseException, SMTPServerDisconnected

from trueup.contract.address import is_plain_host, is_public
from trueup.contract.connector import Reply, Request
from trueup.contract.egress import Egress, EgressPolicy, Resolve, origin, resolve_host
from trueup.errors import HubError, OutcomeUnknown, Refused, Unavailable

CONNECT_TIMEOUT_S = 10.0
TOTAL_TIMEOUT_S = 60.0
"""Servers look for spam and viruses before they answer the last dot."""

MAIL_BYTES_MAX = 25_000_000
REPLY_BYTES_MAX = 4_000
PORTS: Final = frozenset((25, 465, 587, 2525))

_QUIT_TIMEOUT_S = 1.0
_ADDRESSES_MAX = 8
_LINE_END = re.compile(rb"\r\n|\n|\r")
_DOT_FIRST = re.compile(rb"(?m)^\.")
_PLAIN = "smtp+plain"
_SCHEMES = frozenset(("smtp", "smtps", _PLAIN))
_ENVELOPE_MAX = 320

Stage = Literal["connect", "tls", "auth", "mail", "rcpt", "data", "body"]


class SmtpEgress:
    """Sends the mails that connectors make.

    Base URLs are `smtps://host:465` (TLS from the first byte), `smtp://host:587` (STARTTLS, or
    nothing is sent) and, for an address that the policy allows by name, `smtp+plain://host:port`.

    Args:
        policy: where they may go.
        resolve: gives all addresses of a host.
        tls: trust anchors; the usual public ones by default.
        connect_timeout_s: for resolving and connecting.
        total_timeout_s: for a whole mail, the server's last answer included.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._total_timeout_s = total_timeout_s

    async def send(self, base_url: str, request: Request) -> Reply:
        """Send one mail, or look whether the server lets us in.

        Args:
            base_url: of the server.
            request: method "SEND" with the headers `from` and `to` of the envelope and the whole
                message as its body; or "NOOP", which ends before any mail. The header
                `authorization` ("Basic ...") says who we are.

        Returns:
            The server's code and text, and in the header `smtp-stage` the step it was said at.

        Raises:
            Unavailable: nothing was sent.
            OutcomeUnknown: the text was handed over and not answered.
            Refused: the server may not be called, offers no encryption or no way to sign in, or
                the request can not be written.
        """
        url = _address(base_url)
        self._check(url)
        letter = _letter(request)
        client = aiosmtplib.SMTP(
            hostname=url.host,
            local_hostname=letter.helo,
            timeout=self._total_timeout_s,
            use_tls=url.scheme == "smtps",
            start_tls=False,
            tls_context=self._tls or _public_tls(),
        )
        talk = _Talk(client, letter, start_tls=url.scheme == "smtp")
        try:
            async with asyncio.timeout(self._total_timeout_s):
                connected = await self._connect(url)
                reply = await talk.whole(connected)
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_TIMEOUT_S)  # what it says no longer matters
        except SMTPResponseException as said:
            if not 400 <= said.code <= 599:  # a yes that does not fit the question
                raise _lost(talk, said, url.host) from said
            return _reply(said.code, said.message, talk.stage)
        except (SMTPServerDisconnected, OSError, TimeoutError) as fault:
            raise _lost(talk, fault, url.host) from fault
        except aiosmtplib.SMTPException as fault:
            # No step of the conversation: the server lacks what we do not go without.
            why = {"tls": "offers no encryption", "auth": "offers no way to sign in that we know"}
            text = f"The mail server {why.get(talk.stage, 'can not be understood')}"
            raise Refused(text, host=url.host, stage=talk.stage) from fault
        except ValueError as fault:
            raise Refused("The mail can not be written", stage=talk.stage) from fault
        else:
            return reply
        finally:
            client.close()

    async def download(
        self,
        base_url: str,
        request: Request,
        sink: Callable[[bytes], None],
        *,
        bytes_max: int,
        timeout_s: float,
    ) -> Reply:
        """Refuse: mail servers that are sent to have nothing to read."""
        del request, sink, bytes_max, timeout_s
        raise Refused("Nothing can be read from a mail server", host=_address(base_url).host)

    async def aclose(self) -> None:
        """Do nothing: no connection outlives its mail."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _check(self, url: httpx.URL) -> None:
        if url.userinfo:
            raise _denied("an address must not hold a user or password", url.host)
        if origin(url) in self._policy.allowed:
            return
        if url.scheme == _PLAIN:
            raise _denied("mail is not sent without encryption", url.host)
        if url.port not in PORTS:
            raise _denied(f"mail is sent to the ports {sorted(PORTS)} only", url.host)
        if not is_plain_host(url.host):
            raise _denied("the host is neither a plain name nor a canonical address", url.host)
        if self._policy.hosts is not None and url.host not in self._policy.hosts:
            raise _denied("the host is not one that this connection may call", url.host)

    async def _connect(self, url: httpx.URL) -> socket.socket:
        """Return a socket that is connected to a checked address."""
        port = url.port or 0
        async with asyncio.timeout(self._connect_timeout_s):
            try:
                addresses = await self._resolve(url.host, port)
            except UnicodeError as fault:
                raise OSError("the host has no address") from fault
            if not addresses:
                raise OSError("the host has no address")
            # One bad address among good ones is how a rebinding answer looks: none is used.
            trusted = origin(url) in self._policy.allowed
            if not trusted and not all(map(is_public, addresses)):
                raise _denied("the host has an address that is not of the public internet", "")
            fault_last: OSError = OSError("no address answers")
            for address in addresses[:_ADDRESSES_MAX]:
                each_s = self._connect_timeout_s / min(len(addresses), _ADDRESSES_MAX)
                try:
                    return await _dial(address, port, each_s)
                except (OSError, TimeoutError) as fault:
                    fault_last = fault
            raise fault_last


class _Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for; `user` is None where the server needs no name."""

    sender: str
    to: str
    body: bytes
    helo: str
    only_look: bool
    user: tuple[str, str] | None = None


class _Talk:
    """One conversation, and how far it got."""

    def __init__(self, client: aiosmtplib.SMTP, letter: _Letter, *, start_tls: bool) -> None:
        self.client = client
        self.letter = letter
        self.start_tls = start_tls
        self.stage: Stage = "connect"

    async def whole(self, connected: socket.socket) -> Reply:
        """Say everything from the greeting to the last dot."""
        client, letter = self.client, self.letter
        await client.connect(sock=connected)
        if self.start_tls:
            self.stage = "tls"
            await client.starttls()
        self.stage = "auth"
        if letter.user is not None:
            await client.login(*letter.user)
        if letter.only_look:
            looked = await client.noop()
            return _reply(looked.code, looked.message, self.stage)
        self.stage = "mail"
        await client.mail(letter.sender)
        self.stage = "rcpt"
        await client.rcpt(letter.to)
        self.stage = "data"
        return await self._hand_over()

    async def _hand_over(self) -> Reply:
        ready = await self.client.execute_command(b"DATA")
        if ready.code != 354:
            raise SMTPDataError(ready.code, ready.message)
        protocol = self.client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(_wire(self.letter.body))  # raises before the first byte, or not at all
        self.stage = "body"
        taken = await protocol.read_response()
        if not 200 <= taken.code <= 299:
            raise SMTPDataError(taken.code, taken.message)
        return _reply(taken.code, taken.message, self.stage)


def make_egress(
    transport: Literal["http", "smtp"], policy: EgressPolicy, *, total_timeout_s: float
) -> Egress | SmtpEgress:
    """Return the way out for a manifest's `api.transport`."""
    if transport == "smtp":
        return SmtpEgress(policy, total_timeout_s=max(total_timeout_s, TOTAL_TIMEOUT_S))
    return Egress(policy, total_timeout_s=total_timeout_s)


async def _dial(address: str, port: int, timeout_s: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    dialled = socket.socket(family, socket.SOCK_STREAM)
    dialled.settimeout(0)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(dialled, (address, port))
    except BaseException:
        dialled.close()
        raise
    return dialled


def _address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, UnicodeError) as fault:
        raise Refused("The mail server's address is not one") from fault
    if url.scheme not in _SCHEMES or not url.host:
        raise _denied("an address of mail begins with smtp:// or smtps://", url.host)
    if url.port is None:
        url = url.copy_with(port={"smtps": 465}.get(url.scheme, 587))
    return url


def _letter(request: Request) -> _Letter:
    if request.method not in {"SEND", "NOOP"}:
        raise Refused("A mail server is sent to, or looked at", method=request.method)
    headers = {name.lower(): value for name, value in request.headers}
    sender, to = headers.get("from", ""), headers.get("to", "")
    only_look = request.method == "NOOP"
    wanted = (sender,) if only_look else (sender, to)
    for address in wanted:
        # Nothing in an address may end its command, or begin another.
        plain = address.isascii() and address.isprintable() and not set(address) & set(" <>,;")
        if "@" not in address or not plain or len(address) > _ENVELOPE_MAX:
            raise Refused("An address of the envelope can not be written")
    if len(request.body) > MAIL_BYTES_MAX:
        raise Refused("The mail is too large", bytes_max=MAIL_BYTES_MAX)
    return _Letter(
        sender=sender,
        to=to,
        body=request.body,
        helo=sender.rpartition("@")[2],
        only_look=only_look,
        user=_user(headers.get("authorization", "")),
    )


def _user(authorization: str) -> tuple[str, str] | None:
    kind, _, coded = authorization.partition(" ")
    if not authorization:
        return None
    try:
        user, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if kind != "Basic" or not colon:
        raise Refused("A mail server is signed in to with a name and a password") from None
    return user, password


def _wire(body: bytes) -> bytes:
    """Return the text as it goes over the wire: CRLF, dots doubled, and the last dot."""
    text = _LINE_END.sub(b"\r\n", body)
    text = text if text.endswith(b"\r\n") else text + b"\r\n"
    return _DOT_FIRST.sub(b"..", text) + b".\r\n"


def _reply(code: int, text: str, stage: Stage) -> Reply:
    body = text.encode(errors="replace")[:REPLY_BYTES_MAX]
    return Reply(status=code, headers={"smtp-stage": stage}, body=body)


def _lost(talk: _Talk, fault: BaseException, host: str) -> HubError:
    cause = type(fault).__name__
    if talk.stage == "body":
        return OutcomeUnknown(host=host, method="SEND", cause=cause)
    return Unavailable(host=host, stage=talk.stage, cause=cause)


def _denied(why: str, host: str) -> Refused:
    return Refused(f"The address may not be called: {why}", host=host, reason="egress")


@cache
def _public_tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
