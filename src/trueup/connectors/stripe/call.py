"""How calls are written, and what a reply holds: JSON, or an error with a word for it."""

from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from trueup.contract.connector import Reply, Request
from trueup.errors import ContractBroken, Refused

API_VERSION = "2026-09-30.endive"

_FORM = "application/x-www-form-urlencoded"
_WORD_CHARS_MAX = 60

T = TypeVar("T")
Pairs = Iterable[tuple[str, str]]


class Fault(msgspec.Struct, frozen=True, gc=False):
    """What Stripe says is wrong.

    Attributes:
        type: "invalid_request_error", "card_error", "idempotency_error", ...
        code: the finer word, where there is one.
        param: the parameter that is meant.
    """

    type: str = ""
    code: str | None = None
    param: str | None = None
    message: str | None = None

    @property
    def word(self) -> str:
        """The finest word for it, safe to be shown."""
        return (self.code or self.type or "error")[:_WORD_CHARS_MAX]


class _Envelope(msgspec.Struct, gc=False):
    error: Fault | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def get(path: str, pairs: Pairs = (), *, cost: float = 1.0) -> Request:
    """Return a call that reads."""
    query = urlencode([*pairs])
    return Request(method="GET", path=f"{path}?{query}" if query else path, cost=cost)


def post(path: str, pairs: Pairs, *, key: str) -> Request:
    """Return a call that writes, once under its key."""
    return Request(
        method="POST",
        path=path,
        headers=(("content-type", _FORM), ("idempotency-key", key)),
        body=urlencode([*pairs]).encode(),
        writes=True,
    )


def delete(path: str) -> Request:
    """Return a call that removes; a second one finds nothing and does nothing."""
    return Request(method="DELETE", path=path, writes=True)


def below(path: str, ref: str) -> str:
    """Return the path of one object."""
    return f"{path}/{quote(ref, safe='')}"


def fault_of(reply: Reply) -> Fault | None:
    """Return the error that a reply holds; None where it holds none."""
    try:
        return _ENVELOPE.decode(reply.body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def needed(reply: Reply, shape: type[T]) -> T:
    """Return what a reply holds.

    Raises:
        Refused: Stripe would not do it, with its word for why.
        ContractBroken: the reply has another shape than documented.
    """
    fault = fault_of(reply)
    if fault is not None or reply.status >= 400:
        why = fault.word if fault else "no reason given"
        raise Refused(f"Stripe refused the call: {why}", status=reply.status)
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise ContractBroken("Stripe's reply does not have its documented shape") from wrong


def settings_base(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    return settings.get("api_base", "").rstrip("/") or "https://api.stripe.com"
