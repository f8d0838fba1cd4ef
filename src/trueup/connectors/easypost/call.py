"""How calls to EasyPost are written, and what EasyPost says is wrong with one."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from trueup.contract.connector import Receipt, ReceiptState, Request
from trueup.errors import ContractBroken

_WORD_CHARS_MAX = 80
_JSON = msgspec.json.Encoder(decimal_format="number")

_T = TypeVar("_T")


class _Error(msgspec.Struct, gc=False):
    code: str | None = None


class _Fault(msgspec.Struct, gc=False):
    error: _Error | None = None


def get(*parts: str, query: Mapping[str, str] | None = None) -> Request:
    """Return a call that reads what lies at a path of these parts."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    return Request(method="GET", path=f"{path}?{urlencode(query)}" if query else path)


def post(*parts: str, body: object = None) -> Request:
    """Return a call that changes something; EasyPost has no keys for it."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    told: dict[str, Any] | object = {} if body is None else body
    return Request(
        method="POST",
        path=path,
        headers=(("content-type", "application/json"),),
        body=_JSON.encode(told),
        writes=True,
    )


def code_of(body: bytes) -> str:
    """Return EasyPost's own word for what is wrong; its texts may repeat what was sent."""
    try:
        error = msgspec.json.decode(body, type=_Fault).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return ((error.code if error else None) or "")[:_WORD_CHARS_MAX]


def needed(body: bytes, shape: type[_T]) -> _T:
    """Return what a reply holds.

    Raises:
        ContractBroken: it does not have the shape that was asked for.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("EasyPost's reply can not be read") from fault


def refused(code: str, message: str) -> Receipt:
    """Return the receipt of what can not be done."""
    return Receipt(state=ReceiptState.REFUSED, code=code, message=message)


def unknown(code: str, message: str) -> Receipt:
    """Return the receipt of what nobody can say; it is looked at again."""
    return Receipt(state=ReceiptState.UNKNOWN, code=code, message=message)
