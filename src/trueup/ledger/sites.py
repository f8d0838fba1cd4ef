"""Sites: which of our places a vendor's location is."""

from collections.abc import Mapping

from trueup.ledger.rules import SiteOf

DEFAULT_SITE = "main"


def sites_of(settings: Mapping[str, str]) -> SiteOf:
    """Return the site of each location by a connection's settings.

    Args:
        settings: `location_sites` holds "location=site" pairs separated by commas; `default_site`
            names the site of every other location and of orders without one.
    """
    default = settings.get("default_site", "") or DEFAULT_SITE
    sites = mapped_sites(settings)

    def site_of(location_ref: str | None) -> str:
        return sites.get(location_ref or "", default)

    return site_of


def selling_sites(settings: Mapping[str, str]) -> frozenset[str] | None:
    """Return the sites from which a channel may sell, by its setting `sell_sites`; None: all."""
    named = {site.strip() for site in settings.get("sell_sites", "").split(",")} - {""}
    return frozenset(named) or None


def mapped_sites(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the site of each location that the settings name."""
    pairs = (pair.partition("=") for pair in settings.get("location_sites", "").split(","))
    return {ref.strip(): site.strip() for ref, _, site in pairs if site.strip()}
