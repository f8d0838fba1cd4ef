"""A hub in small: the connector over a line to the simulated Stripe, and the records that stand."""

from collections.abc import Iterable
from datetime import datetime

import httpx

from trueup.canon.issue import Issue
from trueup.canon.record import Record
from trueup.connectors.stripe import api, hooks, pull
from trueup.connectors.stripe.mapping import map_source
from trueup.connectors.stripe.webhook import identify, identify_piece
from trueup.contract.connector import Fetch, Piece, Reply, Request, Source
from trueup.records.merge import take_apart
from trueup.records.model import Stamp
from trueup.sandbox.stripe.vendor import API_KEY, StripeVendor

SECRETS = {"api_key": API_KEY}


class SmallHub:
    """Reads an account and keeps the newest version of each record."""

    def __init__(self, vendor: StripeVendor) -> None:
        self.vendor = vendor
        self.records: dict[str, tuple[Stamp, Record]] = {}
        self.issues: list[Issue] = []
        self.wanted: list[Fetch] = []
        self.asked: list[tuple[Request, Reply]] = []

    async def send(self, request: Request, *, secrets: dict[str, str] = SECRETS) -> Reply:
        """Send a call and judge its reply."""
        reply = await self.ask(request, secrets=secrets)
        api.judge(reply)
        return reply

    async def ask(self, request: Request, *, secrets: dict[str, str] = SECRETS) -> Reply:
        """Send a call; its reply is not judged."""
        ready = api.authorise(request, secrets)
        async with httpx.AsyncClient(transport=self.vendor.transport()) as client:
            answer = await client.request(
                ready.method,
                f"http://twin{ready.path}",
                content=ready.body,
                headers=dict(ready.headers),
            )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        reply = Reply(status=answer.status_code, headers=headers, body=answer.content)
        self.asked.append((ready, reply))
        return reply

    async def walk(self, resource: str, since: datetime | None = None) -> int:
        """Read all pages of a resource; returns how many pieces there were."""
        cursor: str | None = None
        read = 0
        while True:
            asked_at = self.vendor.now()
            page = pull.page(resource, await self.send(pull.page_request(resource, since, cursor)))
            self.take(page.pieces, asked_at)
            read += len(page.pieces)
            cursor = page.next_cursor
            if cursor is None:
                return read

    async def fetch_wanted(self) -> int:
        """Read what events asked for; returns how many pieces there were."""
        read = 0
        while self.wanted:
            fetch: Fetch | None = self.wanted.pop()
            while fetch is not None:
                asked_at = self.vendor.now()
                page = pull.fetched(fetch, await self.send(pull.fetch_request(fetch)))
                self.take(page.pieces, asked_at)
                read += len(page.pieces)
                fetch = page.then
        return read

    def hear(self, body: bytes) -> None:
        """Take a delivery in."""
        found = identify({}, body)
        self._map(found.topic, body, found.raised_at, found.entity)

    def take(self, pieces: Iterable[Piece], asked_at: datetime) -> None:
        """Take pieces of a page in, as the hub's log would."""
        for piece in pieces:
            found = identify_piece(piece)
            self._map(piece.topic, piece.body, found.raised_at or asked_at, found.entity)

    def _map(self, topic: str, body: bytes, raised_at: datetime | None, entity: str) -> None:
        source = Source(topic=topic, body=body, raised_at=raised_at, received_at=self.vendor.now())
        mapped = map_source(source)
        self.issues += mapped.issues
        self.wanted += [fetch for fetch in mapped.fetch if fetch not in self.wanted]
        for record in mapped.records:
            assert record.entity() == entity
            stamp = take_apart(record, source).stamp
            known = self.records.get(entity)
            if known is None or stamp > known[0]:
                self.records[entity] = (stamp, record)

    async def subscribe(self, url: str = "https://hub.example/hooks/stripe") -> str:
        """Subscribe every topic, as the hub does; returns the signing secret."""
        secret = ""
        for topic in pull.EVENT_TYPES:
            reply = await self.send(hooks.create_request(topic, url))
            hooks.created(reply)
            secret = hooks.created_secrets(reply)["webhook_secret"]
        return secret

    def told(self) -> dict[str, Record]:
        """Return the records that stand, by entity."""
        return {entity: record for entity, (_, record) in sorted(self.records.items())}
