"""How calls are written, and what a reply holds: JSON:API, or errors with a word for each."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from trueup.contract.connector import Reply, Request
from trueup.errors import ContractBroken, Refused

REVISION = "2026-07-15"
MEDIA_TYPE = "application/vnd.api+json"

_WORD_CHARS_MAX = 60
_ENCODER = msgspec.json.Encoder(decimal_format="number")

T = TypeVar("T")
Pairs = Iterable[tuple[str, str]]


class Source(msgspec.Struct, frozen=True, gc=False):
    """Which part of a call is meant."""

    pointer: str = ""
    parameter: str = ""


class Fault(msgspec.Struct, frozen=True, gc=False):
    """What Klaviyo says is wrong; `detail` may repeat what was sent."""

    code: str = ""
    title: str = ""
    detail: str = ""
    source: Source | None = None

    @property
    def word(self) -> str:
        """Klaviyo's word for it, safe to be shown."""
        return (self.code or "error")[:_WORD_CHARS_MAX]

    @property
    def place(self) -> str:
        """Which part of the call is meant, safe to be shown."""
        return (self.source.pointer or self.source.parameter)[:120] if self.source else ""


class _Envelope(msgspec.Struct, gc=False):
    errors: list[Fault] = []


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def get(path: str, pairs: Pairs = (), *, scope: str = "all") -> Request:
    """Return a call that reads."""
    query = urlencode([*pairs])
    return Request(method="GET", path=f"{path}?{query}" if query else path, scope=scope)


def post(path: str, body: object, *, scope: str = "all") -> Request:
    """Return a call that writes; decimals become numbers, to the last digit."""
    return _writing("POST", path, body, scope)


def delete(path: str) -> Request:
    """Return a call that removes; a second one finds nothing and does nothing."""
    return Request(method="DELETE", path=path, writes=True)


def remove(path: str, body: object, *, scope: str) -> Request:
    """Return a call that takes what its body names out of something."""
    return _writing("DELETE", path, body, scope)


def _writing(method: str, path: str, body: object, scope: str) -> Request:
    return Request(
        method=method,
        path=path,
        headers=(("content-type", MEDIA_TYPE),),
        body=_ENCODER.encode(body),
        writes=True,
        scope=scope,
    )


def below(path: str, ref: str) -> str:
    """Return the path of one object."""
    return f"{path}/{quote(ref, safe='')}"


def stamp(at: datetime) -> str:
    """Return an instant as Klaviyo reads it, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def equals(field: str, value: str) -> str:
    """Return the filter for one value.

    Raises:
        Refused: the value can not stand in a filter.
    """
    if not value.isprintable() or '"' in value or "\\" in value:
        raise Refused("Klaviyo can not be asked for an identifier with quotes in it.", field=field)
    return f'equals({field},"{value}")'


def fault_of(reply: Reply) -> Fault | None:
    """Return the first error that a reply holds; None where it holds none."""
    try:
        errors = _ENVELOPE.decode(reply.body).errors
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return errors[0] if errors else None


def needed(reply: Reply, shape: type[T]) -> T:
    """Return what a reply holds.

    Raises:
        Refused: Klaviyo would not do it, with its word for why.
        ContractBroken: the reply has another shape than documented.
    """
    if reply.status >= 400:
        fault = fault_of(reply)
        why = f"{fault.word} {fault.place}".strip() if fault else "no reason given"
        raise Refused(f"Klaviyo refused the call: {why}", status=reply.status)
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise ContractBroken("Klaviyo's reply does not have its documented shape") from wrong


def settings_base(settings: Mapping[str, str]) -> str:
    """Return the address below which the API lies; `api_base` leads to a sandbox."""
    return settings.get("api_base", "").rstrip("/") or "https://a.klaviyo.com"
