"""How Zendesk is spoken to, and what its replies say as a whole."""

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

_RETRY_S = 10.0
_RETRY_S_MAX = 3600.0
_SUBDOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EXPORT = b'"end_of_stream"'
_NOBODY = re.compile(rb'\s*\{"user":\s*\{[^{}]{0,200}?"id":\s*null')
_Shape = TypeVar("_Shape")


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the account's API lies; `api_base` leads to a sandbox.

    Raises:
        ConfigError: the account's name is no name of Zendesk.
    """
    if settings.get("api_base"):
        return settings["api_base"].rstrip("/")
    subdomain = settings.get("subdomain", "")
    if not _SUBDOMAIN.fullmatch(subdomain):
        raise ConfigError("subdomain is the first part of <name>.zendesk.com", found=subdomain[:80])
    return f"https://{subdomain}.zendesk.com"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the account's credentials: a token, else e-mail and API token."""
    token = secrets.get("access_token")
    if token:
        value = f"Bearer {token}"
    else:
        pair = f"{secrets.get('email', '')}/token:{secrets.get('api_token', '')}"
        value = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return msgspec.structs.replace(request, headers=(*request.headers, ("authorization", value)))


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the token or one of its rights is gone (401, 403), or we are taken for a
            visitor, which Zendesk says with a status of success.
        RateLimited: the minute's calls are spent; `after_s` says when to come back.
        Refused: the call is wrong, or what it is about is gone.
        Unavailable: the vendor is down, or somebody else is writing to the ticket (409, 423).
    """
    status = reply.status
    if status < 300:
        if _NOBODY.match(reply.body, 0, 500):
            raise AuthExpired("Zendesk takes us for a visitor", status=status)
        return
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_seconds(reply.headers.get("retry-after")), status=status)
    if status in {408, 409, 423, 425} or status >= 500:
        raise Unavailable(status=status)
    why = {404: "there is no such thing", 422: "a value or a required field is wrong"}
    raise Refused(f"Zendesk refused the call: {why.get(status, 'see its status')}", status=status)


def budget(reply: Reply) -> Budget | None:
    """Return what the reply says is left of the minute.

    An export has a budget of its own that its replies do not tell: they tell the account's.
    """
    told = reply.headers.get("x-rate-limit", ""), reply.headers.get("x-rate-limit-remaining", "")
    if not all(text.isascii() and text.isdecimal() and len(text) <= 9 for text in told):
        return None
    limit, left = map(int, told)
    if limit == 0 or _EXPORT in reply.body:
        return None
    return Budget(available=float(left), capacity=float(limit), refill_per_s=limit / 60)


def check_request() -> Request:
    """Return a harmless call that proves the credentials."""
    return get("/api/v2/users/me")


class _Me(msgspec.Struct, gc=False):
    id: int | None = None
    role: str | None = None


class _Checked(msgspec.Struct, gc=False):
    user: _Me


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: which user we are, in which role.

    Raises:
        AuthExpired: we are let in as an end user, who may not read tickets of others.
        ContractBroken: the reply is none of a user.
    """
    user = read(reply, _Checked).user
    if user.id is None or user.role == "end-user":
        raise AuthExpired("Zendesk lets us in as an end user: take an agent's e-mail")
    return {"account": str(user.id), "role": user.role or ""}


def read(reply: Reply, shape: type[_Shape]) -> _Shape:
    """Return the reply's body in a shape.

    Raises:
        ContractBroken: it does not have it.
    """
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Not chained: the message could repeat what a customer wrote.
        raise ContractBroken("Zendesk answers in another form", status=reply.status) from None


def get(path: str, scope: str = "all") -> Request:
    """Return a call that reads."""
    headers = (("accept", "application/json"),)
    return Request(method="GET", path=path, headers=headers, scope=scope)


def write(method: str, path: str, body: object, *more: tuple[str, str]) -> Request:
    """Return a call that changes something."""
    return Request(
        method=method,
        path=path,
        headers=(("accept", "application/json"), ("content-type", "application/json"), *more),
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
