"""How Shiprocket is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S = 60.0
_RETRY_S_MAX = 3600.0


class _Shipments(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    root = settings.get("api_base", "").rstrip("/") or "https://apiv2.shiprocket.in"
    return f"{root}/v1/external"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the token that the sign-in handed out."""
    headers = (
        *request.headers,
        ("authorization", f"Bearer {secrets['access_token']}"),
        ("accept", "application/json"),
    )
    return msgspec.structs.replace(request, headers=headers)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the token is not, or no longer, accepted (401, 403).
        RateLimited: too many calls.
        Refused: the call is wrong.
        Unavailable: Shiprocket is down.
    """
    status = reply.status
    if status < 300:
        return
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_after_s(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    raise Refused("Shiprocket refused the call", status=status)


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: Shiprocket's replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the token: the newest shipment."""
    return Request(method="GET", path="/shipments?page=1&per_page=1")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return the account, as far as Shiprocket tells it.

    Raises:
        ContractBroken: the reply is no list of shipments.
    """
    try:
        msgspec.json.decode(reply.body, type=_Shipments)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Shiprocket's reply is no list of shipments") from fault
    return {"account": "Shiprocket", "time_zone": "Asia/Kolkata"}


def _after_s(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
