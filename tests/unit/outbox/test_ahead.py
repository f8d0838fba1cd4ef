"""How many units are to come that may be counted on. Pure."""

from datetime import date, timedelta

import pytest

from trueup.outbox.ahead import INCOMING_MAX, units_ahead
from trueup.records.expected import Incoming

TODAY = date(2026, 3, 2)
SHOP = frozenset({"shop"})


def line(units: int, in_days: int | None, site: str = "main") -> Incoming:
    return Incoming(
        sku="TEE",
        units=units,
        expected_on=None if in_days is None else TODAY + timedelta(days=in_days),
        site=site,
        source="purchase",
        ref="PO-1",
        number="PO-1",
        line_ref="1",
        connection_id=1,
    )


@pytest.mark.parametrize(
    ("in_days", "days", "units"),
    [
        (0, None, 7),
        (0, 0, 7),
        (1, 0, 0),
        (10, 10, 7),
        (11, 10, 0),
        (900, None, 7),
        (-1, None, 0),
        (None, None, 0),
        (None, 10, 0),
    ],
)
def test_only_what_has_a_day_that_is_near_and_not_over_counts(
    in_days: int | None, days: int | None, units: int
) -> None:
    assert units_ahead([line(7, in_days)], today=TODAY, days=days, sites=None) == units


def test_only_what_comes_to_the_sites_of_the_channel_counts() -> None:
    lines = [line(7, 1), line(2, 1, "shop")]
    assert units_ahead(lines, today=TODAY, days=None, sites=None) == 9
    assert units_ahead(lines, today=TODAY, days=None, sites=SHOP) == 2
    assert units_ahead(lines, today=TODAY, days=None, sites=frozenset()) == 0


def test_a_number_that_no_shop_could_hold_is_bounded() -> None:
    lines = [line(2_000_000_000, 1), line(2_000_000_000, 2)]
    assert units_ahead(lines, today=TODAY, days=None, sites=None) == INCOMING_MAX
