"""The error table, the account's words, the rate that replies tell, and Login with Amazon."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from trueup.connectors.amazon import api, auth
from trueup.contract.connector import Reply, Request
from trueup.contract.grant import Grant
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ConnectorError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)

SETTINGS = {
    "region": "eu",
    "client_id": "client",
    "application_id": "app",
    "seller_id": "A1B2C3D4E5",
}
SECRETS = {"client_secret": "hush", "refresh_token": "Atzr|x"}


def reply(status: int, code: str = "", **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": "m"}]} if code else {}).encode()
    return Reply(status=status, headers=headers, body=body)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (reply(400, "InvalidInput"), Refused),
        (reply(401), AuthExpired),
        (reply(403, "Unauthorized"), AuthExpired),
        (reply(404, "NotFound"), Refused),
        (reply(413), Refused),
        (reply(429, "QuotaExceeded"), RateLimited),
        (reply(400, "QuotaExceeded"), RateLimited),
        (reply(500), Unavailable),
        (reply(503), Unavailable),
        (Reply(status=403, headers={}, body=b"<Error><Code>AccessDenied</Code>"), Unavailable),
        (Reply(status=502, headers={}, body=b"\xff\x00 not json"), Unavailable),
    ],
)
def test_each_failure_has_its_fate(given: Reply, error: type[ConnectorError]) -> None:
    with pytest.raises(error):
        api.judge(given)


def test_a_429_without_a_wait_waits_as_the_rate_means() -> None:
    for headers, after_s in (
        ({}, 30.0),
        ({"x-amzn-ratelimit-limit": "0.0056"}, 1 / 0.0056),
        ({"x-amzn-ratelimit-limit": "5"}, 0.2),
        ({"x-amzn-ratelimit-limit": "nan"}, 30.0),
        ({"x-amzn-ratelimit-limit": "0.000001"}, 600.0),
    ):
        with pytest.raises(RateLimited) as limited:
            api.judge(Reply(status=429, headers=headers, body=b""))
        assert limited.value.after_s == pytest.approx(after_s)


def test_another_rate_than_the_default_is_believed_without_a_burst() -> None:
    told = api.budget(reply(200, **{"x-amzn-ratelimit-limit": "0.0333"}))
    assert told is not None
    assert (told.refill_per_s, told.capacity, told.available) == (0.0333, 1.0, 0.0)
    assert api.budget(reply(200, **{"x-amzn-ratelimit-limit": "0.5"})) is None
    assert api.budget(reply(200, **{"x-amzn-ratelimit-limit": "-1"})) is None
    assert api.budget(reply(200)) is None


def test_the_accounts_words_are_filled_in_and_escaped() -> None:
    words = {"seller_id": "A/1?", "marketplace_ids": "M1, M2", "access_token": "Atza|t"}
    request = Request(
        method="GET",
        path="/x/{seller_id}?one={marketplace_id}&all={marketplace_ids}&data={personal}TAX",
    )
    filled = api.authorise(request, words)
    assert filled.path == "/x/A%2F1%3F?one=M1&all=M1,M2&data=BUYER,RECIPIENT,TAX"
    assert dict(filled.headers)["x-amz-access-token"] == "Atza|t"
    assert api.authorise(request, words | {"personal_data": "no"}).path.endswith("data=TAX")
    body = b'{"m":"{marketplace_id}","all":["{marketplace_ids}"],"s":"{seller_id}"}'
    posted = api.authorise(Request(method="POST", path="/x", body=body), words)
    assert json.loads(posted.body) == {"m": "M1", "all": ["M1", "M2"], "s": "A/1?"}


def test_an_address_that_amazon_handed_out_gets_no_token() -> None:
    request = Request(method="GET", path="https://bucket.example/x?sig=1")
    assert api.authorise(request, SECRETS | {"access_token": "Atza|t"}) == request


def test_each_region_has_its_address() -> None:
    hosts = {region: urlsplit(api.base_url({"region": region})).netloc for region in api.REGIONS}
    assert hosts == {
        "na": "sellingpartnerapi-na.amazon.com",
        "eu": "sellingpartnerapi-eu.amazon.com",
        "fe": "sellingpartnerapi-fe.amazon.com",
    }
    assert api.base_url({"region": "eu", "api_base": "http://127.0.0.1:1/"}) == "http://127.0.0.1:1"


def test_what_the_check_learns() -> None:
    body = {
        "payload": [
            {
                "marketplace": {"id": "M1", "defaultCurrencyCode": "EUR"},
                "storeName": "Lamps",
                "participation": {},
            }
        ]
    }
    found = api.checked(Reply(status=200, headers={}, body=json.dumps(body).encode()))
    assert found == {"account": "Lamps", "marketplaces": "M1", "currency": "EUR"}
    with pytest.raises(ContractBroken):
        api.checked(reply(200))


def test_a_given_refresh_token_asks_for_access() -> None:
    for kind in ("client", "refresh"):
        request = auth.token_request(SETTINGS, SECRETS, Grant(kind=kind))  # type: ignore[arg-type]
        assert request.path == "https://api.amazon.com/auth/o2/token"
        assert dict(parse_qsl(request.body.decode())) == {
            "grant_type": "refresh_token",
            "refresh_token": "Atzr|x",
            "client_id": "client",
            "client_secret": "hush",
        }
    with pytest.raises(ConfigError):
        auth.token_request(SETTINGS, {"client_secret": "hush"}, Grant(kind="client"))
    there = auth.token_request(SETTINGS | {"api_base": "http://s"}, SECRETS, Grant(kind="client"))
    assert there.path == "http://s/auth/o2/token"


def test_a_seller_is_sent_to_his_own_regions_page_and_back() -> None:
    url = urlsplit(auth.authorise_url(SETTINGS, SECRETS, "state-1", "https://hub.example/back"))
    assert (url.netloc, url.path) == ("sellercentral-europe.amazon.com", "/apps/authorize/consent")
    assert dict(parse_qsl(url.query)) == {
        "application_id": "app",
        "state": "state-1",
        "redirect_uri": "https://hub.example/back",
    }
    draft = auth.authorise_url(SETTINGS | {"app_state": "draft"}, SECRETS, "s", "https://h/")
    assert draft.endswith("version=beta")
    back = {"spapi_oauth_code": "code-1", "selling_partner_id": "A1B2C3D4E5"}
    assert auth.callback_code(SETTINGS, SECRETS, back) == "code-1"
    assert auth.callback_settings(back) == {"seller_id": "A1B2C3D4E5"}
    assert auth.callback_settings({"selling_partner_id": "<b>"}) == {}
    grant = Grant(kind="code", code="code-1", redirect_uri="https://hub.example/back")
    fields = dict(parse_qsl(auth.token_request(SETTINGS, SECRETS, grant).body.decode()))
    assert (fields["grant_type"], fields["code"]) == ("authorization_code", "code-1")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"spapi_oauth_code": "c", "selling_partner_id": "OTHER"},
        {"selling_partner_id": "A1B2C3D4E5"},
    ],
)
def test_a_callback_of_another_seller_or_without_a_code_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refused):
        auth.callback_code(SETTINGS, SECRETS, query)


@pytest.mark.parametrize("lacks", ["application_id", "region"])
def test_what_is_missing_is_named(lacks: str) -> None:
    given = {name: value for name, value in SETTINGS.items() if name != lacks}
    with pytest.raises(ConfigError, match=lacks):
        auth.authorise_url(given, SECRETS, "s", "https://h/")
    with pytest.raises(ConfigError, match="region"):
        auth.authorise_url(SETTINGS | {"region": "moon"}, SECRETS, "s", "https://h/")


def test_a_token_is_read() -> None:
    body = {"access_token": "Atza|1", "expires_in": 3600, "token_type": "bearer"}
    token = auth.token(Reply(status=200, headers={}, body=json.dumps(body).encode()))
    assert (token.access_token, token.expires_in_s, token.refresh_token) == ("Atza|1", 3600, None)
