"""How EasyPost is spoken to, and what its replies say as a whole."""

import base64
from collections.abc import Mapping

import msgspec

from trueup.connectors.easypost.call import code_of
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S = 5.0
_RETRY_S_MAX = 3600.0
_ANSWERS = ("NOT_FOUND", "SHIPMENT.", "ADDRESS.")
"""Words that answer what was asked for."""


class _Wish(msgspec.Struct, gc=False):
    webhook: dict[str, str]


class _Tracker(msgspec.Struct, gc=False):
    mode: str | None = None


class _Trackers(msgspec.Struct, gc=False):
    trackers: list[_Tracker]


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    root = settings.get("api_base", "").rstrip("/") or "https://api.easypost.com"
    return f"{root}/v2"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the key as the user of basic authentication, without a password.

    A new webhook is told the secret that it shall sign with.
    """
    pair = base64.b64encode(f"{secrets['api_key']}:".encode()).decode()
    body = request.body
    if (request.method, request.path) == ("POST", "/webhooks") and secrets.get("webhook_secret"):
        wish = msgspec.json.decode(body, type=_Wish).webhook
        wish["webhook_secret"] = secrets["webhook_secret"]
        body = msgspec.json.encode({"webhook": wish})
    headers = (*request.headers, ("authorization", f"Basic {pair}"))
    return msgspec.structs.replace(request, headers=headers, body=body)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    That there is no such thing, and what is said of a label, whoever asked reads.

    Raises:
        AuthExpired: the key is not, or no longer, accepted (401, 403).
        RateLimited: too many calls.
        Refused: not paid (402), or wrong; the context has EasyPost's own code.
        Unavailable: EasyPost is down.
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
    code = code_of(reply.body)
    if not code.startswith(_ANSWERS):
        raise Refused("EasyPost refused the call", status=status, code=code or "not told")


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: EasyPost's replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the key: the newest parcel."""
    return Request(method="GET", path="/trackers?page_size=1")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return whether the key reads real or test parcels, where there is one to tell.

    Raises:
        ContractBroken: the reply is no list of parcels.
    """
    try:
        found = msgspec.json.decode(reply.body, type=_Trackers).trackers
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("EasyPost's reply is no list of parcels") from fault
    return {"account": "EasyPost", "mode": (found[0].mode or "" if found else "")}


def _after_s(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
