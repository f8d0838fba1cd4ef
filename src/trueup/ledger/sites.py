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
    pairs = (pair.partition("=") for pair in settings.get("location_sites", "").split(","))
    sites = {ref.strip(): site.strip() for ref, _, site in pairs if site.strip()}

    def site_of(location_ref: str | None) -> str:
        return sites.get(location_ref or "", default)

    return site_of
