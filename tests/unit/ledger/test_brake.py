"""What a brake lets pass: exactly the share does, one more does not."""

from datetime import UTC, datetime, timedelta

import pytest

from trueup.ledger.brake import (
    Change,
    Excess,
    Known,
    Limits,
    change_of,
    excesses,
    marks_of,
    newest,
)
from trueup.ledger.counts import Count

AT = datetime(2026, 3, 1, tzinfo=UTC)
LIMITS = Limits()


def count(units: int, *, hour: int = 1, sku: str = "A") -> Count:
    return Count(sku=sku, site="main", counted_at=AT + timedelta(hours=hour), units=units)


@pytest.mark.parametrize(
    ("units", "known", "change"),
    [
        (0, None, None),  # the first count of a SKU
        (900, None, None),
        (0, Known(5, None), Change.EMPTIED),
        (0, Known(0, None), None),
        (0, Known(-3, None), None),
        (1, Known(500, None), None),
        (50, Known(5, None), None),  # exactly the factor
        (51, Known(5, None), Change.INFLATED),
        (10, Known(0, None), None),
        (11, Known(0, None), Change.INFLATED),
        (0, Known(5, AT + timedelta(hours=1)), None),  # not newer than what was counted there
        (0, Known(5, AT), Change.EMPTIED),
    ],
)
def test_what_is_odd_about_one_count(
    units: int, known: Known | None, change: Change | None
) -> None:
    assert change_of(count(units), known, LIMITS) == change


@pytest.mark.parametrize(
    ("emptied", "of", "held"),
    [(20, 100, False), (21, 100, True), (4, 20, False), (5, 20, True), (19, 19, False)],
)
def test_exactly_the_share_passes(emptied: int, of: int, *, held: bool) -> None:
    marks = marks_of(((f"S{n}", "main"), Change.EMPTIED) for n in range(emptied))
    found = excesses(marks, {"main": of}, LIMITS)
    assert found == ([Excess("main", Change.EMPTIED, emptied, of)] if held else [])


def test_sites_and_changes_are_judged_apart() -> None:
    changes = [((f"S{n}", "main"), Change.EMPTIED) for n in range(20)]
    changes += [((f"T{n}", "main"), Change.INFLATED) for n in range(20)]
    changes += [((f"S{n}", "shop"), Change.EMPTIED) for n in range(8)]
    found = excesses(marks_of(changes), {"main": 100, "shop": 30}, LIMITS)
    assert [(each.site, each.skus) for each in found] == [("shop", 8)]
    assert found[0].told(LIMITS) == (
        "8 of 30 counted SKUs at shop would fall to 0; at most 20% pass"
    )
    none = Limits(zero_share=0.0, grow_share=1.0)
    assert {each.change for each in excesses(marks_of(changes), {"main": 100}, none)} == {
        Change.EMPTIED
    }


def test_a_sku_counts_once_and_its_newest_count_holds() -> None:
    marks = marks_of([(("A", "main"), Change.EMPTIED)] * 30)
    assert excesses(marks, {"main": 100}, LIMITS) == []
    counts = [count(0), count(7, hour=3), count(2, hour=2)]
    assert newest(counts)["A", "main"].units == 7
