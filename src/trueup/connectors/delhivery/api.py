"""How Delhivery is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S = 60.0
_RETRY_S_MAX = 3600.0


class _Served(msgspec.Struct, gc=False):
    delivery_codes: list[msgspec.Raw]


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    return settings.get("api_base", "").rstrip("/") or "https://track.delhivery.com"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the account's token."""
    headers = (
        *request.headers,
        ("authorization", f"Token {secrets['api_token']}"),
        ("accept", "application/json"),
    )
    return msgspec.structs.replace(request, headers=headers)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the token is not, or no longer, accepted (401, 403).
        RateLimited: too many calls; Delhivery then shuts out an address for a minute or more.
        Refused: the call is wrong.
        Unavailable: Delhivery is down.
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
    raise Refused("Delhivery refused the call", status=status)


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: Delhivery's replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the token: is one of Delhi's pin codes served?"""
    return Request(method="GET", path="/c/api/pin-codes/json/?filter_codes=110001")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return the account, as far as Delhivery tells it.

    Raises:
        ContractBroken: the reply is no list of pin codes.
    """
    try:
        msgspec.json.decode(reply.body, type=_Served)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Delhivery's reply is no list of pin codes") from fault
    return {"account": "Delhivery", "time_zone": "Asia/Kolkata"}


def _after_s(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
