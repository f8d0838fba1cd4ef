"""Where a person is sent to, what comes back, and how tokens are asked for.

Access tokens live for half an hour. Each answer holds the refresh token that is good from then on.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant, Token
from trueup.contract.oauth import form_request, read_token
from trueup.errors import ConfigError, Refused

_SCOPES = "accounting.manualjournals"


def authorise_url(
    settings: Mapping[str, str], secrets: Mapping[str, str], state: str, redirect_uri: str
) -> str:
    """Return where the person is sent; `redirect_uri` must be among the app's addresses.

    Raises:
        ConfigError: the client id or secret is missing.
    """
    _needed(secrets, "client_secret")
    query = urlencode(
        {
            "response_type": "code",
            "client_id": _needed(settings, "client_id"),
            "redirect_uri": redirect_uri,
            "scope": f"{settings.get('scopes') or _SCOPES} offline_access",
            "state": state,
        }
    )
    return f"{_root(settings, 'https://login.xero.com')}/identity/connect/authorize?{query}"


def callback_code(
    settings: Mapping[str, str], secrets: Mapping[str, str], query: Mapping[str, str]
) -> str:
    """Return the code of a callback; Xero signs none, so `state` alone says that it is ours.

    Raises:
        Refused: there is no code: the person said no, or Xero did.
    """
    del settings, secrets
    if not query.get("code"):
        raise Refused("The callback is without a code", error=query.get("error", "not told")[:60])
    return query["code"]


def token_request(settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant) -> Request:
    """Return the call for an access token: by a code, or by the last refresh token.

    Raises:
        ConfigError: the client id or secret is missing, or the grant is of another kind.
    """
    if grant.kind == "refresh":
        fields = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    elif grant.kind == "code":
        fields = {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
        }
    else:
        raise ConfigError("Xero lets nobody in here but by a person who agreed.")
    pair = (_needed(settings, "client_id"), _needed(secrets, "client_secret"))
    root = _root(settings, "https://identity.xero.com")
    return form_request(f"{root}/connect/token", fields, basic=pair)


def token(reply: Reply) -> Token:
    """Return the access token, when it ends, and the next refresh token.

    Raises:
        ContractBroken: Xero did not hand out a token.
    """
    return read_token(reply)


def _needed(given: Mapping[str, str], key: str) -> str:
    if not given.get(key):
        raise ConfigError(f"{key} is missing: it stands on the app's page at Xero.", field=key)
    return given[key]


def _root(settings: Mapping[str, str], vendor: str) -> str:
    return settings.get("api_base", "").rstrip("/") or vendor
