"""What a benchmark of a model comes to: each figure beside the one that was published for it."""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Holds(StrEnum):
    """How a figure must stand to its anchor."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    SHOWN = "beside"


class Anchored(NamedTuple):
    """A figure beside its anchor.

    Attributes:
        name: ends in its unit, where it has one.
        ours: what came out.
        anchor: what was published, or is wanted.
        how: ours must stand to it so; `SHOWN`: it is only told.
    """

    name: str
    ours: float
    anchor: float
    how: Holds = Holds.AT_MOST

    @property
    def holds(self) -> bool:
        """Whether it does."""
        if self.how is Holds.SHOWN:
            return True
        return self.ours <= self.anchor if self.how is Holds.AT_MOST else self.ours >= self.anchor

    @property
    def ratio(self) -> float:
        """Return how far it holds: one or more where it does."""
        if self.how is Holds.SHOWN or self.ours == self.anchor:
            return 1.0
        over, under = (
            (self.anchor, self.ours) if self.how is Holds.AT_MOST else (self.ours, self.anchor)
        )
        return over / under if under > 0 < over else float(self.holds)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a model's benchmark.

    Attributes:
        part: the model and what it was measured on.
        figures: each beside its anchor.
        left_out: why nothing was measured, such as a data set that is not there; else empty.
    """

    part: str
    figures: tuple[Anchored, ...] = ()
    left_out: str = ""

    @property
    def passed(self) -> bool:
        """Whether every figure holds."""
        return all(each.holds for each in self.figures)


def around(name: str, ours: float, anchor: float, off: float) -> tuple[Anchored, Anchored]:
    """Return a figure that must lie about its anchor, `off` away from it at most."""
    return between(name, ours, anchor - off, anchor + off)


def between(name: str, ours: float, least: float, most: float) -> tuple[Anchored, Anchored]:
    """Return a figure that must lie between two."""
    return (
        Anchored(f"{name}_least", ours, least, Holds.AT_LEAST),
        Anchored(f"{name}_most", ours, most, Holds.AT_MOST),
    )
