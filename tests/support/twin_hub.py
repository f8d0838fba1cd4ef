"""A hub of a few lines over a simulated vendor: takes deliveries in, polls, fetches, and acts.

It knows no more than what the real rooms do with a connector: verify, identify, take each event
once, map, keep the newest version of each record, and read what was only hinted at.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx

from trueup.canon.issue import Issue
from trueup.canon.record import Record, VersionKey
from trueup.contract.connector import Fetch, Intent, Piece, Receipt, Reply, Request, Source
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.loader import ConnectorFolder
from trueup.contract.signature import verify
from trueup.errors import RateLimited, SignatureInvalid, Unavailable
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.vendor import Vendor

BASE = "http://twin"


class TwinHub:
    """One connection to one simulated vendor.

    Attributes:
        records: the newest version of each, by (kind, ref).
        refused: deliveries that were not let in, by status.
    """

    def __init__(self, folder: ConnectorFolder, vendor: Vendor, secrets: Mapping[str, str]) -> None:
        self.folder, self.vendor = folder, vendor
        self.secrets = dict(secrets)
        self.records: dict[tuple[str, str], Record] = {}
        self.issues: list[Issue] = []
        self.refused: list[int] = []
        self.fetches: list[Fetch] = []
        self.waits = 0
        self._seen: set[str] = set()
        self._stamps: dict[tuple[str, str], VersionKey] = {}

    def of(self, kind: str) -> dict[str, Record]:
        """Return the records of a kind that are not gone."""
        return {
            ref: each for (k, ref), each in self.records.items() if k == kind and not each.deleted
        }

    async def ask(self, request: Request) -> Reply:
        """Send one request; what must wait waits by the vendor's clock, and reads come again."""
        downs = 0
        while True:
            try:
                return await self.send(request)
            except RateLimited as error:
                self.waits += 1
                self._advance(error.after_s)
            except Unavailable:
                downs += 1
                if request.writes or downs > 3:
                    raise
                self._advance(1)

    async def send(self, request: Request) -> Reply:
        """Send one request once."""
        authorised = self.folder.api.authorise(request, self.secrets)
        base = self.folder.api.base_url(self.secrets)
        async with httpx.AsyncClient(transport=self.vendor.transport()) as client:
            try:
                answer = await client.request(
                    authorised.method,
                    base + authorised.path,
                    headers=list(authorised.headers),
                    content=authorised.body,
                )
            except httpx.TransportError as error:
                raise Unavailable(str(error)) from error
        reply = Reply(
            status=answer.status_code,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=answer.content,
        )
        self.folder.api.judge(reply)
        return reply

    async def poll(self, resource: str, since: datetime | None = None) -> int:
        """Read all pages of a resource; returns how many records they held."""
        cursor, read = None, 0
        while True:
            asked_at = self.vendor.now()
            request = self.folder.pull.page_request(resource, since, cursor)
            page = self.folder.pull.page(resource, await self.ask(request))
            read += len(page.pieces)
            for piece in page.pieces:
                self.take(piece, asked_at)
            cursor = page.next_cursor
            if cursor is None:
                await self.read_hints()
                return read

    async def read_hints(self) -> None:
        """Read everything that was only hinted at."""
        while self.fetches:
            step: Fetch | None = self.fetches.pop(0)
            while step is not None:
                asked_at = self.vendor.now()
                reply = await self.ask(self.folder.pull.fetch_request(step))
                page = self.folder.pull.fetched(step, reply)
                for piece in page.pieces:
                    self.take(piece, asked_at)
                step = page.then

    def take(self, piece: Piece, asked_at: datetime) -> None:
        """Take in what was read."""
        identified = self.folder.webhook.identify_piece(piece)
        raised_at = identified.raised_at or asked_at
        self._event(identified.external_id, identified.entity, piece, raised_at)

    async def hear(self) -> int:
        """Let the vendor deliver what is due; returns how many tries there were."""
        courier = self.vendor.courier(httpx.MockTransport(self._door))
        tries = 0
        while count := await courier.deliver_due():
            tries += count
        await courier.close()
        return tries

    async def set_stock(self, intents: Sequence[Intent], key: str = "key-1") -> Sequence[Receipt]:
        """Carry intents out as the outbox does, all steps of it."""
        actions = self.folder.actions
        replies = [await self.ask(actions.request(intents, key))]
        action = self.folder.manifest.action("stock.set")
        while action is not None and action.steps:
            following = actions.next_request(intents, key, replies)
            if following is None:
                break
            replies.append(await self.ask(following))
        return actions.receipts(intents, replies[-1])

    async def levels(self, intents: Sequence[Intent]) -> Sequence[int | None]:
        """Read what stands at the vendor."""
        actions = self.folder.actions
        return actions.read(intents, await self.ask(actions.read_request(intents)))

    async def _door(self, request: httpx.Request) -> httpx.Response:
        webhook = self.folder.manifest.webhook
        assert webhook is not None
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("content-type", "").partition(";")[0] not in webhook.media_types:
            return self._turn_away(415)
        delivery = Delivery(
            method="POST", url=str(request.url), headers=headers, body=request.content
        )
        secrets = [
            Secret(value=self.secrets[name].encode())
            for name in webhook.secrets
            if self.secrets.get(name)
        ]
        try:
            verify(webhook.scheme, delivery, secrets, self.vendor.now())
        except SignatureInvalid:
            return self._turn_away(401)
        identified = self.folder.webhook.identify(headers, request.content)
        piece = Piece(topic=identified.topic, body=request.content)
        self._event(
            identified.external_id, identified.entity, piece, identified.raised_at, hook=True
        )
        return httpx.Response(200)

    def _turn_away(self, status: int) -> httpx.Response:
        self.refused.append(status)
        return httpx.Response(status)

    def _event(
        self,
        external_id: str,
        entity: str,
        piece: Piece,
        raised_at: datetime | None,
        *,
        hook: bool = False,
    ) -> None:
        if external_id in self._seen:
            return
        self._seen.add(external_id)
        source = Source(
            topic=piece.topic,
            body=piece.body,
            received_at=self.vendor.now(),
            raised_at=raised_at,
        )
        mapped = self.folder.mapping.map_source(source)
        assert mapped.records or mapped.issues or mapped.fetch or mapped.ignored, piece.topic
        self.issues += mapped.issues
        self.fetches += [each for each in mapped.fetch if each not in self.fetches]
        for record in mapped.records:
            assert record.entity() == entity, (piece.topic, record.entity(), entity, hook)
            self._keep(record, source)

    def _keep(self, record: Record, source: Source) -> None:
        name = (record.kind, record.ref)
        stamp = VersionKey(record.updated_at, *([source.raised_at] if source.raised_at else []))
        if name not in self._stamps or self._stamps[name] <= stamp:
            self._stamps[name], self.records[name] = stamp, record

    def _advance(self, seconds: float) -> None:
        assert isinstance(self.vendor.clock, ManualClock)
        self.vendor.clock.advance(seconds)
