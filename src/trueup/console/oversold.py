"""Why more units of a SKU were promised than there are: each sale beyond the last, and what let it.

A channel sells what its own number lets it sell. So the page tells of each such sale what number
stood there, when the hub heard that nothing was left, and when it told the channel.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from trueup.console.readings import Session
from trueup.console.render import link_order
from trueup.console.words import mark
from trueup.db.rows import Row
from trueup.ledger import reads as ledger
from trueup.records.reads import old_orders

EVENTS_MAX: Final = 500
ROWS_MAX: Final = 20


class Why(StrEnum):
    """What let a channel sell what was not there."""

    UNHEARD = "unheard"  # the sale that took the last unit had not reached the hub
    UNTOLD = "untold"  # the hub knew, and the channel's number was not lowered yet
    OVER = "over"  # its number said so, and it sold all the same
    SILENT = "silent"  # nobody ever told it a number
    LOWERED = "lowered"  # no sale: the units were counted or taken away after they were promised


WORDS: Final = {
    Why.UNHEARD: mark(
        "sold in the same moments: the hub had not heard yet that the last unit was gone"
    ),
    Why.UNTOLD: mark("sold before the lower number stood there; the hub knew already"),
    Why.OVER: mark(
        "sold all the same: its number said that none are left (backorders, an order made by hand, "
        "a checkout begun before)"
    ),
    Why.SILENT: mark("was never told a number of this SKU"),
    Why.LOWERED: mark("counted or taken away after the units were promised"),
}


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that left less than nothing.

    Attributes:
        at: when it happened at its channel.
        heard_at: when the hub applied it.
        units: that it took or promised.
        left: what was available afterwards, below zero.
        number: of the order, as people say it; its page is `address`; both empty where it is none.
        stood: what the channel's number was told to be before; None: nobody told it any.
        gone_at: when the hub heard that nothing was left.
        told_at: when the channel was told of that; None: it was not, as where its own sales brought
            its number down.
    """

    event_id: int
    at: datetime
    heard_at: datetime
    connection: str
    number: str
    address: str
    units: int
    left: int
    why: Why
    stood: int | None
    gone_at: datetime
    told_at: datetime | None


async def read_beyond(
    session: Session, sku: str, names: dict[int, str], calls: Sequence[Row]
) -> tuple[Beyond, ...]:
    """Return what took a SKU below nothing since it was last above, newest first.

    Args:
        session: to read with.
        sku: whose.
        names: of connections.
        calls: what its channels were told, newest first.
    """
    rows = fall_of(await ledger.stock_series(session, sku, count=EVENTS_MAX))
    if not rows:
        return ()
    beyond = [row for row in rows if row["available"] < 0 and row["units"] < 0][-ROWS_MAX:]
    ids = [row["record_id"] for row in beyond if row["record_id"] is not None]
    ahead = datetime.now(UTC) + timedelta(days=366)  # a vendor's clock may be wrong
    orders = {each["record_id"]: each for each in await old_orders(session, ids, ahead)}
    found = [
        _beyond(row, orders.get(row["record_id"]), names, calls, rows[0]["posted_at"])
        for row in beyond
    ]
    return tuple(reversed(found))


def fall_of(series: Sequence[Row]) -> Sequence[Row]:
    """Return the newest stretch of a SKU's events that begins where its last unit went.

    Args:
        series: what was available after each event, oldest first.
    """
    below = [n for n, row in enumerate(series) if row["available"] < 0]
    if not below:
        return ()
    first = below[-1]
    while first > 0 and series[first - 1]["available"] <= 0:
        first -= 1
    return series[first:]


def _beyond(
    row: Row,
    order: Row | None,
    names: dict[int, str],
    calls: Sequence[Row],
    gone_at: datetime,
) -> Beyond:
    connection_id = order["connection_id"] if order else None
    connection = names.get(connection_id, "") if connection_id is not None else ""
    told = [
        call
        for call in calls
        if call["connection_id"] == connection_id and call["receipt"] == "done"
    ]
    at = min(row["occurred_at"], row["posted_at"])  # nothing was sold after the hub heard of it
    before = next((call for call in told if _ended(call) <= at), None)
    lower = [call for call in told if _ended(call) > gone_at and call["value"] <= 0]
    return Beyond(
        event_id=row["event_id"],
        at=at,
        heard_at=row["posted_at"],
        connection=connection,
        number=(order["number"] or order["ref"]) if order else "",
        address=link_order(connection, order["ref"]) if order and connection else "",
        units=-row["units"],
        left=row["available"],
        why=why_of(
            is_sale=order is not None,
            stood=before["value"] if before else None,
            told=bool(told),
            units=-row["units"],
            sold_at=at,
            gone_at=gone_at,
        ),
        stood=before["value"] if before else None,
        gone_at=gone_at,
        told_at=_ended(lower[-1]) if lower else None,
    )


def why_of(
    *,
    is_sale: bool,
    stood: int | None,
    told: bool,
    units: int,
    sold_at: datetime,
    gone_at: datetime,
) -> Why:
    """Say what let it happen.

    Args:
        is_sale: an order; else units were counted or taken away.
        stood: what its number was told to be before the sale.
        told: it was told one at any time.
        units: that were sold.
        sold_at: when, by the channel's clock.
        gone_at: when the hub heard that nothing was left.
    """
    if not is_sale:
        return Why.LOWERED
    if stood is not None and stood < units:
        return Why.OVER
    if stood is None and not told:
        return Why.SILENT
    return Why.UNTOLD if sold_at > gone_at else Why.UNHEARD


def _ended(call: Row) -> datetime:
    ended: datetime = call["finished_at"] or call["started_at"]
    return ended
