"""How Klaviyo is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.connectors.klaviyo.call import (
    MEDIA_TYPE,
    REVISION,
    fault_of,
    get,
    needed,
    settings_base,
)
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, RateLimited, Refused, Unavailable

SECRET_PLACE = "{webhook_secret}"  # noqa: S105 - the place of a secret, not one
"""Where the body of the call that makes the webhook wants its secret."""

_RETRY_S = 2.0
_RETRY_S_MAX = 3600.0
# Statuses with which Klaviyo answers a call that it understood; whoever asked reads the reason.
_SPOKEN = frozenset((400, 404, 409, 422))


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    return settings_base(settings)


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the key and the revision that this connector was written for.

    Klaviyo moves a call of a retired revision to a later one without a word, unless it is asked
    not to: a call that fails is better than one that means something else.

    Raises:
        Refused: a webhook is to be made and the connection has no secret for it.
    """
    headers = (
        *request.headers,
        ("authorization", f"Klaviyo-API-Key {secrets['api_key']}"),
        ("revision", REVISION),
        ("x-klaviyo-revision-fall-forward-opt-out", "1"),
        ("accept", MEDIA_TYPE),
    )
    body = request.body
    place = msgspec.json.encode(SECRET_PLACE)
    if request.path.startswith("/api/webhooks") and place in body:
        secret = secrets.get("webhook_secret", "")
        if not secret:
            raise Refused("The connection has no webhook_secret to hand to Klaviyo.")
        body = body.replace(place, msgspec.json.encode(secret))
    return msgspec.structs.replace(request, headers=headers, body=body)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    Raises:
        AuthExpired: the key is wrong or was taken back (401).
        RateLimited: the window of a second or of a minute is spent (429).
        Refused: the key lacks a scope (403), the revision is gone (410), or no reason is given.
        Unavailable: Klaviyo is down.
    """
    status = reply.status
    if status < 400:
        return
    if status == 401:
        raise AuthExpired(status=status)
    if status == 403:
        raise Refused(
            "Klaviyo refused the call: the key lacks a scope, or the account's plan the right",
            status=status,
        )
    if status == 410:
        raise Refused("Klaviyo no longer serves this revision; update Trueup", status=status)
    if status == 429:
        raise RateLimited(after_s=_seconds(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    if status not in _SPOKEN or fault_of(reply) is None:
        raise Refused("Klaviyo refused the call", status=status)


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - see below
    """Return None: Klaviyo's headers tell one end point's window, and a budget is of a scope."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the key: the account."""
    return get("/api/accounts")


class _Contact(msgspec.Struct, gc=False):
    organization_name: str = ""


class _Account(msgspec.Struct, gc=False):
    contact_information: _Contact
    test_account: bool = False
    timezone: str = ""
    preferred_currency: str = ""


class _Resource(msgspec.Struct, gc=False):
    id: str
    attributes: _Account


class _Accounts(msgspec.Struct, gc=False):
    data: list[_Resource]


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: the account, its currency and its time zone.

    Raises:
        Refused: the key belongs to no account.
        ContractBroken: the reply lacks what was asked for.
    """
    found = needed(reply, _Accounts).data
    if not found:
        raise Refused("The key belongs to no account.")
    about = found[0].attributes
    return {
        "account": about.contact_information.organization_name,
        "account_id": found[0].id,
        "mode": "test" if about.test_account else "live",
        "currency": about.preferred_currency,
        "time_zone": about.timezone,
    }


def _seconds(text: str | None) -> float:
    """Return a Retry-After in seconds, bounded; a short wait where it can not be read."""
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
