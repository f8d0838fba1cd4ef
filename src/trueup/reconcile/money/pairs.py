"""Which rows of two sides have one amount, within some days."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

Move = tuple[str, date, Decimal]
"""Currency, day, signed amount."""


def find_pairs(
    left: Mapping[str, Move],
    right: Mapping[str, Move],
    days_max: int,
    tolerances: Mapping[str, Decimal],
) -> set[tuple[str, str]]:
    """Return all pairs of one currency whose amounts and days are near enough.

    Args:
        left: moves by ref.
        right: moves by ref.
        days_max: how many days may lie between two.
        tolerances: per currency, by how much amounts may differ; none where it is not named.
    """
    ordered: dict[str, list[tuple[Decimal, str]]] = {}
    for ref, (currency, _, amount) in right.items():
        ordered.setdefault(currency, []).append((amount, ref))
    for moves in ordered.values():
        moves.sort()
    amounts = {currency: [amount for amount, _ in moves] for currency, moves in ordered.items()}
    found = set()
    for ref, (currency, on, amount) in left.items():
        slack = tolerances.get(currency, Decimal(0))
        near = amounts.get(currency, [])
        first, last = bisect_left(near, amount - slack), bisect_right(near, amount + slack)
        for _, other in ordered.get(currency, [])[first:last]:
            if abs((right[other][1] - on).days) <= days_max:
                found.add((ref, other))
    return found
