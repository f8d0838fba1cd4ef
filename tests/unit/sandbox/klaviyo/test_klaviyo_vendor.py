"""Goal: the simulated Klaviyo is as strict as the real one, and the same seed is the same account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.klaviyo.filters import matcher
from trueup.sandbox.klaviyo.refusal import Refusal
from trueup.sandbox.klaviyo.vendor import API_KEY, MEDIA_TYPE, REVISION, KlaviyoVendor
from trueup.sandbox.klaviyo.windows import Windows

pytestmark = pytest.mark.anyio
AT = datetime(2026, 3, 1, tzinfo=UTC)
HEADERS = {"authorization": f"Klaviyo-API-Key {API_KEY}", "revision": REVISION}


@pytest.fixture
def vendor() -> KlaviyoVendor:
    return KlaviyoVendor(ManualClock(), seed=3)


async def ask(vendor: KlaviyoVendor, method: str, path: str, **more: Any) -> httpx.Response:
    headers = HEADERS | more.pop("headers", {})
    async with httpx.AsyncClient(transport=vendor.transport(), base_url="http://twin") as client:
        return await client.request(method, path, headers=headers, **more)


@pytest.mark.parametrize(
    "text",
    [
        "equals(email,a@b.example",
        'contains(email,"a")',
        'equals(first_name,"a")',
        "greater-or-equal(updated,2026-01-01T00:00:00Z)",
        "greater-than(updated,yesterday)",
    ],
)
def test_a_filter_that_klaviyo_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        matcher(text, {"email": ("equals",), "updated": ("greater-than",)})


def test_terms_of_a_filter_hold_together() -> None:
    allowed = {"datetime": ("greater-or-equal", "less-than")}
    passes = matcher(
        "greater-or-equal(datetime,2026-03-01T00:00:00Z),less-than(datetime,2026-03-01T00:00:01Z)",
        allowed,
    )
    stamps = [AT + timedelta(seconds=s) for s in (-1, 0, 1)]
    assert [passes({"datetime": at.isoformat()}) for at in stamps] == [False, True, False]
    assert not passes({"datetime": None})


def test_two_windows_are_counted_side_by_side() -> None:
    windows = Windows(burst=2, steady=3)
    assert [windows.take(AT) for _ in range(3)] == [True, True, False]
    assert windows.wait_s(AT) == 1
    later = AT + timedelta(seconds=5)
    assert [windows.take(later), windows.take(later)] == [True, False]
    assert windows.wait_s(later) == 55
    assert windows.take(AT + timedelta(seconds=60))
    assert windows.wait_s(AT + timedelta(seconds=61)) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 200), ({"revision": "2023-02-22"}, 410), ({"authorization": "Bearer x"}, 401)],
)
async def test_the_key_and_the_revision_are_asked_for(
    vendor: KlaviyoVendor, headers: dict[str, str], status: int
) -> None:
    assert (await ask(vendor, "GET", "/api/accounts", headers=headers)).status_code == status


@pytest.mark.parametrize(
    "query",
    ["page[size]=101", "page[size]=x", "page[cursor]=%%", "sort=changed", "filter=nonsense"],
)
async def test_a_parameter_that_is_not_valid_is_refused(vendor: KlaviyoVendor, query: str) -> None:
    answer = await ask(vendor, "GET", f"/api/profiles?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"]["parameter"] == query.partition("=")[0]


async def test_a_body_of_another_media_type_or_kind_is_refused(vendor: KlaviyoVendor) -> None:
    told = {"data": {"type": "list", "attributes": {"email": "a@b.example"}}}
    plain = await ask(vendor, "POST", "/api/profile-import", json=told)
    assert plain.status_code == 415
    typed = {"content-type": MEDIA_TYPE}
    assert (
        await ask(vendor, "POST", "/api/profile-import", json=told, headers=typed)
    ).status_code == 400
    odds: tuple[dict[str, Any], ...] = (
        {},
        {"data": []},
        {"data": {"type": "event", "attributes": {}}},
    )
    for odd in odds:
        answer = await ask(vendor, "POST", "/api/events", json=odd, headers=typed)
        assert answer.status_code == 400


async def test_profiles_show_consent_only_where_it_is_asked_for(vendor: KlaviyoVendor) -> None:
    vendor.account.upsert({"email": "a@b.example"})
    bare = (await ask(vendor, "GET", "/api/profiles")).json()["data"][0]
    assert "subscriptions" not in bare["attributes"]
    query = "additional-fields[profile]=subscriptions"
    full = (await ask(vendor, "GET", f"/api/profiles?{query}")).json()["data"][0]
    assert "email" in full["attributes"]["subscriptions"]


def test_a_time_of_consent_goes_with_a_historical_import(vendor: KlaviyoVendor) -> None:
    marketing = {"consent": "SUBSCRIBED", "consented_at": AT.isoformat()}
    about = {"email": "a@b.example", "subscriptions": {"email": {"marketing": marketing}}}
    job = {"profiles": {"data": [{"attributes": about}]}}
    with pytest.raises(Refusal):
        vendor.account.take_job(job, subscribing=True)
    vendor.account.take_job(job | {"historical_import": True}, subscribing=True)
    assert vendor.account.profiles == {}
    vendor.account.settle()
    (profile,) = vendor.account.profiles.values()
    stands = profile["subscriptions"]["email"]["marketing"]
    assert (stands["consent"], stands["consent_timestamp"]) == ("SUBSCRIBED", AT.isoformat())


def test_a_unique_id_counts_once_for_a_profile_and_metric(vendor: KlaviyoVendor) -> None:
    def told(name: str, unique: str) -> dict[str, Any]:
        return {
            "properties": {},
            "unique_id": unique,
            "metric": {"data": {"attributes": {"name": name}}},
            "profile": {"data": {"attributes": {"email": "a@b.example"}}},
        }

    for name, unique in (("A", "1"), ("A", "1"), ("A", "2"), ("B", "1")):
        vendor.account.take_event(told(name, unique))
    assert vendor.account.at_work() == 4
    vendor.account.settle()
    assert len(vendor.account.events) == 3
    assert vendor.account.noted("A") == {"1", "2"}


def test_the_same_seed_is_the_same_account() -> None:
    made = []
    for _ in range(2):
        vendor = KlaviyoVendor(ManualClock(), seed=5)
        profile, _ = vendor.account.upsert({"email": "a@b.example"})
        vendor.account.record(profile["id"], "Placed Order", {"$value": 1})
        made.append((vendor.account.profiles, vendor.account.events))
    assert made[0] == made[1]
