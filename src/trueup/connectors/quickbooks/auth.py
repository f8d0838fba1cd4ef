"""Where a person is sent to, what comes back, and how tokens are asked for.

Access tokens live for an hour. Each answer holds the refresh token that is good from then on; the
company's number comes with the callback, and with nothing else.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant, Token
from trueup.contract.oauth import form_request, read_token
from trueup.errors import ConfigError, Refused

SCOPE = "com.intuit.quickbooks.accounting"
_REALM = re.compile(r"[0-9]{1,30}")


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
            "client_id": _needed(settings, "client_id"),
            "response_type": "code",
            "scope": SCOPE,
            "redirect_uri": redirect_uri,
            "state": state,
        }
    )
    return f"{_root(settings, 'https://appcenter.intuit.com')}/connect/oauth2?{query}"


def callback_code(
    settings: Mapping[str, str], secrets: Mapping[str, str], query: Mapping[str, str]
) -> str:
    """Return the code of a callback; Intuit signs none, so `state` alone says that it is ours.

    Raises:
        Refused: there is no code, no company, or another company than this connection's.
    """
    del secrets
    realm = query.get("realmId", "")
    if not query.get("code") or not _REALM.fullmatch(realm):
        raise Refused("The callback is without a code or a company")
    if settings.get("realm_id", realm) not in {"", realm}:
        raise Refused("The callback is for another company than this connection is of")
    return query["code"]


def callback_settings(query: Mapping[str, str]) -> Mapping[str, str]:
    """Return the number of the company that let us in."""
    realm = query.get("realmId", "")
    return {"realm_id": realm} if _REALM.fullmatch(realm) else {}


def token_request(settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant) -> Request:
    """Return the call for an access token: by a code, or by the last refresh token."""
    if grant.kind == "refresh":
        fields = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    elif grant.kind == "code":
        fields = {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
        }
    else:
        raise ConfigError("QuickBooks lets nobody in but by a person who agreed.")
    pair = (_needed(settings, "client_id"), _needed(secrets, "client_secret"))
    root = _root(settings, "https://oauth.platform.intuit.com")
    return form_request(f"{root}/oauth2/v1/tokens/bearer", fields, basic=pair)


def token(reply: Reply) -> Token:
    """Return the access token, when it ends, and the next refresh token.

    Raises:
        ContractBroken: Intuit did not hand out a token.
    """
    return read_token(reply)


def _needed(given: Mapping[str, str], key: str) -> str:
    if not given.get(key):
        raise ConfigError(f"{key} is missing: it stands on the app's page at Intuit.", field=key)
    return given[key]


def _root(settings: Mapping[str, str], vendor: str) -> str:
    return settings.get("api_base", "").rstrip("/") or vendor
