"""Small pictures of a card, drawn by hand: standing columns over time, and lying shares.

Each has its values as titles, which a pointer shows; the table beside it says the same in words.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import escape

from trueup.console.draw import Bar

WIDTH: Final = 240
HEIGHT: Final = 44
_GAP: Final = 2
_LEAST: Final = 1.5
"""So high is a column of anything: what is there is seen."""


def draw_columns(bars: Sequence[Bar]) -> str:
    """Return standing columns, the oldest left; empty where there is nothing to draw."""
    most = max((bar.value for bar in bars), default=0)
    if most <= 0:
        return ""
    width = (WIDTH + _GAP) / len(bars)
    drawn = ""
    for n, bar in enumerate(bars):
        height = max(_LEAST, bar.value / most * HEIGHT) if bar.value > 0 else 0
        drawn += _rect(n * width, HEIGHT - height, width - _GAP, height, bar)
    base = f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="var(--chart-grid)"/>'
    return _picture("stair", HEIGHT + 1, base + drawn)


def draw_shares(bars: Sequence[Bar]) -> str:
    """Return one lying band, cut into its parts; empty where there is nothing to draw."""
    total = sum(bar.value for bar in bars)
    if total <= 0:
        return ""
    at, drawn = 0.0, ""
    for n, bar in enumerate(bars):
        width = bar.value / total * WIDTH
        shown = max(_LEAST, width - _GAP)
        drawn += _rect(at, 0, shown, 10, bar, opacity=max(0.25, 1 - n * 0.17))
        at += width
    return _picture("shares", 10, drawn)


def _rect(
    x: float, y: float, width: float, height: float, bar: Bar, *, opacity: float = 1.0
) -> str:
    value = f"{bar.value:,.10g}"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1" '
        f'fill="var(--chart-line)" fill-opacity="{opacity:.2f}">'
        f"<title>{escape(bar.label)}: {value}</title></rect>"
    )


def _picture(name: str, height: int, drawn: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" class="{name}" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false">{drawn}</svg>'
    )
