"""Draw a chart: one specification, as SVG for pages and as PNG for messages."""

import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from types import ModuleType
from typing import Any, Final

import msgspec

from trueup.console.fact import Chance, Chart

WIDTH: Final = 640
NARROW_WIDTH: Final = 290
HEIGHT: Final = 200
_LABEL_CHARS_MAX: Final = 24
_ROWS: Final = "rows"
"""The name of the rows in a specification."""

# In pages the colours are the page's own: each stands for a variable of the style sheet.
_LINE: Final = "#2f5bd7"
_FILL: Final = "#dfe7fb"
_ZERO: Final = "#b42318"
_GRID: Final = "#e3e5e9"
_TEXT: Final = "#5c6370"
_VARIABLES: Final = {
    _LINE: "var(--chart-line)",
    _FILL: "var(--chart-fill)",
    _ZERO: "var(--chart-zero)",
    _GRID: "var(--chart-grid)",
    _TEXT: "var(--chart-text)",
}


def specify(chart: Chart, *, width: int = WIDTH) -> dict[str, Any]:
    """Return the Vega-Lite specification of a stock chart; its times are UTC."""
    rows = [
        {"at": point.at.isoformat(), "available": point.available, "event": point.event_id}
        for point in chart.points
    ]
    return {**_stock_shape(width, _time_format(chart)), "datasets": {_ROWS: rows}}


