"""Where somebody may be: by address, else by the country of their number, else where the brand is."""

import importlib.resources
import tomllib
from zoneinfo import ZoneInfo

import pytest

from trueup.canon.customer import Address
from trueup.decisions import contact
from trueup.decisions.contact.zones import zones_of

BRAND = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("country", "province", "zones"),
    [
        ("DE", None, {"Europe/Berlin", "Europe/Zurich"}),
        ("IN", "Maharashtra", {"Asia/Kolkata"}),
        ("US", "CA", {"America/Los_Angeles"}),
        ("US", "california", {"America/Los_Angeles"}),
        ("us", "US-NY", {"America/New_York"}),
        ("US", "Tennessee", {"America/New_York", "America/Chicago"}),
        ("CA", "Québec", {"America/Toronto", "America/Halifax", "America/Puerto_Rico"}),
        ("AU", "Queensland", {"Australia/Brisbane"}),
    ],
)
def test_an_address_tells_the_zones(country: str, province: str | None, zones: set[str]) -> None:
    found, told_by = zones_of(Address(country=country, province=province), None, BRAND)
    assert ({zone.key for zone in found}, told_by) == (zones, "address")


def test_an_unknown_province_leaves_all_zones_of_its_country() -> None:
    found, _ = zones_of(Address(country="US", province="Atlantis"), None, BRAND)
    names = {zone.key for zone in found}
    assert {"America/New_York", "Pacific/Honolulu", "America/Anchorage"} <= names


def test_else_the_number_tells_the_country_and_never_more() -> None:
    found, told_by = zones_of(None, "+12125550123", BRAND)
    assert told_by == "phone"
    assert {"America/New_York", "America/Los_Angeles"} <= {zone.key for zone in found}, (
        "people move and keep their number"
    )
    elsewhere, _ = zones_of(Address(country="ZZ"), "+81312345678", BRAND)
    assert [zone.key for zone in elsewhere] == ["Asia/Tokyo"]


@pytest.mark.parametrize("phone", [None, "", "hello", "+999123"])
def test_else_it_is_where_the_brand_is(phone: str | None) -> None:
    assert zones_of(Address(city="Ulm"), phone, BRAND) == ((BRAND,), "brand")


def test_every_province_names_zones_that_there_are() -> None:
    text = (importlib.resources.files(contact) / "zones.toml").read_text(encoding="utf-8")
    provinces = tomllib.loads(text)
    assert {country: len(rows) for country, rows in provinces.items()} == {
        "US": 51,
        "CA": 13,
        "AU": 8,
    }
    assert all(
        ZoneInfo(zone) for rows in provinces.values() for row in rows for zone in row["zones"]
    )
