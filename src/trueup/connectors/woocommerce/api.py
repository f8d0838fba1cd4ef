"""How WooCommerce is spoken to, and what its replies say as a whole."""

import base64
from collections.abc import Mapping

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S = 10.0
_RETRY_S_MAX = 3600.0
_WEBHOOKS = "/wc/v3/webhooks"
_ANSWERS = frozenset(("woocommerce_rest_coupon_code_already_exists",))
"""Refusals that say how things stand: whoever asked looks further."""


class _Fault(msgspec.Struct, gc=False):
    code: str | None = None


class _Environment(msgspec.Struct, gc=False):
    home_url: str | None = None
    site_url: str | None = None
    version: str | None = None


class _Settings(msgspec.Struct, gc=False):
    currency: str | None = None


class _Status(msgspec.Struct, gc=False):
    environment: _Environment
    settings: _Settings


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of the shop's REST API; `api_base` leads to a sandbox."""
    root = settings.get("api_base", "").rstrip("/") or settings["shop_url"].rstrip("/")
    return f"{root}/wp-json"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the key as basic authentication, which is safe over TLS only.

    A new webhook is told the secret that it shall sign with.

    Raises:
        Refused: a webhook is to be made, and there is no secret: its deliveries could not be
            believed, and after some refusals the shop would switch it off.
    """
    pair = f"{secrets['consumer_key']}:{secrets['consumer_secret']}".encode()
    body = request.body
    if (request.method, request.path) == ("POST", _WEBHOOKS):
        if not secrets.get("webhook_secret"):
            raise Refused("Fill in the connection's webhook secret first.", field="webhook_secret")
        wish = msgspec.json.decode(body, type=dict[str, str])
        body = msgspec.json.encode(wish | {"secret": secrets["webhook_secret"]})
    headers = (*request.headers, ("authorization", f"Basic {base64.b64encode(pair).decode()}"))
    return msgspec.structs.replace(request, headers=headers, body=body)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the key is unknown, revoked, or may not do this (401, 403).
        RateLimited: the host asks to slow down; WooCommerce itself has no limit here.
        Refused: gone (404) or wrong; the context has WooCommerce's own code.
        Unavailable: the server is down, in maintenance, or answers with a page for people.
    """
    status = reply.status
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_after_s(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    if status == 400 and _code(reply.body) in _ANSWERS:
        return
    if status >= 300:
        # A redirect is a wrong address: with it the keys would go to somebody else.
        raise Refused("WooCommerce refused the call", status=status, code=_code(reply.body))
    if "json" not in reply.headers.get("content-type", "json"):
        raise Unavailable("The shop answers with a page for people, not with JSON.", status=status)


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: WooCommerce's replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the key: the state of the shop."""
    return Request(method="GET", path="/wc/v3/system_status?_fields=environment,settings")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the shop's address, its currency and its version.

    Raises:
        ContractBroken: the reply is no state of a shop.
    """
    try:
        status = msgspec.json.decode(reply.body, type=_Status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("WooCommerce's reply is no state of a shop") from fault
    environment = status.environment
    return {
        "account": environment.home_url or environment.site_url or "WooCommerce",
        "version": environment.version or "",
        "currency": status.settings.currency or "",
    }


def _code(body: bytes) -> str:
    """Return WooCommerce's own word for what is wrong; its texts may repeat what was sent."""
    try:
        code = msgspec.json.decode(body, type=_Fault).code
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "not told"
    return (code or "not told")[:80]


def _after_s(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
