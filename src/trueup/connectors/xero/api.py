"""How Xero is spoken to, and what its replies say as a whole."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)

JOURNALS = "/api.xro/2.0/ManualJournals"
_ACCOUNTING = "/api.xro/"
_CONNECTIONS = "/connections"
_ROOT = "https://api.xero.com"
_RETRY_S = 60.0
_RETRY_S_MAX = 86_400.0
_MESSAGES_MAX = 3
_CALLS_A_MINUTE = 60.0


class _Fault(msgspec.Struct, gc=False):
    message: str = msgspec.field(default="", name="Message")


class _Element(msgspec.Struct, gc=False):
    errors: list[_Fault] = msgspec.field(default_factory=list, name="ValidationErrors")


class _Answer(msgspec.Struct, gc=False):
    type: str = msgspec.field(default="", name="Type")
    message: str = msgspec.field(default="", name="Message")
    elements: list[_Element] = msgspec.field(default_factory=list, name="Elements")


class _Tenant(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="tenantId")
    name: str | None = msgspec.field(default=None, name="tenantName")


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why Xero did not do what was asked, in its own words."""

    type: str
    message: str


def accounting_request(
    path: str,
    query: Mapping[str, str],
    *,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> Request:
    """Return a call of the organisation's books.

    Args:
        path: such as `JOURNALS`.
        query: of the address.
        method: of HTTP.
        headers: besides the usual ones.
        body: JSON, where there is one.
    """
    told = f"?{urlencode(query, quote_via=quote)}" if query else ""
    kind = (("content-type", "application/json"),) if body else ()
    return Request(
        method=method,
        path=f"{path}{told}",
        headers=(("accept", "application/json"), *kind, *headers),
        body=body,
        writes=method != "GET",
    )


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of the API; `api_base` leads to a sandbox."""
    return settings.get("api_base", "").rstrip("/") or _ROOT


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the token, and the organisation where it is about one.

    Raises:
        ConfigError: nobody has said which organisation.
    """
    headers = [*request.headers, ("authorization", f"Bearer {secrets.get('access_token', '')}")]
    if request.path.startswith(_ACCOUNTING):
        tenant = secrets.get("tenant_id", "")
        if not tenant:
            raise ConfigError(
                "Which organisation is meant is not known: the check of the connection names those "
                "that let us in; put the id of one into tenant_id.",
                field="tenant_id",
            )
        headers.append(("xero-tenant-id", tenant))
    return msgspec.structs.replace(request, headers=tuple(headers))


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    A refusal with Xero's own reasons (400) passes: it concerns the record, and `commands` reads it.

    Raises:
        AuthExpired: the token has run out, or the organisation let us in no more (401, 403).
        RateLimited: too many calls, in a minute or in a day.
        Refused: gone (404), or wrong in another way.
        Unavailable: Xero, or the organisation, is down.
    """
    status = reply.status
    if status < 300 or (status == 400 and refusal_of(reply) is not None):
        return
    if status == 429:
        which = reply.headers.get("x-rate-limit-problem", "not told")[:20]
        after_s = _after_s(reply.headers.get("retry-after"))
        raise RateLimited(after_s=after_s, status=status, limit=which)
    if status in {401, 403}:
        raise AuthExpired(status=status)
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status)
    raise Refused("Xero refused the call", status=status)


def refusal_of(reply: Reply) -> Refusal | None:
    """Return Xero's reasons of a refusal; None where there are none."""
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if reply.status < 300 or not answer.type:
        return None
    told = [each.message for element in answer.elements for each in element.errors]
    return Refusal(answer.type, "; ".join(told[:_MESSAGES_MAX]) or answer.message)


def budget(reply: Reply) -> Budget | None:
    """Return what is left of the minute, as the reply says."""
    told = reply.headers.get("x-minlimit-remaining", "")
    if not told.isascii() or not told.isdecimal():
        return None
    left = min(float(told), _CALLS_A_MINUTE)
    return Budget(available=left, capacity=_CALLS_A_MINUTE, refill_per_s=1.0, at_most=True)


def check_request() -> Request:
    """Return a harmless call that proves the token: the organisations that let us in."""
    return accounting_request(_CONNECTIONS, {})


def checked(reply: Reply) -> Mapping[str, str]:
    """Return the organisations' names and ids.

    Raises:
        ContractBroken: the reply is no list of organisations.
    """
    try:
        tenants = msgspec.json.decode(reply.body, type=list[_Tenant])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("Xero's reply is no list of organisations") from fault
    names = ", ".join(f"{tenant.name or 'without a name'} ({tenant.id})" for tenant in tenants)
    return {"account": names or "no organisation"}


def _after_s(told: str | None) -> float:
    try:
        value = float(told or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
