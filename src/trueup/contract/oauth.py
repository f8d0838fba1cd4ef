"""OAuth's common parts, for connectors' `auth.py` and for the room that has tokens handed out.

Source: RFC 6749 (the framework), RFC 8252 (loopback addresses). Pure.
"""

import base64
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Token
from trueup.contract.manifest import Manifest
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable

Scheme = Literal["oauth2", "oauth2_client"]

AUTH_KIND = "auth_kind"
"""The setting by which a person chooses, where a connector can be let in in several ways."""

LIFETIME_S_MAX = 10 * 365 * 86_400.0
_TOKEN_CHARS_MAX = 16_384
_RETRY_S = 5.0
_RETRY_S_MAX = 3600.0
_WITHDRAWN = frozenset(("invalid_grant", "invalid_client", "unauthorized_client", "access_denied"))
_DOWN = frozenset(("temporarily_unavailable", "server_error"))
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


def scheme_of(manifest: Manifest, settings: Mapping[str, str]) -> Scheme | None:
    """Return how a connection comes by its tokens; None where it needs none.

    The setting `auth_kind` decides where the connector has it ("oauth" means "oauth2", "client"
    means "oauth2_client"), else the first of the manifest's schemes.
    """
    chosen = settings.get(AUTH_KIND) or manifest.auth.schemes[0]
    chosen = {"oauth": "oauth2", "client": "oauth2_client"}.get(chosen, chosen)
    if chosen == "oauth2" and "oauth2" in manifest.auth.schemes:
        return "oauth2"
    if chosen == "oauth2_client" and "oauth2_client" in manifest.auth.schemes:
        return "oauth2_client"
    return None


def form_request(
    url: str, fields: Mapping[str, str], *, basic: tuple[str, str] = ("", "")
) -> Request:
    """Return the usual call to a token endpoint: a form, the client in its fields or in a header.

    Args:
        url: absolute.
        fields: of the form; empty ones are left out.
        basic: client id and secret, where the vendor wants them in the header `Authorization`.
    """
    headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json"),
    ]
    if basic[0]:
        pair = ":".join(quote(part, safe="") for part in basic)
        headers.append(("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    body = urlencode({name: value for name, value in fields.items() if value}).encode()
    return Request(method="POST", path=url, headers=tuple(headers), body=body, writes=True)


class _Granted(msgspec.Struct, gc=False):
    access_token: str
    expires_in: float | str | None = None
    refresh_token: str | None = None
    scope: str | None = None


def read_token(reply: Reply) -> Token:
    """Return the token of a reply in the usual form; scopes are apart by spaces or commas.

    Raises:
        ContractBroken: there is no token in it.
    """
    try:
        granted = msgspec.json.decode(reply.body, type=_Granted)
        lifetime_s = None if granted.expires_in is None else float(granted.expires_in)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        # Not chained: the message could repeat a token.
        raise ContractBroken("The vendor did not hand out a token", status=reply.status) from None
    size = max(len(granted.access_token), len(granted.refresh_token or ""))
    if not granted.access_token or size > _TOKEN_CHARS_MAX:
        raise ContractBroken("The vendor handed out an empty or huge token", chars=size)
    if lifetime_s is not None and not 0 < lifetime_s <= LIFETIME_S_MAX:
        raise ContractBroken("The vendor handed out a token of no or an absurd lifetime")
    return Token(
        access_token=granted.access_token,
        expires_in_s=lifetime_s,
        refresh_token=granted.refresh_token or None,
        scopes=tuple((granted.scope or "").replace(",", " ").split()),
    )


def judge_token_reply(reply: Reply) -> None:
    """Raise what the reply of a token endpoint means, unless it hands out a token.

    Raises:
        AuthExpired: the grant or the client is no longer accepted; its context names the reason.
        RateLimited: slow down.
        Unavailable: the vendor is down.
        Refused: the request is wrong.
    """
    status, reason = reply.status, _reason(reply.body)
    if status in {200, 201} and not reason:
        return
    if status == 429:
        raise RateLimited(after_s=_after_s(reply.headers.get("retry-after")), status=status)
    if status >= 500 or status in {408, 425} or reason in _DOWN:
        raise Unavailable("The vendor's token endpoint is down.", status=status)
    if reason in _WITHDRAWN or status in {401, 403}:
        raise AuthExpired(reason=reason or "not told", status=status)
    raise Refused("The vendor hands out no token", reason=reason or "not told", status=status)


class _Fault(msgspec.Struct, gc=False):
    error: msgspec.Raw = msgspec.Raw(b"null")


def _reason(body: bytes) -> str:
    """Return the vendor's word for what is wrong; its texts may repeat what was sent."""
    try:
        word = msgspec.json.decode(msgspec.json.decode(body, type=_Fault).error)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return plain_word(word) if word else ""


def plain_word(word: object) -> str:
    """Return a vendor's short word as it is; "other" for what is none."""
    return word if isinstance(word, str) and _WORD.fullmatch(word) else "other"


def _after_s(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return _RETRY_S
    return min(value, _RETRY_S_MAX) if 0 < value < float("inf") else _RETRY_S
