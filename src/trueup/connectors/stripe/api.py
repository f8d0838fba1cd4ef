"""How Stripe is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping

import msgspec

from trueup.connectors.stripe.call import API_VERSION, fault_of, get, needed, settings_base
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, RateLimited, Refused, Unavailable

_RETRY_S = 2.0
_RETRY_S_MAX = 3600.0
# Statuses with which Stripe answers a call that it understood; whoever asked reads the reason.
_SPOKEN = frozenset((400, 402, 404, 409))
_SPOKEN_TYPES = frozenset(("invalid_request_error", "card_error", "idempotency_error"))


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    return settings_base(settings)


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the key, and with the version that this connector was written for."""
    headers = (
        *request.headers,
        ("authorization", f"Bearer {secrets['api_key']}"),
        ("stripe-version", API_VERSION),
    )
    return msgspec.structs.replace(request, headers=headers)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    A refusal with Stripe's own reason is not raised here: whoever asked reads it, because a reason
    such as a key in use does not say that nothing was done.

    Raises:
        AuthExpired: the key is wrong, expired, or lacks a right (401, 403).
        RateLimited: too many calls at once, or one object is locked by another call (429).
        Refused: no such address, or the call is wrong, without Stripe's reason.
        Unavailable: Stripe is down.
    """
    status = reply.status
    if status < 400:
        return
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status == 429:
        raise RateLimited(after_s=_seconds(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    fault = fault_of(reply)
    if status in _SPOKEN and fault is not None and fault.type in _SPOKEN_TYPES:
        return
    raise Refused("Stripe refused the call", status=status)


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - Stripe tells nothing until it is spent
    """Return None: Stripe's replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the key: the account's balance."""
    return get("/v1/balance")


class _Fund(msgspec.Struct, gc=False):
    currency: str


class _Balance(msgspec.Struct, gc=False):
    available: list[_Fund]
    livemode: bool = True


def checked(reply: Reply) -> Mapping[str, str]:
    """Return what the check learnt: live or test, and the currencies that are settled in.

    Raises:
        ContractBroken: the reply lacks what was asked for.
    """
    balance = needed(reply, _Balance)
    currencies = sorted({fund.currency.upper() for fund in balance.available})
    return {
        "mode": "live" if balance.livemode else "test",
        "currency": currencies[0] if len(currencies) == 1 else "",
        "currencies": " ".join(currencies),
    }


def _seconds(text: str | None) -> float:
    """Return a Retry-After in seconds, bounded; a short wait where it can not be read."""
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
