"""The authorisation-code flow: where to send the merchant, what comes back, what to ask then.

Source: Shopify's page on the authorisation code grant. Nothing here opens a connection.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

import msgspec

from trueup.contract.connector import Reply, Request
from trueup.errors import ConfigError, Refused

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.myshopify\.com")


def authorize_url(
    *, shop_domain: str, client_id: str, scopes: Iterable[str], redirect_url: str, state: str
) -> str:
    """Return where the merchant is sent to grant access.

    Args:
        shop_domain: such as "example.myshopify.com".
        client_id: the app's own, as its settings show it.
        scopes: what is asked for.
        redirect_url: where the merchant comes back to; it must be among the app's addresses.
        state: unguessable and remembered by the caller; it must come back unchanged.

    Raises:
        ConfigError: the domain is not one of Shopify's.
    """
    query = urlencode(
        {
            "client_id": client_id,
            "scope": ",".join(sorted(scopes)),
            "redirect_uri": redirect_url,
            "state": state,
        }
    )
    return f"https://{_shop(shop_domain)}/admin/oauth/authorize?{query}"


def callback_code(
    pairs: Iterable[tuple[str, str]], *, client_secret: str, state: str, shop_domain: str
) -> str:
    """Return the code of a callback that is really Shopify's answer to our question.

    Args:
        pairs: the query of the callback, decoded, in any order.
        client_secret: the app's own.
        state: what was sent along.
        shop_domain: for which shop it was asked.

    Raises:
        Refused: the signature, the state or the shop is not ours, or a field comes twice.
    """
    listed = list(pairs)
    fields = dict(listed)
    if len(fields) != len(listed):
        raise Refused("the callback repeats a field")
    signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "hmac")
    expected = hmac.new(client_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not client_secret or not _same(fields.get("hmac", ""), expected):
        raise Refused("the callback is not signed by Shopify")
    if not state or not _same(fields.get("state", ""), state):
        raise Refused("the callback answers another question than ours")
    if fields.get("shop") != _shop(shop_domain) or not fields.get("code"):
        raise Refused("the callback is for another shop, or without a code")
    return fields["code"]


def token_request(*, shop_domain: str, client_id: str, client_secret: str, code: str) -> Request:
    """Return the call that turns the code into an access token."""
    body = {"client_id": client_id, "client_secret": client_secret, "code": code}
    return Request(
        method="POST",
        path=f"https://{_shop(shop_domain)}/admin/oauth/access_token",
        headers=(("content-type", "application/json"), ("accept", "application/json")),
        body=msgspec.json.encode(body),
        writes=True,
    )


class _Token(msgspec.Struct):
    access_token: str
    scope: str = ""


def token(reply: Reply) -> Mapping[str, str]:
    """Return the access token and the granted scopes.

    Raises:
        Refused: Shopify did not hand out a token.
    """
    try:
        granted = msgspec.json.decode(reply.body, type=_Token)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Refused("Shopify did not hand out a token", status=reply.status) from fault
    return {"access_token": granted.access_token, "scopes": granted.scope.replace(",", " ")}


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _shop(domain: str) -> str:
    """Accept nothing but a host of Shopify: the token must not go to anyone else."""
    if not _SHOP.fullmatch(domain):
        raise ConfigError(
            "the shop's domain must end in .myshopify.com",
            expected="example.myshopify.com",
            found=domain[:80],
        )
    return domain
