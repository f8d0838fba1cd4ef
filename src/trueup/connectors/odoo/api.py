"""How Odoo is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.connectors.odoo.pull import records_of, search
from trueup.connectors.odoo.shape import Named, Text
from trueup.connectors.odoo.value import currency, text
from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

_RETRY_S = 5.0
_RETRY_S_MAX = 3600.0


class ErrorShape(msgspec.Struct, gc=False):
    """What Odoo says of a call that it did not carry out."""

    name: str
    message: str = ""


class _Company(msgspec.Struct, gc=False):
    name: Text = None
    currency_id: Named = None


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of the Odoo; `api_base` leads to a sandbox."""
    return (settings.get("api_base") or settings.get("url", "")).rstrip("/")


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the key, and the database where the server holds several."""
    headers = [*request.headers, ("authorization", f"bearer {secrets['api_key']}")]
    if secrets.get("database"):
        headers.append(("x-odoo-database", secrets["database"]))
    return msgspec.structs.replace(request, headers=tuple(headers))


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    A refusal in Odoo's own words (422) passes: it concerns the record, and `commands` reads it.

    Raises:
        AuthExpired: the key has run out, or its user may not do this (401, 403).
        RateLimited: too many calls.
        Refused: gone (404) or wrong.
        Unavailable: Odoo is down, or another transaction was in the way (409).
    """
    status = reply.status
    if status < 300 or (status == 422 and error_of(reply) is not None):
        return
    error = error_of(reply)
    name = error.name[:80] if error else "not told"
    if status in {401, 403}:
        raise AuthExpired(status=status, error=name)
    if status == 429:
        raise RateLimited(after_s=_after_s(reply.headers.get("retry-after")), status=status)
    if status in {408, 425} or status >= 500 or (status == 409 and error is not None):
        raise Unavailable(status=status, error=name)
    raise Refused("Odoo refused the call", status=status, error=name)


def error_of(reply: Reply) -> ErrorShape | None:
    """Return Odoo's error of a reply, if it has one."""
    try:
        return msgspec.json.decode(reply.body, type=ErrorShape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: Odoo's replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the key: the companies that it may see."""
    fields: dict[str, Any] = {"name": {}, "currency_id": {"fields": {"name": {}}}}
    return search("res.company", [], fields, 2)


def checked(reply: Reply) -> Mapping[str, str]:
    """Return the company and its currency.

    Raises:
        ContractBroken: the reply is no list of companies.
    """
    try:
        companies = [msgspec.json.decode(raw, type=_Company) for raw in records_of(reply)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Odoo's reply is no list of companies") from fault
    names = ", ".join(text(company.name) or "" for company in companies)
    first = currency(companies[0].currency_id) if companies else None
    return {"account": names or "Odoo", "currency": first or ""}


def _after_s(told: str | None) -> float:
    try:
        value = float(told or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
