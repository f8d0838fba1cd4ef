"""What stands before every page: strict headers.

The hooks have their own door (signatures) and do not pass here.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

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
