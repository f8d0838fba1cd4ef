"""`POST /hooks/<connection>`: the door for vendors. Bytes are verified, committed, then answered.

A bare ASGI application: a vendor's deadline is three seconds at the tightest, and a busy day is
thousands of these a second, so nothing stands between the server and the log.

    401 bad signature · 404 unknown connection · 405 not POST · 408 too slow · 413 too large
    415 media type
    200 with the answer to a challenge, where the vendor proves the address before it sends
    503 with Retry-After: not stored, send it again · 200 only after the commit
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec
import structlog

from trueup.contract.connector import Identified
from trueup.contract.delivery import Delivery, Secret, read_headers, refusal
from trueup.contract.loader import ConnectorFolder
from trueup.contract.signature import verify_any
from trueup.contract.signature_scheme import SignatureScheme
from trueup.db.pool import connect
from trueup.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ConnectionUnknown,
    DatabaseUnavailable,
    HubError,
    IntakeError,
    MediaTypeUnsupported,
)
from trueup.hub import Hub
from trueup.intake.connections import Account, load_accounts
from trueup.intake.gateway import Gateway
from trueup.intake.model import NewEvent, Origin
from trueup.intake.refuse import note_refusal
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import HEADERS_BYTES_MAX

_log = structlog.get_logger("trueup.hooks")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RETRY_AFTER_S = 5
DELIVERY_EVENTS_MAX = 2_000
"""More events in one delivery than any vendor sends."""

QUERY_CHARS_MAX = 4_000
CHALLENGE_CHARS_MAX = 1_000
BODY_TIMEOUT_S = 15.0
"""How long a body may take to come in; the largest takes a vendor well under a second."""

REFRESH_INTERVAL_S = 2.0
_UNKNOWN_INTERVAL_S = 0.2
_NOTE_INTERVAL_S = 1.0
_REFUSALS_WAITING_MAX = 200
_REFUSED_BYTES_MAX = 65_536
_UNSAFE = ("hmac", "signature", "token", "auth", "cookie", "secret", "forwarded", "real-ip")
_JSON = (b"content-type", b"application/json")
# What is told back was chosen by whoever asked: no browser may take it for a page.
_TEXT = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
)
_OK = b'{"accepted":true}'
_REPEATED = b'{"accepted":true,"repeated":true}'


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to let one connection's deliveries in."""

    account: Account
    folder: ConnectorFolder
    schemes: tuple[SignatureScheme, ...]
    secrets: tuple[Secret, ...]
    media_types: frozenset[str]
    body_bytes_max: int
    many: bool = False
    challenge: Literal["none", "get", "post"] = "none"


