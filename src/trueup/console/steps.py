"""A small picture of a count over time, drawn by hand: two steps of a stair, no library."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

WIDTH: Final = 640
HEIGHT: Final = 120
_TOP: Final = 14
_LEFT: Final = 34


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted from an instant on: all, and the part that matters most."""

    at: datetime
    all: int
    part: int


def draw_steps(steps: Sequence[Step]) -> str:
    """Return the counts as SVG in the page's colours; empty where there are fewer than two."""
    if len(steps) < 2:
        return ""
    most = max(1, *(step.all for step in steps))
    begun, span_s = steps[0].at, max(1.0, (steps[-1].at - steps[0].at).total_seconds())

    def x_of(step: Step) -> float:
        share = (step.at - begun).total_seconds() / span_s
        return round(_LEFT + share * (WIDTH - _LEFT - 6), 1)

    def y_of(count: int) -> float:
        return round(_TOP + (1 - count / most) * (HEIGHT - _TOP - 6), 1)

    def stair(counts: Sequence[int]) -> str:
        points = f"M{x_of(steps[0])},{y_of(counts[0])}"
        for step, count in zip(steps[1:], counts[1:], strict=True):
            points += f"H{x_of(step)}V{y_of(count)}"
        return points

    counts = [step.all for step in steps]
    line = stair(counts)
    area = f"{line}V{y_of(0)}H{x_of(steps[0])}Z"
    part = stair([step.part for step in steps])
    label = 'font-size="11" fill="var(--chart-text)" text-anchor="end"'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" class="wide" role="img" '
        f'aria-label="From {counts[0]} to {counts[-1]}, at most {most}">'
        f'<path d="{area}" fill="var(--chart-fill)"/>'
        f'<path d="{line}" fill="none" stroke="var(--chart-line)" stroke-width="1.75"/>'
        f'<path d="{part}" fill="none" stroke="var(--chart-zero)" stroke-width="1.5"/>'
        f'<text x="{_LEFT - 6}" y="{y_of(most) + 4}" {label}>{most}</text>'
        f'<text x="{_LEFT - 6}" y="{y_of(0) + 4}" {label}>0</text></svg>'
    )
