"""How BigCommerce is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S = 30.0
_RETRY_S_MAX = 3600.0
_BURST = 0.25
"""How much of a window's quota may go at once; the rest is spread over the window."""


class _Fault(msgspec.Struct, gc=False):
    type: str | None = None


class _Store(msgspec.Struct, gc=False):
    name: str | None = None
    domain: str | None = None
    currency: str | None = None
    timezone: dict[str, msgspec.Raw] | None = None


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the store's API lies; `api_base` leads to a sandbox."""
    root = settings.get("api_base", "").rstrip("/") or "https://api.bigcommerce.com"
    return f"{root}/stores/{settings['store_hash']}"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the store's token; without `accept` older calls answer in XML."""
    headers = (
        *request.headers,
        ("accept", "application/json"),
        ("x-auth-token", secrets["access_token"]),
    )
    return msgspec.structs.replace(request, headers=headers)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the token is unknown, or lacks a scope (401, 403).
        RateLimited: the window's quota is spent; the reply says when the next begins.
        Refused: gone (404), or wrong; the context has the kind of it.
        Unavailable: the store is down, or in maintenance.
    """
    status = reply.status
    if status < 300:
        return
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_after_s(reply.headers), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    raise Refused("BigCommerce refused the call", status=status, code=_kind(reply.body))


def budget(reply: Reply) -> Budget | None:
    """Return what is left of the window, so that a window is never overdrawn by one burst."""
    left = _number(reply.headers.get("x-rate-limit-requests-left"))
    quota = _number(reply.headers.get("x-rate-limit-requests-quota"))
    window_ms = _number(reply.headers.get("x-rate-limit-time-window-ms"))
    if left is None or not quota or not window_ms:
        return None
    capacity = max(1.0, quota * _BURST)
    return Budget(
        available=min(left, capacity),
        capacity=capacity,
        refill_per_s=quota * (1 - _BURST) / (window_ms / 1000),
        at_most=True,
    )


def check_request() -> Request:
    """Return a harmless call that proves the token: the store's own card."""
    return Request(method="GET", path="/v2/store")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the store, its currency and its time zone.

    Raises:
        ContractBroken: the reply is no store.
    """
    try:
        store = msgspec.json.decode(reply.body, type=_Store)
        zone = msgspec.json.decode((store.timezone or {}).get("name", b'""'), type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("BigCommerce's reply is no store") from fault
    return {
        "account": store.name or store.domain or "BigCommerce",
        "domain": store.domain or "",
        "currency": store.currency or "",
        "time_zone": zone,
    }


def _kind(body: bytes) -> str:
    """Return the kind of a fault; its title may repeat what was sent."""
    try:
        kind = msgspec.json.decode(body, type=_Fault).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "not told"
    return (kind or "not told")[-80:]


def _after_s(headers: Mapping[str, str]) -> float:
    told = _number(headers.get("retry-after"))
    if told is None and (left_ms := _number(headers.get("x-rate-limit-time-reset-ms"))):
        told = left_ms / 1000
    return min(max(told, 0.05), _RETRY_S_MAX) if told is not None else _RETRY_S


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
