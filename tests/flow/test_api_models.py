"""Models by the API: their cards, what SKUs will sell, what is expected of customers."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from tests.console.site import serving
from tests.console.world import World
from tests.flow.test_parcels import delhivery
from tests.support.parcels import stop
from tests.support.spine import KEY, open_spine
from tests.unit.models.test_demand import sales
from tests.unit.models.test_value import some_buyers
from trueup.api import v1_models
from trueup.govern.vault import Vault
from trueup.kernel.clock import SystemClock
from trueup.models.demand import learn as demand
from trueup.models.model import Model
from trueup.models.train import train_model
from trueup.models.value import learn as value

NOW = datetime(2026, 3, 11, 9, tzinfo=UTC)


class Later(SystemClock):
    """A clock on which the carrier's days are over."""

    def now(self) -> datetime:
        """Return the instant."""
        return super().now() + timedelta(days=12)


def reading(model: Model, history: Any) -> Model:
    """Return a model that learns from a made-up past."""

    async def read(_look: Any) -> Any:
        return history

    return msgspec.structs.replace(model, read=read)


async def learn(dsn: str) -> tuple[str, ...]:
    """Train both; returns the ids of a customer who bought three times and of one who did once.

    A carrier had 30 parcels on one route, of which six never came, and 3 on another.
    """
    async with open_spine(dsn, "north") as spine:
        orders = []
        for number, (email, day) in enumerate(
            [
                ("ada@example.com", 1),
                ("ada@example.com", 31),
                ("ada@example.com", 61),
                ("bo@example.com", 50),
            ]
        ):
            at = (datetime(2026, 1, 1, 10, tzinfo=UTC) + timedelta(days=day)).isoformat()
            person = {"id": 7000 + number, "email": email, "phone": None}
            body = {"email": email, "contact_email": email, "customer": person, "phone": None}
            nowhere = {"billing_address": None, "shipping_address": None}
            times = {"created_at": at, "processed_at": at, "updated_at": at}
            orders.append(spine.order(900 + number, "TEE", **(body | nowhere | times)))
        await spine.take(*orders)
        for model, history in ((demand.MODEL, sales()), (value.MODEL, some_buyers())):
            await train_model(
                spine.conn,
                spine.hub,
                reading(model, history),
                NOW,
                drift_share=0.25,
                tell=lambda _doing, _share: None,
            )
        rows = await spine.rows(
            "SELECT encode(person, 'hex') FROM records.record WHERE kind = 'order'"
            " ORDER BY occurred_at"
        )
    async with delhivery(dsn) as (brand, twin):
        for place, count in (("Jaipur_Sitapura_I", 30), ("Pune_Kharadi_D", 3)):
            twin.places = (place,)
            for number in range(count):
                parcel = twin.ship(f"#2{len(place)}{number}", "straight")
                if number >= 24:
                    stop(parcel, 21)  # and never come
        for hours in (51, 141):
            twin.travel(hours)
            await brand.deliver()
            await brand.apply()
            await brand.work("delhivery")
            await brand.apply()
    return rows[0][0], rows[2][0]


@pytest.fixture(scope="module")
def known(module_database_url: str) -> tuple[str, ...]:
    return asyncio.run(learn(module_database_url))


@pytest.fixture(scope="module")
def client(module_database_url: str, known: tuple[str, ...]) -> Iterator[httpx.Client]:
    assert known
    world = World(module_database_url, Vault(KEY))
    with pytest.MonkeyPatch.context() as later:
        later.setattr(v1_models, "SystemClock", Later)
        with serving(module_database_url, world, key=KEY) as site, site.program() as client:
            yield client


def test_models_are_listed_with_their_cards(client: httpx.Client) -> None:
    one, other = client.get("/api/v1/models").json()
    assert (one["model"], other["model"]) == ("demand", "value")
    assert one["beats"] is True
    assert one["card"]["figures"][0]["name"] == "rmsse"
    assert "It beats the rule by rmsse" in one["sentence"]
    assert one["watched_at"] is None


