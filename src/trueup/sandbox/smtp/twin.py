"""The simulated mail server, as the rules of quality use it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from trueup.canon.command import CommandContent, SendMessage
from trueup.contract.connector import Reply, Request
from trueup.contract.egress import EgressPolicy
from trueup.contract.smtp import SmtpEgress
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.smtp.server import MailServer
from trueup.sandbox.twin import Fault, Twin

_SEND: Final = "message.send"
_MIA: Final = "mia@home.example"
_GONE: Final = "gone@home.example"
_TIMEOUT_S: Final = 5.0
# PLAIN and LOGIN are tried one after the other, so that a wrong password is told twice.
_FAULTS: Final[Mapping[Fault, ApiFault]] = MappingProxyType(
    {
        "cut_before_work": ApiFault(kind="reset", next_calls=1, operation="rcpt"),
        "cut_after_work": ApiFault(kind="reset_after_work", next_calls=1, operation="body"),
        "failed": ApiFault(kind="status", status=451, next_calls=1, operation="mail"),
        "throttled": ApiFault(kind="status", status=450, next_calls=1, operation="rcpt"),
        "stale_token": ApiFault(kind="status", status=535, next_calls=2, operation="auth"),
    }
)


class MailTwin(Twin):
    """One account, and two mailboxes: one that takes mail, one that is gone."""

    host = "smtp+plain://127.0.0.1:2525"

    def __init__(self) -> None:
        self.server = MailServer()
        self.server.codes[_GONE] = 550
        self.settings = {
            "host": "smtp.brand.example",
            "user": self.server.user,
            "from_address": "hello@brand.example",
        }
        self.secrets = {"password": self.server.password}

    def send(self, url: str, request: Request) -> Reply:
        """Answer one request; mail has no line but a socket, so it goes over the loopback."""
        del url
        return asyncio.run(self._send(request))

    async def _send(self, request: Request) -> Reply:
        async with self.server.serve() as url:
            policy = EgressPolicy(allowed=frozenset((url,)))
            async with SmtpEgress(policy, total_timeout_s=_TIMEOUT_S) as egress:
                return await egress.send(url, request)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on the loopback while inside."""
        async with self.server.serve() as url:
            yield url

    def now(self) -> datetime:
        """Return the server's time."""
        return self.server.clock.now()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.server.clock.advance(seconds)

    def strike(self, fault: Fault) -> None:
        """Let the next mail go wrong."""
        self.server.strike(msgspec.structs.replace(_FAULTS[fault]))

    def happen(self, count: int) -> None:
        """Do nothing: a server for sending has nothing to be read."""

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a mail to somebody who is there."""
        return {_SEND: _mail(_MIA)}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a mail to somebody who is gone."""
        return {_SEND: _mail(_GONE)}

    def done(self, kind: str) -> int:
        """Return how many mails the mailbox took."""
        return sum(kind == _SEND and _MIA in mail.to for mail in self.server.taken)


def _mail(to: str) -> SendMessage:
    return SendMessage(to=to, subject="Your parcel is late", text="It comes a day later.")


def open_twin() -> Twin:
    """Open a fresh account."""
    return MailTwin()
