"""What let a channel sell what was not there follows from three instants and one number."""

from datetime import UTC, datetime, timedelta

import pytest

from trueup.console.oversold import Why, fall_of, why_of

GONE = datetime(2026, 11, 30, 10, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stood", "told", "units", "seconds", "why"),
    [
        (1, True, 1, -1, Why.UNHEARD),
        (3, True, 2, 0, Why.UNHEARD),
        (1, True, 1, 2, Why.UNTOLD),
        (0, True, 1, 2, Why.OVER),
        (1, True, 2, -1, Why.OVER),
        (None, False, 1, 2, Why.SILENT),
        # It was told for the first time after the sale.
        (None, True, 1, 2, Why.UNTOLD),
    ],
)
def test_a_sale_beyond_the_last_unit_has_one_cause(
    stood: int | None, told: object, units: int, seconds: int, why: Why
) -> None:
    sold_at = GONE + timedelta(seconds=seconds)
    assert why is why_of(
        is_sale=True, stood=stood, told=bool(told), units=units, sold_at=sold_at, gone_at=GONE
    )
    assert Why.LOWERED is why_of(
        is_sale=False, stood=stood, told=bool(told), units=units, sold_at=sold_at, gone_at=GONE
    )


@pytest.mark.parametrize(
    ("available", "first"),
    [
        ([5, 2, 0, -1, -3], 2),
        ([5, -1, 4, 1, -2, -2, 3], 4),  # the newest fall; it has healed
        ([-4, -5], 0),
        ([3, 2, 1, 0], None),
        ([], None),
    ],
)
def test_the_newest_fall_begins_where_the_last_unit_went(
    available: list[int], first: int | None
) -> None:
    series = [{"n": n, "available": left} for n, left in enumerate(available)]
    fall = fall_of(series)
    assert (fall[0]["n"] if fall else None) == first
