"""The line to a simulated vendor: requests in, replies out, and hang-ups on purpose."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec

from trueup.errors import ConfigError, HubError
from trueup.sandbox.faults import Hangup

__all__ = ["Asked", "Line", "LineTransport", "Reply", "reply_json"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_BODY_BYTES_MAX = 4_000_000
_SILENCE_S = 120.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the vendor sees it; header names in lower case, parts of the path decoded."""

    method: str
    parts: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def path(self) -> str:
        """The path, without the query."""
        return "/" + "/".join(self.parts)

    def json(self) -> Any:  # noqa: ANN401 - whatever the caller sent
        """Return the body read as JSON; an empty body is an empty object."""
        return msgspec.json.decode(self.body) if self.body else {}

    def form(self) -> dict[str, str]:
        """Return the body as a form's fields, or a JSON object of texts."""
        if "json" in self.headers.get("content-type", ""):
            return msgspec.json.decode(self.body, type=dict[str, str])
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP reply."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = {}


def reply_json(status: int, body: object, headers: dict[str, str] | None = None) -> Reply:
    """Return a reply with a JSON body; decimals as text."""
    return Reply(status=status, body=msgspec.json.encode(body), headers=headers or {})


class Line:
    """The ASGI application over one function that answers.

    Args:
        answer: gives the reply; a `Hangup` that it raises cuts the line.
    """

    def __init__(self, answer: Callable[[Asked], Awaitable[Reply]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except Hangup as hangup:
            if "trueup.hangup" in scope:
                raise
            await _hang_up(hangup, receive, send)
            return
        headers = {"content-type": reply.content_type, "content-length": str(len(reply.body))}
        pairs = [(k.lower().encode(), v.encode()) for k, v in (headers | reply.headers).items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        try:
            return await self._answer(await _asked(scope, receive))
        except (ConfigError, msgspec.MsgspecError, ArithmeticError) as error:
            status = 404 if isinstance(error, ConfigError) else 400
            return reply_json(status, {"errors": str(error)})
        except HubError as error:
            return reply_json(422, {"errors": str(error)})


class LineTransport(httpx.AsyncBaseTransport):
    """Calls a line without sockets; hang-ups look as they do on a real one."""

    def __init__(self, line: Line) -> None:
        async def marked(scope: Scope, receive: Receive, send: Send) -> None:
            scope["trueup.hangup"] = True
            await line(scope, receive, send)

        self._inner = httpx.ASGITransport(app=marked)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        try:
            return await self._inner.handle_async_request(request)
        except Hangup as hangup:
            if hangup.kind == "timeout":
                raise httpx.ReadTimeout("no reply", request=request) from hangup
            raise httpx.ReadError("connection reset", request=request) from hangup


async def _asked(scope: Scope, receive: Receive) -> Asked:
    headers = {k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]}
    return Asked(
        method=scope["method"],
        parts=tuple(part for part in scope["path"].split("/") if part),
        query=tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        headers=headers,
        body=await _body(receive),
        base_url=f"{scope['scheme']}://{headers.get('host', '')}",
    )


async def _hang_up(hangup: Hangup, receive: Receive, send: Send) -> None:
    if hangup.kind == "timeout":
        # Say nothing until the caller goes away.
        try:
            async with asyncio.timeout(_SILENCE_S):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            pass
        return
    # A reply that promises more than it holds makes the server cut the connection.
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]}
    await send(start)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _BODY_BYTES_MAX:
            raise HubError("The body is larger than the sandbox reads.", bytes_max=_BODY_BYTES_MAX)
        if not message.get("more_body"):
            return b"".join(parts)
