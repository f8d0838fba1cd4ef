"""How unevenly a SKU is sold: in lines of several units, and in bursts. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from trueup.outbox.buffers import DISPERSION_MAX

DISPERSION_PRIOR: Final = 1.5
"""Of a SKU of which little was sold: most lines are of one unit, some are not."""

UNITS_PRIOR: Final = 20
"""As many units speak for what is assumed; more than these are needed to outweigh it."""


def dispersion_of(sales: Iterable[tuple[datetime, int]], window_s: float) -> float:
    """Return the variance of the units sold in a window over their mean, at least 1.

    Args:
        sales: when, and how many units.
        window_s: as long as word takes.
    """
    known = sorted(sales)
    units = sum(sold for _, sold in known)
    if units <= 0 or window_s <= 0:
        return DISPERSION_PRIOR
    first = known[0][0]
    windows: Counter[int] = Counter()
    for at, sold in known:
        windows[int((at - first).total_seconds() / window_s)] += sold
    mean = units / (max(windows) + 1)
    measured = sum(sold * sold for sold in windows.values()) / units - mean
    # The last sales are where the counting ends, not a window like the others.
    shrunk = (units * max(1.0, measured) + UNITS_PRIOR * DISPERSION_PRIOR) / (units + UNITS_PRIOR)
    return min(shrunk, DISPERSION_MAX)
