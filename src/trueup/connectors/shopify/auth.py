"""Where to send the merchant, what comes back, and how tokens are asked for.

An app that acts on shops of its own organisation alone needs nobody to agree: it is let in by its
own id and secret.

Tokens that expire are asked for: Shopify takes no others from public apps from 2027 on, and a
stolen one is soon worthless.

Source: Shopify's pages on the authorisation code grant, on the client credentials grant and on
expiring offline access tokens.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from trueup.connectors.shopify.api import SCOPES
from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant, Token
from trueup.contract.oauth import form_request, read_token
from trueup.errors import ConfigError, Refused

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.myshopify\.com")


def authorise_url(
    settings: Mapping[str, str], secrets: Mapping[str, str], state: str, redirect_uri: str
) -> str:
    """Return where the merchant is sent; `redirect_uri` must be among the app's addresses.

    Raises:
        ConfigError: the domain is not one of Shopify's, or the client id or secret is missing.
    """
    _needed(secrets, "client_secret")
    query = urlencode(
        {
            "client_id": _needed(settings, "client_id"),
            "scope": ",".join(sorted(SCOPES)),
            "redirect_uri": redirect_uri,
            "state": state,
        }
    )
    return f"{_root(settings)}/admin/oauth/authorize?{query}"


def callback_code(
    settings: Mapping[str, str], secrets: Mapping[str, str], query: Mapping[str, str]
) -> str:
    """Return the code of a callback that Shopify signed for our shop.

    Raises:
        Refused: the signature or the shop is not right, or there is no code.
    """
    secret = secrets.get("client_secret", "")
    signed = "&".join(f"{name}={query[name]}" for name in sorted(query) if name != "hmac")
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    given = query.get("hmac", "")
    if not secret or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refused("The callback is not signed by Shopify")
    if query.get("shop") != _shop(settings) or not query.get("code"):
        raise Refused("The callback is for another shop, or without a code")
    return query["code"]


def token_request(settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant) -> Request:
    """Return the call for an access token: by a code, the last refresh token, or the app itself."""
    fields = {
        "client_id": _needed(settings, "client_id"),
        "client_secret": _needed(secrets, "client_secret"),
    }
    if grant.kind == "refresh":
        fields |= {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    elif grant.kind == "client":
        fields |= {"grant_type": "client_credentials"}
    else:
        fields |= {"code": grant.code, "expiring": "1"}
    return form_request(f"{_root(settings)}/admin/oauth/access_token", fields)


def token(reply: Reply) -> Token:
    """Return the access token, when it expires, the next refresh token and the scopes.

    Raises:
        ContractBroken: Shopify did not hand out a token.
    """
    return read_token(reply)


def _needed(given: Mapping[str, str], key: str) -> str:
    if not given.get(key):
        raise ConfigError(f"{key} is missing: it stands on the app's page at Shopify.", field=key)
    return given[key]


def _root(settings: Mapping[str, str]) -> str:
    domain = _shop(settings)
    return settings.get("api_base", "").rstrip("/") or f"https://{domain}"


def _shop(settings: Mapping[str, str]) -> str:
    """Accept nothing but a host of Shopify: the token must not go to anyone else."""
    domain = settings.get("shop_domain", "")
    if not _SHOP.fullmatch(domain):
        raise ConfigError(
            "the shop's domain must end in .myshopify.com",
            expected="example.myshopify.com",
            found=domain[:80],
        )
    return domain