class HooksApp:
    """Takes deliveries in.

    Args:
        conninfo: of the database; connections are read again every few seconds.
        hub: vault and connectors.
        gateway: commits deliveries in groups.
        body_bytes_max: of the whole hub; a connector's manifest may say less.
        clock: tells when deliveries come in.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        gateway: Gateway,
        *,
        body_bytes_max: int,
        clock: Clock | None = None,
    ) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._gateway = gateway
        self._body_bytes_max = body_bytes_max
        self._clock = clock or SystemClock()
        self._doors: dict[str, Door] = {}
        self._refreshed_at = float("-inf")
        self._refreshing = asyncio.Lock()
        self._refusals: deque[tuple[str, str, bytes]] = deque(maxlen=_REFUSALS_WAITING_MAX)
        self._noting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        name = scope["path"].removeprefix("/hooks/").rstrip("/")
        body = b""
        try:
            door = await self._door(name)
            if scope["method"] == "GET" and door.challenge == "get":
                await _tell(send, _answer_get(door, scope))
                return
            body = await self._body(door, scope, receive)
            answer = await self._take_in(door, scope, body)
        except DatabaseUnavailable as error:
            retry = (b"retry-after", str(RETRY_AFTER_S).encode())
            await _answer(send, 503, _problem(error), retry)
        except IntakeError as error:
            self._refuse(name, error, body)
            await _answer(send, error.status, _problem(error))
        else:
            if isinstance(answer, str):
                await _tell(send, answer)
            else:
                await _answer(send, 200, answer)

    async def _take_in(self, door: Door, scope: Scope, body: bytes) -> bytes | str:
        """Verify and commit a delivery; text is the answer to a challenge, which is no event."""
        headers, repeated = read_headers(scope["headers"])
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in door.media_types:
            raise MediaTypeUnsupported(
                "This connection takes " + ", ".join(sorted(door.media_types)) + "."
            )
        delivery = Delivery(
            method=scope["method"],
            url=_url(scope, headers, door.account.connection.settings),
            headers=headers,
            body=body,
            repeated=repeated,
        )
        now = self._clock.now()
        verify_any(door.schemes, delivery, door.secrets, now)
        if door.challenge == "post":
            answer = _answer_challenge(door, scope, body)
            if answer is not None:
                return answer
        events = [
            NewEvent(
                connection_id=door.account.connection.connection_id,
                external_id=identified.external_id,
                topic=identified.topic,
                entity=identified.entity,
                origin=Origin.WEBHOOK,
                raised_at=identified.raised_at,
                received_at=now,
                body=part,
                headers=safe_headers(headers),
            )
            for identified, part in _take_apart(door, headers, body)
        ]
        appended = await self._gateway.append(events)
        return _REPEATED if all(each.repeated for each in appended) else _OK

    async def _body(self, door: Door, scope: Scope, receive: Receive) -> bytes:
        """Read the whole body, and no more than is allowed."""
        if scope["method"] != "POST":
            raise _NotPost
        size_max = min(door.body_bytes_max, self._body_bytes_max)
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > size_max:
                raise BodyTooLarge(bytes_max=size_max)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await _read(receive, size_max)
        except TimeoutError as error:
            raise BodyTooSlow from error

    async def _door(self, name: str) -> Door:
        door = self._doors.get(name)
        age_s = asyncio.get_running_loop().time() - self._refreshed_at
        if door is None and age_s > _UNKNOWN_INTERVAL_S:
            # Perhaps it was made a moment ago. All who ask meanwhile wait for the same answer.
            async with self._refreshing:
                if asyncio.get_running_loop().time() - self._refreshed_at > _UNKNOWN_INTERVAL_S:
                    await self._refresh()
            door = self._doors.get(name)
        elif age_s > REFRESH_INTERVAL_S and not self._refreshing.locked():
            async with self._refreshing:
                with suppress(DatabaseUnavailable):  # those known go on counting
                    await self._refresh()
            door = self._doors.get(name)
        if door is None:
            raise ConnectionUnknown
        return door

    async def _refresh(self) -> None:
        """Read the connections anew."""
        async with await connect(self._conninfo, application_name="trueup-web") as conn:
            accounts = await load_accounts(conn, self._hub.vault)
        self._hub.use_connections(account.connection for account in accounts)
        self._doors = {
            account.connection.name: door
            for account in accounts
            if (door := _open_door(account, self._hub)) is not None
        }
        self._refreshed_at = asyncio.get_running_loop().time()

    def _refuse(self, name: str, error: IntakeError, body: bytes) -> None:
        """Note a refusal; a flood of them costs one database session a second, and no more."""
        if isinstance(error, ConnectionUnknown):
            return  # anyone can guess addresses; that is nobody's problem
        reason = str(error.context.get("reason", error.code))
        _log.info("refused", connection=name, code=error.code, reason=reason)
        self._refusals.append((name, f"{error.code}:{reason}", body[:_REFUSED_BYTES_MAX]))
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_refusals())

    async def _note_refusals(self) -> None:
        await asyncio.sleep(_NOTE_INTERVAL_S)
        with suppress(HubError):
            async with await connect(self._conninfo, application_name="trueup-web") as conn:
                while self._refusals:
                    await note_refusal(conn, *self._refusals.popleft())


async def _read(receive: Receive, size_max: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise IntakeError("The sender went away.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > size_max:
            raise BodyTooLarge(bytes_max=size_max)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _NotPost(IntakeError):
    """Deliveries come by POST."""

    code = "intake.method"
    status = 405


def _answer_get(door: Door, scope: Scope) -> str:
    """Return the answer to a challenge by GET.

    Raises:
        SignatureInvalid: it is none, or does not come from who knows the token.
    """
    answer = _answer_challenge(door, scope, b"")
    if answer is None:
        raise refusal("mismatch")
    return answer


def _answer_challenge(door: Door, scope: Scope, body: bytes) -> str | None:
    query = scope.get("query_string", b"").decode("latin-1")[:QUERY_CHARS_MAX]
    asked = dict(parse_qsl(query, keep_blank_values=True))
    known = door.account.connection.settings | door.account.secret_values()
    answer = door.folder.webhook.answer_challenge(known, asked, body)
    return None if answer is None else answer[:CHALLENGE_CHARS_MAX]


def _take_apart(
    door: Door, headers: Mapping[str, str], body: bytes
) -> list[tuple[Identified, bytes]]:
    """Return the events of a delivery, each with its own bytes; nearly always one."""
    webhook = door.folder.webhook
    whole = webhook.identify(headers, body)
    if not door.many:
        return [(whole, body)]
    pieces = webhook.split(whole.topic, body)
    if len(pieces) > DELIVERY_EVENTS_MAX:
        raise BodyTooLarge(events=len(pieces), events_max=DELIVERY_EVENTS_MAX)
    # A body that can not be read is kept whole, and parked with its cause.
    return [(webhook.identify_piece(piece), piece.body) for piece in pieces] or [(whole, body)]


def _open_door(account: Account, hub: Hub) -> Door | None:
    connection = account.connection
    folder = hub.connectors.get(connection.connector)
    if folder is None or connection.state != "active" or folder.manifest.webhook is None:
        return None
    webhook = folder.manifest.webhook
    return Door(
        account=account,
        folder=folder,
        schemes=webhook.schemes,
        secrets=tuple(
            Secret(value=secret.value.encode(), not_after=secret.not_after)
            for secret in account.secrets
            if secret.name in webhook.secrets
        ),
        media_types=frozenset(webhook.media_types),
        body_bytes_max=webhook.body_bytes_max,
        many=webhook.many,
        challenge=webhook.challenge,
    )


def safe_headers(headers: Mapping[str, str]) -> bytes:
    """Return the headers worth keeping, as JSON, without signatures, tokens and addresses."""
    text = msgspec.json.encode({n: value for n, value in headers.items() if _is_safe(n)})
    return text if len(text) <= HEADERS_BYTES_MAX else b"{}"


@lru_cache(maxsize=1024)
def _is_safe(name: str) -> bool:
    kept = name.startswith(("x-", "webhook-", "content-type"))
    return kept and not any(word in name for word in _UNSAFE)


def _url(scope: Scope, headers: Mapping[str, str], settings: Mapping[str, str]) -> str:
    """Return our address as the vendor knows it; some vendors sign it."""
    base = settings.get("public_url") or f"{scope['scheme']}://{headers.get('host', '')}"
    path: str = scope["path"]
    query: str = scope.get("query_string", b"").decode("latin-1")
    return base.rstrip("/") + path + (f"?{query}" if query else "")


def _problem(error: HubError) -> bytes:
    problem = {"error": {"code": error.code, "message": error.message}}
    return msgspec.json.encode(problem)


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def _tell(send: Send, text: str) -> None:
    """Answer a challenge with exactly the text that proves the address."""
    body = text.encode(errors="replace")
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*_TEXT, length]})
    await send({"type": "http.response.body", "body": body})
