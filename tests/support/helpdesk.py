"""Drive a helpdesk's connector against its simulated vendor as the hub does, without a database.

What the hub's rooms do around the connector is told here in a few lines: authorise, send, judge,
page, fetch, merge; and for commands the commander's rule for an outcome that nobody knows.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import msgspec

from trueup.canon.command import CommandContent
from trueup.canon.message import Message
from trueup.canon.record import Record
from trueup.canon.ticket import Ticket
from trueup.contract.connector import (
    Command,
    Fetch,
    Identified,
    Mapped,
    Piece,
    Receipt,
    ReceiptState,
    Reply,
    Request,
    Source,
)
from trueup.contract.loader import ConnectorFolder
from trueup.contract.recognition import identify_piece
from trueup.contract.throttle import status_fate
from trueup.errors import OutcomeUnknown, RateLimited, Unavailable
from trueup.sandbox.vendor import Vendor
from trueup.sandbox.webhooks import Event

CALLS_MAX = 500


class Desk:
    """One connection: everything read is kept by kind and id, the newest version counts.

    Args:
        folder: the connector.
        vendor: the simulated vendor.
        secrets: settings and secrets of the connection.
    """

    def __init__(self, folder: ConnectorFolder, vendor: Vendor, secrets: Mapping[str, str]) -> None:
        self.folder, self.vendor, self.secrets = folder, vendor, dict(secrets)
        self.records: dict[tuple[str, str], Record] = {}
        self.issues: list[str] = []
        self.seen: set[str] = set()
        self.hooks: list[Event] = []
        self.sent: list[Request] = []
        self.waited_s = 0.0
        vendor.sinks.append(self.hooks.append)

    # -- reading -------------------------------------------------------------------------------

    def poll(self, resource: str = "tickets", since: datetime | None = None) -> datetime | None:
        """Walk the pages of a resource; returns the newest stamp."""
        cursor, latest = None, None
        for _ in range(CALLS_MAX):
            page = self.folder.pull.page(
                resource, self.ask(self.folder.pull.page_request(resource, since, cursor))
            )
            latest = max((at for at in (latest, page.latest_at) if at), default=None)
            for piece in page.pieces:
                self.take(piece)
            if page.next_cursor is None:
                return latest
            cursor = page.next_cursor
        raise AssertionError("the pages have no end")

    def hear(self, events: Sequence[Event] | None = None) -> None:
        """Take hooks in, and read what they hint at."""
        for event in [*self.hooks] if events is None else events:
            found = self.folder.webhook.identify({}, event.body)
            if found.external_id not in self.seen:
                self.seen.add(found.external_id)
                self._mean(found, event.body)
        if events is None:
            self.hooks.clear()

    def take(self, piece: Piece) -> None:
        """Take one piece in, once."""
        found = identify_piece(self.folder, piece, self.vendor.now())
        if found.external_id not in self.seen:
            self.seen.add(found.external_id)
            self._mean(found, piece.body)

    def fetch(self, fetch: Fetch) -> None:
        """Read what a fetch is about, in as many calls as it takes."""
        step: Fetch | None = fetch
        for _ in range(CALLS_MAX):
            if step is None:
                return
            page = self.folder.pull.fetched(step, self.ask(self.folder.pull.fetch_request(step)))
            for piece in page.pieces:
                self.take(piece)
            step = page.then
        raise AssertionError("the pages have no end")

    def _mean(self, found: Identified, body: bytes) -> None:
        mapped: Mapped = self.folder.mapping.map_source(
            Source(topic=found.topic, body=body, received_at=self.vendor.now())
        )
        self.issues += [issue.code for issue in mapped.issues]
        assert mapped.records or mapped.fetch or mapped.issues or mapped.ignored
        for record in mapped.records:
            assert record.entity() == found.entity or record is not mapped.records[0]
            known = self.records.get((record.kind, record.ref))
            if known is None or known.updated_at <= record.updated_at:
                self.records[record.kind, record.ref] = record
        for fetch in mapped.fetch:
            self.fetch(fetch)

    @property
    def tickets(self) -> dict[str, Ticket]:
        """Tickets by id."""
        return {r.ref: r for r in self.records.values() if isinstance(r, Ticket)}

    @property
    def messages(self) -> dict[str, Message]:
        """Messages by id."""
        return {r.ref: r for r in self.records.values() if isinstance(r, Message)}

    # -- acting --------------------------------------------------------------------------------

    def command(self, content: CommandContent, ref: str = "cmd-1") -> Command:
        """Return a command as the outbox makes it."""
        return Command(
            kind=content.command,
            key=ref,
            ref=ref,
            content=content,
            wanted_at=self.vendor.now(),
            target=self.secrets,
        )

    def carry_out(self, command: Command, *, tries: int = 8) -> Receipt:
        """Carry a command out as the commander does, until somebody knows what came of it."""
        receipt = self._send(command)
        for _ in range(tries):
            if receipt.state is ReceiptState.LATER:
                receipt = self._send(command)
            elif receipt.state is ReceiptState.UNKNOWN:
                self.vendor.clock.advance(180)
                receipt = self._find_out(command)
            else:
                return receipt
        return receipt

    def confirm(self, command: Command, vendor_ref: str) -> Receipt:
        """Ask what became of a submitted command."""
        commands = self.folder.commands
        return commands.confirmed(command, self.ask(commands.confirm_request(command, vendor_ref)))

    def _send(self, command: Command) -> Receipt:
        commands = self.folder.commands
        request = commands.command_request(command, f"key-{command.ref}")
        try:
            return commands.command_receipt(command, self.ask(request))
        except OutcomeUnknown:
            return Receipt(state=ReceiptState.UNKNOWN)
        except Unavailable:
            return Receipt(state=ReceiptState.LATER)

    def _find_out(self, command: Command) -> Receipt:
        action = self.folder.manifest.action(command.kind)
        assert action is not None
        if action.idempotency in {"key", "absolute"}:
            return self._send(command)
        assert action.idempotency == "lookup"
        commands, key = self.folder.commands, f"key-{command.ref}"
        try:
            reply = self.ask(commands.find_request(command, key))
        except Unavailable:
            return Receipt(state=ReceiptState.UNKNOWN)
        return commands.found(command, key, reply)

    # -- the line ------------------------------------------------------------------------------

    def ask(self, request: Request, *, patient: bool = True) -> Reply:
        """Send a request and judge the reply; waits as long as the vendor asks.

        Raises:
            ConnectorError: what the reply means.
            OutcomeUnknown: a write of which nobody knows.
        """
        for _ in range(5):
            reply = self.send(request)
            try:
                self.folder.api.judge(reply)
            except RateLimited as limited:
                if not patient:
                    raise
                self.waited_s += limited.after_s
                self.vendor.clock.advance(limited.after_s)
            except Unavailable:
                if status_fate(reply.status, writes=request.writes) == "read_back":
                    raise OutcomeUnknown(status=reply.status) from None
                raise
            else:
                return reply
        raise AssertionError("the vendor does not stop asking to slow down")

    def send(self, request: Request) -> Reply:
        """Send one request, authorised, over the twin's transport."""
        base = self.folder.api.base_url(self.secrets)
        authorised = self.folder.api.authorise(request, self.secrets)
        self.sent.append(authorised)
        url = authorised.path if authorised.path.startswith("http") else base + authorised.path

        async def go() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.vendor.transport()) as client:
                return await client.request(
                    authorised.method, url, headers=authorised.headers, content=authorised.body
                )

        try:
            response = asyncio.run(go())
        except httpx.TransportError as fault:
            raise (OutcomeUnknown() if request.writes else Unavailable()) from fault
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=response.content)


def mutated(body: bytes, **facts: Any) -> bytes:
    """Return a JSON object with other values."""
    return msgspec.json.encode(msgspec.json.decode(body) | facts)
