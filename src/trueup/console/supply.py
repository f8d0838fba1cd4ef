"""What channels are offered of a SKU, when it will be sold out, and those that soon will be."""

from datetime import UTC, date, datetime

import msgspec

from trueup.console.fact import Chance
from trueup.console.readings import Session
from trueup.intake import reads as intake
from trueup.kernel.clock import SystemClock
from trueup.ledger.outlook import low_outlooks, outlooks_of
from trueup.outbox.offers import Offers, read_offers

LOW_ROWS = 200
CHANCE_MIN = 1e-9
"""A chance below this is none, and has no place on a logarithmic scale."""

_STEP_S = 10


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """When a SKU will be sold out, as it was last worked out."""

    sku: str
    available: int
    incoming: int
    per_day: float
    days: int
    selling_days: int
    expected_on: date | None
    earliest_on: date | None
    latest_on: date | None
    lead_days: int
    chance: float
    low_since: datetime | None
    worked_out_at: datetime


class LowPage(msgspec.Struct, frozen=True, kw_only=True):
    """The SKUs that will be sold out before more could come, the first first."""

    rows: tuple[Outlook, ...]
    more: bool


async def read_sku_offers(session: Session, sku: str) -> Offers | None:
    """Return what the channels are offered; None where none lists the SKU."""
    names = {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
    at = SystemClock().now().timestamp()
    # Rates decay with every moment: two looks at the same page shall tell the same.
    now = datetime.fromtimestamp(at - at % _STEP_S, UTC)
    return await read_offers(session, sku, now=now, names=names)


async def read_outlook(session: Session, sku: str) -> Outlook | None:
    """Return when a SKU will be sold out; None where it was not worked out yet."""
    rows = await outlooks_of(session, [sku])
    return msgspec.convert(rows[0], Outlook) if rows else None


async def read_low(session: Session) -> LowPage:
    """Return the page of SKUs that are low."""
    rows = await low_outlooks(session, count=LOW_ROWS + 1)
    shown = tuple(msgspec.convert(row, Outlook) for row in rows[:LOW_ROWS])
    return LowPage(rows=shown, more=len(rows) > LOW_ROWS)


def chances_of(offers: Offers | None) -> tuple[Chance, ...]:
    """Return the points of the trade's chart; none where no choice makes a difference."""
    if offers is None:
        return ()
    points = {
        (choice.turned_away, choice.oversell_chance): Chance(
            bound=choice.chance,
            turned_away=choice.turned_away,
            oversell_chance=choice.oversell_chance,
        )
        for choice in offers.choices
        if choice.oversell_chance > CHANCE_MIN
    }
    return tuple(points.values()) if len(points) > 1 else ()
