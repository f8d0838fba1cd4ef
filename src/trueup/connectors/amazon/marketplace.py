"""Amazon's regions and marketplaces: where their API lies, and what money they count in.

Source: Amazon's pages "SP-API endpoints" and "Marketplace ids".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class Region(msgspec.Struct, frozen=True):
    """Where a region's API and its page for sellers lie."""

    endpoint: str
    seller_central: str


class Marketplace(msgspec.Struct, frozen=True):
    """One marketplace."""

    region: str
    country: str
    currency: str


REGIONS: Final[Mapping[str, Region]] = MappingProxyType(
    {
        "na": Region("sellingpartnerapi-na.amazon.com", "sellercentral.amazon.com"),
        "eu": Region("sellingpartnerapi-eu.amazon.com", "sellercentral-europe.amazon.com"),
        "fe": Region("sellingpartnerapi-fe.amazon.com", "sellercentral.amazon.co.jp"),
    }
)

MARKETPLACES: Final[Mapping[str, Marketplace]] = MappingProxyType(
    {
        "A2EUQ1WTGCTBG2": Marketplace("na", "CA", "CAD"),
        "ATVPDKIKX0DER": Marketplace("na", "US", "USD"),
        "A1AM78C64UM0Y8": Marketplace("na", "MX", "MXN"),
        "A2Q3Y263D00KWC": Marketplace("na", "BR", "BRL"),
        "A28R8C7NBKEWEA": Marketplace("eu", "IE", "EUR"),
        "A1RKKUPIHCS9HS": Marketplace("eu", "ES", "EUR"),
        "A1F83G8C2ARO7P": Marketplace("eu", "GB", "GBP"),
        "A13V1IB3VIYZZH": Marketplace("eu", "FR", "EUR"),
        "AMEN7PMS3EDWL": Marketplace("eu", "BE", "EUR"),
        "A1805IZSGTT6HS": Marketplace("eu", "NL", "EUR"),
        "A1PA6795UKMFR9": Marketplace("eu", "DE", "EUR"),
        "APJ6JRA9NG5V4": Marketplace("eu", "IT", "EUR"),
        "A2NODRKZP88ZB9": Marketplace("eu", "SE", "SEK"),
        "AE08WJ6YKNBMC": Marketplace("eu", "ZA", "ZAR"),
        "A1C3SOZRARQ6R3": Marketplace("eu", "PL", "PLN"),
        "ARBP9OOSHTCHU": Marketplace("eu", "EG", "EGP"),
        "A33AVAJ2PDY3EV": Marketplace("eu", "TR", "TRY"),
        "A17E79C6D8DWNP": Marketplace("eu", "SA", "SAR"),
        "A2VIGQ35RCS4UG": Marketplace("eu", "AE", "AED"),
        "A21TJRUUN4KGV": Marketplace("eu", "IN", "INR"),
        "A19VAU5U5O7RUS": Marketplace("fe", "SG", "SGD"),
        "A39IBJ37TRP1C6": Marketplace("fe", "AU", "AUD"),
        "A1VC38T7YXB528": Marketplace("fe", "JP", "JPY"),
    }
)

FBA_PREFIX: Final = "FBA-"
"""An Amazon warehouse stands for all of a marketplace: "FBA-ATVPDKIKX0DER"."""

MERCHANT_CHANNEL: Final = "DEFAULT"
"""Amazon's word for stock that the merchant sends out."""


def currency_of(marketplace_id: str | None) -> str | None:
    """Return a marketplace's currency; None where the marketplace is not known."""
    found = MARKETPLACES.get(marketplace_id or "")
    return found.currency if found else None
