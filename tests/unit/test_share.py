"""A bar of parts: as long as they are, all of them seen, and nothing where there is nothing."""

import re
from decimal import Decimal

from trueup.console.share import WIDTH, SharePart, draw_share


def widths(*amounts: str) -> list[float]:
    svg = draw_share([SharePart("--good", Decimal(amount)) for amount in amounts])
    return [float(width) for width in re.findall(r' width="([0-9.]+)" height', svg)]


def test_parts_are_as_long_as_they_are_and_fill_the_bar() -> None:
    first, second = widths("3", "1")
    assert 2.9 < first / second < 3.1
    assert abs(first + 2 + second - WIDTH) < 0.2
    assert widths("7", "0") == [WIDTH]


def test_a_small_part_is_seen_and_no_part_is_no_bar() -> None:
    assert min(widths("1000000", "0.01")) >= 3
    assert draw_share([]) == draw_share([SharePart("--bad", Decimal(0))]) == ""
