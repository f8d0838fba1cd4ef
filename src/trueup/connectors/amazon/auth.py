"""Login with Amazon: how a seller lets us in, and how access tokens are had.

A seller who authorises an app of his own gets a refresh token on its page, which he gives us
(`oauth2_client`). A public app sends him to Seller Central instead (`oauth2`).

Source: Amazon's pages "Authorizing Selling Partner API applications" and "Connecting to the
SP-API".
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from trueup.connectors.amazon.marketplace import REGIONS
from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant, Token
from trueup.contract.oauth import form_request, read_token
from trueup.errors import ConfigError, Refused

_TOKEN_URL: Final = "https://api.amazon.com/auth/o2/token"  # noqa: S105 - an address


def authorise_url(
    settings: Mapping[str, str], secrets: Mapping[str, str], state: str, redirect_uri: str
) -> str:
    """Return where the seller is sent.

    Raises:
        ConfigError: the app's id, the client's secret or the region is missing.
    """
    _needed(secrets, "client_secret")
    query = {
        "application_id": _needed(settings, "application_id"),
        "state": state,
        "redirect_uri": redirect_uri,
    }
    if settings.get("app_state") == "draft":
        query["version"] = "beta"
    root = settings.get("api_base", "").rstrip("/")
    host = root or f"https://{REGIONS[_region(settings)].seller_central}"
    return f"{host}/apps/authorize/consent?{urlencode(query)}"


def callback_code(
    settings: Mapping[str, str], secrets: Mapping[str, str], query: Mapping[str, str]
) -> str:
    """Return the code of a callback; Amazon does not sign it, its `state` was compared before.

    Raises:
        Refused: it is of another seller, or there is no code.
    """
    del secrets
    expected, found = settings.get("seller_id", ""), query.get("selling_partner_id", "")
    if expected and found != expected:
        raise Refused("The callback is of another seller")
    if not query.get("spapi_oauth_code"):
        raise Refused("The callback is without a code")
    return query["spapi_oauth_code"]


def callback_settings(query: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a callback tells of the account: the seller's id."""
    found = query.get("selling_partner_id", "")
    return {"seller_id": found} if found.isalnum() and found.isascii() else {}


def token_request(settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant) -> Request:
    """Return the call that asks for an access token."""
    fields = {
        "client_id": _needed(settings, "client_id"),
        "client_secret": _needed(secrets, "client_secret"),
    }
    if grant.kind == "code":
        fields |= {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
        }
    else:
        # An app of one's own has no grant of the client alone: it always acts for the seller.
        fields |= {
            "grant_type": "refresh_token",
            "refresh_token": _needed(secrets, "refresh_token"),
        }
    root = settings.get("api_base", "").rstrip("/")
    return form_request(f"{root}/auth/o2/token" if root else _TOKEN_URL, fields)


def token(reply: Reply) -> Token:
    """Return the access token, good for an hour; the refresh token goes on being good.

    Raises:
        ContractBroken: Amazon did not hand out a token.
    """
    return read_token(reply)


def _region(settings: Mapping[str, str]) -> str:
    region = _needed(settings, "region")
    if region not in REGIONS:
        raise ConfigError("There is no such region.", field="region", known=sorted(REGIONS))
    return region


def _needed(given: Mapping[str, str], key: str) -> str:
    if not given.get(key):
        raise ConfigError(f"{key} is missing: it stands on the app's page.", field=key)
    return given[key]
