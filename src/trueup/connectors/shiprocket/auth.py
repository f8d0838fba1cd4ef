"""How a token is had: by e-mail and password of an API user; it is good for ten days.

Source: Shiprocket's page on the sign-in of API users.
"""

from collections.abc import Mapping

import msgspec

from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant, Token
from trueup.errors import ConfigError, ContractBroken

LIFETIME_S = 10 * 86_400.0
_TOKEN_CHARS_MAX = 16_384


class _Granted(msgspec.Struct, gc=False):
    token: str


def token_request(settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant) -> Request:  # noqa: ARG001 - there is one grant only
    """Return the call that signs in; there is no refresh token, one signs in again.

    Raises:
        ConfigError: e-mail or password is missing.
    """
    if not settings.get("email") or not secrets.get("password"):
        field = "email" if not settings.get("email") else "password"
        raise ConfigError(f"{field} of the API user is missing.", field=field)
    root = settings.get("api_base", "").rstrip("/") or "https://apiv2.shiprocket.in"
    fields = {"email": settings["email"], "password": secrets["password"]}
    return Request(
        method="POST",
        path=f"{root}/v1/external/auth/login",
        headers=(("content-type", "application/json"), ("accept", "application/json")),
        body=msgspec.json.encode(fields),
        writes=True,
    )


def token(reply: Reply) -> Token:
    """Return the token of a sign-in.

    Raises:
        ContractBroken: there is none in the reply.
    """
    try:
        found = msgspec.json.decode(reply.body, type=_Granted).token
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Not chained: the message could repeat a token.
        raise ContractBroken("Shiprocket did not hand out a token", status=reply.status) from None
    if not found or len(found) > _TOKEN_CHARS_MAX:
        raise ContractBroken("Shiprocket handed out an empty or huge token", chars=len(found))
    return Token(access_token=found, expires_in_s=LIFETIME_S)
