"""What was sold of many SKUs, one period after the other, and what kind of demand each is. Pure."""

from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Panel(NamedTuple):
    """One row a SKU, one column a period, the oldest first.

    Attributes:
        units: what was sold.
        known: there was something to sell, or some was sold: else the day says nothing of demand.
    """

    units: Floats
    known: Bools

    def before(self, periods: int) -> "Panel":
        """Return the first periods alone."""
        return Panel(self.units[:, :periods], self.known[:, :periods])


class Kind(StrEnum):
    """Demand by how often it comes and how its sizes differ, after Syntetos and Boylan (2005)."""

    SMOOTH = "smooth"
    ERRATIC = "erratic"  # often, in sizes that differ
    INTERMITTENT = "intermittent"  # rarely, in sizes that are alike
    LUMPY = "lumpy"  # rarely, in sizes that differ
    SILENT = "silent"  # nothing for so long that nothing is expected
    NEW = "new"  # too young to tell


KINDS: Final = tuple(Kind)
ADI_CUT: Final = 1.32
"""Periods between two that sell."""

_FIRST: Final = 12
"""So many known periods tell the level with which smoothing begins."""

CV2_CUT: Final = 0.49
"""The squared coefficient of variation of the sizes."""


def kinds_of(panel: Panel, silent_after: int, young: int) -> Ints:
    """Return which of `KINDS` each row is.

    Args:
        panel: from each row's first sale on it counts.
        silent_after: known periods without a sale after which a row is silent.
        young: known periods below which a row is new.
    """
    units, sells = panel.units, panel.units > 0
    since = launched(panel)
    live = panel.known & since
    periods, times = live.sum(1), sells.sum(1)
    adi = periods / np.maximum(times, 1)
    means = units.sum(1) / np.maximum(times, 1)
    squares = ((units - means[:, None]) ** 2 * sells).sum(1) / np.maximum(times, 1)
    cv2 = squares / np.maximum(means, 1e-9) ** 2
    rare, uneven = adi >= ADI_CUT, cv2 >= CV2_CUT
    kind = np.where(
        rare,
        np.where(uneven, KINDS.index(Kind.LUMPY), KINDS.index(Kind.INTERMITTENT)),
        np.where(uneven, KINDS.index(Kind.ERRATIC), KINDS.index(Kind.SMOOTH)),
    )
    kind = np.where(periods < young, KINDS.index(Kind.NEW), kind)
    quiet = live[:, ::-1].cumsum(1)
    last = np.where(sells.any(1), sells[:, ::-1].argmax(1), units.shape[1] - 1)
    silent = (quiet[np.arange(len(quiet)), last] > silent_after) | ~sells.any(1)
    return np.where(silent, KINDS.index(Kind.SILENT), kind).astype(np.int64)


def launched(panel: Panel) -> Bools:
    """Return from when on each row is taken to be sold: zeros long before it failed nobody.

    It begins as long before the first sale as there lies between two: to begin with the sale would
    count a period that sells by construction, and tell too much of all that sells rarely.
    """
    sells = panel.units > 0
    periods = sells.shape[1]
    first = np.where(sells.any(1), sells.argmax(1), periods)
    gap = np.rint((periods - first) / np.maximum(sells.sum(1), 1)).astype(np.int64)
    begins = np.where(sells.any(1), np.maximum(first - np.maximum(gap - 1, 0), 0), periods)
    return np.asarray(np.arange(periods)[None, :] >= begins[:, None])


def filled(panel: Panel, smoothing: float = 0.1) -> Floats:
    """Return the units with what is not known filled in by the level of the days around it."""
    live = panel.known & launched(panel)
    early = live & (live.cumsum(1) <= _FIRST)
    level = (panel.units * early).sum(1) / np.maximum(early.sum(1), 1)
    out = np.empty_like(panel.units)
    for period in range(panel.units.shape[1]):
        now = live[:, period]
        out[:, period] = np.where(now, panel.units[:, period], level)
        level = np.where(now, level + smoothing * (panel.units[:, period] - level), level)
    return out
