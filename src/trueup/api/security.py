"""What stands before every page: strict headers, and the door.

The hooks have their own door (signatures) and do not pass here.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import msgspec

from trueup.api.token import Door

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[tuple[Header, ...]] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS: Final[Header] = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")

SESSION_COOKIE: Final = "trueup_session"

_OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics", "/enter", "/oauth/callback"})
_OPEN_BELOW: Final = ("/static/", "/api/schema")
_SAFE: Final = frozenset({"GET", "HEAD"})


def with_headers(app: Asgi) -> Asgi:
    """Return the application with strict headers on every answer.

    An answer may carry a header of its own of the same name, which then counts. Over https cookies
    are marked secure and the browser is told to stay there.
    """

    async def headed(scope: Scope, receive: Receive, send: Send) -> None:
        secure = scope.get("scheme") == "https"

        async def send_headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _headed(message.get("headers", ()), secure=secure)
            await send(message)

        await app(scope, receive, send_headed if scope["type"] == "http" else send)

    return headed


def _headed(given: Iterable[Header], *, secure: bool) -> list[Header]:
    kept = [
        (name, value + b"; Secure")
        if secure and name.lower() == b"set-cookie" and b"; secure" not in value.lower()
        else (name, value)
        for name, value in given
    ]
    names = {name.lower() for name, _ in kept}
    ours = (*HEADERS, _NO_STORE, _HSTS) if secure else (*HEADERS, _NO_STORE)
    return kept + [(name, value) for name, value in ours if name not in names]


def behind_door(app: Asgi, door: Door) -> Asgi:
    """Return the application for those who may come in; others are told how to.

    A session cookie reads everything, and writes where a form's token proves that our own page
    sent it; the API writes only for a bearer of the token, which no foreign page can send.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _may_pass(scope, door):
            await app(scope, receive, send)
        elif scope["path"].startswith("/api/") or not _takes_html(scope):
            await _refuse(send, door)
        else:
            await _send_to_entry(send)

    return guarded


def _may_pass(scope: Scope, door: Door) -> bool:
    path: str = scope["path"]
    if path in _OPEN or path.startswith(_OPEN_BELOW):
        return True
    if door.shut:
        return False
    kind, _, credential = _header(scope, b"authorization").partition(" ")
    if kind.lower() == "bearer":
        return door.knows_token(credential.strip())
    if path.startswith("/api/") and scope["method"] not in _SAFE:
        return False
    return door.knows_session(_cookie(scope, SESSION_COOKIE))


def _header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value).decode("latin-1")
    return ""


def _cookie(scope: Scope, wanted: str) -> str:
    """Return a cookie; other programs on the same host may have set odd ones beside it."""
    for pair in _header(scope, b"cookie").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def _takes_html(scope: Scope) -> bool:
    return "text/html" in _header(scope, b"accept")


async def _refuse(send: Send, door: Door) -> None:
    message = (
        "No token was configured, so nobody can come in; start the hub with `trueup serve`."
        if door.shut
        else "Send the token of the file `console.token` in the data folder: "
        "`Authorization: Bearer ...`."
    )
    body = msgspec.json.encode({"error": {"code": "access.denied", "message": message}})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b'Bearer realm="trueup"'),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_to_entry(send: Send) -> None:
    headers = [(b"location", b"/enter"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
