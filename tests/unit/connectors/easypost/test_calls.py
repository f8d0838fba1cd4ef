"""How EasyPost is called, and what its replies mean."""

import json
from datetime import UTC, datetime

import pytest

from trueup.connectors.easypost import api, hooks, pull
from trueup.contract.connector import Fetch, Reply
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)


def reply(status: int, body: object = None, **headers: str) -> Reply:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=headers, body=told)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthExpired),
        (403, AuthExpired),
        (402, Refused),
        (404, Refused),
        (408, Unavailable),
        (422, Refused),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_status_has_its_fate(status: int, error: type[ConnectorError]) -> None:
    with pytest.raises(error):
        api.judge(reply(status, {"error": {"code": "X"}}))
    with pytest.raises(error):
        api.judge(reply(status, b"<html>"))


def test_what_answers_a_question_is_no_error() -> None:
    for status, code in ((404, "NOT_FOUND"), (422, "SHIPMENT.POSTAGE.EXISTS")):
        api.judge(reply(status, {"error": {"code": code}}))
    gone = reply(404, {"error": {"code": "NOT_FOUND"}})
    with pytest.raises(Refused):
        pull.fetched(Fetch(resource="shipment", ref="shp_1"), gone)


@pytest.mark.parametrize(
    ("given", "expected"), [("7", 7.0), ("nan", 5.0), ("-1", 5.0), ("", 5.0), ("99999", 3600.0)]
)
def test_the_vendor_says_when_to_come_back(given: str, expected: float) -> None:
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=429, headers={"retry-after": given}, body=b""))
    assert caught.value.after_s == expected


def test_the_key_is_the_user_and_the_secret_goes_with_a_new_webhook_alone() -> None:
    secrets = {"api_key": "EZAK", "webhook_secret": "s" * 20}
    listed = api.authorise(hooks.list_request(None), secrets)
    assert dict(listed.headers)["authorization"] == "Basic RVpBSzo="
    assert b"s" * 20 not in listed.body
    made = api.authorise(hooks.create_request(hooks.TOPIC, "https://hub/h"), secrets)
    assert json.loads(made.body) == {
        "webhook": {"url": "https://hub/h", "webhook_secret": "s" * 20}
    }
    bare = api.authorise(hooks.create_request(hooks.TOPIC, "https://hub/h"), {"api_key": "EZAK"})
    assert json.loads(bare.body) == {"webhook": {"url": "https://hub/h"}}


def test_a_list_names_its_first_day_for_else_it_is_a_month() -> None:
    whole = pull.page_request("parcel", None, None)
    assert whole.path == "/trackers?page_size=100&start_datetime=2012-01-01T00%3A00%3A00Z"
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert pull.page_request("parcel", since, "trk_9").path.endswith(
        "start_datetime=2026-03-01T00%3A00%3A00Z&before_id=trk_9"
    )


@pytest.mark.parametrize(
    "body", [b"nonsense", {"trackers": 1}, {"trackers": [{"no": "id"}]}, {"webhooks": []}, None]
)
def test_a_reply_of_another_form_is_a_broken_contract(body: object) -> None:
    with pytest.raises(ContractBroken):
        pull.page("parcel", reply(200, body))
    with pytest.raises(ContractBroken):
        hooks.created(reply(200, body))


def test_what_is_no_list_is_no_check_and_no_list_of_webhooks() -> None:
    with pytest.raises(ContractBroken):
        api.checked(reply(200, {}))
    with pytest.raises(ContractBroken):
        hooks.listed(reply(200, {"trackers": []}))
    assert api.checked(reply(200, {"trackers": []})) == {"account": "EasyPost", "mode": ""}
    assert api.base_url({}) == "https://api.easypost.com/v2"
    assert api.budget(reply(200)) is None


def test_a_webhook_that_was_switched_off_is_not_ours_any_more() -> None:
    rows = [
        {"id": "hook_1", "url": "https://hub/h", "disabled_at": "2026-03-01T00:00:00Z"},
        {"id": "hook_2", "url": "https://hub/h", "disabled_at": None},
    ]
    (off, on), cursor = hooks.listed(reply(200, {"webhooks": rows}))
    assert (off.topic, on.topic, cursor) == (hooks.SWITCHED_OFF, hooks.TOPIC, None)


def test_other_resources_are_refused() -> None:
    for call in (
        lambda: pull.page_request("order", None, None),
        lambda: pull.fetch_request(Fetch(resource="order", ref="1")),
        lambda: pull.count("parcel", reply(200)),
    ):
        with pytest.raises(Refused):
            call()
    assert pull.count_request("parcel", None) is None
    hostile = pull.fetch_request(Fetch(resource="shipment", ref="../users?x"))
    assert hostile.path == "/shipments/..%2Fusers%3Fx"
    assert pull.batches(["", "a,b", "1", "1"]) == (Fetch(resource="parcel", ref="1"),)
