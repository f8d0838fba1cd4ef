"""One exchange with a simulated vendor, as the hub has it: authorise, send, judge."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import httpx
import msgspec

from trueup.contract.connector import (
    ActionsModule,
    Fetch,
    Hook,
    Intent,
    Mapped,
    Page,
    Piece,
    Receipt,
    ReceiptState,
    Reply,
    Request,
    Source,
)
from trueup.contract.egress import EgressPolicy, origin
from trueup.contract.grant import Grant
from trueup.contract.oauth import judge_token_reply, scheme_of
from trueup.contract.recognition import identify_piece
from trueup.contract.smtp import make_egress
from trueup.contract.throttle import status_fate
from trueup.errors import OutcomeUnknown, Unavailable, invariant
from trueup.quality.subject import Subject
from trueup.quality.twin import HOOK_URL, Heard, Twin

PAGES_MAX: Final = 200
FETCHES_MAX: Final = 500
STEPS_MAX: Final = 20
_PAUSE_S: Final = 1.0
LINE_TIMEOUT_S: Final = 2.0

Meaning = tuple[Source, Mapped]


class Exchange:
    """Speaks to a fresh simulated vendor by way of the connector.

    Args:
        subject: the connector.
    """

    def __init__(self, subject: Subject) -> None:
        self.folder = subject.folder
        self.twin: Twin = subject.twin()
        self.settings = {**self.twin.settings, "api_base": self.twin.host}
        self.secrets = {**self.settings, **self.twin.secrets}
        self.sign_in()

    def sign_in(self) -> None:
        """Have a token handed out, where the connector is let in by tokens."""
        if not self.folder.has("auth"):
            return
        scheme = scheme_of(self.folder.manifest, self.twin.settings)
        if scheme is None or "access_token" in self.twin.secrets:
            return
        refresh = "refresh_token" in self.secrets or scheme == "oauth2"
        grant = Grant(kind="refresh" if refresh else "client")
        request = self.folder.auth.token_request(self.settings, self.secrets, grant)
        reply = self.twin.send(request.path, request)
        judge_token_reply(reply)
        token = self.folder.auth.token(reply)
        self.secrets["access_token"] = token.access_token
        if token.refresh_token:
            self.secrets["refresh_token"] = token.refresh_token

    def send(self, request: Request, secrets: dict[str, str] | None = None) -> Reply:
        """Send a request with the account's credentials, or with others."""
        authorised = self.folder.api.authorise(request, secrets or self.secrets)
        is_below = "://" not in authorised.path
        base = self.folder.api.base_url(self.settings) if is_below else ""
        return self.twin.send(base + authorised.path, authorised)

    async def send_over_line(self, request: Request) -> Reply:
        """Send a request by the hub's own way out, over a socket of the loopback."""
        async with self.twin.serve() as served:
            settings = {**self.settings, "api_base": served}
            authorised = self.folder.api.authorise(request, {**self.secrets, **settings})
            base_url = self.folder.api.base_url(settings)
            policy = EgressPolicy(allowed=frozenset((origin(httpx.URL(base_url)),)))
            transport = self.folder.manifest.api.transport
            async with make_egress(transport, policy, total_timeout_s=LINE_TIMEOUT_S) as egress:
                return await egress.send(base_url, authorised)

    def ask(self, request: Request) -> Reply:
        """Send a request and return the reply, judged as the hub judges it.

        Raises:
            ConnectorError: what the connector says that the reply means.
            OutcomeUnknown: a write that failed after the vendor took it in.
        """
        return self.judged(request, self.send(request))

    def judged(self, request: Request, reply: Reply) -> Reply:
        """Return the reply where it is sound; raises as `ask`."""
        try:
            self.folder.api.judge(reply)
        except Unavailable as fault:
            if status_fate(reply.status, writes=request.writes) == "read_back":
                raise OutcomeUnknown(status=reply.status) from fault
            raise
        return reply

    def patient(self, request: Request) -> Reply:
        """Ask with the budget full again, so that only the answer counts."""
        limit = self.folder.manifest.limit(request.scope)
        wait_s = 1.0 if limit is None else min(request.cost, limit.capacity) / limit.refill_per_s
        self.twin.advance(_PAUSE_S + wait_s)
        return self.ask(request)

    # -- reading -------------------------------------------------------------------------------

    def pages(self, resource: str, since: datetime | None = None) -> list[Page]:
        """Walk through all pages of a resource, or of what changed since."""
        cursor: str | None = None
        found: list[Page] = []
        for _ in range(PAGES_MAX):
            request = self.folder.pull.page_request(resource, since, cursor)
            found.append(self.folder.pull.page(resource, self.patient(request)))
            cursor = found[-1].next_cursor
            if cursor is None:
                return found
        invariant(False, f"the pages of {resource} have no end")  # noqa: FBT003 - it is the point
        return found

    def told(self, source: Source) -> list[Meaning]:
        """Return what an event means, with everything that it must be looked up for."""
        found: list[Meaning] = []
        waiting = [source]
        for _ in range(FETCHES_MAX):
            if not waiting:
                return found
            each = waiting.pop(0)
            mapped = self.folder.mapping.map_source(each)
            found.append((each, mapped))
            waiting += [self.source_of(p) for fetch in mapped.fetch for p in self.fetch(fetch)]
        invariant(False, "what must be looked up has no end")  # noqa: FBT003 - it is the point
        return found

    def fetch(self, fetch: Fetch) -> list[Piece]:
        """Read one record, in as many calls as it takes."""
        pieces: list[Piece] = []
        step: Fetch | None = fetch
        for _ in range(FETCHES_MAX):
            if step is None:
                return pieces
            reply = self.patient(self.folder.pull.fetch_request(step))
            page = self.folder.pull.fetched(step, reply)
            pieces += page.pieces
            step = page.then
        invariant(False, f"reading {fetch.resource} has no end")  # noqa: FBT003 - it is the point
        return pieces

    def source_of(self, piece: Piece) -> Source:
        """Return a piece that was read as an event; it is as new as the asking."""
        now = self.twin.now()
        identified = identify_piece(self.folder, piece, now)
        raised_at = identified.raised_at or now
        return Source(topic=identified.topic, body=piece.body, received_at=now, raised_at=raised_at)

    def export(self, resource: str) -> list[Piece]:
        """Let the vendor prepare an export, and read it."""
        pull = self.folder.pull
        bulk_ref = pull.bulk_started(self.patient(pull.bulk_request(resource, None)))
        for _ in range(PAGES_MAX):
            state = pull.bulk_state(self.patient(pull.bulk_status_request(bulk_ref)))
            if state.state != "running":
                break
        invariant(state.state == "done", f"the export of {resource} is {state.state}")
        if state.url is None:
            return []
        reply = self.twin.send(state.url, Request(method="GET", path=state.url))
        return list(pull.bulk_pieces(resource, reply.body.splitlines(keepends=True)))

    # -- hooks ---------------------------------------------------------------------------------

    def subscribe(self) -> list[Hook]:
        """Subscribe every topic, as the connector does where it manages its hooks."""
        if not self.folder.has("hooks"):
            self.twin.listen()
            return []
        webhook, hooks = self.folder.manifest.webhook, self.folder.hooks
        topics = [t.topic for t in webhook.topics if not t.required_for_privacy] if webhook else []
        return [hooks.created(self.patient(hooks.create_request(t, HOOK_URL))) for t in topics]

    def heard(self) -> list[Source]:
        """Return the webhooks that came since, as events."""
        return [source for heard in self.twin.heard() for source in self._sources(heard)]

    def _sources(self, heard: Heard) -> list[Source]:
        webhook = self.folder.webhook
        identified = webhook.identify(heard.headers, heard.body)
        many = self.folder.manifest.webhook is not None and self.folder.manifest.webhook.many
        pieces = webhook.split(identified.topic, heard.body) if many else ()
        now = self.twin.now()
        return [
            Source(
                topic=piece.topic,
                body=piece.body,
                received_at=now,
                raised_at=webhook.identify_piece(piece).raised_at or identified.raised_at,
            )
            for piece in pieces or (Piece(topic=identified.topic, body=heard.body),)
        ]

    # -- levels --------------------------------------------------------------------------------

    def act(self, value: int, expected: int | None, key: str) -> Receipt:
        """Set the stock of the first product, and return what the vendor says came of it."""
        intent = self.twin.intent(value, expected)
        return self.carried(intent, key, self.patient(self._actions.request([intent], key)))

    def written(self, intent: Intent, key: str) -> tuple[Request, list[Reply]]:
        """Return the call that changes the level, and the replies to the looks before it."""
        action = self.folder.manifest.action(intent.kind)
        request: Request | None = self._actions.request([intent], key)
        replies: list[Reply] = []
        while action is not None and action.steps and request is not None and not request.writes:
            replies.append(self.patient(request))
            request = self._actions.next_request([intent], key, replies)
        invariant(request is not None, "a level is set by a call that writes")
        assert request is not None  # noqa: S101 - for the type checker; the invariant decides
        return request, replies

    def rewritten(self, intent: Intent, key: str, replies: Sequence[Reply]) -> Request | None:
        """Return the call that `written` returned, made anew from the same replies."""
        if not replies:
            return self._actions.request([intent], key)
        return self._actions.next_request([intent], key, replies)

    def carried(self, intent: Intent, key: str, first: Reply) -> Receipt:
        """Go on after the first reply, step by step; what is submitted is then done."""
        action = self.folder.manifest.action(intent.kind)
        replies = [first]
        for _ in range(STEPS_MAX):
            more = action is not None and action.steps
            request = self._actions.next_request([intent], key, replies) if more else None
            if request is None:
                break
            replies.append(self.patient(request))
        (receipt,) = self._actions.receipts([intent], replies[-1])
        if receipt.state is ReceiptState.SUBMITTED:
            self.twin.settle()
        return receipt

    def read(self) -> int | None:
        """Read the stock of the first product back."""
        intents = [self.twin.intent(0, None)]
        (level,) = self._actions.read(intents, self.patient(self._actions.read_request(intents)))
        return level

    @property
    def _actions(self) -> ActionsModule:
        return self.folder.actions


def distinct(pieces: Sequence[Piece]) -> set[bytes]:
    """Return pieces as values that can be compared."""
    return {msgspec.json.encode([piece.topic, piece.body]) for piece in pieces}
