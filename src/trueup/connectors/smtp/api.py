"""How a mail server is spoken to, and what its codes say as a whole."""

import base64
from collections.abc import Mapping

import msgspec

from trueup.contract.connector import Budget, Reply, Request
from trueup.errors import AuthExpired, ContractBroken, Refused, Unavailable

_PORTS = {"starttls": "587", "tls": "465"}
_SCHEMES = {"starttls": "smtp", "tls": "smtps"}
_AUTH_CODES = frozenset((530, 534, 535, 538))
OF_THE_MAIL = frozenset(("rcpt", "data", "body"))
"""Steps at which a code is about this mail; before them it is about us or the server."""


def base_url(settings: Mapping[str, str]) -> str:
    """Return the server's address; `api_base` leads to a sandbox."""
    if base := settings.get("api_base"):
        return base.rstrip("/")
    security = settings.get("security") or "starttls"
    port = settings.get("port") or _PORTS[security]
    return f"{_SCHEMES[security]}://{settings['host']}:{port}"


def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
    """Return the request with the envelope's sender, and the account's user and password."""
    headers = [*request.headers]
    if "from" not in {name for name, _ in headers}:
        headers.append(("from", secrets.get("from_address", "")))
    if user := secrets.get("user"):
        pair = f"{user}:{secrets.get('password', '')}".encode()
        headers.append(("authorization", "Basic " + base64.b64encode(pair).decode()))
    return msgspec.structs.replace(request, headers=tuple(headers))


def judge(reply: Reply) -> None:
    """Raise what the code means for the account; what it means for the mail, the receipt says.

    Raises:
        AuthExpired: the server does not let us in (530, 534, 535, 538).
        Unavailable: it is closing or busy (421, and 4xx before a mail's own steps).
        Refused: it does not serve us, or not this sender (5xx before a mail's own steps).
        ContractBroken: a code that no step has.
    """
    code, stage = reply.status, reply.headers.get("smtp-stage", "")
    if 200 <= code < 300:
        return
    if not 400 <= code < 600:
        raise ContractBroken("The mail server answered with a code that is none", status=code)
    if code in _AUTH_CODES:
        raise AuthExpired("The mail server does not accept the user and password", status=code)
    if code == 421:
        raise Unavailable("The mail server is closing its door", status=code, stage=stage)
    if stage in OF_THE_MAIL:
        return
    if code < 500:
        raise Unavailable("The mail server asks to come again", status=code, stage=stage)
    whom = "this sender" if stage == "mail" else "us"
    raise Refused(f"The mail server does not serve {whom}", status=code, stage=stage)


def budget(reply: Reply) -> Budget | None:
    """Return None: mail servers do not tell what is left."""
    del reply
    return None


def check_request() -> Request:
    """Return a look at the server: TLS, sign-in, and no mail."""
    return Request(method="NOOP", path="")


def checked(reply: Reply) -> Mapping[str, str]:
    """Return nothing: a server says that it lets us in, and no more."""
    del reply
    return {}
