"""How QuickBooks is spoken to, and what its replies say as a whole."""

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

MINOR_VERSION = "75"
GONE = "610"
STALE = "5010"
_THROTTLED = "3001"
_COMPANY = "/v3/company/"
_ROOTS = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
# The budget is of a minute, and no reply tells how much of it has passed.
_RETRY_S = 60.0
_RETRY_S_MAX = 3600.0


class ErrorShape(msgspec.Struct, frozen=True, gc=False):
    """One reason of a refusal."""

    code: str = ""
    message: str = ""
    detail: str = ""

    @property
    def number(self) -> str:
        """The code without the zeros that some replies put before it."""
        return self.code.lstrip("0") or self.code


class _Error(msgspec.Struct, gc=False):
    code: str | None = None
    message: str | None = msgspec.field(default=None, name="Message")
    detail: str | None = msgspec.field(default=None, name="Detail")
    small_message: str | None = msgspec.field(default=None, name="message")


class _Fault(msgspec.Struct, gc=False):
    type: str | None = None
    error: list[_Error] = msgspec.field(default_factory=list, name="Error")
    small_error: list[_Error] = msgspec.field(default_factory=list, name="error")


class _Faulty(msgspec.Struct, gc=False):
    fault: _Fault | None = msgspec.field(default=None, name="Fault")
    small_fault: _Fault | None = msgspec.field(default=None, name="fault")


class _Company(msgspec.Struct, gc=False):
    name: str = msgspec.field(name="CompanyName")
    country: str | None = msgspec.field(default=None, name="Country")


class _Companies(msgspec.Struct, gc=False):
    company: _Company = msgspec.field(name="CompanyInfo")


def company_request(
    path: str, query: Mapping[str, str], *, body: bytes = b"", realm: str = "{realm_id}"
) -> Request:
    """Return a call of one company; without `realm` it is the connection's own.

    Args:
        path: below the company, such as "invoice/145".
        query: of the address; the version is added.
        body: sent by POST where there is one.
        realm: the number of the company.
    """
    told = urlencode({**query, "minorversion": MINOR_VERSION}, quote_via=quote)
    headers = [("accept", "application/json")]
    if body:
        headers.append(("content-type", "application/json"))
    return Request(
        method="POST" if body else "GET",
        path=f"{_COMPANY}{realm}/{path}?{told}",
        headers=tuple(headers),
        body=body,
        writes=bool(body),
    )


def base_url(settings: Mapping[str, str]) -> str:
    """Return the address of the API; `api_base` leads to a sandbox of our own."""
    known = _ROOTS[settings.get("environment") or "production"]
    return settings.get("api_base", "").rstrip("/") or known


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the token, for the company that let us in.

    Raises:
        ConfigError: nobody has let us in yet.
        Refused: the request is about another company: the app's webhooks tell of all of them.
    """
    ours = secrets.get("realm_id", "")
    if not ours:
        raise ConfigError("No company has let us in yet; connect QuickBooks.", field="realm_id")
    path = request.path.replace("{realm_id}", ours)
    realm = path.removeprefix(_COMPANY).partition("/")[0]
    if path.startswith(_COMPANY) and realm != ours:
        raise Refused("This is of another company that uses the same app")
    headers = (*request.headers, ("authorization", f"Bearer {secrets.get('access_token', '')}"))
    return msgspec.structs.replace(request, path=path, headers=headers)


def judge(reply: Reply) -> None:
    """Raise the error that the reply means as a whole, if it means one.

    A refusal with QuickBooks' own reasons (400) passes: it concerns the record.

    Raises:
        AuthExpired: the token has run out, or the person took the right back (401, 403).
        RateLimited: too many calls; also told by 403 with the code 3001.
        Refused: wrong in another way.
        Unavailable: QuickBooks is down.
    """
    status = reply.status
    if status < 300:
        return
    errors = errors_of(reply)
    codes = {error.number for error in errors}
    if status == 429 or _THROTTLED in codes:
        raise RateLimited(after_s=_after_s(reply.headers.get("retry-after")), status=status)
    if status in {401, 403}:
        raise AuthExpired(status=status, code=_told(errors))
    if status in {408, 425} or status >= 500:
        raise Unavailable(status=status, code=_told(errors))
    if status == 400 and errors:
        return
    raise Refused("QuickBooks refused the call", status=status, code=_told(errors))


def errors_of(reply: Reply) -> tuple[ErrorShape, ...]:
    """Return the reasons of a refusal; none where it was none, or has no reasons."""
    try:
        faulty = msgspec.json.decode(reply.body, type=_Faulty)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    fault = faulty.fault or faulty.small_fault
    errors = (fault.error or fault.small_error) if fault else []
    return tuple(
        ErrorShape(each.code or "", each.message or each.small_message or "", each.detail or "")
        for each in errors
    )


def budget(reply: Reply) -> Budget | None:  # noqa: ARG001 - the protocol's shape
    """Return None: QuickBooks' replies say nothing of what is left."""
    return None


def check_request() -> Request:
    """Return a harmless call that proves the token: the company itself."""
    return company_request("companyinfo/{realm_id}", {})


def checked(reply: Reply) -> Mapping[str, str]:
    """Return the company's name and country.

    Raises:
        ContractBroken: the reply is no company.
    """
    try:
        company = msgspec.json.decode(reply.body, type=_Companies).company
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("QuickBooks' reply is no company") from fault
    return {"account": company.name, "country": company.country or ""}


def _told(errors: tuple[ErrorShape, ...]) -> str:
    return ", ".join(error.code[:20] for error in errors[:3]) or "not told"


def _after_s(told: str | None) -> float:
    try:
        value = float(told or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