@cache
def _stock_shape(width: int, time_format: str) -> dict[str, Any]:
    """Return what is the same of all stock charts: checking it takes longer than drawing it."""
    alt = _altair()
    axis = alt.Axis(tickCount=width // 110, labelFlush=True, labelOverlap=True, format=time_format)
    x = alt.X("at:T", title=None, axis=axis, scale=alt.Scale(type="utc"))
    y = alt.Y(
        "available:Q", title=None, stack=None, axis=alt.Axis(tickCount=5, tickMinStep=1, format="d")
    )
    base = alt.Chart(alt.NamedData(name=_ROWS)).encode(x=x, y=y)
    area = base.mark_area(interpolate="step-after", color=_FILL, fillOpacity=1)
    line = base.mark_line(interpolate="step-after", color=_LINE, strokeWidth=1.75)
    dots = base.mark_point(filled=True, opacity=0, size=30, color=_LINE).encode(
        description=alt.Description("event:N")
    )
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(
        color=_ZERO, strokeWidth=1, strokeDash=[3, 3]
    )
    layers = alt.layer(area, zero.encode(y=alt.Y("zero:Q")), line, dots)
    return _styled(layers, width)


def specify_trade(chances: Sequence[Chance], *, width: int = WIDTH) -> dict[str, Any]:
    """Return the specification of a trade: the chance of an oversell over sales turned away."""
    rows = [
        {"away": each.turned_away, "chance": each.oversell_chance, "bound": each.bound}
        for each in chances
    ]
    return {**_trade_shape(width), "datasets": {_ROWS: rows}}


@cache
def _trade_shape(width: int) -> dict[str, Any]:
    alt = _altair()
    x = alt.X("away:Q", title="Turned away in a sell-out", axis=alt.Axis(tickCount=width // 110))
    y = alt.Y(
        "chance:Q",
        title="Chance of an oversell",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(tickCount=5, format="~g"),
    )
    base = alt.Chart(alt.NamedData(name=_ROWS)).encode(x=x, y=y)
    line = base.mark_line(color=_LINE, strokeWidth=1.75, point=False).encode(order="chance:Q")
    dots = base.mark_point(filled=True, opacity=1, size=36, color=_LINE).encode(
        description=alt.Description("bound:N")
    )
    return _styled(alt.layer(line, dots), width)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of a picture: what it is of, and how long it is; below zero it goes to the left."""

    label: str
    value: float


def specify_bars(bars: Sequence[Bar], *, width: int = WIDTH) -> dict[str, Any]:
    """Return the specification of lying bars, in their order."""
    alt = _altair()
    rows = [{"label": f"{n}", "name": bar.label, "value": bar.value} for n, bar in enumerate(bars)]
    names = {row["label"]: str(row["name"])[:_LABEL_CHARS_MAX] for row in rows}
    shown = alt.Axis(labelExpr=f"{json.dumps(names)}[datum.value]", labelLimit=width // 3)
    y = alt.Y("label:N", title=None, sort=None, axis=shown)
    x = alt.X("value:Q", title=None, axis=alt.Axis(tickCount=width // 110, format="~s"))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    drawn = base.mark_bar(color=_LINE, height=12)
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=_ZERO, strokeWidth=1)
    found = _styled(alt.layer(drawn, zero.encode(x=alt.X("zero:Q"))), width)
    # A reader's font may be wider than that by which the labels were measured.
    found["padding"] = {"left": 20, "top": 4, "right": 4, "bottom": 4}
    return found


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One day or week of a picture: what was, or what is expected with what it lies between.

    Attributes:
        value: what was; None: it is expected.
        expected, low, high: None where nothing is.
    """

    on: date
    value: float | None = None
    expected: float | None = None
    low: float | None = None
    high: float | None = None


def specify_spans(
    spans: Sequence[Span], *, mark: date | None = None, width: int = WIDTH, share: bool = False
) -> dict[str, Any]:
    """Return the specification of what was over time, and what is expected between two lines.

    Args:
        spans: oldest first.
        mark: a day that is drawn through.
        width: of the picture.
        share: values are shares of one.
    """
    alt = _altair()
    rows = [
        {"on": each.on.isoformat(), "value": each.value, "expected": each.expected}
        | {"low": each.low, "high": each.high}
        for each in spans
    ]
    axis = alt.Axis(tickCount=width // 110, labelFlush=True, labelOverlap=True, format="%d %b")
    x = alt.X("on:T", title=None, axis=axis, scale=alt.Scale(type="utc"))
    form = alt.Axis(tickCount=5, format="~%" if share else "~s")

    def y(name: str) -> Any:  # noqa: ANN401 - a channel of Altair
        return alt.Y(f"{name}:Q", title=None, axis=form, scale=alt.Scale(zero=True))

    def rows_with(name: str) -> Any:  # noqa: ANN401 - a chart of Altair
        known = [row for row in rows if row[name] is not None]
        return alt.Chart(alt.InlineData(values=known)).encode(x=x)

    band = rows_with("low").mark_area(color=_FILL, fillOpacity=1).encode(y=y("low"), y2="high:Q")
    was = rows_with("value").mark_line(color=_LINE, strokeWidth=1.5, point=share)
    told = rows_with("expected").mark_line(color=_LINE, strokeWidth=1.75, strokeDash=[5, 3])
    layers = [band, was.encode(y=y("value")), told.encode(y=y("expected"))]
    if mark is not None:
        at = alt.Chart(alt.InlineData(values=[{"at": mark.isoformat()}]))
        layers.append(at.mark_rule(color=_ZERO, strokeDash=[3, 3]).encode(x=alt.X("at:T")))
    return _styled(alt.layer(*layers), width)


def _styled(layers: Any, width: int) -> dict[str, Any]:  # noqa: ANN401 - a chart of Altair
    styled = (
        layers.properties(width=width, height=HEIGHT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=_GRID,
            labelColor=_TEXT,
            titleColor=_TEXT,
            titleFontWeight="normal",
            titleFontSize=11,
            domain=False,
            ticks=False,
            labelPadding=6,
            labelFontSize=11,
        )
        .configure_axisX(grid=False)
    )
    found: dict[str, Any] = styled.to_dict()
    found["background"] = None
    return found


def _time_format(chart: Chart) -> str:
    span_s = (chart.points[-1].at - chart.points[0].at).total_seconds()
    if span_s < 600:
        return "%H:%M:%S"
    return "%H:%M" if span_s < 36 * 3600 else "%d %b"


def draw_page(chart: Chart) -> str:
    """Return the chart for a page: one picture for wide screens, one for narrow ones."""
    return draw_svg(chart, WIDTH, "wide") + draw_svg(chart, NARROW_WIDTH, "narrow")


def draw_trade_page(chances: Sequence[Chance]) -> str:
    """Return a trade for a page: one picture for wide screens, one for narrow ones."""
    wide = specify_trade(chances, width=WIDTH - 60)
    narrow = specify_trade(chances, width=NARROW_WIDTH - 60)
    return _drawn(wide, "wide") + _drawn(narrow, "narrow")


def draw_bars_page(bars: Sequence[Bar]) -> str:
    """Return bars for a page: one picture for wide screens, one for narrow ones."""
    wide = specify_bars(bars, width=WIDTH - 120)
    narrow = specify_bars(bars, width=NARROW_WIDTH - 110)
    return _drawn(wide, "wide") + _drawn(narrow, "narrow")


def draw_spans_page(spans: Sequence[Span], *, mark: date | None = None, share: bool = False) -> str:
    """Return what was and is expected for a page: one picture for wide screens, one for narrow."""
    wide = specify_spans(spans, mark=mark, width=WIDTH - 60, share=share)
    narrow = specify_spans(spans, mark=mark, width=NARROW_WIDTH - 60, share=share)
    return _drawn(wide, "wide") + _drawn(narrow, "narrow")


def draw_svg(chart: Chart, width: int = WIDTH, name: str = "wide") -> str:
    """Return the chart as SVG in the page's colours; slow the first time, then about 50 ms."""
    return _drawn(specify(chart, width=width), name)


def _drawn(specification: dict[str, Any], name: str) -> str:
    svg: str = _converter().vegalite_to_svg(specification)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(f'"{colour}"', f'"{variable}"')
    return svg.replace('class="marks"', f'class="{name}" aria-hidden="true" focusable="false"', 1)


def draw_png(chart: Chart, *, scale: float = 2.0) -> bytes:
    """Return the same chart as PNG on white."""
    specification = {**specify(chart), "background": "white"}
    png: bytes = _converter().vegalite_to_png(specification, scale=scale)
    return png


@cache
def _altair() -> ModuleType:
    import altair as alt  # noqa: PLC0415 - a second of start-up that only a chart pays

    return alt


@cache
def _converter() -> ModuleType:
    import vl_convert  # noqa: PLC0415 - as above

    return vl_convert
