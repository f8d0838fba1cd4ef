"""The error table, the budget and credentials."""

import json
from typing import Any

import pytest

from trueup.connectors.shopify import api
from trueup.contract.connector import Reply, Request
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)

SHOP = "example-shop.myshopify.com"


def reply(status: int = 200, body: Any = None, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={"content-type": "application/json", **headers}, body=raw)


def failed(code: str, **cost: float) -> Reply:
    throttle = {"maximumAvailable": 2000, "currentlyAvailable": 40, "restoreRate": 100}
    extensions = {"cost": {**cost, "throttleStatus": throttle}} if cost else {}
    errors = [{"message": "no", "extensions": {"code": code}}]
    return reply(body={"errors": errors, "extensions": extensions})


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (reply(401, {}), AuthExpired),
        (reply(403, {}), AuthExpired),
        (reply(402, {}), Refused),
        (reply(404, {}), Refused),
        (reply(422, {}), Refused),
        (reply(423, {}), Refused),
        (reply(301, {}), Refused),
        (reply(429, {}), RateLimited),
        (reply(408, {}), Unavailable),
        (reply(500, b"<html>"), Unavailable),
        (reply(503, {}), Unavailable),
        (reply(200, b"<html>"), Unavailable),
        (reply(200, {"errors": "Not Found"}), Refused),
        (reply(200, {"errors": [{"message": "parse error"}]}), ContractBroken),
        (failed("ACCESS_DENIED"), AuthExpired),
        (failed("MAX_COST_EXCEEDED"), Refused),
        (failed("INTERNAL_SERVER_ERROR"), Unavailable),
        (failed("undefinedField"), ContractBroken),
    ],
)
def test_the_error_table(given: Reply, error: type[ConnectorError]) -> None:
    with pytest.raises(error):
        api.judge(given)


def test_a_good_reply_and_the_lines_of_an_export_pass() -> None:
    api.judge(reply(body={"data": {}}))
    api.judge(Reply(status=200, headers={"content-type": "application/jsonl"}, body=b"{}\n{}"))


@pytest.mark.parametrize(
    ("given", "after_s"),
    [
        (failed("THROTTLED", requestedQueryCost=240), 2.0),
        (failed("THROTTLED", requestedQueryCost=10), 0.1),
        (failed("THROTTLED", requestedQueryCost=9_000), 19.6),
        (failed("THROTTLED"), 2.0),
        (reply(429, {}, **{"retry-after": "7.5"}), 7.5),
        (reply(429, {}, **{"retry-after": "999999"}), 3600.0),
        (reply(429, {}, **{"retry-after": "nan"}), 2.0),
        (reply(429, {}, **{"retry-after": "soon"}), 2.0),
    ],
)
def test_a_spent_budget_says_when_it_is_back(given: Reply, after_s: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(given)
    assert after_s == pytest.approx(caught.value.after_s)


def test_the_budget_is_what_the_reply_says() -> None:
    found = api.budget(failed("THROTTLED", requestedQueryCost=10, actualQueryCost=3))
    assert found is not None
    assert (
        found.available, found.capacity, found.refill_per_s, found.actual_cost,
    ) == (40, 2000, 100, 3)  # fmt: skip
    assert api.budget(reply(body={"data": {}})) is None
    assert api.budget(reply(500, b"down")) is None


def test_the_token_goes_to_the_shop_and_nowhere_else() -> None:
    secrets = {"access_token": "shpat_made_up"}
    inside = api.authorise(Request(method="POST", path="/graphql.json"), secrets)
    assert ("x-shopify-access-token", "shpat_made_up") in inside.headers
    outside = Request(method="GET", path="https://storage.example/result.jsonl")
    assert outside == api.authorise(outside, secrets)


def test_a_sandbox_replaces_the_shops_address() -> None:
    assert f"https://{SHOP}/admin/api/2026-07" == api.base_url({"shop_domain": SHOP})
    settings = {"shop_domain": SHOP, "api_base": "http://127.0.0.1:1/north/"}
    assert api.base_url(settings) == "http://127.0.0.1:1/north/admin/api/2026-07"


def test_the_check_names_the_scopes_that_are_missing() -> None:
    shop = {
        "id": "gid://shopify/Shop/1", "name": "Example", "myshopifyDomain": SHOP,
        "currencyCode": "EUR", "ianaTimezone": "Europe/Berlin", "taxesIncluded": True,
    }  # fmt: skip
    scopes = [{"handle": name} for name in sorted(api.SCOPES - {"read_returns", "read_orders"})]
    scopes.append({"handle": "write_orders"})
    data = {"shop": shop, "currentAppInstallation": {"accessScopes": scopes}}
    learnt = api.checked(reply(body={"data": data}))
    assert (
        learnt["account"], learnt["currency"], learnt["missing_scopes"],
    ) == ("Example", "EUR", "read_returns")  # fmt: skip
    with pytest.raises(ContractBroken):
        api.checked(reply(body={"data": {"shop": None}}))
