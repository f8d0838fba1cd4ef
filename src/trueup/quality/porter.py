"""Carries one command to a simulated vendor by the hub's own rules, and counts what it takes.

It does what `outbox.commander` does, without its database: what keeps a repeat from acting twice
decides what follows where nobody knows what came of a call.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from trueup.canon.command import CommandContent
from trueup.contract.capability import Action
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import AuthExpired, ConnectorError, OutcomeUnknown, RateLimited
from trueup.quality.exchange import Exchange
from trueup.quality.twin import Fault

ROUNDS_MAX: Final = 12
_BETWEEN_S: Final = 60.0
_UNKNOWN: Final = Receipt(state=ReceiptState.UNKNOWN)
_CUTS: Final = frozenset(("cut_before_work", "cut_after_work"))


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
        """Return the call that carries it out, or its first step."""
        return self.exchange.folder.commands.command_request(self.command, self.key)

    def look(self) -> list[Reply]:
        """Make the steps before the first one that writes, and return their replies."""
        replies: list[Reply] = []
        request: Request | None = self.request() if self.action.steps else None
        while request is not None and not request.writes:
            replies.append(self.exchange.patient(request))
            request = self._following(replies)
        return replies

    def written(self, looks: Sequence[Reply]) -> Request | None:
        """Return the call that changes something, after these looks; None where none does."""
        return self._following(looks) if looks else self.request()

    def _following(self, replies: Sequence[Reply]) -> Request | None:
        if not self.action.steps:
            return None
        return self.exchange.folder.commands.next_request(self.command, self.key, replies)

    def carry(self, trouble: Fault | None = None) -> Receipt:
        """Go on until the vendor has it, says no, or only a person can say.

        Args:
            trouble: what becomes of the first call that changes something.
        """
        receipt = self.send(trouble)
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

    def send(self, trouble: Fault | None = None) -> Receipt:
        """Make the call once, or all steps of it."""
        try:
            looks = self.look()
        except ConnectorError as fault:
            return self._after(fault)
        request = self.written(looks)
        if request is None:
            return self.exchange.folder.commands.command_receipt(self.command, looks[-1])
        if trouble is not None:
            self.exchange.twin.strike(trouble)
        # A line is cut where there is one: over a socket of the loopback.
        return self._asked(request, looks, over_line=trouble in _CUTS)

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

    def _asked(self, request: Request, looks: Sequence[Reply], *, over_line: bool) -> Receipt:
        """Return the receipt; where the vendor surely did not do it, the error says what next."""
        replies = list(looks)
        following: Request | None = request
        try:
            while following is not None:
                if over_line and following is request:
                    sent = asyncio.run(self.exchange.send_over_line(following))
                    replies.append(self.exchange.judged(following, sent))
                else:
                    replies.append(self.exchange.patient(following))
                following = self._following(replies)
        except OutcomeUnknown:
            return _UNKNOWN
        except ConnectorError as fault:
            return self._after(fault)
        return self.exchange.folder.commands.command_receipt(self.command, replies[-1])

    def _after(self, fault: ConnectorError) -> Receipt:
        """Return what follows where the vendor surely did not do it."""
        if isinstance(fault, RateLimited):
            return Receipt(state=ReceiptState.LATER, after_s=fault.after_s)
        if isinstance(fault, AuthExpired):
            self.exchange.sign_in()
            return Receipt(state=ReceiptState.LATER)
        if fault.fate != "never":
            return Receipt(state=ReceiptState.LATER, code=fault.code)
        # The vendor's own word, or at least the status that it said no with.
        word = fault.context.get("code") or fault.context.get("status")
        code = None if word is None else str(word)
        return Receipt(state=ReceiptState.REFUSED, code=code, message=fault.message)


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
