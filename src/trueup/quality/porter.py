"""Carries one command to a simulated vendor by the hub's own rules, and counts what it takes.

It does what `outbox.commander` does, without its database: what keeps a repeat from acting twice
decides what follows where nobody knows what came of a call.
"""

import asyncio
from typing import Final

from trueup.canon.command import CommandContent
from trueup.contract.capability import Action
from trueup.contract.connector import Command, Receipt, ReceiptState, Request
from trueup.errors import AuthExpired, ConnectorError, OutcomeUnknown, RateLimited
from trueup.quality.exchange import Exchange

ROUNDS_MAX: Final = 12
_BETWEEN_S: Final = 60.0
_UNKNOWN: Final = Receipt(state=ReceiptState.UNKNOWN)


class Porter:
    """Carries one command, over as many calls as it takes.

    Args:
        exchange: with a fresh simulated vendor.
        action: of the manifest.
        ref: our own name of the command.

    Attributes:
        lines: of the calls so far what came of each, for the finding.
    """

    def __init__(self, exchange: Exchange, action: Action, ref: str = "quality-1") -> None:
        self.exchange = exchange
        self.action = action
        content = exchange.twin.contents()[action.name]
        self.command = command_of(exchange, action, content, ref)
        self.lines: list[str] = []
        self._key = 1

    @property
    def key(self) -> str:
        """The key of the next call; another one once it is sure that nothing was done."""
        return f"key-{self._key}-{self.command.ref}"

    def request(self) -> Request:
        """Return the call that carries it out."""
        return self.exchange.folder.commands.command_request(self.command, self.key)

    def carry(self, *, over_line: bool = False) -> Receipt:
        """Go on until the vendor has it, says no, or only a person can say.

        Args:
            over_line: the first call goes over a socket of the loopback.
        """
        receipt = self.send(over_line=over_line)
        for _ in range(ROUNDS_MAX):
            self.lines.append(str(receipt.state))
            if receipt.state is ReceiptState.LATER:
                self._key += 1
                self.exchange.twin.advance(receipt.after_s or _BETWEEN_S)
                receipt = self.send()
            elif receipt.state is ReceiptState.UNKNOWN and self.action.idempotency != "none":
                self.exchange.twin.advance(receipt.after_s or _BETWEEN_S)
                receipt = self.find_out()
            else:
                break
        return receipt

    def send(self, *, over_line: bool = False) -> Receipt:
        """Make the call once."""
        return self._asked(self.request(), over_line=over_line)

    def find_out(self) -> Receipt:
        """Do what helps where nobody knows what came of a call."""
        if self.action.idempotency != "lookup":
            return self.send()
        commands = self.exchange.folder.commands
        try:
            reply = self.exchange.patient(commands.find_request(self.command, self.key))
        except (ConnectorError, OutcomeUnknown):
            return _UNKNOWN
        return commands.found(self.command, self.key, reply)

    def _asked(self, request: Request, *, over_line: bool) -> Receipt:
        """Return the receipt; where the vendor surely did not do it, the error says what next."""
        try:
            if over_line:
                sent = asyncio.run(self.exchange.send_over_line(request))
                reply = self.exchange.judged(request, sent)
            else:
                reply = self.exchange.patient(request)
        except OutcomeUnknown:
            return _UNKNOWN
        except RateLimited as fault:
            return Receipt(state=ReceiptState.LATER, after_s=fault.after_s)
        except AuthExpired:
            self.exchange.sign_in()
            return Receipt(state=ReceiptState.LATER)
        except ConnectorError as fault:
            if fault.fate != "never":
                return Receipt(state=ReceiptState.LATER, code=fault.code)
            # The vendor's own word, or at least the status that it said no with.
            word = fault.context.get("code") or fault.context.get("status")
            code = None if word is None else str(word)
            return Receipt(state=ReceiptState.REFUSED, code=code, message=fault.message)
        return self.exchange.folder.commands.command_receipt(self.command, reply)


def command_of(exchange: Exchange, action: Action, content: CommandContent, ref: str) -> Command:
    """Return a command as the outbox makes it."""
    return Command(
        kind=action.name,
        key="quality",
        ref=ref,
        content=content,
        wanted_at=exchange.twin.now(),
        target=exchange.settings,
    )
