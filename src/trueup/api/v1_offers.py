"""`/api/v1`: what channels are offered of a SKU and why, and what will be sold out soon."""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from trueup.api.cursor import cursor_of, cursor_text
from trueup.api.v1_model import After, Count, Page
from trueup.intake import reads as intake
from trueup.kernel.clock import SystemClock
from trueup.ledger.outlook import low_outlooks
from trueup.outbox.offers import Offers, read_offers

Session = psycopg.AsyncConnection[Any]

TEXT_CHARS_MAX = 255
_NO_NUL = "^[^\\x00]*$"


class LowView(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that will be sold out before more could come.

    `expected_on` is the day by which it is sold out as likely as not; with a chance of a tenth it
    is by `earliest_on`, with nine tenths by `latest_on` (null: not within two years). `chance` is
    that of being sold out within `lead_days`.
    """

    sku: str
    available: int
    incoming: int
    per_day: float
    selling_days: int
    days: int
    expected_on: date | None
    earliest_on: date | None
    latest_on: date | None
    lead_days: int
    chance: float
    low_since: datetime
    worked_out_at: datetime


@get("/offers/{sku:path}", right="stock.read")
async def show_offers(
    session: NamedDependency[Session],
    sku: Annotated[str, PathParameter(max_length=TEXT_CHARS_MAX, pattern=_NO_NUL)],
) -> Offers:
    """Show what each channel is offered of a SKU, why, and what other bounds would come to."""
    code = sku.removeprefix("/")
    names = {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
    found = await read_offers(session, code, now=SystemClock().now(), names=names)
    if found is None:
        raise NotFoundException(f"No channel lists {code!r}.")
    return found


@get("/low-stock", right="stock.read")
async def list_low(
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
) -> Page[LowView]:
    """List the SKUs that will be sold out before more could come, the first first."""
    after = None if cursor is None else _after(cursor_text(cursor))
    rows = await low_outlooks(session, count=count + 1, after=after)
    shown = [msgspec.convert(row, LowView) for row in rows[:count]]
    more = None
    if len(rows) > count:
        more = cursor_of(f"{rows[count - 1]['expected_on']} {rows[count - 1]['sku']}")
    return Page(items=shown, next_cursor=more)


def offers_routes() -> list[ControllerRouterHandler]:
    """Return the routes of offers and outlooks, below `/api/v1`."""
    return [show_offers, list_low]


def _after(text: str) -> tuple[date, str]:
    on, _, sku = text.partition(" ")
    try:
        return date.fromisoformat(on), sku
    except ValueError as fault:
        message = "It is no cursor of this list: take `next_cursor` as it was given."
        raise ValidationException(extra=[{"key": "cursor", "message": message}]) from fault
