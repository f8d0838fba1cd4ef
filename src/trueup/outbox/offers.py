"""What each channel is offered of a SKU, why, and what other bounds would come to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.ledger.kits import NO_KITS
from trueup.ledger.kitting import newer_kits
from trueup.outbox.buffers import Plan, chance_short, unseen_mean
from trueup.outbox.listed import Listed, part_of, read_listed
from trueup.outbox.reach import Reach, read_reach
from trueup.outbox.trade import Choice, read_trade, weigh

_DAY_S = 86_400.0


class ChannelOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel is offered, and what decides it.

    Attributes:
        listing: the SKU, or for a further listing of it there its own name.
        offered: what shall stand there.
        believed: what does, by all that is known.
        buffer: kept back by rule.
        ahead: may be sold before they are there.
        ahead_max: what the rule says: all of them, or the most where what is to come counts.
        ahead_incoming: what is to come counts, where it is expected within `ahead_days`.
        incoming: so many units that are; 0 where they do not count.
        adaptive: more is kept back as what the others sell demands.
        bound: how likely that may be too little.
        safety: kept back for it.
        part_units: in thin stock, the channel's part; None where there is enough.
        rate_per_day: units that it sells.
        inward_s: from a sale there to the hub.
        outward_s: from then to the lower number there.
        measured: both were measured; else they are assumed.
        unseen: units that the others sell before it shows, on average.
        oversell_chance: that more are unseen than are kept back.
    """

    connection: str
    listing: str
    offered: int
    believed: int | None
    state: str
    available: int
    buffer: int
    cap: int | None
    share_percent: int | None
    ahead: int
    ahead_max: int | None
    ahead_incoming: bool
    ahead_days: int | None
    incoming: int
    adaptive: bool
    bound: float
    safety: int
    part_units: int | None
    rate_per_day: float
    inward_s: float
    outward_s: float
    measured: bool
    unseen: float
    oversell_chance: float


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """The channels of one SKU, and the trade between oversells and sales that are turned away.

    Attributes:
        dispersion: the variance of the units sold in a window over their mean.
        thin_below: with less than this each channel has its part, and no unit is shown twice.
        thin: it is so now.
        now: what comes of what is kept back now.
        choices: what would come of other bounds, from no buffer to the smallest chance.
    """

    sku: str
    available: int
    dispersion: float
    thin_below: int
    thin: bool
    channels: tuple[ChannelOffer, ...]
    now: Choice
    choices: tuple[Choice, ...]


async def read_offers(
    conn: psycopg.AsyncConnection[Any], sku: str, *, now: datetime, names: Mapping[int, str]
) -> Offers | None:
    """Return what the channels are offered of a SKU; None where no channel lists it.

    Args:
        conn: any session.
        sku: which.
        now: until when rates decay.
        names: of the connections, by number.
    """
    found = await read_listed(conn, [sku], await newer_kits(conn, NO_KITS) or NO_KITS, now=now)
    if not found:
        return None
    [listed] = found
    reach = await read_reach(conn)
    thin_below = max(row["thin_below"] for row in listed.rows)
    held = Plan(
        buffers=tuple(row["safety"] for row in listed.rows),
        parts=tuple(part_of(row) for row in listed.rows),
        thin_below=thin_below,
    )
    return Offers(
        sku=sku,
        available=listed.available,
        dispersion=listed.dispersion,
        thin_below=thin_below,
        thin=listed.available < thin_below,
        channels=tuple(
            _channel(listed, n, reach.get(row["connection_id"], Reach()), names)
            for n, row in enumerate(listed.rows)
        ),
        now=weigh(listed.sellers, listed.dispersion, listed.available, held, None, listed.pool),
        choices=read_trade(listed.sellers, listed.dispersion, listed.available, pool=listed.pool),
    )


def _channel(listed: Listed, n: int, reach: Reach, names: Mapping[int, str]) -> ChannelOffer:
    row, seller = listed.rows[n], listed.sellers[n]
    units = row["available"] + row["ahead"]
    kept = max(row["buffer"], row["safety"])
    return ChannelOffer(
        connection=names.get(row["connection_id"], "removed"),
        listing=row["key"],
        offered=row["value"],
        believed=row["believed"],
        state=row["state"],
        available=row["available"],
        buffer=row["buffer"],
        cap=row["cap"],
        share_percent=row["share_percent"],
        ahead=row["ahead"],
        ahead_max=row["ahead_max"],
        ahead_incoming=row["ahead_incoming"],
        ahead_days=row["ahead_days"],
        incoming=row["incoming"],
        adaptive=row["adaptive"],
        bound=row["oversell_chance"],
        safety=row["safety"],
        part_units=part_of(row).of(units) if units < row["thin_below"] else None,
        rate_per_day=seller.rate * _DAY_S,
        inward_s=seller.inward_s,
        outward_s=seller.outward_s,
        measured=reach.inward is not None and reach.outward is not None,
        unseen=unseen_mean(listed.sellers, n, listed.pool) / listed.pool.units,
        oversell_chance=chance_short(listed.sellers, n, listed.dispersion, kept, listed.pool),
    )
