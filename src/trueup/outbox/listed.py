"""The channels of a SKU as they are, and what would be held back from each of them now."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.ledger.kits import Kits
from trueup.outbox.buffers import Part, Plan, Pool, Seller
from trueup.outbox.enqueue import PACE_HALF_LIFE_S, RATE_HALF_LIFE_S
from trueup.outbox.pools import Code, Planned, plan_codes
from trueup.outbox.reach import Reach, read_reach
from trueup.outbox.spread import DISPERSION_PRIOR

_queries = load_queries("trueup.outbox")

_LN2 = math.log(2)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The channels of one SKU as they are, with what follows for them.

    Attributes:
        rows: of the intents, as `read_listed` reads them.
        sellers: one per row, in their order.
        pool: the units that it is sold from, with whoever else sells them.
        plan: what would be set now; None where nothing is measured for any of them.
        siblings: all codes that are sold from any of its units.
    """

    sku: str
    rows: tuple[Row, ...]
    sellers: tuple[Seller, ...]
    dispersion: float
    pool: Pool
    plan: Plan
    siblings: tuple[str, ...]

    @property
    def available(self) -> int:
        """How many units there are for the channel that may sell most of them."""
        return max(int(row["available"] + row["ahead"]) for row in self.rows)


async def read_listed(
    conn: psycopg.AsyncConnection[Any], skus: Collection[str], kits: Kits, *, now: datetime
) -> list[Listed]:
    """Return the channels of some SKUs, with what would be held back from each now."""
    reach = await read_reach(conn)
    whole = kits.now()
    beside = sold_from(sold_from(skus, kits), kits)
    rows = await fetch_rows(conn, _queries.listed_channels, skus=sorted(beside))
    by_sku: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_sku[row["sku"]].append(row)
    spread = await fetch_rows(
        conn, _queries.spread_of, keys=sorted({p for sku in by_sku for p in whole.get(sku, (sku,))})
    )
    dispersions = {row["key"]: row["dispersion"] for row in spread}
    codes = {
        sku: _code(each, whole.get(sku, {sku: 1}), dispersions, reach, now)
        for sku, each in by_sku.items()
    }
    planned = plan_codes(codes, dispersions, DISPERSION_PRIOR)
    return [
        _listed(sku, by_sku[sku], codes[sku], planned[sku], dispersions)
        for sku in sorted(set(skus) & by_sku.keys())
    ]


def sold_from(skus: Collection[str], kits: Kits) -> set[str]:
    """Return SKUs with all others that are sold from the same units."""
    whole = kits.now()
    parts = {part for sku in skus for part in whole.get(sku, (sku,))}
    return {*skus, *parts, *kits.containing(parts)}


def part_of(row: Row) -> Part:
    """Return what a listing has of thin stock, as it was last set."""
    return Part(start=row["thin_from"], end=row["thin_to"])


def _code(
    rows: Sequence[Row],
    parts: Mapping[str, int],
    dispersions: Mapping[str, float],
    reach: Mapping[int, Reach],
    now: datetime,
) -> Code:
    dispersion = max(dispersions.get(part, DISPERSION_PRIOR) for part in parts)
    sellers = tuple(
        Seller(
            rate=_rate_of(row, dispersion, now),
            inward_s=reach.get(row["connection_id"], Reach()).inward_s,
            outward_s=reach.get(row["connection_id"], Reach()).outward_s,
            chance=row["oversell_chance"],
            fixed=row["buffer"],
        )
        for row in rows
    )
    # Channels that do not sell from the same units, or by fixed rules, can not share the last.
    alike = len({row["available"] + row["ahead"] for row in rows}) == 1
    shares = alike and all(row["adaptive"] for row in rows)
    return Code(sellers=sellers, parts=parts, shares=shares)


def _listed(
    sku: str, rows: Sequence[Row], code: Code, planned: Planned, dispersions: Mapping[str, float]
) -> Listed:
    return Listed(
        sku=sku,
        rows=tuple(rows),
        sellers=code.sellers,
        dispersion=dispersions.get(planned.part, DISPERSION_PRIOR),
        pool=planned.pool,
        plan=planned.plan,
        siblings=planned.siblings,
    )


def _rate_of(row: Row, dispersion: float, now: datetime) -> float:
    """Return how fast a listing sells: over days, or faster where the last minutes say so.

    Right after a sale the fast rate holds that sale whole: one alone tells of no rate, so as much
    as a sale holds is taken off.
    """
    if row["rated_at"] is None:
        return 0.0
    age_s = max(0.0, (now - row["rated_at"]).total_seconds())
    fast = row["rate"] * math.exp(-_LN2 * age_s / RATE_HALF_LIFE_S)
    slow = row["pace"] * math.exp(-_LN2 * age_s / PACE_HALF_LIFE_S)
    found: float = max(slow, fast - dispersion * _LN2 / RATE_HALF_LIFE_S)
    return found
