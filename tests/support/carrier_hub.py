"""A hub in small for carriers: verify, identify, map, read what is asked for, keep the newest."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import httpx
import msgspec

from trueup import connectors
from trueup.canon.parcel import Parcel
from trueup.contract.connector import Fetch, Piece, Reply, Request, Source
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.grant import Grant
from trueup.contract.loader import ConnectorFolder, load_connector
from trueup.contract.signature import verify
from trueup.errors import AuthExpired, RateLimited, SignatureInvalid, Unavailable
from trueup.records.merge import take_apart
from trueup.records.model import Stamp
from trueup.sandbox.journey import CarrierTwin

CONNECTORS = Path(connectors.__file__).parent
FOLDERS: dict[str, ConnectorFolder] = {
    name: load_connector(CONNECTORS / name) for name in ("delhivery", "easypost", "shiprocket")
}
BASE = "http://twin"
TRIES_MAX = 8


class CarrierHub:
    """One connection to one simulated carrier."""

    def __init__(self, connector: str, twin: CarrierTwin, secrets: dict[str, str]) -> None:
        self.folder = FOLDERS[connector]
        self.twin = twin
        self.secrets = {**secrets, "api_base": BASE}
        self.kept: dict[str, tuple[Stamp, Parcel]] = {}
        self.issues: Counter[str] = Counter()
        self.heard: set[str] = set()
        self.wanted: dict[tuple[str, str], Fetch] = {}
        self.counts: Counter[str] = Counter()

    def parcel(self, number: str) -> Parcel:
        """Return the parcel of a tracking number."""
        (found,) = (p for _, p in self.kept.values() if p.links[0].value == number)
        return found

    # -- deliveries ------------------------------------------------------------------------------

    async def listen(self, request: httpx.Request) -> httpx.Response:
        """Take a webhook as the door does."""
        delivery = Delivery(
            method="POST",
            url=str(request.url),
            headers={k.lower(): v for k, v in request.headers.items()},
            body=request.content,
        )
        webhook = self.folder.manifest.webhook
        assert webhook is not None
        try:
            secret = Secret(value=self.twin.webhook_secret.encode())
            verify(webhook.scheme, delivery, [secret], self.twin.now())
        except SignatureInvalid:
            self.counts["refused"] += 1
            return httpx.Response(401)
        found = self.folder.webhook.identify(delivery.headers, delivery.body)
        self.take(Piece(topic=found.topic, body=delivery.body), found.external_id, found.raised_at)
        return httpx.Response(200)

    async def deliver(self) -> int:
        """Let the carrier send what is due."""
        courier = self.twin.courier(httpx.MockTransport(self.listen))
        try:
            return await courier.deliver_due()
        finally:
            await courier.close()

    def take(self, piece: Piece, external_id: str, raised_at: datetime | None) -> None:
        """Map one event, unless it was heard before, and keep what is newer."""
        if external_id in self.heard:
            self.counts["repeated"] += 1
            return
        self.heard.add(external_id)
        source = Source(
            topic=piece.topic, body=piece.body, received_at=self.twin.now(), raised_at=raised_at
        )
        mapped = self.folder.mapping.map_source(source)
        self.issues.update(issue.code for issue in mapped.issues)
        for fetch in mapped.fetch:
            self.wanted[fetch.resource, fetch.ref] = fetch
        for record in mapped.records:
            assert isinstance(record, Parcel)
            stamp = take_apart(record, source).stamp
            known = self.kept.get(record.ref)
            if known is None or stamp > known[0]:
                self.kept[record.ref] = (stamp, record)

    # -- readings --------------------------------------------------------------------------------

    async def read_wanted(self) -> None:
        """Read what events asked for, until nothing is left."""
        while self.wanted:
            _, fetch = self.wanted.popitem()
            await self.read(fetch)

    async def read(self, fetch: Fetch) -> None:
        """Read one thing, in as many calls as it takes."""
        then: Fetch | None = fetch
        while then is not None:
            asked_at = self.twin.now()
            page = self.folder.pull.fetched(
                then, await self.send(self.folder.pull.fetch_request(then))
            )
            self._pieces(page.pieces, asked_at)
            then = page.then

    async def poll(self, since: datetime | None = None) -> int:
        """Walk through all pages; returns how many pieces there were."""
        cursor, count = None, 0
        while True:
            asked_at = self.twin.now()
            request = self.folder.pull.page_request("parcel", since, cursor)
            page = self.folder.pull.page("parcel", await self.send(request))
            self._pieces(page.pieces, asked_at)
            count, cursor = count + len(page.pieces), page.next_cursor
            if cursor is None:
                return count

    def _pieces(self, pieces: tuple[Piece, ...], asked_at: datetime) -> None:
        for piece in pieces:
            found = self.folder.webhook.identify_piece(piece)
            self.take(piece, found.external_id, found.raised_at or asked_at)

    async def send(self, request: Request) -> Reply:
        """Send a request with patience: waits where asked, signs in again where the token ended."""
        for _ in range(TRIES_MAX):
            try:
                return await self._once(request)
            except RateLimited as fault:
                self.counts["limited"] += 1
                self.twin.clock.advance(fault.after_s)
            except (Unavailable, httpx.TransportError):
                self.counts["down"] += 1
            except (AuthExpired, KeyError):
                await self._sign_in()
        raise AssertionError("the carrier never answered")

    async def _once(self, request: Request) -> Reply:
        authorised = self.folder.api.authorise(request, self.secrets)
        reply = await self._post(authorised, self.folder.api.base_url({"api_base": BASE}))
        self.folder.api.judge(reply)
        return reply

    async def _sign_in(self) -> None:
        if not self.folder.has("auth"):
            raise AssertionError("the credentials are refused")
        self.counts["signed_in"] += 1
        grant = Grant(kind="client")
        request = self.folder.auth.token_request(self.secrets, self.secrets, grant)
        reply = await self._post(request, "")
        self.secrets["access_token"] = self.folder.auth.token(reply).access_token

    async def _post(self, request: Request, base: str) -> Reply:
        async with httpx.AsyncClient(transport=self.twin.transport()) as client:
            got = await client.request(
                request.method,
                base + request.path,
                content=request.body,
                headers=dict(request.headers),
            )
        headers = {name.lower(): value for name, value in got.headers.items()}
        return Reply(status=got.status_code, headers=headers, body=got.content)


def distinct(parcel: Parcel) -> set[tuple[datetime, str]]:
    """Return when and what of each scan."""
    return {(scan.occurred_at, scan.code) for scan in parcel.scans}


def bare(parcel: Parcel) -> bytes:
    """Return a parcel as bytes, to compare."""
    return msgspec.json.encode(parcel)
