"""How Gorgias is spoken to, and what its replies say as a whole."""

import base64
import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)

WINDOW_S = 20.0
_RETRY_S = 5.0
_RETRY_S_MAX = 3600.0
_SPENT = re.compile(r"(\d{1,6})/(\d{1,6})")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_Shape = TypeVar("_Shape")


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the account's API lies; `api_base` leads to a sandbox.

    Raises:
        ConfigError: the account's name is no name of Gorgias.
    """
    if settings.get("api_base"):
        return settings["api_base"].rstrip("/")
    domain = settings.get("domain", "")
    if not _DOMAIN.fullmatch(domain):
        raise ConfigError("domain is the first part of <name>.gorgias.com", found=domain[:80])
    return f"https://{domain}.gorgias.com"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the account's credentials: a token, else e-mail and API key."""
    token = secrets.get("access_token")
    if token:
        value = f"Bearer {token}"
    else:
        pair = f"{secrets.get('email', '')}:{secrets.get('api_key', '')}"
        value = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return msgspec.structs.replace(request, headers=(*request.headers, ("authorization", value)))


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the key, the token or one of its scopes is gone (401, 403).
        RateLimited: the window's calls are spent; `after_s` says when to come back.
        Refused: the call is wrong, or what it is about is gone.
        Unavailable: the vendor is down.
    """
    status = reply.status
    if status < 300:
        return
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_seconds(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    why = {404: "there is no such thing", 409: "it is in conflict"}.get(status, "see its status")
    raise Refused(f"Gorgias refused the call: {why}", status=status)


def budget(reply: Reply) -> Budget | None:
    """Return what the reply says of the window: "10/40" are ten calls of forty."""
    spent = _SPENT.fullmatch(reply.headers.get("x-gorgias-account-api-call-limit", "").strip())
    if spent is None or int(spent[2]) == 0:
        return None
    made, capacity = int(spent[1]), int(spent[2])
    return Budget(
        available=float(max(0, capacity - made)),
        capacity=float(capacity),
        refill_per_s=capacity / WINDOW_S,
    )


def check_request() -> Request:
    """Return a harmless call that proves the credentials."""
    return Request(method="GET", path="/api/account", headers=(("accept", "application/json"),))


class _Account(msgspec.Struct, gc=False):
    domain: str


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the account's name.

    Raises:
        ContractBroken: the reply is none of an account.
    """
    return {"account": read(reply, _Account).domain}


def read(reply: Reply, shape: type[_Shape]) -> _Shape:
    """Return the reply's body in a shape.

    Raises:
        ContractBroken: it does not have it.
    """
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Not chained: the message could repeat what a customer wrote.
        raise ContractBroken("Gorgias answers in another form", status=reply.status) from None


def get(path: str) -> Request:
    """Return a call that reads."""
    return Request(method="GET", path=path, headers=(("accept", "application/json"),))


def write(method: str, path: str, body: object) -> Request:
    """Return a call that changes something."""
    return Request(
        method=method,
        path=path,
        headers=(("accept", "application/json"), ("content-type", "application/json")),
        body=msgspec.json.encode(body),
        writes=True,
    )


def _seconds(text: str | None) -> float:
    """Return a Retry-After in seconds, bounded."""
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
