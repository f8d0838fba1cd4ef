"""The authorisation-code flow of an account's own OAuth client.

Source: Zendesk's pages on using OAuth. The endpoints lie at the account; tokens of older clients
live until they are revoked, those of others expire and come with a refresh token.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from trueup.connectors.zendesk.api import base_url
from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant, Token
from trueup.contract.oauth import read_token
from trueup.errors import ConfigError, Refused

SCOPES = ("tickets:read", "tickets:write", "users:read")


def authorise_url(
    settings: Mapping[str, str], secrets: Mapping[str, str], state: str, redirect_uri: str
) -> str:
    """Return where a person is sent to let us in.

    Raises:
        ConfigError: the account's name, the client id or its secret is missing.
    """
    _needed(secrets, "client_secret")
    query = {
        "response_type": "code",
        "client_id": _needed(settings, "client_id"),
        "scope": " ".join(SCOPES),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{base_url(settings)}/oauth/authorizations/new?{urlencode(query)}"


def callback_code(
    settings: Mapping[str, str],  # noqa: ARG001 - the callback names no account
    secrets: Mapping[str, str],  # noqa: ARG001 - and is not signed
    query: Mapping[str, str],
) -> str:
    """Return the code of a callback.

    Raises:
        Refused: there is none.
    """
    code = query.get("code")
    if not code:
        raise Refused("The callback is without a code")
    return code


def token_request(settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant) -> Request:
    """Return the call that turns a code, or the refresh token, into an access token."""
    fields = {
        "client_id": _needed(settings, "client_id"),
        "client_secret": _needed(secrets, "client_secret"),
        "scope": " ".join(SCOPES),
    }
    if grant.kind == "refresh":
        fields |= {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    else:
        fields |= {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
        }
    return Request(
        method="POST",
        path=f"{base_url(settings)}/oauth/tokens",
        headers=(("content-type", "application/json"), ("accept", "application/json")),
        body=msgspec.json.encode(fields),
        writes=True,
    )


def token(reply: Reply) -> Token:
    """Return the access token, its lifetime, the refresh token and the scopes.

    Raises:
        ContractBroken: Zendesk did not hand out a token.
    """
    return read_token(reply)


def _needed(given: Mapping[str, str], key: str) -> str:
    if not given.get(key):
        raise ConfigError(f"{key} is missing: it stands on the OAuth client's page.", field=key)
    return given[key]
