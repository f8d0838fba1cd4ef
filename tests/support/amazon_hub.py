"""A hub in small: the connector over a line to the simulated Amazon, and the records that stand."""

from collections.abc import Iterable
from datetime import datetime

import httpx

from trueup.canon.issue import Issue
from trueup.canon.record import Record
from trueup.connectors.amazon import actions, api, auth, pull
from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.webhook import identify_piece
from trueup.contract.connector import Fetch, Intent, Piece, Receipt, Reply, Request, Source
from trueup.contract.grant import Grant
from trueup.contract.oauth import judge_token_reply
from trueup.records.merge import take_apart
from trueup.records.model import Stamp
from trueup.sandbox.amazon import Amazon

HOST = "http://twin"


class Crash(Exception):
    """The hub dies here."""


class SmallHub:
    """Reads an account and keeps the newest version of each record.

    Attributes:
        cursors: where a walk stands, kept with the pieces of its page as one transaction.
        log: external ids that are in the log.
        die_before_commit, die_after_commit: at which page the hub dies.
    """

    def __init__(self, vendor: Amazon) -> None:
        self.vendor = vendor
        self.secrets = {**vendor.settings(HOST), **vendor.secrets()}
        self.records: dict[str, tuple[Stamp, Record]] = {}
        self.issues: list[Issue] = []
        self.wanted: list[Fetch] = []
        self.log: dict[str, int] = {}
        self.cursors: dict[str, str | None] = {}
        self.die_before_commit = self.die_after_commit = -1

    async def sign_in(self) -> None:
        """Have an access token handed out."""
        reply = await self.ask(auth.token_request(self.secrets, self.secrets, Grant(kind="client")))
        judge_token_reply(reply)
        self.secrets["access_token"] = auth.token(reply).access_token

    async def ask(self, request: Request) -> Reply:
        """Send a call; its reply is not judged."""
        ready = api.authorise(request, self.secrets)
        url = f"{HOST}{ready.path}" if ready.path.startswith("/") else ready.path
        async with httpx.AsyncClient(transport=self.vendor.transport()) as client:
            answer = await client.request(
                ready.method, url, content=ready.body, headers=dict(ready.headers)
            )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(status=answer.status_code, headers=headers, body=answer.content)

    async def send(self, request: Request) -> Reply:
        """Send a call and judge its reply."""
        reply = await self.ask(request)
        api.judge(reply)
        return reply

    async def walk(self, resource: str, since: datetime | None = None) -> int:
        """Read all pages from where the last walk stood; returns how many pieces there were."""
        read = 0
        for number in range(1000):
            cursor = self.cursors.get(resource)
            asked_at = self.vendor.now()
            page = pull.page(resource, await self.send(pull.page_request(resource, since, cursor)))
            if number == self.die_before_commit:
                raise Crash
            self.take(page.pieces, asked_at)
            self.cursors[resource] = page.next_cursor
            if number == self.die_after_commit:
                raise Crash
            read += len(page.pieces)
            if page.next_cursor is None:
                return read
        raise AssertionError("no end")

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

    async def act(self, intents: list[Intent], key: str = "k") -> list[Receipt]:
        """Carry intents out, in as many calls as it takes."""
        replies = [await self.send(actions.request(intents, key))]
        while (following := actions.next_request(intents, key, replies)) is not None:
            replies.append(await self.send(following))
        return list(actions.receipts(intents, replies[-1]))

    async def levels(self, intents: list[Intent]) -> list[int | None]:
        """Read back what stands there, as many at once as the vendor tells."""
        found: list[int | None] = []
        for start in range(0, len(intents), actions.READ_MAX):
            some = intents[start : start + actions.READ_MAX]
            found += actions.read(some, await self.send(actions.read_request(some)))
        return found

    def take(self, pieces: Iterable[Piece], asked_at: datetime) -> None:
        """Take pieces of a page in, as the hub's log would: a repeat has no effect."""
        for piece in pieces:
            found = identify_piece(piece)
            self.log[found.external_id] = self.log.get(found.external_id, 0) + 1
            if self.log[found.external_id] > 1:
                continue
            source = Source(
                topic=piece.topic,
                body=piece.body,
                raised_at=found.raised_at or asked_at,
                received_at=self.vendor.now(),
            )
            mapped = map_source(source)
            self.issues += mapped.issues
            self.wanted += [fetch for fetch in mapped.fetch if fetch not in self.wanted]
            for record in mapped.records:
                assert record.entity() == found.entity
                self._keep(record, take_apart(record, source).stamp)

    def _keep(self, record: Record, stamp: Stamp) -> None:
        name = f"{record.kind}/{record.ref}"
        known = self.records.get(name)
        if known is None or stamp > known[0]:
            self.records[name] = (stamp, record)

    def told(self) -> dict[str, Record]:
        """Return the records that stand, by kind and ref."""
        return {name: record for name, (_, record) in sorted(self.records.items())}


def wish(sku: str, value: int, expected: int | None = None) -> Intent:
    """Return the wish that a listing offers so many units."""
    target = {"sku": sku, "item_ref": sku, "variant_ref": sku, "product_ref": sku}
    target["location_ref"] = ""
    return Intent(kind="stock.set", key=sku, value=value, expected=expected, target=target)
