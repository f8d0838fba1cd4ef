"""What every benchmark prints: our figures, the bare loop's, and the ratio of their rates."""

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark's result.

    Attributes:
        figures: ours; names end in their unit.
        bare: of the bare loop, or of the easier case beside which ours is held.
        ratio: our rate over the bare one.
        target: what must hold, in words.
        passed: whether it held.
    """

    bench: str
    figures: dict[str, float]
    bare: dict[str, float]
    ratio: float
    target: str
    passed: bool


def quantile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
