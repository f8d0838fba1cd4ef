"""A caller of a simulated vendor of books, over the loopback, and pulls through it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from tests.support.limiter import Open
from trueup.canon.record import Record
from trueup.contract.connector import Fetch, Mapped, Page, Piece, Request, Source
from trueup.contract.loader import ConnectorFolder
from trueup.errors import RateLimited
from trueup.intake.connections import Account, LiveSecret
from trueup.intake.model import Connection
from trueup.outbox.caller import Caller
from trueup.sandbox.vendor import Vendor


@asynccontextmanager
async def calling(
    folder: ConnectorFolder,
    vendor: Vendor,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
) -> AsyncIterator[Caller]:
    """Yield a caller of an account at the vendor."""
    async with vendor.serve(deliver=False) as url:
        account = Account(
            connection=Connection(
                connection_id=1,
                name="books",
                connector=folder.id,
                settings={**settings, "api_base": url},
                state="active",
            ),
            secrets=tuple(LiveSecret(name=n, value=v) for n, v in secrets.items()),
        )
        async with Caller(folder, account, limiter=Open()) as caller:
            yield caller


class Hub:
    """As much of a hub as connectors of books need: the log, the records, the cursor.

    Attributes:
        seen: external ids that are in the log.
        records: newest version by entity.
        issues, ignored: codes of issues, and reasons, of what was not a repeat.
        events: how many were not repeats.
    """

    def __init__(self, caller: Caller, vendor: Vendor) -> None:
        self.caller, self.vendor = caller, vendor
        self.folder = caller.folder
        self.seen: set[tuple[str, bytes]] = set()
        self.records: dict[str, tuple[tuple[datetime, datetime], Record]] = {}
        self.issues: list[str] = []
        self.ignored: list[str] = []
        self.events = 0

    async def pull(self, resource: str, since: datetime | None = None) -> Page:
        """Read all pages; returns the last, with the newest stamp of all."""
        cursor, latest = None, None
        for _ in range(1000):
            request = self.folder.pull.page_request(resource, since, cursor)
            page = self.folder.pull.page(resource, await self.caller.send(request))
            for piece in page.pieces:
                await self.take(piece)
            latest = max(filter(None, (latest, page.latest_at)), default=None)
            cursor = page.next_cursor
            if cursor is None:
                return Page(pieces=page.pieces, latest_at=latest)
        raise AssertionError("pages without an end")

    async def take(self, piece: Piece) -> Mapped:
        """Map a piece, keep its records by their versions, and read what it hints at."""
        now = self.vendor.now()
        source = Source(
            topic=piece.topic,
            body=piece.body,
            received_at=now,
            raised_at=now,
            settings=self.caller.settings,
        )
        mapped = self.folder.mapping.map_source(source)
        if (piece.topic, piece.body) in self.seen:
            return mapped
        self.seen.add((piece.topic, piece.body))
        self.events += 1
        self.issues += [issue.code for issue in mapped.issues]
        self.ignored += [mapped.ignored] if mapped.ignored else []
        for record in mapped.records:
            version = (record.updated_at, now)
            known = self.records.get(record.entity())
            if known is None or version >= known[0]:
                self.records[record.entity()] = (version, record)
        for fetch in mapped.fetch:
            await self.fetch(fetch)
        return mapped

    async def fetch(self, fetch: Fetch) -> None:
        """Carry a wish to read out."""
        wish: Fetch | None = fetch
        while wish is not None:
            reply = await self.caller.send(self.folder.pull.fetch_request(wish))
            page = self.folder.pull.fetched(wish, reply)
            for piece in page.pieces:
                await self.take(piece)
            wish = page.then

    def __getitem__(self, entity: str) -> Record:
        return self.records[entity][1]


async def patient(caller: Caller, vendor: Vendor, request: Request) -> None:
    """Send a call as often as the vendor asks to come again, and wait as long as it says."""
    try:
        await caller.send(request)
    except RateLimited as error:
        vendor.clock.advance(error.after_s)
        await caller.send(request)
