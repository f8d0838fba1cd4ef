"""The ASGI application: the vendor's routes by shop, and the control routes beside them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
import msgspec

from trueup.errors import ConfigError, HubError
from trueup.sandbox import control
from trueup.sandbox.shopify.door import Reply
from trueup.sandbox.shopify.faults import Hangup

if TYPE_CHECKING:
    from trueup.sandbox.sandbox import Sandbox

__all__ = ["SandboxApp", "SandboxTransport"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_NOT_FOUND = Reply(status=404, body=b'{"errors":"Not Found"}')
_BULK_NAME = re.compile(r"[0-9]{1,18}\.jsonl")
_BODY_BYTES_MAX = 4_000_000
_SILENCE_S = 120.0


class SandboxApp:
    """Routes a request to its shop's door, or to the control desk."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._answer(scope, receive)
        except Hangup as hangup:
            if "trueup.hangup" in scope:
                raise
            await _hang_up(hangup, receive, send)
            return
        headers = {"content-type": reply.content_type, "content-length": str(len(reply.body))}
        pairs = [(k.lower().encode(), v.encode()) for k, v in (headers | reply.headers).items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        body = await _body(receive)
        parts = [part for part in scope["path"].split("/") if part]
        try:
            if parts[:1] == ["control"]:
                return await control.answer(self._sandbox, scope["method"], parts[1:], body)
            return await self._vendor(scope, parts, body)
        except (ConfigError, msgspec.MsgspecError, ArithmeticError) as error:
            status = 404 if isinstance(error, ConfigError) else 400
            return Reply(status=status, body=msgspec.json.encode({"errors": str(error)}))
        except HubError as error:
            return Reply(status=422, body=msgspec.json.encode({"errors": str(error)}))

    async def _vendor(self, scope: Scope, parts: list[str], body: bytes) -> Reply:
        headers = {k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]}
        host = headers.get("host", "")
        if host.endswith(".myshopify.com"):
            parts = [host.removesuffix(".myshopify.com"), *parts]
        if not parts or parts[0] not in self._sandbox.doors:
            return _NOT_FOUND
        door = self._sandbox.door(parts[0])
        method, query = scope["method"], dict(parse_qsl(scope["query_string"].decode()))
        match (method, parts[1:]):
            case ("POST", ["admin", "api", version, "graphql.json"]):
                base_url = f"{scope['scheme']}://{host}"
                return await door.graphql(version, headers, body, base_url)
            case ("GET", ["bulk", name]) if _BULK_NAME.fullmatch(name):
                return door.bulk_file(int(name.removesuffix(".jsonl")))
            case ("GET", ["admin", "oauth", "authorize"]):
                return door.authorize(query)
            case ("POST", ["admin", "oauth", "access_token"]):
                return door.access_token(_form(headers, body))
        return _NOT_FOUND


class SandboxTransport(httpx.AsyncBaseTransport):
    """Calls the application without sockets; hang-ups look as they do on a real line."""

    def __init__(self, app: SandboxApp) -> None:
        async def marked(scope: Scope, receive: Receive, send: Send) -> None:
            scope["trueup.hangup"] = True
            await app(scope, receive, send)

        self._inner = httpx.ASGITransport(app=marked)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        try:
            return await self._inner.handle_async_request(request)
        except Hangup as hangup:
            if hangup.kind == "timeout":
                raise httpx.ReadTimeout("no reply", request=request) from hangup
            raise httpx.ReadError("connection reset", request=request) from hangup


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


def _form(headers: dict[str, str], body: bytes) -> dict[str, str]:
    if "json" in headers.get("content-type", ""):
        return msgspec.json.decode(body, type=dict[str, str])
    return dict(parse_qsl(body.decode()))