def test_a_forecast_is_told_by_sku_day_and_channel(client: httpx.Client) -> None:
    skus: list[str] = []
    cursor = None
    while True:
        asked = {"count": 15} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/v1/forecast", params=asked).json()
        skus += [each["sku"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert skus == sorted(skus)
    assert len(set(skus)) == 40
    [item] = client.get("/api/v1/forecast", params={"sku": "S-007"}).json()["items"]
    assert item["sku"] == "S-007"
    assert len(item["days"]) == 28
    assert item["days"][0]["on"] == "2026-03-11"
    assert sum(item["channels"].values()) == pytest.approx(item["units"])
    assert all(day["low"] <= day["high"] for day in item["days"])
    assert client.get("/api/v1/forecast", params={"sku": "NONE"}).json()["items"] == []


def test_tiers_are_told_by_currency(client: httpx.Client) -> None:
    tiers = client.get("/api/v1/customers/tiers").json()
    assert [each["tier"] for each in tiers] == ["top", "high", "middle", "low"]
    assert sum(each["customers"] for each in tiers) == 400


def test_one_customer_is_told_by_any_id(client: httpx.Client, known: tuple[str, ...]) -> None:
    regular, once = (client.get(f"/api/v1/customers/{each}/expected").json() for each in known)
    assert (regular["purchases"], once["purchases"]) == (3, 1)
    assert regular["early_on"] <= regular["expected_on"] <= regular["late_on"]
    assert date.fromisoformat(regular["last_on"]) == date(2026, 3, 3)
    assert once["early_on"] is None
    assert once["again"] is None
    assert 0 < regular["alive"] <= 1


def test_routes_are_told_by_where_parcels_come_from_and_go(client: httpx.Client) -> None:
    whole, jaipur, pune = client.get("/api/v1/routes").json()["items"]
    assert {each["connection"] for each in (whole, jaipur, pune)} == {"delhivery"}
    assert [(each["from"], each["to"]) for each in (whole, jaipur, pune)] == [
        ("", ""),
        ("Jaipur_Sitapura_I", "41"),
        ("Pune_Kharadi_D", "41"),
    ]
    assert [each["parcels"] for each in (whole, jaipur, pune)] == [33, 30, 3]
    assert [(each["promised"], each["late"]) for each in (whole, jaipur)] == [(33, 6), (30, 6)]
    assert (jaipur["late_share"], jaipur["score"]) == (0.2, 80)
    assert [each["told_by"] for each in (whole, jaipur, pune)] == ["route", "route", "carrier"]
    told = ("late_share", "days_p50", "days_p90", "gap_h_p90", "score")
    assert {name: pune[name] for name in told} == {name: whole[name] for name in told}
    assert 1 < whole["days_p50"] <= whole["days_p90"] < 4


def test_routes_are_asked_for_by_part_and_page(client: httpx.Client) -> None:
    def asked(**params: str | int) -> list[str]:
        return [
            each["from"] for each in client.get("/api/v1/routes", params=params).json()["items"]
        ]

    assert asked(**{"from": "pune_kharadi_d"}) == ["Pune_Kharadi_D"]
    assert asked(to="41", carrier="delhivery") == ["Jaipur_Sitapura_I", "Pune_Kharadi_D"]
    assert asked(carrier="ups") == []
    first = client.get("/api/v1/routes", params={"count": 2}).json()
    assert len(first["items"]) == 2
    assert asked(count=2, cursor=first["next_cursor"]) == ["Pune_Kharadi_D"]
    assert client.get("/api/v1/routes", params={"cursor": "?"}).status_code == 400


@pytest.mark.parametrize("person", ["00ff", "abc"])
def test_whoever_never_bought_is_not_found(client: httpx.Client, person: str) -> None:
    assert client.get(f"/api/v1/customers/{person}/expected").status_code == 404


def test_what_is_no_id_is_refused(client: httpx.Client) -> None:
    assert client.get("/api/v1/customers/ada@example.com/expected").status_code == 400


def test_nobody_reads_without_a_token(client: httpx.Client) -> None:
    for path in ("models", "forecast", "customers/tiers", "customers/00ff/expected", "routes"):
        assert httpx.get(f"{client.base_url}/api/v1/{path}").status_code == 401
