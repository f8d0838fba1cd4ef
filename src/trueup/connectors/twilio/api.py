"""How Twilio is spoken to, and what its replies say as a whole."""

import base64
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

ACCOUNT = "{account_sid}"
"""Stands in paths for the account's number, which goes in with the token."""

MESSAGES = f"/{ACCOUNT}/Messages"
_HOST = "https://api.twilio.com"
_RETRY_S = 5.0
_RETRY_S_MAX = 3600.0

_T = TypeVar("_T")


class _Fault(msgspec.Struct, gc=False):
    code: int | None = None


class _Account(msgspec.Struct, gc=False):
    friendly_name: str = ""
    status: str = ""


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which accounts lie; `api_base` leads to a sandbox."""
    root = settings.get("api_base", "").rstrip("/") or _HOST
    return f"{root}/2010-04-01/Accounts"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with account and token, as the user of basic authentication."""
    account = secrets.get("account_sid", "0")
    told = base64.b64encode(f"{account}:{secrets['auth_token']}".encode()).decode()
    return msgspec.structs.replace(
        request,
        path=request.path.replace(ACCOUNT, account, 1),
        headers=(*request.headers, ("authorization", f"Basic {told}")),
    )


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    What is wrong with one message (400 with Twilio's code) whoever asked reads.

    Raises:
        AuthExpired: the token is not, or no longer, accepted.
        RateLimited: too many calls at once.
        Refused: gone (404), forbidden (403), or wrong without a code of Twilio's.
        Unavailable: Twilio is down.
    """
    status = reply.status
    if status < 300:
        return
    if status == 401:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_after_s(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    code = fault_code(reply)
    if status != 400 or code is None:
        raise Refused("Twilio refused the call", status=status, code=code or "not told")


def fault_code(reply: Reply) -> int | None:
    """Return Twilio's own number for what is wrong; its texts may repeat what was sent."""
    try:
        return msgspec.json.decode(reply.body, type=_Fault).code
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: Twilio's replies say nothing of what is left."""
    return None


def needed(body: bytes | msgspec.Raw, shape: type[_T]) -> _T:
    """Return what a reply holds.

    Raises:
        ContractBroken: it does not have the shape that was asked for.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Twilio's reply can not be read") from fault


def check_request() -> Request:
    """Return a harmless call that proves account and token: the account itself."""
    return Request(method="GET", path=f"/{ACCOUNT}.json")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return the account's name, and whether it is active.

    Raises:
        ContractBroken: the reply is no account.
    """
    account = needed(reply.body, _Account)
    return {"account": account.friendly_name, "status": account.status}


def _after_s(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
