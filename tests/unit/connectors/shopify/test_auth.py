"""The sign-in: where the merchant goes, what comes back, and what is asked with it."""

import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.connectors.shopify.test_api import SHOP, reply
from trueup.connectors.shopify import auth
from trueup.contract.grant import Grant
from trueup.errors import ConfigError, ContractBroken, Refused

SETTINGS = {"shop_domain": SHOP, "client_id": "id"}
SECRETS = {"client_secret": "app-secret"}
GOOD = {"code": "once", "shop": SHOP, "state": "xyz", "timestamp": "1"}


def signed(**fields: str) -> dict[str, str]:
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return fields | {"hmac": hmac.new(b"app-secret", text.encode(), hashlib.sha256).hexdigest()}


def test_a_signed_callback_gives_its_code() -> None:
    assert auth.callback_code(SETTINGS, SECRETS, signed(**GOOD)) == "once"


@pytest.mark.parametrize(
    "query",
    [
        signed(**{**GOOD, "shop": "other.myshopify.com"}),
        signed(**{**GOOD, "code": ""}),
        signed(**GOOD) | {"state": "abc"},
        signed(**GOOD) | {"more": "1"},
        GOOD,
        GOOD | {"hmac": "0" * 64},
        GOOD | {"hmac": "\u00e9"},
        {},
    ],
)
def test_a_callback_that_is_not_shopifys_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refused):
        auth.callback_code(SETTINGS, SECRETS, query)


def test_without_a_secret_no_callback_is_believed() -> None:
    text = "&".join(f"{name}={GOOD[name]}" for name in sorted(GOOD))
    forged = GOOD | {"hmac": hmac.new(b"", text.encode(), hashlib.sha256).hexdigest()}
    for secrets in ({}, {"client_secret": ""}):
        with pytest.raises(Refused, match="signed"):
            auth.callback_code(SETTINGS, secrets, forged)


def test_the_merchant_is_sent_to_the_shop_with_what_is_asked_for() -> None:
    url = urlsplit(auth.authorise_url(SETTINGS, SECRETS, "s t", "https://hub.example/x"))
    assert (url.scheme, url.netloc, url.path) == ("https", SHOP, "/admin/oauth/authorize")
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (asked["client_id"], asked["state"]) == ("id", "s t")
    assert asked["redirect_uri"] == "https://hub.example/x"
    assert "write_inventory" in asked["scope"].split(",")
    assert "app-secret" not in url.query


@pytest.mark.parametrize(
    "domain", ["evil.example", f"{SHOP}.evil.example", f"a@{SHOP}", "", "x.myshopify.com/"]
)
def test_nothing_is_sent_to_anyone_but_shopify(domain: str) -> None:
    settings = SETTINGS | {"shop_domain": domain}
    with pytest.raises(ConfigError):
        auth.authorise_url(settings, SECRETS, "s", "https://hub.example/x")
    with pytest.raises(ConfigError):
        auth.token_request(settings, SECRETS, Grant(kind="code", code="c"))


@pytest.mark.parametrize(
    ("settings", "secrets", "lacking"),
    [({"shop_domain": SHOP}, SECRETS, "client_id"), (SETTINGS, {}, "client_secret")],
)
def test_what_is_missing_is_named(
    settings: dict[str, str], secrets: dict[str, str], lacking: str
) -> None:
    with pytest.raises(ConfigError, match=lacking):
        auth.authorise_url(settings, secrets, "s", "https://hub.example/x")


def test_a_code_and_a_refresh_token_are_swapped_at_the_shop() -> None:
    request = auth.token_request(SETTINGS, SECRETS, Grant(kind="code", code="c"))
    assert request.path == f"https://{SHOP}/admin/oauth/access_token"
    assert parse_qs(request.body.decode()) == {
        "client_id": ["id"],
        "client_secret": ["app-secret"],
        "code": ["c"],
        "expiring": ["1"],
    }
    known = SECRETS | {"refresh_token": "r"}
    request = auth.token_request(SETTINGS, known, Grant(kind="refresh"))
    asked = parse_qs(request.body.decode())
    assert (asked["grant_type"], asked["refresh_token"]) == (["refresh_token"], ["r"])
    assert "code" not in asked
    request = auth.token_request(SETTINGS, SECRETS, Grant(kind="client"))
    asked = parse_qs(request.body.decode())
    assert (asked["grant_type"], "code" in asked) == (["client_credentials"], False)


def test_a_sandbox_replaces_the_address_of_the_sign_in_too() -> None:
    settings = SETTINGS | {"api_base": "http://127.0.0.1:1/north/"}
    base = "http://127.0.0.1:1/north/admin/oauth/"
    assert auth.authorise_url(settings, SECRETS, "s", "x").startswith(f"{base}authorize?")
    request = auth.token_request(settings, SECRETS, Grant(kind="code", code="c"))
    assert request.path == f"{base}access_token"


def test_a_token_is_read_with_its_lifetime() -> None:
    given = {"access_token": "t", "scope": "a,b", "expires_in": 3600, "refresh_token": "r"}
    found = auth.token(reply(body=given))
    assert (found.access_token, found.refresh_token, found.scopes) == ("t", "r", ("a", "b"))
    assert found.expires_in_s == 3600
    with pytest.raises(ContractBroken):
        auth.token(reply(400, {"error": "invalid_request"}))
