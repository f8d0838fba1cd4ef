"""The page of customers' tiers: how many there are, what they are worth, how many may have left."""

import asyncio
import importlib
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from trueup.console.draw import Bar, draw_bars_page
from trueup.console.readings import Session
from trueup.console.render import answer, wants_json
from trueup.console.words import mark
from trueup.errors import ConfigError
from trueup.models.finding import find_model

Req = Request[Any, Any, Any]

_ORDER: Final = ("top", "high", "middle", "low")


class TierRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a tier in the next 52 weeks; an estimate that is never booked.

    Attributes:
        value: of all its customers, `each` of one; in the currency.
        alive: how many of them still buy, by what is expected.
        left: how many do not; `left_share` of all.
    """

    currency: str
    tier: str
    customers: int
    orders: float
    value: float
    each: float
    alive: float
    left: float
    left_share: float


class TiersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Customers' tiers by currency, the most valuable first.

    Attributes:
        lacking: why nothing is told; empty where something is.
        drawn: of which currency the picture is: the one of most customers.
    """

    rows: tuple[TierRow, ...]
    lacking: str
    drawn: str


@get(["/tiers", "/tiers.json"], right="customers.read")
async def show_tiers(request: Req, session: NamedDependency[Session]) -> Response[Any]:
    """Show how many customers each tier has, what they are worth, and how many may have left."""
    page = await _read(session)
    if wants_json(request):
        return answer(request, "tiers.html", page)
    bars = [
        Bar(label=row.tier, value=round(row.value, 2))
        for row in page.rows
        if row.currency == page.drawn
    ]
    svg = await asyncio.to_thread(draw_bars_page, bars) if bars else ""
    return answer(request, "tiers.html", page, svg=svg)


async def _read(session: Session) -> TiersPage:
    try:
        find_model("value")  # says how its library is installed where it is not
    except ConfigError as error:
        return TiersPage(rows=(), lacking=error.message, drawn="")
    found = await importlib.import_module("trueup.models.value.one").read_tiers(session)
    rows = [_row(each) for each in found]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.currency] = counts.get(row.currency, 0) + row.customers
    lacking = "" if rows else mark("No model of customers was trained yet: trueup train value.")
    drawn = max(sorted(counts), key=lambda each: counts[each], default="")
    return TiersPage(
        rows=tuple(sorted(rows, key=lambda row: (-counts[row.currency], row.currency, _rank(row)))),
        lacking=lacking,
        drawn=drawn,
    )


def _row(tier: Any) -> TierRow:  # noqa: ANN401 - a module loaded late
    return TierRow(
        currency=tier.currency,
        tier=str(tier.tier),
        customers=tier.customers,
        orders=tier.orders,
        value=tier.value,
        each=tier.value / tier.customers if tier.customers else 0.0,
        alive=tier.alive,
        left=tier.customers - tier.alive,
        left_share=1 - tier.alive / tier.customers if tier.customers else 0.0,
    )


def _rank(row: TierRow) -> int:
    return _ORDER.index(row.tier) if row.tier in _ORDER else len(_ORDER)


def tier_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of tiers."""
    return [show_tiers]
