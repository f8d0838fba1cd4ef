"""The points of a stock chart: bounded, and honest about the lowest of what is left out."""

from collections.abc import Sequence
from itertools import pairwise

from trueup.console.fact import Chart, Point
from trueup.console.readings import Session
from trueup.ledger import reads as ledger

EVENTS_MAX = 2000
POINTS_MAX = 160


async def read_chart(session: Session, sku: str) -> Chart | None:
    """Return the chart of a SKU; None where it never moved."""
    rows = await ledger.stock_series(session, sku, count=EVENTS_MAX)
    points = [
        Point(
            at=row["posted_at"],
            available=row["available"],
            event_id=row["event_id"],
            reason=row["reason"],
        )
        for row in rows
    ]
    if not points:
        return None
    return Chart(sku=sku, points=thin(points, POINTS_MAX), thinned=len(points) > POINTS_MAX)


def thin(points: Sequence[Point], count: int) -> tuple[Point, ...]:
    """Return at most `count` points: of each stretch the lowest, and always the first and last.

    The lowest is what matters: an oversell must not be thinned away.
    """
    if len(points) <= count:
        return tuple(points)
    inner = points[1:-1]
    edges = [round(n * len(inner) / (count - 2)) for n in range(count - 1)]
    lowest = [min(inner[a:b], key=lambda p: p.available) for a, b in pairwise(edges) if a < b]
    return (points[0], *lowest, points[-1])
