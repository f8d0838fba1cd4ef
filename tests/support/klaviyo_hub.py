"""A hub in small over the simulated Klaviyo: deliveries of many are taken apart at the door."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from tests.support.twin_hub import TwinHub
from trueup.contract.connector import Command, Piece, Receipt, ReceiptState, Reply, Request
from trueup.contract.loader import find_connectors
from trueup.errors import RateLimited, Unavailable
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.klaviyo.vendor import API_KEY, KlaviyoVendor

SECRETS = {
    "api_base": "http://twin",
    "api_key": API_KEY,
    "webhook_secret": "a secret of our own choice",
}
URL = "https://hub.example/hooks/klaviyo"


class KlaviyoHub(TwinHub):
    """One connection to one simulated account.

    Attributes:
        asked: every call with its reply.
    """

    def __init__(self, vendor: KlaviyoVendor) -> None:
        super().__init__(find_connectors()["klaviyo"], vendor, SECRETS)
        self.asked: list[tuple[Request, Reply]] = []

    async def send(self, request: Request) -> Reply:
        """Send one request once, and keep it with its reply."""
        reply = await super().send(request)
        self.asked.append((self.folder.api.authorise(request, self.secrets), reply))
        return reply

    async def subscribe(self) -> int:
        """Make the webhook as the hub does; returns how many topics it carries."""
        webhook = self.folder.manifest.webhook
        assert webhook is not None
        for topic in webhook.topics:
            request = self.folder.hooks.create_request(topic.topic, URL)
            self.folder.hooks.created(await self.ask(request))
        listed, _ = self.folder.hooks.listed(await self.ask(self.folder.hooks.list_request(None)))
        return len({hook.topic for hook in listed if hook.url == URL})

    async def carry_out(self, command: Command) -> Receipt:
        """Do a command as the hub does: what nobody knows is sent again under its key."""
        for _ in range(6):
            try:
                reply = await self.send(self.folder.commands.command_request(command, "key"))
            except RateLimited as error:
                self._advance(error.after_s)
                continue
            except Unavailable:
                self._advance(1)
                continue
            return self.folder.commands.command_receipt(command, reply)
        return Receipt(state=ReceiptState.UNKNOWN)

    async def steps(
        self, command: Command, before: Callable[[int], object] = lambda _: None
    ) -> tuple[Receipt, int]:
        """Do a command of several steps; returns what came, and how many calls wrote.

        `before` is called with the place of each call before it is made.
        """
        commands, replies, writes = self.folder.commands, [], 0
        request: Request | None = commands.command_request(command, "key")
        while request is not None:
            before(len(replies))
            writes += request.writes
            replies.append(await self.ask(request))
            request = commands.next_request(command, "key", replies)
        return commands.command_receipt(command, replies[-1]), writes

    async def confirm(self, command: Command) -> Receipt:
        """Ask what became of a command."""
        request = self.folder.commands.confirm_request(command, command.ref)
        return self.folder.commands.confirmed(command, await self.ask(request))

    def _event(
        self,
        external_id: str,
        entity: str,
        piece: Piece,
        raised_at: datetime | None,
        *,
        hook: bool = False,
    ) -> None:
        if not hook:
            super()._event(external_id, entity, piece, raised_at)
            return
        for part in self.folder.webhook.split(piece.topic, piece.body):
            found = self.folder.webhook.identify_piece(part)
            super()._event(found.external_id, found.entity, part, found.raised_at, hook=True)


def opened(seed: int = 1) -> tuple[KlaviyoVendor, KlaviyoHub]:
    """Open a fresh account and a connection to it."""
    vendor = KlaviyoVendor(ManualClock(), seed=seed)
    return vendor, KlaviyoHub(vendor)


def told(hub: KlaviyoHub) -> dict[str, object]:
    """Return the records that stand as plain values, by entity."""
    return {
        record.entity(): msgspec.to_builtins(record) for _, record in sorted(hub.records.items())
    }
