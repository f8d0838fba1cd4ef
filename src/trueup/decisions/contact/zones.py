"""In which time zones somebody may be, by where they live. Pure but for tables that are read once.

Countries are those of the IANA time zone database (`zone1970.tab` of the package tzdata). Where a
country has several zones, `zones.toml` tells those of its provinces. What is not known leaves all
zones of the country, so that nobody is woken for a guess.
"""

import importlib.resources
import tomllib
from collections.abc import Mapping
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers

from trueup.canon.customer import Address
from trueup.canon.link import normal_text


def zones_of(
    address: Address | None, phone: str | None, brand: ZoneInfo
) -> tuple[tuple[ZoneInfo, ...], str]:
    """Return the zones in which somebody may be, with what told it.

    Args:
        address: where they live or have things sent.
        phone: in E.164; only its country counts, because people move and keep their number.
        brand: where the brand is, which counts where nothing else tells.
    """
    country = (address.country or "").upper() if address is not None else ""
    if address is not None and country:
        names = _of_province(country, address.province) or _of_country(country)
        if names:
            return _opened(names), "address"
    names = _of_country(_country_of(phone))
    return (_opened(names), "phone") if names else ((brand,), "brand")


def _country_of(phone: str | None) -> str:
    if not phone:
        return ""
    try:
        number = phonenumbers.parse(phone if phone.startswith("+") else f"+{phone}")
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""


def _of_province(country: str, province: str | None) -> tuple[str, ...]:
    known = _provinces().get(country, {})
    wanted = normal_text(province).removeprefix(f"{country.lower()} ")
    return known.get(wanted, ()) if wanted else ()


@cache  # ZoneInfo itself remembers eight zones, and reads the others from disk each time
def _opened(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in sorted(set(names)))


def _of_country(country: str) -> tuple[str, ...]:
    return _countries().get(country, ())


@cache
def _countries() -> Mapping[str, tuple[str, ...]]:
    """Return the zones of each country by its ISO 3166-1 code."""
    table = importlib.resources.files("tzdata") / "zoneinfo" / "zone1970.tab"
    found: dict[str, list[str]] = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        countries, _, zone, *_ = line.split("\t")
        for country in countries.split(","):
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


@cache
def _provinces() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the zones of provinces by country, and by each of a province's names."""
    text = (importlib.resources.files(__package__) / "zones.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for country, rows in tomllib.loads(text).items():
        names = found.setdefault(country, {})
        for row in rows:
            for name in row["names"]:
                names[normal_text(name)] = tuple(row["zones"])
    return found
