"""Which of our places a vendor's location is."""

import pytest

from trueup.ledger.sites import sites_of


@pytest.mark.parametrize(
    ("settings", "location", "site"),
    [
        ({}, None, "main"),
        ({}, "7", "main"),
        ({"default_site": "berlin"}, None, "berlin"),
        ({"default_site": ""}, None, "main"),
        ({"location_sites": "7=berlin"}, "7", "berlin"),
        ({"location_sites": "7=berlin"}, "8", "main"),
        ({"location_sites": "7=berlin"}, None, "main"),
        ({"location_sites": " 7 = berlin , 8=paris,"}, "7", "berlin"),
        ({"location_sites": " 7 = berlin , 8=paris,"}, "8", "paris"),
        ({"location_sites": "7=,8"}, "7", "main"),
        ({"location_sites": "7=a=b"}, "7", "a=b"),
        ({"location_sites": "7=berlin", "default_site": "paris"}, "9", "paris"),
    ],
)
def test_site_of_a_location(settings: dict[str, str], location: str | None, site: str) -> None:
    assert sites_of(settings)(location) == site
