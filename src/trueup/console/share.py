"""A bar that is made of parts, drawn by hand: how much of a whole each is."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

WIDTH: Final = 640
HEIGHT: Final = 14
_GAP: Final = 2
_LEAST: Final = 3
"""A part that is there is seen, however small."""


class SharePart(NamedTuple):
    """One part: its colour, a variable of the style sheet, and how much it is; never below zero."""

    colour: str
    amount: Decimal


def draw_share(parts: Sequence[SharePart]) -> str:
    """Return parts side by side as SVG in the page's colours; empty where they come to nothing."""
    shown = [part for part in parts if part.amount > 0]
    whole = sum((part.amount for part in shown), Decimal(0))
    if not whole:
        return ""
    room = WIDTH - _GAP * (len(shown) - 1) - _LEAST * len(shown)
    drawn, x = "", 0.0
    for part in shown:
        width = _LEAST + room * float(part.amount / whole)
        drawn += (
            f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}" rx="2" '
            f'fill="var({part.colour})"/>'
        )
        x += width + _GAP
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" class="share" '
        f'aria-hidden="true" focusable="false">{drawn}</svg>'
    )
